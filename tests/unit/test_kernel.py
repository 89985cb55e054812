"""What is compiled comes out as Python itself would have it, to the last bit: a receipt has to
repeat on machines where numba compiles to other instructions, or to none."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.instances import instance
from ringside.routing import kernel
from ringside.routing.problem import SplitError
from ringside.routing.solver import solve

SEEDS = [(seed, venues, shared) for seed in range(6) for venues in (3, 10) for shared in (0, 1)]
SEEDS += [(seed, 50, 0) for seed in range(4)]
AGAIN = """
import json, sys
sys.path.insert(0, "tests/unit")
from test_kernel import routed
print(json.dumps([routed(*case) for case in json.loads(sys.argv[1])]))
"""


def routed(seed, venues, shared):
    """Legs and certificate of a random order, or why there are none."""
    at = instance(seed, venues, shared=bool(shared))
    try:
        route = solve(at.size, at.offers, **at.rules)
    except SplitError as why:
        return f"{type(why).__name__}: {why}"
    assert route.certificate is not None
    legs = [[leg.venue, leg.size] for leg in route.legs]
    return [legs, route.cost, route.certificate.bound, route.certificate.gap]


def test_uncompiled_it_routes_to_the_same_legs_and_the_same_bound():
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, json.dumps(SEEDS)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [routed(*case) for case in SEEDS]


def table(*pieces, sign=1.0):
    return kernel.tabulated(np.array(pieces, float), sign)


def test_a_table_sums_up_its_pieces():
    starts, costs, firsts, lasts, _, faulty = table((2, 100, 0, 0), (4, 101, 0.5, 0))
    assert faulty == -1
    assert starts.tolist() == [0, 2, 6]
    assert costs.tolist() == [0, 200, 200 + 4 * 101 + 0.25 * 16]
    assert (firsts.tolist(), lasts.tolist()) == ([100, 101], [100, 103])


@pytest.mark.parametrize(
    "wrong",
    [(0, 100, 0, 0), (-1, 100, 0, 0), (1, 0, 0, 0), (1, float("nan"), 0, 0), (1, 99, 0, 0)],
    ids=["no depth", "negative depth", "no price", "not a number", "price that turns back"],
)
def test_a_table_names_the_first_piece_that_makes_no_sense(wrong):
    assert table((2, 100, 0, 0), wrong)[-1] == 1


def test_lots_are_traded_to_where_they_cost_less_until_nobody_gains():
    # Three venues at 100, 101 and 102 a unit, with lots of 1, of which the dearest has five.
    arrays = [table((10, 100 + i, 0, 0))[:5] for i in range(3)]
    joined = (np.array([0, 1, 2, 3]), *(np.concatenate(some) for some in zip(*arrays, strict=True)))
    ways = np.zeros((3, kernel.COLUMNS))
    ways[:, kernel.HIGH], ways[:, kernel.TABLE], ways[:, kernel.STEP] = 10, range(3), 1
    own = np.ones((1, 3), bool)
    start = np.array([8.0, 0.0, 5.0])
    moves = kernel.trades(ways, joined, np.arange(3), start, np.array([1.0]), own, own, 0.0)
    assert moves.tolist() == [[0, 2, 0]] * 2 + [[1, 2, 0]] * 3


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(tmp_path):
    package = Path(kernel.__file__).parents[1]
    shutil.copytree(package, tmp_path / "ringside", ignore=lambda *_: ["__pycache__"])
    routing = tmp_path / "ringside" / "routing"
    # A file in its place is as good as a directory that is read-only, whoever runs this.
    (routing / "__pycache__").touch()
    script = (
        "import numpy, ringside.routing.kernel as kernel\n"
        "print(kernel.__file__, kernel._first_not_below(numpy.array([1.0, 2.0]), 0, 2, 1.5))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**kept, **nowhere},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(routing / "kernel.py"), "1"]


@pytest.mark.parametrize("seed", range(25))
def test_margin_that_nobody_shares_changes_neither_legs_nor_bound(seed):
    at = instance(seed, 10, shared=True)
    bare = [replace(offer, margin=0) for offer in at.offers]
    found = []
    for offers in (at.offers, bare):
        try:
            route = solve(at.size, offers, most_venues=at.most_venues)
            found.append(([(leg.venue, leg.size) for leg in route.legs], route.certificate))
        except SplitError as why:
            found.append(str(why))
    assert found[0] == found[1]
