"""A trigger holds an order back until the oracle's price is there: stop-loss, take-profit,
stop-entry."""

from decimal import Decimal

import pytest
from stage import ETH, ONE, USDC, reverts

from devnet import feeds, market
from devnet.chain import Chain
from devnet.ringside import GRACE, HEARTBEAT
from ringside.orders import Bounds, Conditions, venue_set

LEAST = Decimal("0.00000001")
"""One unit of the feed."""
HIGH, LOW = Decimal(2_100), Decimal(1_900)
KINDS = {
    "stop-loss of a long": (2, -1, LOW),
    "take-profit of a long": (2, -1, HIGH),
    "stop-loss of a short": (-2, 1, HIGH),
    "take-profit of a short": (-2, 1, LOW),
    "stop-entry of a long": (0, 1, HIGH),
    "stop-entry of a short": (0, -1, LOW),
}
kinds = pytest.mark.parametrize(("held", "side", "trigger"), KINDS.values(), ids=KINDS)


@pytest.fixture
def price(ringside):
    """The oracle says another price; no venue follows."""
    return lambda usd: feeds.move(ringside.w3, ringside.addresses["feeds"], "ETH-USD", Decimal(usd))


@pytest.fixture
def sequencer(ringside):
    """What the sequencer's feed says (zero: up), and since when."""
    chain = Chain(ringside.w3)
    feed = chain.at(feeds.aggregator(), ringside.addresses["sequencer"])
    return lambda answer, since: chain.send(feed, "updateRoundData", 9, answer, since, since)


@pytest.fixture
def stop(ringside, stand_in):
    """An order for the stand-in that waits for a price."""

    def stop(size, trigger=LOW, above=False, nonce=1, **changes):
        price = int(trigger.scaleb(18))
        conditions = Conditions(trigger_price=price, trigger_above=above, **changes)
        allowed = venue_set([stand_in])
        return ringside.order(size=size, nonce=nonce, venues=allowed, conditions=conditions)

    return stop


@pytest.fixture
def since(ringside, stop, price):
    """A stop that is there, and the time of the oracle's round."""
    price(LOW)
    return stop(2 * ETH), ringside.now


def wei(usd):
    return int(usd.scaleb(18))


@kinds
def test_an_order_does_not_fill_one_unit_before_its_trigger(
    ringside, desk, stand_in, stop, price, held, side, trigger
):
    if held:
        ringside.trade(stand_in, held * ETH)
    above = trigger == HIGH
    almost = trigger - LEAST if above else trigger + LEAST
    order = stop(side * ETH, trigger, above)
    with reverts(desk.NotTriggered, price=2_000 * ONE, trigger=wei(trigger)):
        ringside.fill(order, (stand_in, side * ETH, 0))
    price(almost)
    with reverts(desk.NotTriggered, price=wei(almost), trigger=wei(trigger)):
        ringside.fill(order, (stand_in, side * ETH, 0))


@kinds
@pytest.mark.parametrize("beyond", [0, 1, 500])
def test_an_order_fills_at_its_trigger_and_beyond(
    ringside, stand_in, stop, price, held, side, trigger, beyond
):
    if held:
        ringside.trade(stand_in, held * ETH)
    above = trigger == HIGH
    price(trigger + beyond if above else trigger - beyond)
    ringside.fill(stop(side * ETH, trigger, above), (stand_in, side * ETH, 0))
    seat = ringside.seat_at(stand_in, "StandInSeat")
    assert seat.held_() == (held + side) * ETH


@kinds
def test_a_price_far_on_the_wrong_side_triggers_nothing(
    ringside, desk, stand_in, stop, price, held, side, trigger
):
    above = trigger == HIGH
    wrong = Decimal(1_000) if above else Decimal(4_000)
    price(wrong)
    with reverts(desk.NotTriggered, price=wei(wrong), trigger=wei(trigger)):
        ringside.fill(stop(side * ETH, trigger, above), (stand_in, side * ETH, 0))


def test_a_stop_loss_closes_a_long_at_a_real_venue_once_the_market_has_fallen(
    ringside, desk, venue
):
    ringside.trade(venue.id, 2 * ETH, 5_000 * USDC)
    order = ringside.order(
        size=-2 * ETH,
        limit_price=1_850 * ONE,
        bounds=Bounds(reduce_only=True),
        conditions=Conditions(trigger_price=1_900 * ONE),
    )
    with reverts(desk.NotTriggered, price=2_000 * ONE):
        ringside.fill(order, (venue.id, -2 * ETH, 0))
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(1_890))
    ringside.fill(order, (venue.id, -2 * ETH, 0))
    assert venue.size(venue.seat()) == 0


# ----------------------------------------------------------------- which round counts


def test_the_round_may_be_as_old_as_the_heartbeat_and_no_older(ringside, desk, stand_in, since):
    order, updated = since
    ringside.mine_at(updated + HEARTBEAT)
    assert ringside.quote(order, (stand_in, ETH, 0)) == 2_000 * ONE
    ringside.mine_at(updated + HEARTBEAT + 1)
    with reverts(desk.BadOracle, answer=1_900 * 10**8, updatedAt=updated):
        ringside.fill(order, (stand_in, ETH, 0))


def test_a_round_from_before_the_order_may_be_filled_triggers_nothing(
    ringside, desk, stand_in, stop, price
):
    start = ringside.now + 100
    order = stop(ETH, not_before=start)
    ringside.send_at(start - 1)
    price(LOW)
    ringside.mine_at(start)
    with reverts(desk.BadOracle, answer=1_900 * 10**8, updatedAt=start - 1):
        ringside.fill(order, (stand_in, ETH, 0))


def test_a_round_of_the_second_that_the_order_begins_triggers_it(
    ringside, desk, stand_in, stop, price
):
    start = ringside.now + 100
    order = stop(ETH, not_before=start)
    with reverts(desk.NotYet, notBefore=start):
        ringside.fill(order, (stand_in, ETH, 0))
    ringside.send_at(start)
    price(LOW)
    assert ringside.now == start
    ringside.fill(order, (stand_in, ETH, 0))


def test_only_the_latest_round_counts(ringside, desk, stand_in, stop, price):
    price(LOW)
    price(2_000)
    with reverts(desk.NotTriggered, price=2_000 * ONE):
        ringside.fill(stop(ETH), (stand_in, ETH, 0))


# -------------------------------------------------------------------------- sequencer


def test_nothing_triggers_while_the_sequencer_is_down(ringside, desk, stand_in, since, sequencer):
    order, _ = since
    sequencer(1, ringside.now - 10 * GRACE)
    with reverts(desk.SequencerDown):
        ringside.fill(order, (stand_in, ETH, 0))


def test_nothing_triggers_within_the_grace_after_an_outage(
    ringside, desk, stand_in, since, sequencer
):
    order, _ = since
    up = ringside.now
    sequencer(0, up)
    ringside.mine_at(up + GRACE - 1)
    with reverts(desk.SequencerDown):
        ringside.fill(order, (stand_in, ETH, 0))
    ringside.mine_at(up + GRACE)
    ringside.fill(order, (stand_in, ETH, 0))


@pytest.mark.parametrize("ahead", [None, 1_000], ids=["never", "from the future"])
def test_a_sequencer_that_does_not_say_since_when_it_is_up_triggers_nothing(
    ringside, desk, stand_in, since, sequencer, ahead
):
    order, _ = since
    sequencer(0, ringside.now + ahead if ahead else 0)
    with reverts(desk.SequencerDown):
        ringside.fill(order, (stand_in, ETH, 0))


def test_an_order_without_a_trigger_does_not_ask_the_sequencer(ringside, stand_in, sequencer):
    sequencer(1, ringside.now)
    ringside.fill(ringside.order(venues=venue_set([stand_in])), (stand_in, ETH, 0))


# ------------------------------------------------------------------------------ latch


def test_the_first_fill_latches_for_the_rest(ringside, desk, account, stand_in, since, price):
    order, _ = since
    ringside.fill(order, (stand_in, ETH // 2, 0))
    price(2_500)
    ringside.fill(order, (stand_in, ETH // 2, 0))
    ringside.fill(order, (stand_in, ETH, 0))
    assert desk.isSpent(account, order.nonce)


def test_a_latched_order_asks_neither_oracle_nor_sequencer(
    ringside, stand_in, since, price, sequencer
):
    order, updated = since
    ringside.fill(order, (stand_in, ETH, 0))
    sequencer(1, ringside.now)
    ringside.mine_at(updated + 2 * HEARTBEAT)
    ringside.fill(order, (stand_in, ETH, 0))


def test_one_orders_latch_is_not_anothers(ringside, desk, stand_in, stop, since, price):
    order, _ = since
    ringside.fill(order, (stand_in, ETH, 0))
    price(2_000)
    with reverts(desk.NotTriggered, price=2_000 * ONE):
        ringside.fill(stop(2 * ETH, nonce=2), (stand_in, ETH, 0))


def test_a_refused_fill_latches_nothing(ringside, desk, stand_in, since, price):
    order, _ = since
    with reverts(desk.Overfilled):
        ringside.fill(order, (stand_in, 3 * ETH, 0))
    price(2_000)
    with reverts(desk.NotTriggered):
        ringside.fill(order, (stand_in, ETH, 0))


# --------------------------------------------------------------------------- deadline


@pytest.mark.parametrize("latched", [True, False])
def test_no_trigger_outlives_the_deadline(ringside, desk, stand_in, since, latched):
    order, updated = since
    order = order.with_(deadline=updated + 1_000)
    if latched:
        ringside.fill(order, (stand_in, ETH, 0))
    ringside.mine_at(updated + 1_001)
    with reverts(desk.Expired, deadline=updated + 1_000):
        ringside.fill(order, (stand_in, ETH, 0))
