"""What is planned and not mined yet is priced once: curves and states after it."""

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_accounts import states_of
from made_up_curves import LinearCurve, perp_curves, rage_curves, skew_curves
from made_up_markets import impact_curves, ladder_curves
from test_curves import perp_state, rage_state, skew_state

from ringside.routing.problem import Offer
from ringside.routing.solver import PROVED, solve
from ringside.units import MICRO_BPS, ONE, PIPS
from ringside.venues.base import BelowMinimum, BeyondCapacity, Leg
from ringside.venues.perp_v2 import PerpCurve
from ringside.venues.rage import RageCurve
from ringside.venues.skew import SkewCurve
from ringside.venues.taken import Taken, TakenState, after

REVERSED = skew_curves().map(lambda c: replace(c, taker=c.maker, maker=c.taker))
KINDS = {
    "perp-v2": perp_curves(),
    "rage": rage_curves(),
    "synthetix": skew_curves() | REVERSED,
    "ladder": ladder_curves(),
    "gmx": impact_curves(),
    "linear": st.just(LinearCurve("x", lot=10**15)),
}
CURVES = st.one_of(*KINDS.values())
ON_CHAIN = st.one_of(perp_curves(), rage_curves(), skew_curves() | REVERSED, ladder_curves())
SIGNS = st.sampled_from([1, -1])
SHARES = st.integers(1, PIPS) | st.integers(1, 10) | st.integers(PIPS - 10, PIPS)


def part_of(curve, sign, share):
    """|1e18| that the curve takes in that direction: from its minimum to all there is."""
    lot, most = curve.lot, curve.capacity(sign)
    least = -(-curve.minimum(sign) // lot) * lot
    assume(least <= most)
    return max(most * share // PIPS // lot * lot, least)


@st.composite
def taken_curves(draw, kinds=CURVES):
    """A curve, a direction, and a part of what it takes there."""
    curve, sign = draw(kinds), draw(SIGNS)
    return curve, sign, part_of(curve, sign, draw(SHARES))


def doubt(curve, sign):
    """USD (1e18) that a venue's rounding may come to."""
    return int(4 * max(mode.error for mode in curve.modes(sign)) * ONE) + 10


def moved(curve, size):
    """The venue's own curve where a trade of `size` leaves its market."""
    if isinstance(curve, SkewCurve):
        size_then = curve.market_size + abs(size)
        return replace(curve, skew=curve.skew + size, market_size=size_then)
    if not isinstance(curve, (PerpCurve, RageCurve)):
        return curve  # The other side of a ladder.
    swap = curve.swap(size)
    active = sum(net for tick, net in curve.pool.ticks if tick <= swap.tick)
    at = {"sqrt_price": swap.sqrt_price, "tick": swap.tick, "liquidity": active}
    pool = replace(curve.pool, **at)
    if isinstance(curve, RageCurve):
        given_ = {"decimals": len(str(10**18 // curve.lot)) - 1, "fee": curve.fee}
        return RageCurve(curve.market, pool, minimum_notional=curve.minimum_notional, **given_)
    return PerpCurve(
        curve.market,
        pool,
        exchange_fee=curve.exchange_fee,
        index_price=curve.index_price,
        max_spread=curve.max_spread,
        max_ticks=curve.max_ticks,
        recorded_tick=curve.recorded_tick,
    )


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), SHARES)
def test_an_order_cut_in_two_costs_what_it_costs_whole_to_the_wei(kind, data, share):
    curve, sign, first = data.draw(taken_curves(KINDS[kind]))
    rest = Taken(curve, sign * first)
    second = part_of(rest, sign, share)
    one, two = curve.quote(sign * first), rest.quote(sign * second)
    whole = curve.quote(sign * (first + second))
    assert two.size == sign * second
    assert (one.notional + two.notional, one.fee + two.fee) == (whole.notional, whole.fee)


@given(taken_curves(), SHARES, SHARES)
def test_taken_of_taken_is_one_taken(found, b, c):
    curve, sign, first = found
    one = Taken(curve, sign * first)
    second = part_of(one, sign, b)
    two = Taken(one, sign * second)
    assert two == Taken(curve, sign * (first + second))
    assert two.curve is curve
    third = part_of(two, sign, c)
    both = one.quote(sign * (second + third))
    parts = one.quote(sign * second), two.quote(sign * third)
    assert sum(q.notional for q in parts) == both.notional
    assert sum(q.fee for q in parts) == both.fee


@given(taken_curves())
def test_each_direction_is_taken_by_itself(found):
    curve, sign, first = found
    back = part_of(curve, -sign, PIPS // 2)
    both = Taken(Taken(curve, sign * first), -sign * back)
    assert {both.taken(sign), both.taken(-sign)} == {first, back}
    assert both.capacity(sign) == Taken(curve, sign * first).capacity(sign)
    assert both.capacity(-sign) == Taken(curve, -sign * back).capacity(-sign)


@given(CURVES, SIGNS, SHARES)
def test_nothing_taken_is_the_curve_itself(curve, sign, share):
    same, size = Taken(curve, 0), part_of(curve, sign, share) * sign
    assert same.quote(size) == curve.quote(size)
    assert same.capacity(sign) == curve.capacity(sign)
    assert same.marginal_price(sign) == curve.marginal_price(sign)
    assert same.modes(sign) == curve.modes(sign)


@given(taken_curves(ON_CHAIN), SHARES)
def test_what_comes_second_pays_what_the_venue_will_charge_then(found, share):
    curve, sign, first = found
    assume(isinstance(curve, (PerpCurve, RageCurve, SkewCurve)))
    there = moved(curve, sign * first)
    second = part_of(Taken(curve, sign * first), sign, share)
    assume(there.minimum(sign) <= second <= there.capacity(sign))
    planned, truth = (c.quote(sign * second) for c in (Taken(curve, sign * first), there))
    slack = doubt(curve, sign) + doubt(there, sign)
    cheaper = (truth.all_in - planned.all_in) * sign
    if isinstance(curve, SkewCurve):
        turn, differ = max(-curve.skew * sign, 0), curve.taker - curve.maker
        beyond = max(first + second - turn, 0)
        shared = curve.price * min(first, turn) * min(second, beyond)
        off = sign * differ * shared // (2 * curve.scale * ONE * ONE)
        assert abs(cheaper - off) <= slack
    else:
        assert abs(cheaper) <= slack


@given(taken_curves(ON_CHAIN), SHARES)
def test_the_way_back_never_costs_more_than_what_is_quoted(found, share):
    curve, sign, first = found
    there, rest = moved(curve, sign * first), Taken(curve, sign * first)
    back = part_of(rest, -sign, share)
    assume(there.minimum(-sign) <= back <= there.capacity(-sign))
    planned, truth = (c.quote(-sign * back) for c in (rest, there))
    slack = doubt(rest, -sign) + doubt(there, -sign)
    assert (planned.all_in - truth.all_in) * -sign >= -slack


@given(taken_curves(ON_CHAIN), SHARES)
def test_what_a_venue_takes_back_it_takes_whether_or_not_the_first_is_mined(found, share):
    curve, sign, first = found
    rest = Taken(curve, sign * first)
    assert rest.capacity(-sign) == curve.capacity(-sign)
    rates = isinstance(curve, SkewCurve) and curve.maker > curve.taker
    back = -sign * part_of(curve, -sign, share)
    if rates:
        assert rest.quote(back).fee >= curve.quote(back).fee
    else:
        assert rest.quote(back) == curve.quote(back)


@given(taken_curves())
def test_capacity_is_what_is_left_and_beyond_it_nothing_is_quoted(found):
    curve, sign, first = found
    rest = Taken(curve, sign * first)
    left = curve.capacity(sign) - first
    assert rest.capacity(sign) == (left if left >= rest.minimum(sign) else 0)
    assert (rest.lot, rest.minimum(sign)) == (curve.lot, curve.minimum(sign))
    assert (rest.venue, rest.market) == (curve.venue, curve.market)
    with pytest.raises(BeyondCapacity):
        rest.quote(sign * (rest.capacity(sign) + curve.lot))
    assume(rest.capacity(sign))
    with pytest.raises(BelowMinimum):
        rest.quote(sign * (rest.minimum(sign) - curve.lot))


@given(taken_curves())
def test_more_than_there_is_cannot_be_taken(found):
    curve, sign, first = found
    with pytest.raises(BeyondCapacity):
        Taken(Taken(curve, sign * first), sign * curve.capacity(sign))


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), SHARES)
def test_the_pieces_cost_what_is_quoted_to_within_the_error_stated(kind, data, share):
    curve, sign, first = data.draw(taken_curves(KINDS[kind]))
    rest = Taken(curve, sign * first)
    for mode in rest.modes(sign):
        size = mode.least + (mode.most - mode.least) * share // PIPS
        size = max(size - size % curve.lot, mode.least)
        exact = rest.quote(sign * size).all_in / ONE
        assert abs(mode.cost(size / ONE) - exact) <= mode.error


@given(taken_curves())
def test_the_modes_are_what_is_left_from_the_minimum_to_the_capacity(found):
    curve, sign, first = found
    rest = Taken(curve, sign * first)
    modes, most = rest.modes(sign), rest.capacity(sign)
    assert bool(modes) == bool(most)
    assert modes is rest.modes(sign * 7)
    assume(modes)
    assert modes[-1].most == most
    assert modes[0].least == -(-rest.minimum(sign) // curve.lot) * curve.lot
    for one, two in itertools.pairwise(modes):
        assert one.most <= two.least <= one.most + curve.lot
    for mode in modes:
        assert all(p.size > 0 for p in mode.pieces)
        assert abs(sum(p.size for p in mode.pieces) * ONE - mode.most) <= 1e-12 * mode.most + 1


@given(taken_curves(ON_CHAIN))
def test_the_next_unit_is_no_cheaper_than_the_first_was(found):
    """But where the skew turns to a lower rate: there the market itself is not convex."""
    curve, sign, first = found
    assume(not (isinstance(curve, SkewCurve) and curve.maker > curve.taker))
    rest = Taken(curve, sign * first)
    was, now = curve.marginal_price(sign), rest.marginal_price(sign)
    assert (now - was) * sign >= -(was >> 40) - 2
    assume(rest.capacity(sign) >= rest.minimum(sign) + curve.lot)
    size = part_of(rest, sign, PIPS)
    worth = rest.quote(sign * size).all_in * ONE
    assert (worth - now * size) * sign >= -doubt(curve, sign) * ONE - (now * size >> 40)


# ------------------------------------------------------------------ the solver


def linear_venues(draw):
    return [
        LinearCurve(
            name,
            price=2_000 * ONE + draw(st.integers(-5, 5)) * ONE,
            depth=draw(st.integers(1_000, 100_000)) * ONE,
            fee_bps=draw(st.integers(0, 10)),
        )
        for name in ("a", "b", "c")
    ]


@given(st.data(), SIGNS, st.integers(ONE, 900 * ONE), st.integers(ONE, 900 * ONE))
def test_two_orders_one_after_the_other_are_routed_as_well_as_one_of_both(data, sign, a, b):
    """Without costs a leg, the best split of less is a part of the best split of more."""
    curves = linear_venues(data.draw)
    first = solve(sign * a, [Offer(c) for c in curves])
    taken = {leg.venue: leg.size for leg in first.legs}
    left = [Taken(c, taken.get(c.venue, 0)) for c in curves]
    second = solve(sign * b, [Offer(c) for c in left])
    both = solve(sign * (a + b), [Offer(c) for c in curves])
    notional = sum(leg.quote.notional for leg in both.legs)
    within = 3 * int(PROVED * notional) + 10
    assert both.certificate.bound <= first.cost + second.cost <= both.cost + within
    assert second.certificate.gap <= PROVED * MICRO_BPS * 10_000 + 1


@given(st.data(), SIGNS, SHARES, SHARES)
def test_the_solver_takes_what_is_left_of_real_curves(data, sign, a, b):
    perp, rage = data.draw(perp_curves()), data.draw(rage_curves())
    synthetix = data.draw(skew_curves())
    first = [(c, part_of(c, sign, min(a, PIPS // 2))) for c in (perp, rage, synthetix)]
    left = [Taken(c, sign * size) for c, size in first]
    most = sum(c.capacity(sign) for c in left)
    size = most * b // PIPS // rage.lot * rage.lot
    assume(size > 10**15)
    route = solve(sign * size, [Offer(c) for c in left])
    assert sum(leg.size for leg in route.legs) == sign * size
    spent = {c.venue: c for c, _ in first}
    before = {c.venue: sign * part for c, part in first}
    for leg in route.legs:
        whole, one = (
            spent[leg.venue].quote(part)
            for part in (before[leg.venue] + leg.size, before[leg.venue])
        )
        assert leg.quote.notional == whole.notional - one.notional


# ------------------------------------------------------------------ states

STATES = st.one_of(
    perp_curves().map(perp_state), rage_curves().map(rage_state), skew_curves().map(skew_state)
)


@dataclass(frozen=True)
class Traded:
    """Any leg will do."""

    venue: str
    size: int


@given(STATES, SIGNS, SHARES, st.integers(1, 10**9))
def test_room_is_what_the_venue_would_give_once_the_trade_is_done(state, sign, share, dollars):
    size = sign * part_of(state.curve, sign, share)
    then = after({state.venue: state}, [Leg(state.venue, size)])[state.venue]
    truth = replace(state, curve=moved(state.curve, size))
    room, true = (s.room(dollars * ONE, sign) for s in (then, truth))
    # It may be more than before: what was sold has lowered the price that a short's margin is of.
    # The venue's capacity by state, to some wei; rounding at each step of a pool.
    assert room <= true + max(true >> 20, 10**13)
    if room:
        then.curve.quote(sign * room)
    other = then.room(dollars * ONE, -sign)
    assert other <= state.room(dollars * ONE, -sign)
    assert other <= truth.room(dollars * ONE, -sign) + 10**13


@given(STATES, SIGNS, SHARES, st.integers(100, 10**7))
def test_what_does_not_depend_on_the_curve_stays(state, sign, share, dollars):
    size = sign * part_of(state.curve, sign, share)
    then = after({state.venue: state}, [Leg(state.venue, size)])[state.venue]
    position, margin = -size, dollars * ONE
    assert then.liquidation_price(margin, position) == state.liquidation_price(margin, position)
    for name in ("venue", "market", "block", "mark_price", "index_price", "delayed", "leg_cost"):
        assert getattr(then, name) == getattr(state, name)
    assert then.at_mark(position, None) == state.at_mark(position, None)


def test_legs_are_taken_where_they_trade_and_again_on_top():
    states = states_of([LinearCurve("a"), LinearCurve("b"), LinearCurve("c")])
    legs = [Leg("a", ONE), Traded("b", -ONE), Leg("elsewhere", ONE), Leg("c", 0)]
    once = after(states, legs)
    assert once["c"] is states["c"]
    assert set(once) == {"a", "b", "c"}
    twice = after(once, [Traded("a", 2 * ONE), Leg("b", ONE)])
    assert twice["a"].curve == Taken(LinearCurve("a"), 3 * ONE)
    assert (twice["b"].curve.bought, twice["b"].curve.sold) == (ONE, ONE)
    assert isinstance(twice["a"], TakenState)
    assert twice["a"].before is states["a"]


def test_what_no_venue_could_fill_is_refused():
    states = states_of([LinearCurve("a", most=ONE)])
    with pytest.raises(BeyondCapacity):
        after(states, [Leg("a", ONE), Leg("a", 1)])


@given(STATES, SIGNS, SHARES, SHARES, st.integers(0, 10**9), st.integers(-2, 2), st.booleans())
def test_a_size_is_taken_where_there_is_room_for_all_of_it(
    state, sign, first, share, dollars, held, later
):
    """Held against what `room` says, whole or to the lot below and above the size."""
    if later:
        leg = Leg(state.venue, sign * part_of(state.curve, sign, first))
        state = after({state.venue: state}, [leg])[state.venue]
    lot = state.curve.lot
    size = max(state.curve.capacity(sign) * share // PIPS // lot * lot, lot)
    margin, position = dollars * ONE, held * size
    room = state.room(margin, sign, position, most=size)
    assert state.takes(margin, sign * size, position) == (room >= size)
    room = state.room(margin, sign, position)
    if room:
        assert state.takes(margin, sign * room, position)
    assert not state.takes(margin, sign * (room + lot), position)
