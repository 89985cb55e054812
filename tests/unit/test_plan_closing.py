"""Plans for orders to close all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import account, no_seat, order, seat
from test_plan_tickets import ALL, CONVERSION, EMPTY, IDS, RICH, SIGNS, TICKETS, three

from ringside.keeper.closing import no_legs
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.errors import NothingToClose, PlanError
from ringside.keeper.plan import plan
from ringside.keeper.routes import is_worse
from ringside.orders import CLOSE_LONGS, CLOSE_SHORTS, Bounds, Conditions
from ringside.units import ONE, USDC

NOW = Moment(10_000, 2_000 * ONE, 9_990, 3_600)
LONG = seat("a", ONE, 10**5 * ONE), no_seat("b"), no_seat("later")
LONG_LATER = no_seat("a"), no_seat("b"), seat("later", ONE, 10**6 * ONE, isolated=True)
BOTH = LONG[0], no_seat("b"), LONG_LATER[2]


@pytest.mark.parametrize("seats", [LONG, LONG_LATER], ids=["at once", "by ticket"])
def test_the_tip_is_in_the_plans_price(seats):
    """The Desk would refuse such a fill, and hand the venue such a ticket with a bound that it
    cannot fill at: a deposit lost."""
    asked = order(CLOSE_LONGS, 0, 100 * USDC, 1_950 * ONE, ALL, TICKETS)
    with pytest.raises(PlanError, match="worse than the order's limit"):
        plan(asked, account(RICH, *seats), three(), IDS)
    found = plan(asked.with_(limit_price=1_700 * ONE), account(RICH, *seats), three(), IDS)
    assert found.tip == 100 * USDC
    assert not is_worse(found.total, found.size, 1_700 * ONE)


def test_each_transaction_pays_by_what_it_closes_of_what_there_is():
    asked = order(CLOSE_LONGS, 0, 100 * USDC, 0, ALL, TICKETS)
    found = plan(asked, account(RICH, *BOTH), three(), IDS)
    assert len(found.transactions) == 2
    assert found.tip == 100 * USDC
    half = plan(asked, account(RICH, *BOTH), three(), IDS, Progress(tip=60 * USDC))
    assert half.tip == 40 * USDC


@pytest.mark.parametrize(
    "conditions",
    [Conditions(interval=100, slice=ONE // 4), Conditions(group=1, group_size=ONE // 4)],
    ids=["slice", "group"],
)
def test_a_position_beyond_the_conditions_is_not_closed(conditions):
    asked = order(CLOSE_LONGS, 0, venues=ALL, conditions=conditions)
    with pytest.raises(PlanError, match=r"a holds 1, and 0.25 may go now"):
        plan(asked, account(RICH, *LONG), three(), IDS, moment=NOW)


def test_what_the_order_has_closed_or_did_not_find_is_left_alone():
    asked = order(CLOSE_LONGS, 0, venues=ALL, tickets=TICKETS)
    found = plan(asked, account(RICH, *BOTH), three(), IDS, Progress(closing=0b100))
    assert [leg.venue for leg in (*found.legs, *found.tickets)] == ["later"]
    with pytest.raises(NothingToClose):
        plan(asked, account(RICH, *LONG), three(), IDS, Progress(closing=0b010))


@pytest.mark.parametrize("size", [CLOSE_LONGS, -ONE])
def test_a_ticket_without_margin_does_not_mind_what_exchanging_margin_loses(size):
    """A stop at the venue is not held up by a pool off par: it exchanges nothing."""
    states = three(conversion=TICKETS.max_loss + 1)
    bounds = Bounds(reduce_only=True)
    asked = order(size, 0, venues=0b100, tickets=TICKETS).with_(bounds=bounds)
    assert plan(asked, account(RICH, *LONG_LATER), states, IDS).tickets
    assert TICKETS.max_loss > CONVERSION


def test_where_there_is_nothing_to_close_no_tip_is_needed():
    asked = order(CLOSE_LONGS, 0, 5 * USDC, venues=ALL)
    with pytest.raises(NothingToClose):
        plan(asked, account(0, *EMPTY), three(), IDS)


def test_where_there_is_nothing_to_close_no_ticket_is_needed():
    """All that may fail have failed, and the venue has closed the position since."""
    asked = order(CLOSE_LONGS, 0, venues=0b100, tickets=replace(TICKETS, most=0))
    with pytest.raises(NothingToClose):
        plan(asked, account(RICH, *EMPTY), three(), IDS)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"positions": {}}, "What the account holds at later cannot be read"),
        ({"pending": {"ETH-USD": ONE}}, "A ticket is pending at later"),
        ({}, "later closes by ticket only, and the order signs none"),
    ],
)
def test_what_cannot_be_reached_is_not_nothing(changes, why):
    seats = no_seat("a"), no_seat("b"), replace(LONG_LATER[2], **changes)
    asked = order(CLOSE_LONGS, 0, venues=ALL)
    with pytest.raises(PlanError, match=why) as refused:
        plan(asked, account(RICH, *seats), three(), IDS)
    assert not isinstance(refused.value, NothingToClose)


def test_all_at_once_is_one_transaction():
    asked = order(CLOSE_LONGS, 0, venues=ALL, tickets=TICKETS).with_(
        bounds=Bounds(all_or_none=True)
    )
    with pytest.raises(PlanError, match="Not all of it can be closed at once"):
        plan(asked, account(RICH, *BOTH), three(), IDS)
    assert len(plan(asked, account(RICH, *LONG), three(), IDS).transactions) == 1
    assert len(plan(asked, account(RICH, *LONG_LATER), three(), IDS).transactions) == 1


@given(SIGNS, st.integers(1, 50), st.integers(1, 50))
def test_closing_all_takes_every_position_whole_and_no_margin(sign, one, other):
    seats = (
        seat("a", -sign * one * ONE, 10**5 * ONE),
        seat("b", sign * ONE, 10**5 * ONE),
        seat("later", -sign * other * ONE, 10**6 * ONE, isolated=True),
    )
    size = CLOSE_SHORTS if sign > 0 else CLOSE_LONGS
    asked = order(size, 0, USDC, venues=ALL, tickets=TICKETS)
    found = plan(asked, account(RICH, *seats), three(), IDS)
    assert [leg.tuple for leg in found.legs] == [(0, sign * one * ONE, 0)]
    assert [leg.tuple for leg in found.tickets] == [(2, sign * other * ONE, 0)]
    assert found.tip == USDC


def test_closing_all_of_nothing_is_refused():
    asked = order(CLOSE_LONGS, 0, venues=ALL)
    with pytest.raises(PlanError, match="no long to close"):
        plan(asked, account(RICH, *EMPTY), three(), IDS)


@given(SIGNS)
def test_a_position_that_its_venue_would_not_close_holds_up_no_other(sign):
    seats = (
        seat("a", -sign * ONE, 10**5 * ONE),
        seat("b", -sign * 10**12 * ONE, 10**18 * ONE),
        seat("later"),
    )
    asked = order(CLOSE_SHORTS if sign > 0 else CLOSE_LONGS, 0, venues=ALL)
    found = plan(asked, account(RICH, *seats), three(), IDS)
    assert [leg.tuple for leg in found.legs] == [(0, sign * ONE, 0)]
    at_once = asked.with_(bounds=Bounds(all_or_none=True))
    with pytest.raises(
        PlanError, match=r"b cannot close its 1E\+12|b cannot close its 1000000000000"
    ):
        plan(at_once, account(RICH, *seats), three(), IDS)


@given(SIGNS)
def test_no_legs_where_there_is_nothing_to_close(sign):
    found = no_legs(order(CLOSE_SHORTS if sign > 0 else CLOSE_LONGS, 0, USDC, venues=ALL))
    assert found.transactions == ((),)
    assert (found.size, found.tip, found.total_price, found.leg_count) == (0, 0, 0, 0)
