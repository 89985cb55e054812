"""An order is in the state that its owner and the chain put it into, whatever came in between."""

import time

import pytest

from devnet.anvil import rpc
from ringside.keeper.receipts import events
from ringside.keeper.receipts.store import NO_RECEIPT
from ringside.orders import Conditions
from ringside.service.keys import LocalSigner
from ringside.service.lanes import Lanes
from ringside.service.settling import Settling
from ringside.service.watcher import Watcher
from ringside.store import book
from ringside.store.book import WITHDRAWN, State
from ringside.units import ONE

from house import key_of, killed_at  # isort: skip

SIZE = 5 * ONE
SLICES = Conditions(interval=600, slice=ONE)


def withdraw(house, key):
    """As the API does it."""
    with house.database.write() as connection:
        now = book.by_key(connection, [key])[key]
        assert now.state in (State.RECEIVED, State.WORKING)
        book.withdraw(connection, now, time.time())


@pytest.fixture
def waiting(house, story):
    """An order that its price keeps from being filled."""
    key = house.accept(story.order("ETH-USD", SIZE, limit_price=story.price("ETH-USD") // 2))
    house.turn()
    assert house.entry(key).state is State.WORKING
    return key


@pytest.fixture
def unwinds(house, story):
    """Takes the chain back to where it was, and further by other blocks."""
    house.mine(2)
    house.turn()
    mark = rpc(story.w3, "evm_snapshot")

    def unwind():
        rpc(story.w3, "evm_revert", mark)
        house.mine(5)
        house.turn(3)

    return unwind


def test_what_an_owner_took_back_stays_so_though_the_chain_unwinds_its_fill(house, story, unwinds):
    key = house.accept(story.order("ETH-USD", SIZE, conditions=SLICES))
    house.turn(3)
    assert house.entry(key).filled == ONE
    withdraw(house, key)
    assert house.entry(key).state is State.PARTLY_FILLED
    unwinds()
    rpc(story.w3, "anvil_mine", hex(2), hex(1_200))
    house.turn(3)
    # The transaction that was sent before is mined anew, and nothing after it.
    entry = house.entry(key)
    assert (entry.state, entry.reason, entry.filled) == (State.PARTLY_FILLED, WITHDRAWN, ONE)
    assert [fill.size for fill in house.fills()] == [ONE]


def test_what_an_owner_takes_back_while_the_chain_is_asked_stays_so(house, waiting, monkeypatch):
    asked, turn = Settling._facts, Watcher.turn

    def slow(self, *args):
        found = asked(self, *args)
        withdraw(house, waiting)
        return found

    def touched(self):
        seen = turn(self)
        seen.orders.add(waiting)
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(Settling, "_facts", slow)
        patched.setattr(Watcher, "turn", touched)
        house.turn()
    house.turn(2)
    assert (house.entry(waiting).state, house.entry(waiting).reason) == (State.CANCELLED, WITHDRAWN)


@pytest.mark.parametrize("name", ["cancel", "raiseEpoch"])
def test_a_cancellation_that_the_chain_unwinds_did_not_happen(house, story, unwinds, waiting, name):
    number = house.entry(waiting).request.nonce if name == "cancel" else 1
    story.chain.send(story.desk, name, story.account, number, role=3)
    house.turn()
    assert house.entry(waiting).state is State.CANCELLED
    unwinds()
    assert house.entry(waiting).state is State.WORKING


@pytest.mark.parametrize("place", [(Lanes, "confirm"), (Watcher, "turn")], ids=lambda p: p[1])
def test_what_was_learnt_by_a_turn_that_failed_is_not_forgotten(house, story, monkeypatch, place):
    """The events are stored, and the state that follows from them was not."""
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn()
    owner, name = place
    step = getattr(owner, name)

    def failing(*args):
        step(*args)
        raise ConnectionError("the node is gone")

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing)
        with pytest.raises(ConnectionError):
            house.turn()
    house.turn()
    assert house.entry(key).state is State.FILLED


def test_a_process_killed_right_after_it_booked_what_was_mined_knows_it_later(
    house, story, monkeypatch
):
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn()
    with killed_at(Lanes, "confirm", after=True):
        house.turn()
    house.restart()
    house.turn(2)
    assert house.entry(key).state is State.FILLED


def test_blocks_that_do_not_follow_the_last_one_read_are_not_taken(house, story, monkeypatch):
    """The chain changes between the look at the cursor and the reading of what comes after it."""
    key = house.accept(story.order("ETH-USD", SIZE))
    mark = rpc(story.w3, "evm_snapshot")
    house.turn(2)
    assert house.entry(key).state is State.FILLED
    looked = Watcher._is_on_chain

    def then_unwound(self, known):
        found = looked(self, known)
        if not done:
            done.append(True)
            rpc(story.w3, "evm_revert", mark)
            house.mine(6)
        return found

    done = []
    house.mine()
    with monkeypatch.context() as patched:
        patched.setattr(Watcher, "_is_on_chain", then_unwound)
        house.turn()
    assert done
    house.turn(3)
    assert "working" in house.states(key), "the fill that is no more was never unwound"
    assert [fill.size for fill in house.fills()] == [SIZE]


def test_what_was_planned_for_a_key_that_is_gone_is_planned_anew(house, story, monkeypatch):
    """Whoever led died before it signed, and whoever leads now signs with other keys."""
    key = house.accept(story.order("ETH-USD", SIZE))

    with killed_at(Lanes, "carry"):
        house.turn()
    house.restart()
    house.engine.lanes.close()
    signers = [LocalSigner(key_of(7))]
    house.engine.lanes = Lanes(house.database, story.w3, signers, house.fees)
    house.turn(3)
    assert house.entry(key).state is State.FILLED
    assert [fill.size for fill in house.fills()] == [SIZE]


def test_two_that_lead_for_a_moment_send_one_transaction_for_an_order(house, story, monkeypatch):
    key = house.accept(story.order("ETH-USD", SIZE))
    other, booked = house._engine(), type(house.engine)._book

    def quicker(self, proposals):
        monkeypatch.setattr(type(house.engine), "_book", booked)
        other.turn()
        booked(self, proposals)

    monkeypatch.setattr(type(house.engine), "_book", quicker)
    house.turn(2)
    other.lanes.close()
    assert house.entry(key).state is State.FILLED
    with house.database.read() as connection:
        made = connection.exec_driver_sql("SELECT count(*) FROM transactions").scalar()
    assert made == 1


def test_what_the_desk_was_called_with_in_vain_is_no_order(house, story, monkeypatch):
    """A stranger's contract tries an order that nobody signed, then one under a wrong signature,
    which it fills under the right one: a node's trace shows all three calls."""
    forged, real, legs = story.order("ETH-USD", SIZE), story.order("ETH-USD", SIZE), [(1, SIZE, 1)]

    def called(order, signature):
        data = story.desk.encode_abi("fill", [order.tuple, signature, legs, NO_RECEIPT])
        return bytes.fromhex(data[2:])

    wrong, right = b"\1" * 65, story.sign(real)
    told = [called(forged, wrong), called(real, wrong), called(real, right)]
    monkeypatch.setattr(events, "_inputs", lambda *_: iter(told))
    story.fill(real)
    house.turn()
    with house.database.read() as connection:
        known = book.of_account(connection, story.account)
    assert [(entry.request, entry.signature) for entry in known] == [(real, right)]
