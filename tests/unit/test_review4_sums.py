"""Review of issue 4: from Python 3.12 on `sum` of floats is compensated, so a solver that uses it
finds other legs there than on 3.10 and 3.11 - and a receipt does not repeat."""

import builtins
import math
import random

import pytest

from ringside.routing import dual, rounding, search, solver
from ringside.routing.problem import Offer
from ringside.units import ONE
from ringside.venues.ladder import Ladder

SEEDS = (541, 2456, 7754)


def newer(items, start=0):
    """`sum` as CPython 3.12 and later have it (Neumaier's)."""
    found = list(items)
    if not any(isinstance(x, float) for x in [start, *found]):
        return builtins.sum(found, start)
    total, lost = float(start), 0.0
    for x in map(float, found):
        after = total + x
        lost += (total - after) + x if abs(total) >= abs(x) else (x - after) + total
        total = after
    return total + lost if math.isfinite(lost) else total


def older(items, start=0):
    """`sum` as CPython 3.11 and earlier have it."""
    total = start
    for x in items:
        total = total + x
    return total


def instance(seed):
    rng = random.Random(seed)

    def ladder(venue):
        lot, price, asks = 10 ** rng.choice([12, 14, 15, 16]), 2_000 * ONE, []
        for _ in range(rng.randint(1, 12)):
            price += rng.randint(1, 50) * 10**15
            asks.append((price, rng.randint(1, 10**19 // lot) * lot))
        fee = rng.randint(-3, 10) * 10**14
        return Ladder(venue, "ETH-USD", (), tuple(asks), 0, 10, fee=fee, lot=lot).curve(0)

    curves = [ladder(f"v{i}") for i in range(rng.randint(3, 14))]
    size = rng.randint(1, sum(c.capacity(1) for c in curves) * 9 // 10**17) * 10**16
    offers = [
        Offer(
            c,
            leg_cost=rng.choice([0, 0, ONE, 5 * ONE]),
            least=rng.choice([0, 0, ONE]),
            margin=rng.randint(50, 400) * ONE,
        )
        for c in curves
    ]
    terms = {"most_venues": rng.choice([None, 2, 3, 5])}
    if rng.random() < 0.6:
        terms["margin"] = size * rng.randint(60, 300)
    return size, offers, terms


def solved(seed, how, monkeypatch):
    for module in (solver, search, dual, rounding):
        monkeypatch.setattr(module, "sum", how, raising=False)
    size, offers, terms = instance(seed)
    try:
        route = solver.solve(size, offers, **terms)
    except ValueError as no:
        return str(no)
    return [(leg.venue, leg.quote) for leg in route.legs], route.certificate


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_split_on_python_3_11_and_3_12(seed, monkeypatch):
    assert solved(seed, newer, monkeypatch) == solved(seed, older, monkeypatch)
