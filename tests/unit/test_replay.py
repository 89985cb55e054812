"""A document leads to the same legs again: to the last unit, anywhere, and without a chain."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_accounts import order
from made_up_receipts import decided, part_changed, readings, register, two_steps

from ringside.keeper.receipts.codec import canonical, plain
from ringside.keeper.receipts.document import SOLVER, DocumentError, read
from ringside.keeper.receipts.replay import replay
from ringside.units import ONE

register()
HERE = Path(__file__).parent
MINORS = [minor for minor in (10, 11, 12) if minor != sys.version_info.minor]
"""Of the Pythons that the package is for; one's own is tried in another process."""
SIZES = st.integers(ONE, 900 * ONE) | st.integers(-900 * ONE, -ONE)
VENUE = st.fixed_dictionaries(
    {
        "fee_bps": st.integers(0, 30),
        "price": st.integers(1_990 * ONE, 2_010 * ONE),
        "depth": st.integers(1_000 * ONE, 10**6 * ONE),
        "least": st.integers(1, ONE),
    }
)


@given(SIZES, VENUE, VENUE, st.integers(0, 10 * ONE))
@settings(max_examples=40)
def test_a_decision_repeats(size, alpha, beta, leg_cost):
    written = decided(order(size), readings(alpha, beta), leg_cost=leg_cost)
    again = replay(read(canonical(written)))
    assert again.same
    assert again.outcomes == tuple(one.outcome for one in written.decisions)
    assert again.solver == again.ours == SOLVER


def test_every_step_of_a_bundle_repeats_on_what_the_ones_before_leave():
    written = decided(two_steps())
    again = replay(written)
    assert again.same
    assert [sum(p.size for p in one.parts) for one in again.outcomes] == [400 * ONE, -200 * ONE]
    # What is sold is what was bought: the second step only closes, and takes no margin.
    assert [p.margin for p in again.outcomes[1].parts] == [0] * len(again.outcomes[1].parts)


@given(st.sampled_from(["size", "margin", "notional", "fee"]), st.sampled_from([0, 1]))
def test_a_leg_that_is_another_by_one_unit_is_named(field, place):
    written = decided(order(500 * ONE))
    part = written.decisions[0].outcome.parts[place]
    value = getattr(part, field)
    result = replay(part_changed(written, place, **{field: value + 1}))
    assert result.differences == (
        f"leg {place + 1} ({part.venue}) {field} is {value + 1} in the document, {value} repeated",
    )
    assert not result.same


def test_a_leg_left_out_is_named():
    written = decided(order(500 * ONE))
    one = written.decisions[0]
    made = replace(one.outcome, parts=one.outcome.parts[:1])
    (difference,) = replay(replace(written, decisions=(replace(one, outcome=made),))).differences
    assert difference == (
        "leg is 1 of them (alpha) in the document, 2 of them (alpha, beta) repeated"
    )


def test_another_step_of_a_bundle_that_differs_is_named():
    written = decided(two_steps())
    one = written.decisions[1]
    made = replace(one.outcome, tip=one.outcome.tip + 1)
    decisions = (written.decisions[0], replace(one, outcome=made))
    assert replay(replace(written, decisions=decisions)).differences == (
        "step 1: tip is 1 in the document, 0 repeated",
    )


def test_readings_of_another_moment_lead_to_other_legs():
    written, other = decided(order(500 * ONE)), decided(order(500 * ONE), readings({"fee_bps": 6}))
    result = replay(replace(written, readings=other.readings))
    assert any("leg" in difference for difference in result.differences)


def test_inputs_that_lead_to_no_plan_say_so():
    written = decided(order(500 * ONE))
    poor = replace(written, account=replace(written.account, idle=0))
    (why,) = replay(poor).differences
    assert why.startswith("On what it says was known there is no such plan")


def test_a_venue_that_nobody_knows_is_refused_by_name():
    written = decided(order(500 * ONE))
    strange = tuple(replace(one, venue="gamma") for one in written.readings)
    with pytest.raises(DocumentError, match="gamma"):
        replay(replace(written, readings=strange))


def leaves(tree, path=()):
    """Where there is a value in a document's JSON."""
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key], (*path, key))]
    if isinstance(tree, list):
        return [leaf for i, item in enumerate(tree) for leaf in leaves(item, (*path, i))]
    return [path]


def with_leaf(tree, path, value):
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = with_leaf(tree[path[0]], path[1:], value)
    return copy


@given(st.data())
@settings(max_examples=200)
def test_a_forged_document_is_refused_by_name_or_repeats_or_says_where_not(data):
    tree = plain(decided(data.draw(st.sampled_from([order(500 * ONE), two_steps()]))))
    place = data.draw(st.sampled_from(leaves(tree)))
    value = data.draw(
        st.sampled_from([None, True, "", "0", "1", "-1", str(10**30), "0x", "0x01", [], {}])
    )
    try:
        result = replay(read(canonical(with_leaf(tree, place, value))))
    except DocumentError:
        return
    assert result.same or all(result.differences)


# ------------------------------------------------------------------ elsewhere


def elsewhere(python: str, document: bytes, seed: str, path: list[str]) -> bytes:
    """What another process makes of a document."""
    done = subprocess.run(
        [python, str(HERE / "made_up_receipts.py")],
        input=document,
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(path)},
    )
    return done.stdout


@pytest.mark.parametrize("request_", [order(777 * ONE + 1), two_steps()], ids=["order", "bundle"])
def test_another_process_with_other_hashes_of_text_repeats_it(request_):
    written = decided(request_)
    expected = canonical([one.outcome for one in written.decisions])
    for seed in ("0", "1", "31337"):
        found = elsewhere(sys.executable, canonical(written), seed, [*filter(None, sys.path)])
        assert found == expected


@pytest.mark.parametrize("minor", MINORS, ids=[f"python3.{minor}" for minor in MINORS])
def test_another_python_repeats_it(minor):
    """Where one is on the path that has the package's dependencies: set-up makes one environment,
    of one Python. What differed between them once is held on every run by `test_solver_sums`."""
    python = shutil.which(f"python3.{minor}")
    if python is None:
        pytest.skip(f"no python3.{minor} on the path")
    own = [str(HERE.parent.parent), str(HERE)]
    probe = subprocess.run(
        [python, "-c", "import ringside.keeper.receipts.replay, hypothesis"],
        env={"PYTHONPATH": os.pathsep.join(own)},
        capture_output=True,
    )
    if probe.returncode:
        pytest.skip(f"{python} lacks what the package needs")
    written = decided(order(777 * ONE + 1))
    expected = canonical([one.outcome for one in written.decisions])
    assert elsewhere(python, canonical(written), "5", own) == expected
