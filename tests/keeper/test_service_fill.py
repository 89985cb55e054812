"""What becomes of orders that the house has taken in."""

from decimal import Decimal

import pytest

from ringside.keeper.receipts.document import read
from ringside.orders import Bounds, Bundle, Conditions, Mode
from ringside.store import book
from ringside.store.book import NonceInUse, Received, State
from ringside.units import ONE

SIZE = 5 * ONE


def test_an_order_is_received_pending_and_filled_and_every_step_is_told(house, story):
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn(2)
    assert house.states(key) == ["received", "pending", "filled"]
    assert house.entry(key).filled == SIZE
    assert [fill.size for fill in house.fills()] == [SIZE]


def test_its_receipt_is_kept_under_the_hash_that_the_fill_carries(house, story):
    house.accept(story.order("ETH-USD", SIZE))
    house.turn(2)
    (fill,) = house.fills()
    assert fill.receipt is not None
    written = read(house.engine.receipts.get(fill.receipt))
    assert written.order.size == SIZE


@pytest.mark.parametrize(
    ("percent", "why"), [(50, "no venue is near its limit of 1000"), (100, "worse than the order")]
)
def test_an_order_that_is_too_dear_waits_and_says_so(house, story, percent, why):
    limit = story.price("ETH-USD") * percent // 100
    key = house.accept(story.order("ETH-USD", SIZE, limit_price=limit))
    house.turn()
    entry = house.entry(key)
    assert entry.state is State.WORKING
    assert why in entry.reason
    assert not house.fills()


def test_a_resting_order_makes_no_news_while_nothing_changes(house, story):
    key = house.accept(story.order("ETH-USD", SIZE, limit_price=story.price("ETH-USD") // 2))
    for _ in range(3):
        house.turn()
        house.mine()
    assert house.states(key) == ["received", "working"]
    with house.database.read() as connection:
        assert len([e for e in book.happened(connection, 0) if e.key == key]) == 2


def test_more_orders_than_are_planned_at_once_are_all_filled(house, story, monkeypatch):
    monkeypatch.setattr("ringside.service.engine.AT_ONCE", 2)
    keys = [house.accept(story.order("ETH-USD", ONE)) for _ in range(5)]
    assert house.turn().more
    house.turn(12)
    assert {house.entry(key).state for key in keys} == {State.FILLED}


def test_an_order_waits_for_its_trigger_and_fills_once_it_is_met(house, story):
    price = story.price("ETH-USD")
    trigger = Conditions(trigger_price=price * 101 // 100, trigger_above=True)
    key = house.accept(story.order("ETH-USD", SIZE, conditions=trigger))
    house.turn()
    assert house.entry(key).state is State.WORKING
    story.move("ETH-USD", Decimal(price * 102 // 100) / ONE)
    house.turn(2)
    assert house.entry(key).state is State.FILLED


def test_a_schedule_fills_one_slice_an_interval(house, story):
    slices = Conditions(interval=600, slice=2 * ONE)
    key = house.accept(story.order("ETH-USD", SIZE, conditions=slices))
    house.turn(3)
    assert house.entry(key).filled == 2 * ONE
    assert "the next one opens" in house.entry(key).reason
    story.chain.advance(600)
    house.turn(3)
    assert house.entry(key).filled == 4 * ONE


def test_what_its_owner_cancels_on_the_chain_is_cancelled(house, story):
    order = story.order("ETH-USD", SIZE, limit_price=1)
    key = house.accept(order)
    house.turn()
    story.chain.send(story.desk, "cancel", order.account, order.nonce, role=3)
    house.turn()
    assert house.entry(key).state is State.CANCELLED


def test_a_raised_epoch_cancels_everything_before(house, story):
    keys = [house.accept(story.order("ETH-USD", SIZE, limit_price=1)) for _ in range(2)]
    house.turn()
    story.chain.send(story.desk, "raiseEpoch", story.account, 1, role=3)
    house.turn()
    assert {house.entry(key).state for key in keys} == {State.CANCELLED}


def test_an_order_expires_with_its_deadline(house, story):
    deadline = story.chain.block()["timestamp"] + 100
    key = house.accept(story.order("ETH-USD", SIZE, limit_price=1, deadline=deadline))
    house.turn()
    story.chain.advance(200)
    house.turn()
    assert house.entry(key).state is State.EXPIRED


def test_what_is_filled_in_part_when_it_expires_is_partly_filled(house, story):
    deadline = story.chain.block()["timestamp"] + 500
    slices = Conditions(interval=600, slice=2 * ONE)
    key = house.accept(story.order("ETH-USD", SIZE, conditions=slices, deadline=deadline))
    house.turn(3)
    story.chain.advance(600)
    house.turn()
    entry = house.entry(key)
    assert (entry.state, entry.filled) == (State.PARTLY_FILLED, 2 * ONE)
    assert "2 of 5 filled" in entry.reason


def test_a_second_order_under_a_nonce_that_is_in_use_is_not_taken(house, story):
    order = story.order("ETH-USD", SIZE, limit_price=1)
    house.accept(order)
    other = order.with_(size=2 * SIZE)
    key = other.digest(story.ringside.domain)
    with house.database.write() as connection:
        told = book.accept(connection, [Received(key, other, b"", "api", "", 0.0)])
    assert isinstance(told[key], NonceInUse)


def test_the_same_order_twice_is_one(house, story):
    order = story.order("ETH-USD", SIZE)
    key = house.accept(order)
    house.turn(2)
    with house.database.write() as connection:
        told = book.accept(connection, [Received(key, order, b"", "api", "", 0.0)])
    assert told[key] is State.FILLED
    house.turn(2)
    assert len(house.fills()) == 1


def test_orders_of_one_account_go_one_after_the_other(house, story):
    keys = [house.accept(story.order("ETH-USD", SIZE)) for _ in range(3)]
    house.turn(5)
    assert {house.entry(key).state for key in keys} == {State.FILLED}
    assert len(house.fills()) == 3


def test_what_only_reduces_goes_first(house, story):
    story.trade("perp-v2", "ETH-USD", SIZE, 20_000 * 10**6)
    later = house.accept(story.order("BTC-USD", ONE))
    stop = story.order("ETH-USD", -SIZE, bounds=Bounds(reduce_only=True), max_margin=0)
    first = house.accept(stop)
    house.turn()
    assert house.entry(first).state is State.PENDING
    assert house.entry(later).reason == "another order of the account goes first"


def test_a_stepwise_bundle_is_filled_step_by_step(house, story):
    steps = tuple(story.order("ETH-USD", size).terms for size in (SIZE, 2 * SIZE))
    frame = story.order("ETH-USD", SIZE)
    bundle = Bundle(story.account, steps, Mode.STEPWISE, frame.deadline, frame.nonce)
    key = house.accept(bundle)
    house.turn(5)
    assert house.entry(key).state is State.FILLED
    assert [fill.size for fill in house.fills()] == [SIZE, 2 * SIZE]


def test_an_atomic_bundle_is_filled_at_once(house, story):
    steps = tuple(story.order(name, ONE).terms for name in ("ETH-USD", "BTC-USD"))
    frame = story.order("ETH-USD", SIZE)
    bundle = Bundle(story.account, steps, Mode.ATOMIC, frame.deadline, frame.nonce)
    key = house.accept(bundle)
    house.turn(2)
    assert house.entry(key).state is State.FILLED
    assert len({fill.tx for fill in house.fills()}) == 1


def test_a_fill_that_costs_more_gas_than_its_tip_pays_is_left_and_says_so(house, story):
    house.engine.costs.loss = 0
    key = house.accept(story.order("ETH-USD", SIZE, tip=0))
    house.turn()
    assert "its gas costs" in house.entry(key).reason
    assert not house.fills()


def test_somebody_elses_fill_counts(house, story):
    order = story.order("ETH-USD", SIZE)
    key = house.accept(order)
    story.fill(order)
    house.turn()
    assert house.entry(key).state is State.FILLED
    assert house.turn(2).sent == 0


def test_what_its_owner_withdraws_at_the_house_stays_so_whatever_else_happens(house, story):
    key = house.accept(story.order("ETH-USD", SIZE, limit_price=1))
    house.turn()
    with house.database.write() as connection:
        entry = book.by_key(connection, [key])[key]
        book.move(connection, [book.Move(entry, State.CANCELLED, book.WITHDRAWN)], 0.0)
    story.chain.send(story.desk, "raiseEpoch", story.account, 1, role=3)
    house.turn(2)
    assert (house.entry(key).state, house.entry(key).reason) == (State.CANCELLED, book.WITHDRAWN)
