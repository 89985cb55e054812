"""Rounding: integers that add up on everybody's lots, traded for the better, and never far off."""

from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_curves import LinearCurve

from bench.instances import MadeUp, Stretch, instance
from ringside.routing import search
from ringside.routing.problem import Offer
from ringside.routing.rounding import _place, traded
from ringside.routing.sides import Side, prepare
from ringside.routing.solver import solve
from ringside.routing.ways import Pool
from ringside.units import ONE

LOTS = [10**14, 5 * 10**16, 10**17, 2 * 10**17, 10**18]


def ways_of(curves, amount):
    """One way for each curve, in an order of that much."""
    sides = [Side(Offer(curve), 1) for curve in curves]
    prepare(sides, amount, Pool(), shared=True)
    return [side.ways[0] for side in sides]


def cost(split):
    return sum(way.cost(part / ONE) for way, part in split)


@st.composite
def splits(draw):
    """A few venues with lots, and a part on each one's."""
    curves, parts = [], []
    for name in "abcdef"[: draw(st.integers(2, 6))]:
        lot = draw(st.sampled_from(LOTS))
        curves.append(
            LinearCurve(
                name,
                price=(2_000 + draw(st.integers(-5, 5))) * ONE,
                depth=draw(st.integers(1_000, 100_000)) * ONE,
                most=20 * ONE,
                lot=lot,
            )
        )
        parts.append(draw(st.integers(1, 20 * ONE // lot)) * lot)
    ways = ways_of(curves, sum(parts))
    assume(all(way.lo <= part <= way.hi for way, part in zip(ways, parts, strict=True)))
    return list(zip(ways, parts, strict=True))


@given(splits())
def test_trading_lots_keeps_the_sum_the_lots_and_the_bounds_and_never_costs_more(split):
    after = traded(split, 0.0)
    assert [way for way, _ in after] == [way for way, _ in split]
    assert sum(part for _, part in after) == sum(part for _, part in split)
    assert all(way.lo <= part <= way.hi and (part - way.lo) % way.lot == 0 for way, part in after)
    assert cost(after) <= cost(split) + 1e-9


@given(splits())
@settings(max_examples=30)
def test_once_nothing_changes_no_two_have_a_lot_to_trade(split):
    after = traded(split, 0.0)
    for _ in range(50):  # Each time so many trades as there are venues, four times over.
        before, after = after, traded(after, 0.0)
    assume(before == after)
    doubt = 1e-9 * (1 + abs(cost(after)))
    for (i, (giver, gives)), (j, (taker, takes)) in permutations(enumerate(after), 2):
        for lot in {way.lot for way in (giver, taker) if way.coarse}:
            if lot % giver.lot or lot % taker.lot:
                continue
            if gives - lot >= giver.lo and takes + lot <= taker.hi:
                other = list(after)
                other[i], other[j] = (giver, gives - lot), (taker, takes + lot)
                assert cost(other) >= cost(after) - doubt


@given(splits(), st.integers(1, 3_000))
def test_what_is_left_goes_to_the_one_or_two_venues_where_it_adds_least(split, left):
    ways, parts, rest = [w for w, _ in split], [p for _, p in split], left * 10**14
    tries = []
    for i, one in enumerate(ways):
        up = -(-rest // one.lot) * one.lot
        if parts[i] + up > one.hi:
            continue
        for j, other in enumerate(ways):
            after = list(parts)
            after[i] += up
            if j != i:
                after[j] -= up - rest
            if sum(after) != sum(parts) + rest or (up - rest) % other.lot:
                continue
            if after[j] >= other.lo:
                tries.append(cost(zip(ways, after, strict=True)))
    found = list(parts)
    assert _place(ways, found, rest, 0.0) == bool(tries)
    if tries:
        assert sum(found) == sum(parts) + rest
        best = min(tries)
        assert abs(cost(zip(ways, found, strict=True)) - best) <= 1e-9 * (1 + abs(best))


def test_a_dearer_venue_with_finer_lots_completes_the_size_at_the_first_node():
    coarse = [LinearCurve(name, lot=ONE) for name in "abc"]
    fine = LinearCurve("fine", price=2_040 * ONE, lot=10**15)
    route = solve(100 * ONE + 37 * 10**15, [Offer(c) for c in (*coarse, fine)])
    assert {leg.venue: leg.size for leg in route.legs}["fine"] == 37 * 10**15
    assert route.certificate.method == "dual"


def test_of_two_venues_that_may_take_part_one_gives_way_to_finer_lots():
    coarse = [LinearCurve(name, depth=1_000 * ONE, lot=ONE) for name in "abc"]
    fine = LinearCurve("fine", price=2_040 * ONE, lot=10**15)
    offers = [Offer(c) for c in (*coarse, fine)]
    route = solve(100 * ONE + 37 * 10**15, offers, most_venues=2)
    assert len(route.legs) == 2
    assert "fine" in {leg.venue for leg in route.legs}
    assert route.certificate.gap <= 10_000


@pytest.mark.parametrize("seed", [3200025, 3200062, 3200201])
def test_where_margin_is_scarce_no_lot_goes_where_it_is_cheaper_by_taking_more(seed):
    at = instance(seed, 10, shared=True)
    assert solve(at.size, at.offers, **at.rules).certificate.gap <= 10_000


# ------------------------------------------------------------------ lots taken together


def ladder(name, first, lot):
    """Ten levels of one base and a bit, a dollar apart."""
    levels = tuple(Stretch(ONE + 3 * 10**17, (first + k) * ONE) for k in range(10))
    return MadeUp(name, levels, 1, lot=lot, least=lot)


ASKS = st.lists(st.integers(2_000, 2_004), min_size=2, max_size=5)


@given(ASKS, st.integers(1, 12), st.integers(1, 999))
def test_lots_branched_on_together_or_one_by_one_prove_the_same(asks, whole, rest):
    coarse = [ladder(f"c{i}", ask, 2 * ONE) for i, ask in enumerate(asks)]
    curves = [*coarse, ladder("fine", 2_003, 10**15), ladder("other", 2_004, 10**15)]
    size = min(whole * ONE, 10 * ONE * len(asks)) + rest * 10**15
    offers = [Offer(curve, leg_cost=ONE // 10) for curve in curves]
    one = solve(size, offers)
    known = search.Search._together
    try:
        search.Search._together = lambda *_: []
        other = solve(size, offers)
    finally:
        search.Search._together = known
    for route in (one, other):
        assert route.certificate.gap <= 10_000
        assert route.certificate.bound <= min(one.cost, other.cost)


def test_lots_of_many_venues_are_branched_on_together(monkeypatch):
    seen = []
    known = search.Search._together

    def together(self, state, top, relaxation):
        found = known(self, state, top, relaxation)
        seen.extend(under.margin for _, under in found)
        return found

    monkeypatch.setattr(search.Search, "_together", together)
    coarse = [ladder(f"c{i}", 2_000 + i, 2 * ONE) for i in range(4)]
    fine = [ladder(f"f{i}", 2_002 + i, 10**15) for i in range(2)]
    route = solve(11 * ONE + 10**15, [Offer(curve) for curve in (*coarse, *fine)])
    assert seen
    assert len(seen) % 2 == 0  # At most so many lots, or at least one more.
    assert route.certificate.gap <= 10_000
