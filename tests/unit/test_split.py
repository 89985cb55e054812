"""Splitting: exact, deterministic, and never worse than the best single venue."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_curves import LinearCurve, perp_curves, rage_curves, skew_curves

from ringside.routing.split import NoFit, NotEnoughCapacity, SplitError, ZeroSize, split
from ringside.units import ONE

SIGNS = st.sampled_from([1, -1])


@st.composite
def linear_curves(draw, least=0):
    return [
        LinearCurve(
            name,
            price=2_000 * ONE + draw(st.integers(-20, 20)) * ONE,
            depth=draw(st.integers(1_000, 100_000)) * ONE,
            fee_bps=draw(st.integers(0, 20)),
            most=draw(st.integers(1, 900)) * ONE + draw(st.integers(0, 10**6)),
            least=draw(st.integers(1, 1 + least)),
        )
        for name in "abcdefg"[: draw(st.integers(1, 7))]
    ]


MIXED = st.tuples(perp_curves(), rage_curves(), skew_curves()).map(list)


def check(route, curves, size, caps=None):
    """What every route owes."""
    assert sum(leg.size for leg in route.legs) == size
    by_name = {c.venue: c for c in curves}
    for leg in route.legs:
        curve = by_name[leg.venue]
        assert leg.size * size > 0
        assert leg.quote == curve.quote(leg.size)
        assert abs(leg.size) <= (caps or {}).get(leg.venue, curve.capacity(size))
    assert len({leg.venue for leg in route.legs}) == len(route.legs)
    assert route.saving is None or route.saving >= 0


@given(st.one_of(linear_curves(), MIXED), SIGNS, st.integers(1, 10**6))
@settings(max_examples=200)
def test_legs_add_up_and_cost_no_more_than_the_best_single_venue(curves, sign, share):
    least = max(c.minimum(sign) for c in curves)
    size = sum(c.capacity(sign) for c in curves) * share // 10**6
    lot = max(c.lot for c in curves)
    size = sign * max(size - size % lot, least, lot)
    try:
        route = split(curves, size)
    except (NotEnoughCapacity, NoFit):
        assert not any(c.minimum(sign) <= abs(size) <= c.capacity(sign) for c in curves)
        return
    check(route, curves, size)
    assert route == split(curves, size)
    for c in curves:
        if c.minimum(sign) <= abs(size) <= c.capacity(sign):
            assert route.best_single is not None
            assert route.all_in * sign <= c.quote(size).all_in * sign


@given(linear_curves(), SIGNS, st.integers(1, 100))
def test_no_split_on_a_grid_of_two_venues_is_cheaper(curves, sign, share):
    curves = curves[:2]
    size = sign * max(1, sum(c.most for c in curves) * share // 100)
    route = split(curves, size)
    check(route, curves, size)
    for k in range(101):
        parts = [size * k // 100]
        parts.append(size - parts[0])
        pairs = list(zip(curves, parts[: len(curves)], strict=False))
        if sum(p for _, p in pairs) != size or any(abs(p) > c.most for c, p in pairs):
            continue
        cost = sum(c.quote(p).all_in * sign for c, p in pairs if p)
        assert route.cost <= cost + abs(cost) // 10**11 + 10


@given(linear_curves(least=30 * ONE), SIGNS, st.integers(1, 100), st.integers(0, 50))
@settings(max_examples=150)
def test_minimums_and_leg_costs_never_make_it_worse_than_any_pair_or_single(
    curves, sign, share, dollars
):
    size = sign * max(1, sum(c.most for c in curves) * share // 100)
    try:
        route = split(curves, size, leg_cost=dollars * ONE)
    except (NotEnoughCapacity, NoFit):
        assert not any(c.least <= abs(size) <= c.most for c in curves)
        return
    check(route, curves, size)
    for c in curves:
        if c.least <= abs(size) <= c.most:
            assert route.cost <= c.quote(size).all_in * sign + dollars * ONE


def test_a_leg_cost_keeps_a_small_order_at_one_venue():
    curves = [LinearCurve("a"), LinearCurve("b")]
    assert len(split(curves, 100 * ONE).legs) == 2
    assert len(split(curves, 100 * ONE, leg_cost=1_000 * ONE).legs) == 1
    assert len(split(curves, 100 * ONE, leg_cost={"b": 1_000 * ONE}).legs) == 1


@given(linear_curves(), SIGNS, st.integers(1, 100), st.data())
def test_every_venue_may_have_its_own_leg_cost(curves, sign, share, data):
    costs = {c.venue: data.draw(st.integers(0, 50)) * ONE for c in curves}
    size = sign * max(1, sum(c.most for c in curves) * share // 100)
    route = split(curves, size, leg_cost=costs)
    check(route, curves, size)
    assert route.leg_costs == sum(costs[leg.venue] for leg in route.legs)
    for c in curves:
        if abs(size) <= c.most:
            assert route.cost <= c.quote(size).all_in * sign + costs[c.venue]


def test_equal_venues_share_equally():
    route = split([LinearCurve("a"), LinearCurve("b")], -100 * ONE)
    assert abs(route.legs[0].size - route.legs[1].size) < ONE // 10**9


def test_caps_bind_and_the_rest_goes_elsewhere():
    curves = [LinearCurve("a", fee_bps=0), LinearCurve("b", fee_bps=50)]
    route = split(curves, 100 * ONE, caps={"a": 7 * ONE})
    assert [(leg.venue, leg.size) for leg in route.legs] == [("a", 7 * ONE), ("b", 93 * ONE)]
    assert route.best_single is not None
    assert route.best_single.venue == "b"


def test_dust_below_a_minimum_is_folded_into_another_venue():
    cheap = LinearCurve("a", depth=100 * ONE)
    strict = LinearCurve("b", least=40 * ONE)
    route = split([cheap, strict], 20 * ONE)
    assert [(leg.venue, leg.size) for leg in route.legs] == [("a", 20 * ONE)]


def test_lots_are_kept_and_the_finest_venue_takes_the_rest():
    curves = [LinearCurve("a", lot=10**9), LinearCurve("b")]
    route = split(curves, 100 * ONE + 7)
    assert sum(leg.size for leg in route.legs) == 100 * ONE + 7
    assert next(leg for leg in route.legs if leg.venue == "a").size % 10**9 == 0
    with pytest.raises(NoFit, match="makes up"):
        split(curves[:1], 100 * ONE + 7)


def test_an_empty_order_is_refused():
    with pytest.raises(ZeroSize, match="zero"):
        split([LinearCurve("a")], 0)


def test_too_large_an_order_names_what_binds():
    curves = [LinearCurve("a", most=3 * ONE), LinearCurve("b", most=4 * ONE)]
    with pytest.raises(NotEnoughCapacity, match="take 5 of the 6 to buy") as refused:
        split(curves, 6 * ONE, caps={"b": 2 * ONE})
    assert refused.value.binding == {"a": 3 * ONE, "b": 2 * ONE}
    assert "a has capacity for 3" in str(refused.value)
    assert "b takes 2 with this margin, of a capacity of 4" in str(refused.value)
    with pytest.raises(NotEnoughCapacity, match="no venue"):
        split([], 6)


def test_minimums_that_cannot_be_met_are_named():
    curves = [LinearCurve("a", least=8, most=10), LinearCurve("b", least=8, most=10)]
    with pytest.raises(NoFit, match=r"a takes 0\.0{17}8 to 0\.0{16}1"):
        split(curves, 12)


def test_a_venue_listed_twice_is_refused():
    with pytest.raises(SplitError, match="twice"):
        split([LinearCurve("a"), LinearCurve("a")], 1)
