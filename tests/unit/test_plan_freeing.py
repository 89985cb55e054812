"""What closing frees is what opening may use, and what an account is after a plan."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import MARK, account, no_seat, order, seat, states_of
from made_up_curves import LinearCurve

from ringside.chain.multicall import Block
from ringside.chain.views import Position
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.decide import Settings, View, decide
from ringside.keeper.freeing import after, freeable
from ringside.keeper.margins import room_of
from ringside.keeper.plan import PlanError, plan
from ringside.orders import Bundle, Mode
from ringside.routing.problem import SplitError
from ringside.units import ONE, USDC, usdc_to_usd
from ringside.venues import Snapshot

SIGNS = st.sampled_from([1, -1])
IDS = {"a": 0, "b": 1}
STATES = states_of([LinearCurve("a"), LinearCurve("b")])
MOMENT = Moment(1_000, MARK, 990, 86_400)
SIZES = st.integers(1, 100).map(lambda n: n * ONE)
BACKING = 50_000


class Seen(Snapshot):
    """A snapshot of these states."""

    def of(self, market):
        return STATES


def holder(sign, held, idle=0):
    """All of the account's money at `a`, behind a position of `sign`."""
    return account(idle, seat("a", sign * held, BACKING * ONE), no_seat("b"))


def decided(request, whose, **settings):
    seen = Seen(Block(7, "0x" + "07" * 32, 1_000), {}, {}, {})
    steps = range(len(request.steps)) if isinstance(request, Bundle) else [None]
    views = [View(seen, "ETH-USD", whose, b"", Progress(), MOMENT, step) for step in steps]
    return decide(request, views, IDS, Settings(**settings))


def flip(sign, held, margin, mode=Mode.ATOMIC):
    """Out at `a`, and in at `b` the other way."""
    out = order(-sign * held, 0, venues=0b01)
    enter = order(-sign * held, margin, venues=0b10)
    return Bundle(out.account, (out.terms, enter.terms), mode, out.deadline, out.nonce)


def margins(plans):
    return [leg.margin for chosen in plans for leg in chosen.legs]


@given(SIGNS, SIZES, st.integers(0, 10**6), st.integers(21_000, 40_000))
def test_a_later_step_takes_what_an_earlier_one_frees_and_no_more(sign, held, idle, signed):
    plans = decided(flip(sign, held, signed * USDC), holder(sign, held, idle))
    assert margins(plans) == [-(signed * USDC - idle), signed * USDC]


@given(SIGNS, SIZES, st.integers(21_000, 40_000), st.integers(0, 10**12))
def test_nothing_is_freed_where_what_is_idle_will_do(sign, held, signed, more):
    whose = holder(sign, held, signed * USDC + more)
    assert margins(decided(flip(sign, held, signed * USDC), whose)) == [0, signed * USDC]


@given(SIGNS, SIZES, st.integers(0, 100))
def test_no_more_is_freed_than_is_left_after_the_close_and_a_move_of_the_price(sign, held, bps):
    headroom = bps * ONE // 10_000
    plans = decided(flip(sign, held, 10**9 * USDC), holder(sign, held), headroom=headroom)
    freed, taken = margins(plans)
    assert taken == -freed > 0
    (leg,) = plans[0].route.legs
    lost = abs(held * MARK // ONE - leg.quote.all_in)
    least = BACKING * ONE - lost - leg.quote.notional * headroom // ONE
    assert least - 3 * 10**12 <= usdc_to_usd(taken) <= least


def test_a_step_that_frees_nothing_stops_the_bundle():
    """What is left there after the close is held by another market."""
    whose = holder(1, ONE)
    other = {**whose.seats["a"].positions, "BTC-USD": Position(ONE, 0, MARK, MARK, 0)}
    seats = {**whose.seats, "a": replace(whose.seats["a"], positions=other)}
    with pytest.raises((PlanError, SplitError)):
        decided(flip(1, ONE, 10_000 * USDC), replace(whose, seats=seats))


@given(SIGNS, SIZES, st.integers(1, ONE))
def test_a_seat_that_still_holds_some_frees_nothing(sign, held, left):
    here = seat("a", sign * held, BACKING * ONE)
    curve = STATES["a"].curve
    assert freeable(here, STATES["a"], curve.quote(-sign * held), 0) > 0
    assert freeable(here, STATES["a"], curve.quote(-sign * (held + left)), 0) == 0
    if held > left:
        assert freeable(here, STATES["a"], curve.quote(-sign * (held - left)), 0) == 0


def test_a_seat_that_a_later_step_trades_at_keeps_its_margin():
    """Three steps: out at `a`, in again there with what it has, and in at `b`, for which nothing is
    left."""
    bundle = flip(1, 10 * ONE, 10_000 * USDC)
    again = order(10 * ONE, 0, venues=0b01).terms
    bundle = replace(bundle, steps=(bundle.steps[0], again, bundle.steps[1]))
    with pytest.raises((PlanError, SplitError)):
        decided(bundle, holder(1, 10 * ONE))


@given(SIGNS, SIZES, SIZES, st.integers(21_000, 40_000))
def test_one_order_frees_where_it_closes_for_what_it_opens_elsewhere(sign, held, more, signed):
    """There is more room at `b`: `a` is at its limit."""
    full = states_of([LinearCurve("a", most=held), LinearCurve("b")])
    whose = holder(sign, held)
    asked = order(-sign * (held + more), signed * USDC)
    found = plan(asked, whose, full, IDS)
    out, enter = found.legs
    assert out.tuple == (0, -sign * held, -enter.margin)
    assert enter.tuple == (1, -sign * more, signed * USDC)


@given(SIGNS, SIZES, SIZES)
def test_one_order_frees_nothing_where_there_is_room_without(sign, held, more):
    found = plan(order(-sign * (held + more), 10**5 * USDC), holder(sign, held, RICH), STATES, IDS)
    assert all(leg.margin >= 0 for leg in found.legs)


RICH = 10**6 * USDC


# ------------------------------------------------------------------ afterwards


@given(SIGNS, SIZES, st.integers(0, RICH))
def test_after_a_plan_all_money_is_where_it_was_moved(sign, held, idle):
    whose = holder(sign, held, idle)
    (closing, entering) = decided(flip(sign, held, 30_000 * USDC), whose)
    now = after(after(whose, closing, STATES), entering, STATES)
    assert {v: at.positions["ETH-USD"].size for v, at in now.seats.items()} == {
        "a": 0,
        "b": -sign * held,
    }
    before = usdc_to_usd(whose.idle) + whose.seats["a"].pocket.equity
    left = usdc_to_usd(now.idle) + sum(at.pocket.equity for at in now.seats.values())
    quotes = [leg.quote for one in (closing, entering) for leg in one.route.legs]
    lost = sum(abs(q.all_in - MARK * abs(q.size) // ONE) for q in quotes)
    assert left == before - lost
    empty = now.seats["a"].pocket
    assert empty.backing == empty.free == empty.equity


@given(SIGNS, SIZES, SIZES)
def test_after_a_plan_a_venue_has_the_room_that_is_left(sign, held, more):
    """As it would be read: what was committed to other markets is, and no more."""
    whose = holder(sign, held, RICH)
    found = plan(order(sign * more, 30_000 * USDC, venues=0b01), whose, STATES, IDS)
    now = after(whose, found, STATES)
    at = now.seats["a"]
    (leg,) = found.route.legs
    lost = abs(leg.quote.all_in - MARK * more // ONE)
    backing = BACKING * ONE + usdc_to_usd(found.legs[0].margin) - lost
    read = seat("a", sign * (held + more), backing)
    assert abs(at.pocket.backing - read.pocket.backing) <= 1
    assert abs(at.pocket.free - read.pocket.free) <= 2
    rooms = [room_of(s, STATES["a"], -sign, 0) for s in (at, read)]
    assert abs(rooms[0] - rooms[1]) <= 10**4
