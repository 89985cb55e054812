"""Plans over venues that fill later: tickets, what they cost, and what goes first."""

from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from made_up_accounts import account, no_seat, order, seat, states_of
from made_up_curves import LinearCurve

from ringside.keeper.plan import (
    HeldElsewhere,
    PlanError,
    Progress,
    TooDear,
    TooLittleMargin,
    plan,
)
from ringside.keeper.routes import is_worse, worst_of_ticket
from ringside.orders import CLOSE_LONGS, Tickets
from ringside.routing.problem import SplitError
from ringside.units import ONE, USDC, usdc_to_usd

IDS = {"a": 0, "b": 1, "later": 2}
ALL = 0b111
TICKETS = Tickets(3, 1_000 * USDC, ONE // 100)
SIGNS = st.sampled_from([1, -1])
COST = 4 * ONE
CONVERSION = ONE // 2_000
RICH = 10**6 * USDC
EMPTY = (no_seat("a"), no_seat("b"), no_seat("later"))


def three(sign=1, better=10, **changes):
    """Two venues that fill at once, and a better one that fills later."""
    states = states_of(
        [LinearCurve("a"), LinearCurve("b"), LinearCurve("later", (2_000 - sign * better) * ONE)]
    )
    fields = {
        "delayed": True,
        "leg_cost": COST,
        "conversion": CONVERSION,
        "dearest_fee": ONE // 500,
    }
    states["later"] = replace(states["later"], **{**fields, **changes})
    return states


def sent(found):
    return [[leg.venue for leg in legs] for legs in found.transactions]


def test_a_venue_that_fills_later_is_used_only_if_tickets_are_signed():
    holder = account(RICH, *EMPTY)
    asked = order(20 * ONE, 10**4 * USDC, venues=ALL)
    without = plan(asked, holder, three(), IDS)
    assert without.tickets == ()
    assert {leg.venue for leg in without.legs} == {"a", "b"}
    found = plan(asked.with_(tickets=TICKETS), holder, three(), IDS)
    assert [leg.venue for leg in found.tickets] == ["later"]


@settings(max_examples=150)
@given(
    SIGNS,
    st.integers(1, 400),
    st.integers(0, 10**18),
    st.integers(0, 100),
    st.integers(-20, 60),
    st.integers(0, 90),
    st.sampled_from([ONE, ONE // 2, ONE // 10]),
)
def test_every_transaction_of_a_plan_keeps_to_what_was_signed(
    sign, amount, dust, percent, better, filled, most_delayed
):
    """As the Desk counts, one transaction after the other."""
    states, size = three(sign, better), sign * (amount * ONE + dust)
    limit = (2_000 + sign * percent) * ONE
    asked = order(size, 10**5 * USDC, 3 * USDC, limit, ALL, TICKETS)
    used = abs(size) * filled // 100
    so_far = Progress(used, asked.max_margin * filled // 100, asked.tip * used // abs(size))
    try:
        found = plan(
            *(asked, account(RICH, *EMPTY), states, IDS, so_far), most_delayed=most_delayed
        )
    except (PlanError, SplitError):
        event("refused")
        return
    event(f"planned in {len(found.transactions)}")
    margin, tips = so_far.margin, so_far.tip
    whole = abs(size)
    quotes = {leg.venue: leg.quote for leg in found.route.legs}
    for legs in found.transactions:
        used += sum(abs(leg.size) for leg in legs)
        margin += sum(leg.margin for leg in legs)
        assert margin <= -(-asked.max_margin * used // whole)
        tip = asked.tip * used // whole - tips
        tips += tip
        quote, state = quotes[legs[0].venue], states[legs[0].venue]
        if state.delayed:
            assert len(legs) == 1
            assert abs(legs[0].size) <= whole * most_delayed // ONE
            total = worst_of_ticket(state, quote, legs[0].margin, tip, ONE // 1_000)
            lost = usdc_to_usd(legs[0].margin) * CONVERSION // ONE
            assert sign * (total - quote.all_in) >= COST + lost + usdc_to_usd(tip)
        else:
            total = sum(quotes[leg.venue].all_in for leg in legs) + sign * usdc_to_usd(tip)
            assert not any(
                is_worse(q.all_in, q.size, limit)
                for v, q in quotes.items()
                if v in {leg.venue for leg in legs}
            )
        size_here = sign * sum(abs(leg.size) for leg in legs)
        assert not is_worse(total, size_here, limit)
        assert not is_worse(total, size_here, found.worst_price)
    assert used == whole
    assert tips == asked.tip


def test_the_deposit_keeps_a_small_order_from_being_a_ticket():
    holder = account(RICH, *EMPTY)
    asked = order(ONE // 10, venues=ALL, tickets=TICKETS, margin=1_000 * USDC)
    assert plan(asked, holder, three(), IDS).tickets == ()
    assert plan(asked, holder, three(leg_cost=0, conversion=0), IDS).legs == ()


def test_what_exchanging_the_margin_loses_counts_against_a_ticket():
    """Ten dollars better a unit, and ten thousand of margin of which a hundredth is lost."""
    holder, asked = account(RICH, *EMPTY), order(ONE, 10**4 * USDC, venues=ALL, tickets=TICKETS)
    cheap, dear = three(leg_cost=0, conversion=0), three(leg_cost=0, conversion=ONE // 100)
    assert plan(asked, holder, cheap, IDS).tickets
    assert plan(asked, holder, dear, IDS).tickets == ()


def test_a_ticket_leaves_room_for_the_price_to_move():
    """The limit is met by the venue's price of now, and missed once it moves by the headroom."""
    holder = account(RICH, *EMPTY)
    states = {"later": three()["later"]}
    asked = order(20 * ONE, 10**4 * USDC, venues=0b100, tickets=TICKETS)
    at_once = plan(asked, holder, states, IDS, headroom=0)
    tight = asked.with_(limit_price=at_once.worst_price)
    assert plan(tight, holder, states, IDS, headroom=0).tickets
    with pytest.raises(TooDear, match="worse than the order's limit"):
        plan(tight, holder, states, IDS)


def test_a_pending_ticket_takes_its_venue_out_of_the_plan():
    waiting = seat("later", 0, 10**5 * ONE, pending=ONE, isolated=True)
    holder = account(RICH, no_seat("a"), no_seat("b"), waiting)
    asked = order(20 * ONE, 10**4 * USDC, venues=ALL, tickets=TICKETS)
    assert plan(asked, account(RICH, *EMPTY), three(), IDS).tickets
    assert plan(asked, holder, three(), IDS).tickets == ()
    with pytest.raises(PlanError, match="None of the venues"):
        plan(asked.with_(venues=0b100), holder, three(), IDS)


@pytest.mark.parametrize(
    ("progress", "tickets"),
    [
        (Progress(failures=3), TICKETS),
        (Progress(open=2, failures=1), TICKETS),
        (Progress(), Tickets(0, 1_000 * USDC, ONE)),
        (Progress(), Tickets(3, 1_000 * USDC, CONVERSION - 1)),
        (Progress(), Tickets(3, USDC, ONE)),
        (Progress(cost=996 * USDC + 1), Tickets(3, 1_000 * USDC, ONE)),
    ],
    ids=["all failed", "too many open", "none", "loses too much", "too dear", "too dear by now"],
)
def test_tickets_keep_to_what_was_signed_about_them(progress, tickets):
    asked = order(20 * ONE, 1_000 * 20 * USDC, venues=ALL, tickets=tickets)
    generous = asked.with_(tickets=TICKETS)
    assert plan(generous, account(RICH, *EMPTY), three(), IDS).tickets
    assert plan(asked, account(RICH, *EMPTY), three(), IDS, progress).tickets == ()


def test_what_is_filled_whole_or_not_at_all_is_one_transaction():
    holder = account(RICH, *EMPTY)
    asked = order(20 * ONE, venues=ALL, tickets=TICKETS, all_or_none=True)
    assert sent(plan(asked, holder, three(better=60), IDS)) == [["later"]]
    (legs,) = sent(plan(asked, holder, three(better=-60), IDS))
    assert set(legs) == {"a", "b"}
    half = three(better=60)
    half["later"] = replace(half["later"], curve=replace(half["later"].curve, most=10 * ONE))
    (legs,) = sent(plan(asked, holder, half, IDS))
    assert set(legs) == {"a", "b"}
    with pytest.raises(PlanError, match="whole or not at all"):
        plan(asked, holder, three(), IDS, Progress(used=ONE))


def test_a_part_below_the_least_fill_is_not_planned():
    """Half of it may wait, but a half is less than the order wants at least."""
    holder = account(RICH, *EMPTY)
    asked = order(20 * ONE, venues=ALL, tickets=TICKETS, min_fill=11 * ONE)
    asked = asked.with_(max_margin=10**4 * USDC)
    found = plan(asked, holder, three(), IDS, most_delayed=ONE // 2)
    assert found.tickets == ()
    assert plan(asked, holder, three(), IDS).tickets
    assert len(found.transactions) == 1


def test_best_execution_binds_a_ticket_to_the_best_venue_alone():
    holder = account(RICH, *EMPTY)
    asked = order(20 * ONE, 1_000 * USDC * 20, venues=ALL, tickets=TICKETS, tolerance=1)
    assert plan(asked, holder, three(better=10), IDS).tickets
    assert plan(asked, holder, three(better=2), IDS).tickets == ()


# ------------------------------------------------------------------ what goes first


@given(SIGNS, st.integers(1, 50), st.integers(1, 100))
def test_the_opposite_position_is_closed_before_anything_opens(sign, held, asked_for):
    holder = account(RICH, seat("a", -sign * held * ONE, 10**5 * ONE), *EMPTY[1:])
    cheaper = three()
    cheaper["b"] = replace(cheaper["b"], curve=LinearCurve("b", (2_000 - sign * 50) * ONE))
    found = plan(order(sign * asked_for * ONE, venues=0b11), holder, cheaper, IDS)
    sizes = {leg.venue: abs(leg.size) for leg in found.legs}
    if asked_for <= held:
        assert sizes == {"a": asked_for * ONE}
        assert [leg.margin for leg in found.legs] == [0]
    else:
        assert sizes["a"] >= held * ONE
        assert sum(sizes.values()) == asked_for * ONE


def test_a_position_that_a_ticket_closes_goes_first_and_the_fill_may_open_then():
    short = seat("later", -5 * ONE, 10**5 * ONE, isolated=True)
    holder = account(RICH, no_seat("a"), no_seat("b"), short)
    asked = order(20 * ONE, venues=ALL, tickets=TICKETS)
    found = plan(asked, holder, three(), IDS)
    assert found.closes_by_ticket
    assert [leg.size for leg in found.tickets] == [5 * ONE]
    assert sent(found)[0] == ["later"]
    assert sum(leg.size for leg in found.legs) == 15 * ONE


def test_what_cannot_be_closed_by_this_order_is_named():
    short = seat("later", -5 * ONE, 10**5 * ONE, isolated=True)
    holder = account(RICH, no_seat("a"), no_seat("b"), short)
    none_left = replace(TICKETS, most=0)
    with pytest.raises(HeldElsewhere, match="later holds 5 the other way"):
        plan(order(20 * ONE, venues=ALL, tickets=none_left), holder, three(), IDS)
    # Without tickets, or if it may open against it, the order does not wait for it.
    for terms in ({}, {"tickets": none_left, "open_against": True}):
        found = plan(order(20 * ONE, venues=ALL, **terms), holder, three(), IDS)
        assert sum(leg.size for leg in found.legs) == 20 * ONE


def test_closing_by_ticket_leaves_what_the_venue_asks_for():
    """A position whose margin is all needed gets some along, if the order has any."""

    class Strict(type(three()["later"])):
        def room(self, margin, sign, position=0, open_notional=None, committed=0, most=None):
            return abs(position) if margin >= 106 * ONE else 0

    state = three()["later"]
    strict = Strict(**{name: getattr(state, name) for name in state.__dataclass_fields__})
    holder = account(RICH, no_seat("a"), no_seat("b"), seat("later", ONE, 100 * ONE, isolated=True))
    asked = order(-ONE, 50 * USDC, venues=0b100, tickets=TICKETS, reduce_only=True)
    (leg,) = plan(asked, holder, {"later": strict}, IDS).tickets
    assert 6 * USDC <= leg.margin < 7 * USDC
    with pytest.raises((TooLittleMargin, SplitError)):
        plan(asked.with_(max_margin=0), holder, {"later": strict}, IDS)
    everything = order(CLOSE_LONGS, 0, venues=0b100, tickets=TICKETS)
    with pytest.raises(TooLittleMargin, match="post margin"):
        plan(everything, holder, {"later": strict}, IDS)
