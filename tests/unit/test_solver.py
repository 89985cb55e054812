"""Routes: exact, deterministic, within every rule, and never worse than the best single venue."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_curves import LinearCurve, perp_curves, rage_curves, skew_curves

from bench.instances import instance
from ringside.routing.problem import (
    NoFit,
    NotEnoughCapacity,
    Offer,
    SplitError,
    carry_of,
)
from ringside.routing.solver import solve
from ringside.units import ONE

SIGNS = st.sampled_from([1, -1])
INSTANCES = st.builds(
    instance,
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 3, 5, 8, 12]),
    shared=st.booleans(),
)


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


def routed(at):
    """The instance's route; hypothesis looks elsewhere where there is none."""
    try:
        return solve(at.size, at.offers, **at.rules)
    except SplitError:
        return assume(False)


def check(route, offers, size, most_venues=None, margin=None):
    """What every route owes."""
    by_name = {offer.curve.venue: offer for offer in offers}
    sign = 1 if size > 0 else -1
    assert sum(leg.size for leg in route.legs) == size
    assert len({leg.venue for leg in route.legs}) == len(route.legs)
    assert most_venues is None or len(route.legs) <= most_venues
    taken = 0
    for leg in route.legs:
        offer, amount = by_name[leg.venue], leg.size * sign
        assert leg.quote == offer.curve.quote(leg.size)
        assert max(offer.least, offer.curve.minimum(sign)) <= amount
        assert amount <= offer.curve.capacity(sign)
        assert offer.most is None or amount <= offer.most
        taken += offer.margin * amount
    assert margin is None or taken <= margin * ONE
    assert {o.curve.venue for o in offers if o.required} <= {leg.venue for leg in route.legs}
    assert route.leg_costs == sum(by_name[leg.venue].leg_cost for leg in route.legs)
    assert route.carry == sum(carry_of(by_name[leg.venue], leg.size * sign) for leg in route.legs)
    assert route.certificate.bound <= route.cost
    assert route.saving is None or route.saving >= 0


@given(INSTANCES)
@settings(max_examples=150)
def test_every_rule_is_kept_and_the_size_is_exact(at):
    check(routed(at), at.offers, at.size, **at.rules)


@given(INSTANCES)
def test_the_same_offers_give_the_same_route_in_whatever_order(at):
    route = routed(at)
    assert solve(at.size, at.offers, **at.rules) == route
    turned = solve(at.size, at.offers[::-1], **at.rules)
    assert turned.cost == route.cost
    assert sorted(turned.legs, key=str) == sorted(route.legs, key=str)
    assert [leg.venue for leg in turned.legs] == [leg.venue for leg in route.legs][::-1]


@given(INSTANCES)
@settings(max_examples=150)
def test_no_venue_that_could_take_it_all_is_cheaper(at):
    route = routed(at)
    sign = 1 if at.size > 0 else -1
    for offer in at.offers:
        most = offer.curve.capacity(sign) if offer.most is None else offer.most
        least = max(offer.least, offer.curve.minimum(sign))
        takes = least <= abs(at.size) <= min(most, offer.curve.capacity(sign))
        others = any(o.required for o in at.offers if o is not offer)
        dear = at.margin is not None and offer.margin * abs(at.size) > at.margin * ONE
        if not takes or abs(at.size) % offer.curve.lot or others or dear:
            continue
        alone = sign * offer.curve.quote(at.size).all_in + offer.leg_cost
        assert route.saving is not None
        assert route.cost <= alone + carry_of(offer, abs(at.size))


@given(st.one_of(linear_curves(), MIXED), SIGNS, st.integers(1, 10**6))
@settings(max_examples=200)
def test_legs_add_up_and_cost_no_more_than_the_best_single_venue(curves, sign, share):
    least = max(c.minimum(sign) for c in curves)
    size = sum(c.capacity(sign) for c in curves) * share // 10**6
    lot = max(c.lot for c in curves)
    size = sign * max(size - size % lot, least, lot)
    offers = list(map(Offer, curves))
    try:
        route = solve(size, offers)
    except (NotEnoughCapacity, NoFit):
        assert not any(c.minimum(sign) <= abs(size) <= c.capacity(sign) for c in curves)
        return
    check(route, offers, size)
    for c in curves:
        if c.minimum(sign) <= abs(size) <= c.capacity(sign):
            assert route.best_single is not None
            assert route.all_in * sign <= c.quote(size).all_in * sign


def test_a_leg_cost_keeps_a_small_order_at_one_venue():
    a, b = Offer(LinearCurve("a")), Offer(LinearCurve("b"))
    assert len(solve(100 * ONE, [a, b]).legs) == 2
    dear = replace(b, leg_cost=1_000 * ONE)
    assert [leg.venue for leg in solve(100 * ONE, [a, dear]).legs] == ["a"]


def test_of_equal_routes_the_one_with_fewest_legs_is_taken():
    flat = [LinearCurve(name, depth=10**12 * ONE, fee_bps=0) for name in "ab"]
    assert len(solve(ONE, map(Offer, flat)).legs) == 1


def test_equal_venues_share_equally():
    route = solve(-100 * ONE, [Offer(LinearCurve("a")), Offer(LinearCurve("b"))])
    assert abs(route.legs[0].size - route.legs[1].size) < ONE // 10**9


def test_a_bound_binds_and_the_rest_goes_elsewhere():
    offers = [
        Offer(LinearCurve("a", fee_bps=0), most=7 * ONE),
        Offer(LinearCurve("b", fee_bps=50)),
    ]
    route = solve(100 * ONE, offers)
    assert [(leg.venue, leg.size) for leg in route.legs] == [("a", 7 * ONE), ("b", 93 * ONE)]
    assert route.best_single.venue == "b"


def test_a_required_venue_takes_its_least_whatever_it_costs():
    offers = [
        Offer(LinearCurve("a")),
        Offer(LinearCurve("b", fee_bps=500), least=10 * ONE, required=True),
    ]
    route = solve(100 * ONE, offers)
    assert [(leg.venue, leg.size) for leg in route.legs] == [("a", 90 * ONE), ("b", 10 * ONE)]
    assert route.best_single.venue == "b"


def test_carry_moves_the_order_to_where_holding_is_cheaper():
    a, b = LinearCurve("a", depth=10**9 * ONE), LinearCurve("b", depth=10**9 * ONE)
    route = solve(10 * ONE, [Offer(a, carry=ONE), Offer(b, carry=-ONE)])
    assert [leg.venue for leg in route.legs] == ["b"]
    assert route.carry == -10 * ONE
    assert route.cost == route.all_in - 10 * ONE


def test_a_venue_that_pays_for_being_used_gets_what_it_takes():
    offers = [Offer(LinearCurve("a")), Offer(LinearCurve("b", most=5 * ONE), carry=-3_000 * ONE)]
    route = solve(100 * ONE, offers)
    assert route.legs[1].size == 5 * ONE
    assert route.certificate.gap <= 10_000


def test_dust_below_a_minimum_is_folded_into_another_venue():
    offers = [
        Offer(LinearCurve("a", depth=100 * ONE)),
        Offer(LinearCurve("b"), least=40 * ONE),
    ]
    assert [(leg.venue, leg.size) for leg in solve(20 * ONE, offers).legs] == [("a", 20 * ONE)]


def test_lots_are_kept_and_the_finest_venue_takes_the_rest():
    offers = [Offer(LinearCurve("a", lot=10**9)), Offer(LinearCurve("b"))]
    route = solve(100 * ONE + 7, offers)
    assert sum(leg.size for leg in route.legs) == 100 * ONE + 7
    assert next(leg for leg in route.legs if leg.venue == "a").size % 10**9 == 0


def test_the_margin_shared_moves_size_to_where_a_base_takes_less():
    offers = [
        Offer(LinearCurve("a"), margin=200 * ONE),
        Offer(LinearCurve("b", fee_bps=20), margin=20 * ONE),
    ]
    assert [leg.venue for leg in solve(10 * ONE, offers).legs] == ["a"]
    route = solve(10 * ONE, offers, margin=1_100 * ONE)
    sizes = {leg.venue: leg.size for leg in route.legs}
    assert sizes["a"] * 200 + sizes["b"] * 20 <= 1_100 * ONE
    assert sizes["a"] == pytest.approx(5 * ONE, rel=1e-6)
