"""Whatever one order, policy or client does, the others' are filled."""

import threading
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError
from web3.exceptions import Web3RPCError

from ringside.chain.contracts import abi
from ringside.keeper.look import Looker
from ringside.orders import Bounds, Bundle, Conditions, Mode
from ringside.service import engine
from ringside.service.run import Runner
from ringside.store import book
from ringside.store.book import Received, State
from ringside.units import ONE, USDC

SIZE = 5 * ONE
OTHER = ONE // 10


def insert(house, story, request, signature=None):
    """As the watcher stores what it found on the chain, where nothing asked the API's questions."""
    key = request.digest(story.ringside.domain)
    signature = story.sign(request) if signature is None else signature
    with house.database.write() as connection:
        book.accept(connection, [Received(key, request, signature, "chain", "", 1.0)])
    return key


def test_a_post_of_a_market_that_is_none_is_no_order(house, story):
    at = story.ringside.addresses["ringside"]["board"]
    board = story.w3.eth.contract(address=at, abi=abi("Board"))
    bad = story.order("ETH-USD", SIZE).with_(market="NO-SUCH")
    data = board.encode_abi("post", [bad.tuple, "NO-SUCH", story.sign(bad)])
    story.send({"from": story.stranger, "to": at, "data": data, "gas": 3_000_000})
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn(2)
    assert house.entry(key).state is State.FILLED
    with house.database.read() as connection:
        known = book.of_account(connection, story.account)
    assert [entry.key for entry in known] == [key]


def test_an_order_that_cannot_be_looked_at_waits_alone(house, story):
    bad = insert(house, story, story.order("ETH-USD", SIZE).with_(market="NO-SUCH"))
    key = house.accept(story.order("ETH-USD", SIZE))
    house.turn(2)
    assert house.entry(key).state is State.FILLED
    assert "the chain does not say what is needed" in house.entry(bad).reason


def test_where_nothing_can_be_looked_at_it_is_no_orders_fault(house, story, monkeypatch):
    keys = [house.accept(story.order("ETH-USD", SIZE)) for _ in range(2)]

    def silent(*_args, **_named):
        raise Web3RPCError("header not found")

    with monkeypatch.context() as patched:
        patched.setattr(Looker, "views", silent)
        with pytest.raises(Web3RPCError):
            house.turn()
    assert all(not house.entry(key).reason for key in keys)


def test_the_slices_of_a_bundles_step_are_asked_of_the_database(house, story, monkeypatch):
    """A node that limits how many blocks may be asked for at once would refuse."""
    step = story.order("ETH-USD", SIZE, conditions=Conditions(interval=60, slice=ONE))
    insert(house, story, Bundle(*(story.account, (step.terms,), Mode.STEPWISE, step.deadline, 77)))

    def refuses(*_):
        raise Web3RPCError("query exceeds max block range 10000")

    monkeypatch.setattr(Looker, "_slices", refuses)
    house.turn(2)
    assert [fill.size for fill in house.fills()] == [ONE]


def test_an_order_that_the_chain_refuses_lets_the_others_of_its_account_go(house, story):
    bad = insert(house, story, story.order("ETH-USD", SIZE), b"\1" * 65)
    key = house.accept(story.order("BTC-USD", OTHER))
    house.turn(2)
    assert "the chain would refuse it" in house.entry(bad).reason
    assert house.entry(key).state is State.FILLED


def test_orders_behind_many_that_the_chain_refuses_are_planned_by_the_next_turn(house, story):
    for _ in range(engine.AGAIN + 1):
        insert(house, story, story.order("ETH-USD", SIZE), b"\1" * 65)
    key = house.accept(story.order("BTC-USD", OTHER))
    assert house.turn().more
    house.turn(2)
    assert house.entry(key).state is State.FILLED


def test_what_only_reduces_and_cannot_be_filled_starves_nobody(house, story, monkeypatch):
    """Where a block brings time to plan two orders, and four that only reduce come first."""
    monkeypatch.setattr(engine, "AT_ONCE", 2)
    for _ in range(4):
        insert(house, story, story.order("ETH-USD", -ONE, bounds=Bounds(reduce_only=True)))
    key = house.accept(story.order("BTC-USD", OTHER))
    for _ in range(4):
        house.turn()
        house.mine()
    assert house.entry(key).state is State.FILLED


def test_another_price_in_the_same_words_is_no_news(house, story):
    limit = story.price("ETH-USD") * 999 // 1000
    key = house.accept(story.order("ETH-USD", SIZE, limit_price=limit))
    for _ in range(4):
        house.turn()
        story.trade("rage", "ETH-USD", ONE // 50, 100 * USDC)
    with house.database.read() as connection:
        told = [event for event in book.happened(connection, 0) if event.key == key]
    assert [event.body["state"] for event in told] == ["received", "working"]


def test_a_database_that_is_gone_is_waited_for(monkeypatch):
    """PostgreSQL says so at the question who leads."""
    asked = []

    def gone():
        asked.append(True)
        if len(asked) > 1:
            runner.stop()
        raise OperationalError("SELECT pg_try_advisory_lock", {}, Exception("refused"))

    leader = SimpleNamespace(lead=gone, release=lambda: None)
    monkeypatch.setattr("ringside.service.run.BACKOFF", (0.01, 0.01))
    runner = Runner(SimpleNamespace(leader=leader, engine=None, config=SimpleNamespace(poll=0.01)))
    alarm = threading.Timer(10, runner.stop)
    alarm.start()
    runner.run()
    alarm.cancel()
    assert len(asked) == 2
    assert not runner.leads
