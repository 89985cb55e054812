"""What happens to the keeper, and what it makes of it: every order ends once, whatever was lost."""

import pytest
from house import killed_at, mined_by_hand

from devnet.anvil import rpc
from ringside.orders import Bundle, Mode
from ringside.service.lanes import Fees, Lanes
from ringside.store import book, ledger, outbox
from ringside.store.book import State
from ringside.units import ONE

SIZE = 5 * ONE


PLACES = [
    (book, "move"),
    (outbox, "plan"),
    (outbox, "sign"),
    (outbox, "end"),
    (ledger, "fill"),
    (ledger, "follow"),
    (Lanes, "send"),
    (Lanes, "_broadcast"),
    (Lanes, "_sign"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[1])
def test_killed_at_any_step_the_order_is_filled_once(house, story, place, after):
    key = house.accept(story.order("ETH-USD", SIZE))
    with killed_at(*place, after=after):
        house.turn(3)
    house.restart()
    house.turn(4)
    assert house.entry(key).state is State.FILLED
    assert [fill.size for fill in house.fills()] == [SIZE]
    assert story.desk.functions.isSpent(story.account, house.entry(key).request.nonce).call()


def test_a_reorganisation_unwinds_a_fill_and_it_is_filled_again_once(house, story):
    house.mine(2)
    house.turn()
    mark = rpc(story.w3, "evm_snapshot")
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn(2)
    assert house.entry(key).state is State.FILLED
    rpc(story.w3, "evm_revert", mark)
    house.mine(5)
    turned = house.turn()
    assert turned.unwound == 1
    house.turn(2)
    assert house.states(key) == ["received", "pending", "filled", "working", "pending", "filled"]
    assert [fill.size for fill in house.fills()] == [SIZE]
    held = sum(p.size for seat in story.seats.values() for p in seat.positions.values())
    assert held == SIZE


def test_a_database_that_was_lost_is_rebuilt_from_the_chain(house, story, tmp_path):
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn(2)
    before = house.entry(key), house.fills()
    house.database.close()
    (tmp_path / "keeper.db").unlink()
    house.database.migrate()
    house.restart()
    house.turn()
    after = house.entry(key)
    assert (after.state, after.filled, after.request) == (
        before[0].state,
        before[0].filled,
        before[0].request,
    )
    assert after.signature == before[0].signature
    assert house.fills() == before[1]


@pytest.mark.parametrize("mode", [Mode.ATOMIC, Mode.STEPWISE], ids=lambda mode: mode.name)
def test_a_bundle_that_is_filled_while_nobody_looks_is_known_by_its_steps(house, story, mode):
    """What was in memory of its steps is gone: they are read out of the transaction."""
    legs = story.order("ETH-USD", SIZE), story.order("BTC-USD", -ONE // 10)
    steps = tuple(leg.terms for leg in legs)
    key = house.accept(Bundle(story.account, steps, mode, legs[1].deadline, legs[1].nonce))
    for _ in range(6):
        house.turn()
        house.restart()
    assert house.entry(key).state is State.FILLED
    assert [(fill.order, fill.size) for fill in house.fills()] == [(key, s.size) for s in steps]


def test_what_sticks_is_sent_for_more_under_the_same_nonce(house, story):
    with mined_by_hand(house):
        house.engine.lanes.fees = Fees(priority=1, patience=0.0)
        key = house.accept(story.order("ETH-USD", SIZE))
        house.turn(3)
        with house.database.read() as connection:
            (sent,) = outbox.under_way(connection)
        assert len(sent.attempts) > 1
        fees = [attempt.max_fee for attempt in sent.attempts]
        assert fees == sorted(set(fees))
        house.mine()
    house.turn()
    assert house.entry(key).state is State.FILLED
    assert len(house.fills()) == 1


def test_what_was_sent_is_looked_at_once_a_block(house, story, monkeypatch):
    """And now and then while there is none: what a node forgot is sent again."""
    looked, receipts = [], Lanes._receipts
    monkeypatch.setattr(
        Lanes, "_receipts", lambda self, sent: looked.append(len(sent)) or receipts(self, sent)
    )
    with mined_by_hand(house):
        house.engine.lanes.fees = Fees(priority=1, look=3_600.0)
        key = house.accept(story.order("ETH-USD", SIZE))
        house.turn(5)
        assert looked == [1]
        rpc(story.w3, "anvil_dropAllTransactions")
        house.engine.lanes.fees = Fees(priority=1, look=0.0)
        house.turn(2)
        assert looked == [1, 1, 1]
        house.mine()
    house.turn()
    assert looked == [1, 1, 1, 1]
    assert house.entry(key).state is State.FILLED


def test_what_is_too_late_gives_its_nonce_to_nothing(house, story):
    deadline = story.chain.block()["timestamp"] + 60
    with mined_by_hand(house):
        key = house.accept(story.order("ETH-USD", SIZE, deadline=deadline))
        house.turn()
        rpc(story.w3, "anvil_dropAllTransactions")
        rpc(story.w3, "evm_setNextBlockTimestamp", deadline + 1)
        house.mine()
        house.turn()
        rpc(story.w3, "anvil_mine", hex(1), hex(2))
    house.turn(2)
    assert house.entry(key).state is State.EXPIRED
    with house.database.read() as connection:
        assert not outbox.under_way(connection)
    assert not house.fills()


def test_two_keepers_over_their_own_databases_fill_an_order_once(story, tmp_path):
    from house import House

    houses = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        houses.append(House(story, tmp_path / name))
    order = story.order("ETH-USD", SIZE)
    keys = [house.accept(order) for house in houses]
    for _ in range(3):
        for house in houses:
            house.turn()
    for house, key in zip(houses, keys, strict=True):
        assert house.entry(key).state is State.FILLED
        assert len(house.fills()) == 1
        house.engine.lanes.close()
