"""From an order, an account and a snapshot to the legs of a fill."""

from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from made_up_accounts import INITIAL, MARK, account, no_seat, order, seat, states_of, unreadable
from made_up_curves import LinearCurve

from ringside.keeper.plan import PlanError, Progress, plan, rooms
from ringside.routing.problem import NotEnoughCapacity, SplitError
from ringside.units import ONE, USDC, usdc_to_usd

SIGNS = st.sampled_from([1, -1])
IDS = {"a": 0, "b": 1}
EVEN = states_of([LinearCurve("a"), LinearCurve("b")])
RICH = 10**6 * USDC
SIZES = st.builds(
    lambda milli, dust: milli * 10**15 + dust, st.integers(1, 60_000), st.integers(0, 9)
)


def least_margin(size, state, backing=0):
    """USDC that the made-up venue asks for a position of `size`, rounded up."""
    exact = abs(size) * state.mark_price // ONE * state.initial_margin_ratio // ONE
    return -(-max(exact - backing, 0) // 10**12)


@st.composite
def venues(draw):
    return states_of(
        LinearCurve(
            name,
            price=2_000 * ONE + draw(st.integers(-5, 5)) * ONE,
            depth=draw(st.integers(1_000, 100_000)) * ONE,
            fee_bps=draw(st.integers(0, 20)),
            most=draw(st.integers(100, 900)) * ONE,
        )
        for name in IDS
    )


@st.composite
def seats(draw, venue):
    kind = draw(st.sampled_from(["none", "flat", "held", "held", "unreadable"]))
    if kind == "none":
        return no_seat(venue)
    if kind == "unreadable":
        return unreadable(venue)
    held = 0 if kind == "flat" else draw(st.integers(-100, 100)) * ONE
    spare = draw(st.integers(0, 50_000)) * ONE
    return seat(venue, held, abs(held) * MARK // ONE * INITIAL // ONE + spare)


def plan_or_reason(*arguments):
    try:
        return plan(*arguments), ""
    except (PlanError, SplitError) as refused:
        return None, str(refused)


@settings(max_examples=200)
@given(st.data(), venues(), SIGNS, SIZES, st.booleans())
def test_a_plan_never_exceeds_what_was_signed(data, states, sign, amount, reduce_only):
    holder = account(data.draw(st.integers(10**3, 10**5)) * USDC, *map(data.draw, map(seats, IDS)))
    asked = order(
        sign * amount,
        margin=data.draw(st.integers(10**3, 10**5)) * USDC,
        tip=data.draw(st.integers(0, 5 * USDC)),
        limit=(2_000 + sign * data.draw(st.integers(-5, 100))) * ONE,
        venues=data.draw(st.sampled_from([0b11, 0b11, 0b01, 0b10])),
        reduce_only=reduce_only,
    )
    part = data.draw(st.integers(0, 100))
    filled = amount * part // 100
    used = asked.max_margin * data.draw(st.integers(0, part)) // 100
    found, why = plan_or_reason(
        asked, holder, states, IDS, Progress(filled, used, asked.tip * filled // amount)
    )
    event("planned" if found else "refused")
    if found is None:
        assert why[0].isupper()
        assert why.endswith(".")
        return
    left = amount - filled
    assert found.size == sum(leg.size for leg in found.legs) == sign * left
    assert found.total * ONE * sign <= asked.limit_price * left * sign
    assert 0 <= found.tip <= asked.tip
    margin = sum(leg.margin for leg in found.legs)
    assert 0 <= margin <= asked.max_margin - used
    assert margin + found.tip <= holder.idle
    for leg in found.legs:
        here = holder.seats[leg.venue]
        assert leg.size * sign > 0
        assert leg.margin >= 0
        assert asked.venues >> leg.venue_id & 1
        assert not here.made or here.pocket is not None
        held = here.positions["ETH-USD"].size if here.made else 0
        if reduce_only:
            assert abs(leg.size) <= max(-held * sign, 0)
        if abs(leg.size) <= -held * sign:
            assert leg.margin == 0
        else:
            backing = here.pocket.backing if here.pocket else 0
            state = states[leg.venue]
            assert leg.margin >= least_margin(held + leg.size, state, backing)


@given(SIGNS, st.integers(1, 100), st.integers(0, 10**6))
def test_the_need_comes_first_and_the_rest_in_proportion_to_notional(sign, amount, more):
    strict = replace(EVEN["b"], initial_margin_ratio=2 * INITIAL)
    states = {"a": EVEN["a"], "b": strict}
    size, spare = sign * amount * ONE, more * USDC
    free = plan(order(size), account(RICH, no_seat("a"), no_seat("b")), states, IDS)
    needs = [least_margin(leg.size, states[leg.venue]) for leg in free.legs]
    asked = order(size, margin=sum(needs) + spare)
    found = plan(asked, account(2 * RICH, no_seat("a"), no_seat("b")), states, IDS)
    for leg, freely in zip(found.legs, free.legs, strict=True):
        assert abs(leg.size - freely.size) < ONE // 10**9
    notionals = [leg.quote.notional for leg in found.route.legs]
    assert [leg.margin for leg in found.legs] == [
        need + spare * notional // sum(notionals)
        for need, notional in zip(needs, notionals, strict=True)
    ]


@given(SIGNS, st.integers(1, 100))
def test_a_leg_that_only_reduces_gets_no_margin(sign, amount):
    size = sign * amount * ONE
    reducing = seat("a", -size, 10**5 * ONE)
    asked = order(size, open_against=True)
    found = plan(asked, account(RICH, reducing, no_seat("b")), EVEN, IDS)
    margins = {leg.venue: leg.margin for leg in found.legs}
    assert margins["a"] == 0
    assert RICH - 2 <= margins["b"] <= RICH


@given(SIGNS, st.integers(1, 100), st.integers(0, 200))
def test_a_reduce_only_order_has_room_for_the_position_only(sign, held, dollars):
    asked = order(sign * ONE, reduce_only=True)
    against, along = seat("a", -sign * held * ONE, 10**6 * ONE), seat("b", sign * held * ONE)
    found = rooms(asked, account(0, against, along), EVEN, dollars * USDC, 10**30)
    assert found == {"a": held * ONE, "b": 0}


@given(SIGNS, st.integers(1, 100), st.integers(0, 99), st.integers(0, 10 * USDC))
def test_what_was_filled_before_is_not_filled_again(sign, amount, percent, tip):
    whole = amount * ONE
    filled = whole * percent // 100
    used = RICH * percent // 100
    asked = order(sign * whole, margin=RICH, tip=tip)
    holder = account(2 * RICH, no_seat("a"), no_seat("b"))
    so_far = Progress(filled, used, tip * filled // whole)
    found = plan(asked, holder, EVEN, IDS, so_far)
    assert found.size == sign * (whole - filled)
    assert RICH - used - 2 <= sum(leg.margin for leg in found.legs) <= RICH - used
    assert found.tip == tip - tip * filled // whole


@given(SIGNS, st.integers(1, 100), st.integers(1, 10 * USDC))
def test_the_total_has_the_tip_in_it_against_the_client(sign, amount, tip):
    asked = order(sign * amount * ONE, tip=tip)
    found = plan(asked, account(RICH, no_seat("a"), no_seat("b")), EVEN, IDS)
    assert found.total == found.route.all_in + sign * usdc_to_usd(tip)
    assert 0 <= (found.total_price * amount - found.total) * sign < amount


def test_venues_that_do_not_answer_or_are_not_allowed_are_left_out():
    half = replace(seat("a"), positions={})
    for silent in (unreadable("a"), half):
        found = plan(order(ONE), account(RICH, silent, no_seat("b")), EVEN, IDS)
        assert [leg.venue for leg in found.legs] == ["b"]
    holder = account(RICH, no_seat("a"), no_seat("b"))
    found = plan(order(ONE, venues=0b01), holder, EVEN, IDS)
    assert [leg.tuple[0] for leg in found.legs] == [0]
    found = plan(order(ONE), holder, {"b": EVEN["b"]}, IDS)
    assert [leg.tuple[0] for leg in found.legs] == [1]


BOTH = (no_seat("a"), no_seat("b"))


@pytest.mark.parametrize(
    ("asked", "holder", "filled", "sentence"),
    [
        (order(ONE), account(RICH, *BOTH), ONE, "Nothing of the order is left to fill."),
        (
            order(ONE, tip=2 * USDC),
            account(1_500_000, *BOTH),
            0,
            "The account has 1.5 USDC idle, less than the tip of 2.",
        ),
        (
            order(ONE),
            account(RICH, unreadable("a"), unreadable("b")),
            0,
            "None of the venues that the order allows can be read.",
        ),
        (
            order(ONE, venues=0b100),
            account(RICH, *BOTH),
            0,
            "None of the venues that the order allows can be read.",
        ),
        (
            order(20 * ONE, margin=2_000 * USDC),
            account(RICH, *BOTH),
            0,
            "The venues ask for 4,000 USDC of margin, and there are 2,000: sign a larger "
            "maxMargin or deposit more.",
        ),
        (
            order(-ONE, limit=3_000 * ONE),
            account(RICH, *BOTH),
            0,
            "is worse than the order's limit of 3000.",
        ),
        (
            order(ONE, limit=2_000 * ONE),
            account(RICH, *BOTH),
            0,
            "is worse than the order's limit of 2000.",
        ),
    ],
)
def test_what_cannot_be_filled_is_refused_in_a_sentence(asked, holder, filled, sentence):
    with pytest.raises(PlanError) as refused:
        plan(asked, holder, EVEN, IDS, Progress(filled))
    assert sentence in str(refused.value)


def test_a_size_beyond_every_room_is_refused_by_the_split():
    holder = account(1_000 * USDC, *BOTH)
    with pytest.raises(NotEnoughCapacity, match="a takes 5 with this margin") as refused:
        plan(order(ONE * 11), holder, EVEN, IDS)
    assert refused.value.binding == {"a": 5 * ONE, "b": 5 * ONE}


def test_a_leg_cost_keeps_a_small_order_at_one_venue():
    holder = account(RICH, *BOTH)
    assert len(plan(order(ONE), holder, EVEN, IDS).legs) == 2
    assert len(plan(order(ONE), holder, EVEN, IDS, leg_cost=ONE).legs) == 1


def test_what_a_venue_charges_per_order_comes_on_top_of_the_keepers_own_cost():
    holder = account(RICH, *BOTH)
    dear = {**EVEN, "b": replace(EVEN["b"], leg_cost=ONE)}
    found = plan(order(ONE), holder, dear, IDS)
    assert [leg.venue for leg in found.legs] == ["a"]
    assert found.route.leg_costs == 0
    found = plan(order(ONE), holder, {"b": dear["b"]}, IDS, leg_cost=ONE // 2)
    assert found.route.leg_costs == ONE * 3 // 2


def test_margin_that_shrinks_on_its_way_buys_less_room():
    holder = account(RICH, *BOTH)
    whole = rooms(order(ONE), holder, EVEN, 1_000 * USDC, 10**30)["a"]
    for conversion, share in ((ONE // 100, 99), (-ONE // 100, 100)):
        state = replace(EVEN["a"], conversion=conversion)
        assert (
            rooms(order(ONE), holder, {"a": state}, 1_000 * USDC, 10**30)["a"]
            == whole * share // 100
        )
    losing = {"a": replace(EVEN["a"], conversion=ONE // 100)}
    needed = plan(order(ONE, margin=1_000 * USDC), holder, losing, {"a": 0})
    assert sum(leg.margin for leg in needed.legs) * 99 // 100 >= least_margin(ONE, EVEN["a"])
