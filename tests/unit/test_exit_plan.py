"""What an exit plans to do, from what an account has: pure, and always the same."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside.chain.contracts import Refused
from ringside.exit.plan import (
    ANY,
    MOST_COMMITS,
    NOWHERE,
    Choice,
    Kind,
    Past,
    bound,
    left,
    plan,
)
from ringside.exit.reasons import explain
from ringside.exit.state import COIN, RESERVE_LIFE, Seat, Spot, State, Ticket, VenueOrder

ONE = 10**18
USDC = 10**6
NOW = 1_000_000
ETH, BTC = "ETH-USD", "BTC-USD"
PRICES = Choice(prices=True)
SUSD = "0x" + "5d" * 20


def spot(size=0, market=ETH, **changes):
    plain = Spot(market, b"\1" * 32, size, 2_000 * ONE)
    return replace(plain, **changes)


def shared(*spots, venue=0, equity=5_000 * ONE, free=5_000 * ONE, **changes):
    """A venue that fills at once, with one pocket for all."""
    seat = Seat(venue, "perp", "0x" + "11" * 20, False, False, spots or (spot(),), equity, free)
    return replace(seat, **changes)


def apart(*spots, venue=2, **changes):
    """A venue that fills later, with a pocket for each market."""
    return replace(Seat(venue, "later", "0x" + "22" * 20, True, True, spots), **changes)


def pocket(size=0, **changes):
    return spot(
        size, **{"equity": 5_000 * ONE, "free": 5_000 * ONE, "order_known": True, **changes}
    )


def state(*seats, **changes):
    plain = State(b"\7" * 32, "0x" + "07" * 20, 1, NOW, 4, 0, 0, 0, tuple(seats))
    return replace(plain, **changes)


def order(size, age=0):
    return VenueOrder(size, NOW - age, 1, 30)


def ticket(age=0, aside=0):
    return Ticket(3, NOW - age, aside)


def kinds(steps):
    return [step.kind for step in steps]


def refused(kind, venue, market="", name="no"):
    return {(kind, venue, market): Refused(name)}


# -------------------------------------------------------------------------- the order


def test_nothing_to_take_is_nothing_to_do():
    assert plan(state(), Choice()) == ()
    assert plan(state(shared(equity=0, free=0), apart(pocket(equity=0, free=0))), Choice()) == ()


def test_the_epoch_comes_first_and_the_wallet_last():
    steps = plan(state(shared(spot(ONE)), idle=7), Choice())
    assert kinds(steps) == [Kind.EPOCH, Kind.CLOSE, Kind.PULL, Kind.WITHDRAW]
    assert steps[0].amount == 5
    assert steps[-1].amount == 7


def test_the_epoch_is_raised_once_a_run():
    at = state(shared(spot(ONE)))
    assert Kind.EPOCH not in kinds(plan(at, Choice(), Past(epoch_raised=True)))


def test_operators_go_right_after_the_epoch():
    steps = plan(state(shared(spot(ONE)), operators=("0xab",)), Choice())
    assert kinds(steps)[:3] == [Kind.EPOCH, Kind.REVOKE, Kind.CLOSE]


def test_orders_at_later_venues_are_given_before_money_moves():
    steps = plan(state(shared(spot(ONE)), apart(pocket(ONE))), PRICES)
    ready = [step.kind for step in steps if step.ready]
    assert ready == [Kind.EPOCH, Kind.CLOSE, Kind.COMMIT]
    later = [Kind.EXECUTE, Kind.SETTLE, Kind.PULL, Kind.PULL, Kind.WITHDRAW]
    assert [step.kind for step in steps if not step.ready] == later


SIZES = st.integers(-(10**24), 10**24)
SPOTS = st.builds(
    spot,
    st.none() | SIZES,
    market=st.sampled_from([ETH, BTC]),
    price=st.none() | st.integers(1, 10**24),
    equity=st.none() | st.integers(-(10**24), 10**24),
    free=st.none() | st.integers(0, 10**24),
    ticket=st.none() | st.builds(ticket, st.integers(0, 10**6), st.integers(0, 10**9)),
    order=st.none() | st.builds(order, SIZES.filter(bool), st.integers(0, 100)),
    order_known=st.booleans(),
    flagged=st.booleans(),
)
SEATS = st.builds(
    lambda spots, later, venue, equity, free, resting: Seat(
        *(venue, "a venue", "0x" + "11" * 20, later, later, tuple(spots), equity, free),
        resting=tuple((COIN, amount) for amount in resting),
    ),
    st.lists(SPOTS, min_size=1, max_size=2, unique_by=lambda s: s.market),
    st.booleans(),
    st.integers(0, 3),
    st.none() | st.integers(-(10**24), 10**24),
    st.none() | st.integers(0, 10**24),
    st.lists(st.integers(1, 10**24), max_size=1),
)
STATES = st.builds(
    lambda seats, idle: state(*seats, idle=idle),
    st.lists(SEATS, max_size=3, unique_by=lambda s: s.venue),
    st.integers(0, 10**12),
)
CHOICES = st.builds(
    Choice,
    slippage=st.integers(0, ONE),
    any_price=st.booleans(),
    in_kind=st.booleans(),
    strip=st.booleans(),
    prices=st.booleans(),
)


@given(STATES, CHOICES)
def test_whatever_the_account_has_the_epoch_is_first_and_withdrawing_last(at, choice):
    steps = plan(at, choice)
    if steps:
        assert steps[0].kind is Kind.EPOCH
        assert Kind.EPOCH not in kinds(steps[1:])
        assert Kind.WITHDRAW not in kinds(steps[:-1])


@given(STATES, CHOICES)
def test_a_run_in_which_all_is_refused_ends(at, choice):
    """Whatever is ready is refused, one after the other: the plan runs out of ready steps."""
    past = Past(epoch_raised=True)
    for _ in range(60):
        step = next((s for s in plan(at, choice, past) if s.ready), None)
        if step is None:
            return
        past = replace(past, refused={**past.refused, step.key: Refused("no")})
    pytest.fail("the same steps again and again")


@given(STATES, CHOICES)
def test_what_is_left_is_told_of_every_position(at, choice):
    """When nothing was done at all, every position and every ticket is in the report."""
    found = [thing.where for thing in left(at, choice, Past())]
    for seat in at.seats:
        for one in seat.spots:
            named = found.count(f"{seat.name} {one.market}")
            assert named >= (one.size != 0) + (one.ticket is not None)


@given(STATES, CHOICES)
def test_no_step_repeats(at, choice):
    keys = [step.key for step in plan(at, choice) if step.ready]
    assert len(keys) == len(set(keys))


# ---------------------------------------------------------------------------- closing


def test_a_long_is_closed_for_at_least_and_a_short_for_at_most():
    longs = plan(state(shared(spot(ONE))), Choice())[1]
    shorts = plan(state(shared(spot(-ONE))), Choice())[1]
    assert (longs.amount, longs.limit) == (ONE, 1_800 * ONE)
    assert (shorts.amount, shorts.limit) == (-ONE, 2_200 * ONE)


@given(SIZES.filter(bool), st.integers(1, 10**30), st.integers(0, ONE))
def test_the_limit_is_never_better_than_the_oracles_price(size, price, slippage):
    limit = bound(size, price, Choice(slippage=slippage))
    assert limit <= price if size > 0 else limit >= price


def test_at_any_price_there_is_no_limit():
    assert bound(ONE, None, Choice(any_price=True)) == 0
    assert bound(-ONE, None, Choice(any_price=True)) == ANY


def test_without_any_price_nothing_is_closed_and_that_is_said():
    at = state(shared(spot(ONE, price=None)))
    assert plan(at, Choice()) == ()
    (found,) = (x for x in left(at, Choice(), Past()) if x.where == "perp ETH-USD")
    assert "--at-any-price" in found.remedy
    assert Kind.CLOSE in kinds(plan(at, Choice(any_price=True)))


def test_a_position_that_nobody_can_read_is_said():
    at = state(shared(spot(None), equity=None, free=None))
    assert "cannot be read" in left(at, Choice(), Past())[0].what


# ---------------------------------------------------------------------------- tickets


def test_a_ticket_that_the_venue_has_resolved_is_settled_before_anything_is_ordered():
    steps = plan(state(apart(pocket(ONE, ticket=ticket()))), PRICES)
    ready = [step.kind for step in steps if step.ready]
    assert ready == [Kind.EPOCH, Kind.SETTLE]
    assert Kind.COMMIT in kinds(steps)


@pytest.mark.parametrize("age", [0, 29, 30])
def test_a_pending_ticket_that_opens_is_waited_for(age):
    steps = plan(state(apart(pocket(ticket=ticket(age), order=order(ONE, age)))), PRICES)
    expire = steps[1]
    assert (expire.kind, expire.ready, expire.until) == (Kind.EXPIRE, False, NOW - age + 31)
    assert f"{31 - age} s" in expire.reason


def test_when_its_time_has_passed_it_is_dropped():
    steps = plan(state(apart(pocket(ticket=ticket(31), order=order(ONE, 31)))), PRICES)
    assert steps[1].kind is Kind.EXPIRE
    assert steps[1].ready


def test_an_order_that_closes_is_executed_as_soon_as_a_price_counts():
    at = state(apart(pocket(ONE, ticket=ticket(), order=order(-ONE))))
    steps = plan(at, PRICES)
    assert (steps[1].kind, steps[1].ready, steps[1].until) == (Kind.EXECUTE, False, NOW + 2)
    assert Kind.COMMIT not in kinds(steps)
    assert plan(replace(at, now=NOW + 2), PRICES)[1].ready


def test_the_rest_of_a_position_that_an_order_closes_in_part_is_ordered_next():
    at = state(apart(pocket(3 * ONE, ticket=ticket(2), order=order(-ONE, 2))))
    commit = next(step for step in plan(at, PRICES) if step.kind is Kind.COMMIT)
    assert (commit.amount, commit.ready) == (2 * ONE, False)


@pytest.mark.parametrize("size", [-2 * ONE, ONE])
def test_an_order_that_flips_or_adds_is_not_executed(size):
    at = state(apart(pocket(ONE, ticket=ticket(2), order=order(size, 2))))
    first = plan(at, PRICES)[1]
    assert (first.kind, first.ready) == (Kind.EXPIRE, False)


def test_without_a_price_an_order_waits_for_somebody_else():
    at = state(apart(pocket(ONE, ticket=ticket(2), order=order(-ONE, 2))))
    assert plan(at, Choice())[1].kind is Kind.EXPIRE


def test_an_order_that_the_seat_cannot_drop_is_dropped_as_a_stranger():
    at = state(apart(pocket(ticket=ticket(31), order=order(ONE, 31))))
    past = Past(refused=refused(Kind.EXPIRE, 2, ETH))
    assert kinds(plan(at, PRICES, past))[:3] == [Kind.EPOCH, Kind.CANCEL, Kind.SETTLE]


def test_orders_that_fail_are_not_given_for_ever():
    at = state(apart(pocket(ONE)))
    past = Past(commits={(2, ETH): MOST_COMMITS})
    assert Kind.COMMIT not in kinds(plan(at, PRICES, past))


def test_a_flagged_position_is_left_alone_and_named():
    at = state(apart(pocket(ONE, flagged=True)))
    assert plan(at, PRICES) == ()
    assert "flagged" in left(at, PRICES, Past())[0].why


def test_what_is_set_aside_is_taken_back_after_a_day_if_nothing_else_works():
    at = state(apart(pocket(order_known=False, ticket=ticket(RESERVE_LIFE, 5))), reserved=5)
    past = Past(refused=refused(Kind.SETTLE, 2, ETH) | refused(Kind.EXPIRE, 2, ETH))
    assert Kind.RECLAIM not in kinds(plan(at, PRICES))
    assert Kind.RECLAIM in kinds(plan(at, PRICES, past))
    early = replace(at, now=NOW - 1)
    assert Kind.RECLAIM not in kinds(plan(early, PRICES, past))
    told = next(x for x in left(early, PRICES, past) if x.where == "the vault")
    assert "in 1 s" in told.why


# ------------------------------------------------------------------------------ money


def test_margin_is_pulled_when_its_pocket_is_flat():
    at = state(shared(spot(), spot(market=BTC)), apart(pocket(), pocket(market=BTC)))
    pulls = [step for step in plan(at, Choice()) if step.kind is Kind.PULL]
    assert [(step.venue, step.market) for step in pulls] == [(0, ETH), (2, ETH), (2, BTC)]
    assert all(step.ready for step in pulls)
    assert pulls[0].amount == 5_000 * USDC


def test_margin_under_a_position_that_stays_is_left_with_it():
    at = state(shared(spot(ONE)))
    past = Past(True, refused(Kind.CLOSE, 0, ETH, "CH_MNO"))
    assert plan(at, Choice(), past) == ()
    told = [x for x in left(at, Choice(), past) if x.where == "perp"]
    assert "--strip" in told[0].remedy
    assert kinds(plan(at, Choice(strip=True), past)) == [Kind.PULL, Kind.WITHDRAW]


def test_dust_keeps_no_margin_back():
    at = state(shared(spot(10**12)))
    past = Past(True, refused(Kind.CLOSE, 0, ETH, "LowNotionalValue"))
    assert Kind.PULL in kinds(plan(at, Choice(), past))


def test_an_isolated_pocket_is_not_held_back_by_another():
    at = state(apart(pocket(ONE), pocket(market=BTC)))
    past = Past(True, refused(Kind.COMMIT, 2, ETH))
    pulls = [step.market for step in plan(at, PRICES, past) if step.kind is Kind.PULL]
    assert pulls == [BTC]


def test_in_kind_comes_after_the_pool_has_refused_and_only_if_wished():
    at = state(apart(pocket()))
    past = Past(True, refused(Kind.PULL, 2, ETH, "PaidShort"))
    assert plan(at, Choice(), past) == ()
    assert "--in-kind" in left(at, Choice(), past)[0].remedy
    wished = plan(at, Choice(in_kind=True), past)
    assert kinds(wished) == [Kind.PULL_IN_KIND, Kind.WITHDRAW]
    assert Kind.PULL_IN_KIND not in kinds(plan(at, Choice(in_kind=True)))


def test_what_cannot_be_valued_is_pulled_all_the_same():
    at = state(shared(equity=None, free=None))
    assert Kind.PULL in kinds(plan(at, Choice()))


def test_gifts_are_swept_even_where_a_position_stays():
    at = state(shared(spot(ONE), resting=((COIN, 3), (SUSD, 4))))
    past = Past(True, refused(Kind.CLOSE, 0, ETH))
    steps = plan(at, Choice(), past)
    assert [(step.kind, step.market) for step in steps] == [(Kind.SWEEP, COIN), (Kind.SWEEP, SUSD)]


def test_less_than_a_unit_is_nothing():
    assert plan(state(shared(equity=10**12 - 1, free=10**12 - 1)), Choice()) == ()


# --------------------------------------------------------------------------- refusals


def test_one_venues_refusal_stops_no_other():
    at = state(shared(spot(ONE)), shared(spot(ONE), venue=1))
    past = Past(True, refused(Kind.CLOSE, 0, ETH))
    closes = [step.venue for step in plan(at, Choice(), past) if step.kind is Kind.CLOSE]
    assert closes == [1]


def test_what_time_may_cure_is_planned_for_then():
    at = state(shared(spot(ONE)))
    no = refused(Kind.CLOSE, 0, ETH, "EX_OPLAS")
    past = Past(True, no, dict.fromkeys(no, NOW + 16))
    close = plan(at, Choice(), past)[0]
    assert (close.kind, close.ready, close.until) == (Kind.CLOSE, False, NOW + 16)
    assert plan(replace(at, now=NOW + 16), Choice(), past)[0].ready


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("EX_OPB", "price band"),
        ("EX_OPLAS", "tick limit"),
        ("CH_NEFCM", "maintenance margin"),
        ("CH_MNO", "paused"),
        ("Pausable: paused", "paused"),
        ("LowNotionalValue", "smallest order"),
        ("Position flagged", "flagged"),
        ("Pending order exists", "pending"),
        ("Invalid price", "stale"),
        ("Synthetix is suspended. Operation prohibited", "suspended"),
        ("PaidShort", "USDC"),
    ],
)
def test_a_venues_refusal_is_put_into_words_with_a_remedy(name, says):
    found = explain(Refused(name))
    assert says in found.why
    assert name in found.why
    assert found.remedy


def test_a_refusal_that_nobody_knows_is_told_as_it_is():
    assert "“odd(#1=7)”" in explain(Refused("odd", {"#1": 7})).why


def test_money_that_cannot_be_withdrawn_is_told():
    at = state(idle=5 * USDC)
    past = Past(True, {(Kind.WITHDRAW, NOWHERE, ""): Refused("NotOwner")})
    assert plan(at, Choice(), past) == ()
    assert left(at, Choice(), past)[0].what == "5 USDC idle"
