"""The order book of the house, on SQLite and PostgreSQL alike."""

import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ringside.orders import Bundle, Mode, Order
from ringside.store import book, schema
from ringside.store.book import Move, NonceInUse, Received, State
from ringside.store.database import Database, DatabaseError
from ringside.store.schema import metadata
from ringside.units import ONE

ACCOUNT = bytes([7] * 20) + bytes(12)


def order(nonce: int, account: bytes = ACCOUNT) -> Order:
    return Order(account, "ETH-USD", ONE, 2**255, 10**9, 0, 7, 10**10, nonce)


def received(nonce: int, at: float = 1.0, account: bytes = ACCOUNT) -> Received:
    one = order(nonce, account)
    return Received(bytes([nonce] * 32), one, b"signed", "api", "", at)


def test_the_migrations_make_the_tables_of_this_version(database: Database):
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_what_is_accepted_is_found_as_it_was(database: Database, monkeypatch):
    one = received(1)
    with database.write() as connection:
        assert book.accept(connection, [one]) == {one.key: State.RECEIVED}
    monkeypatch.setattr(book, "_read", {})  # Out of the database, and not out of memory.
    with database.read() as connection:
        entry = book.by_key(connection, [one.key])[one.key]
    assert (entry.request, entry.signature, entry.state) == (one.request, b"signed", State.RECEIVED)


def test_a_bundle_is_found_as_it_was(database: Database, monkeypatch):
    steps = (order(1).terms, order(2).terms)
    bundle = Bundle(ACCOUNT, steps, Mode.STEPWISE, 10**10, 3)
    one = Received(bytes(32), bundle, b"", "chain", "best", 2.0)
    with database.write() as connection:
        book.accept(connection, [one])
    monkeypatch.setattr(book, "_read", {})
    with database.read() as connection:
        assert book.by_key(connection, [one.key])[one.key].request == bundle


def test_the_same_twice_is_one_and_tells_its_state(database: Database):
    one = received(1)
    with database.write() as connection:
        book.accept(connection, [one])
        (entry,) = book.live(connection)
        book.move(connection, [Move(entry, State.FILLED, filled=ONE)], 2.0)
        assert book.accept(connection, [one]) == {one.key: State.FILLED}


def test_a_nonce_in_use_is_refused_by_the_order_that_uses_it(database: Database):
    one = received(1)
    other = Received(bytes([9] * 32), order(1).with_(size=2 * ONE), b"", "api", "", 1.0)
    with database.write() as connection:
        book.accept(connection, [one])
        told = book.accept(connection, [other])[other.key]
    assert isinstance(told, NonceInUse)
    assert one.key.hex() in str(told)


def test_within_one_batch_the_first_has_the_nonce(database: Database):
    other = Received(bytes([9] * 32), order(1).with_(size=2 * ONE), b"", "api", "", 1.0)
    with database.write() as connection:
        told = book.accept(connection, [received(1), other])
    assert told[received(1).key] is State.RECEIVED
    assert isinstance(told[other.key], NonceInUse)


def test_a_move_is_one_event_and_none_where_nothing_changes(database: Database):
    with database.write() as connection:
        book.accept(connection, [received(1)])
        (entry,) = book.live(connection)
        moves = [Move(entry, State.WORKING, "waits")]
        assert book.move(connection, moves, 2.0) == {entry.key}
        assert book.move(connection, moves, 3.0) == set()
        told = [event.body["state"] for event in book.happened(connection, 0)]
    assert told == ["received", "working"]


def test_of_many_moves_only_those_that_change_something_are_events(database: Database):
    with database.write() as connection:
        book.accept(connection, [received(n) for n in range(1, 5)])
        first, second, third, fourth = book.live(connection)
        assert book.move(connection, [Move(second, State.WORKING, "waits")], 2.0)
        moves = [
            Move(first, State.WORKING, "waits"),
            Move(second, State.WORKING, "waits"),
            Move(third, State.PENDING, filled=7),
            Move(fourth, State.RECEIVED),
        ]
        assert book.move(connection, moves, 3.0) == {first.key, third.key}
        now = book.by_key(connection, [one.key for one in (first, second, third, fourth)])
        told = [
            (one.state.value, one.reason, one.filled, one.changed_at)
            for one in (now[e.key] for e in (first, second, third, fourth))
        ]
        assert told == [
            ("working", "waits", 0, 3.0),
            ("working", "waits", 0, 2.0),
            ("pending", "", 7, 3.0),
            ("received", "", 0, fourth.changed_at),
        ]
        events = [(e.key, e.body["state"], e.at) for e in book.happened(connection, 4)]
        assert events == [
            (second.key, "working", 2.0),
            (first.key, "working", 3.0),
            (third.key, "pending", 3.0),
        ]


def test_more_orders_than_a_query_has_parameters(database: Database, monkeypatch):
    monkeypatch.setattr(schema, "AT_ONCE", 3)
    with database.write() as connection:
        book.accept(connection, [received(n) for n in range(1, 9)])
        entries = book.live(connection)
        keys = [one.key for one in entries]
        assert book.by_key(connection, keys).keys() == set(keys)
        moved = book.move(connection, [Move(one, State.WORKING) for one in entries], 2.0)
        assert moved == set(keys)


def test_ends_are_not_live(database: Database):
    with database.write() as connection:
        book.accept(connection, [received(n) for n in range(1, 9)])
        for entry, state in zip(book.live(connection), State, strict=True):
            book.move(connection, [Move(entry, state)], 2.0)
        states = {entry.state for entry in book.live(connection)}
        assert states == {State.RECEIVED, State.WORKING, State.PENDING}
        assert book.counts(connection) == dict.fromkeys(State, 1)


def test_an_accounts_orders_come_in_pages_the_newest_first(database: Database):
    stranger = bytes([8] * 20) + bytes(12)
    with database.write() as connection:
        book.accept(connection, [received(n, float(n)) for n in range(1, 8)])
        book.accept(connection, [received(100, 3.5, stranger)])
        first = book.of_account(connection, ACCOUNT, limit=3)
        last = first[-1]
        rest = book.of_account(connection, ACCOUNT, before=(last.received_at, last.key))
    nonces = [entry.request.nonce for entry in (*first, *rest)]
    assert nonces == [7, 6, 5, 4, 3, 2, 1]


def test_events_are_seen_in_the_order_of_their_numbers_whoever_writes(database: Database):
    """A reader that goes on after the last number it saw misses nothing."""
    seen: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        after = 0
        while not stop.is_set() or book_has_more(after):
            with database.read() as connection:
                for event in book.happened(connection, after):
                    after = event.seq
                    seen.append(event.seq)

    def book_has_more(after: int) -> bool:
        with database.read() as connection:
            return book.newest(connection) > after

    def write(first: int) -> None:
        for n in range(first, first + 15):
            with database.write() as connection:
                account = bytes([first] * 20) + bytes(12)
                book.tell(connection, account, "account", {"n": n}, time.time())
                time.sleep(0.001)

    reader = threading.Thread(target=watch)
    writers = [threading.Thread(target=write, args=(20 * k,)) for k in range(1, 4)]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert len(seen) == 45
    assert seen == sorted(seen)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y"])
def test_an_address_of_no_database_is_refused_with_what_would_do(url):
    with pytest.raises(DatabaseError, match=r"sqlite|SQLite"):
        Database(url)


def test_a_database_that_does_not_answer_is_told_without_its_password():
    gone = Database("postgresql://me:secret@127.0.0.1:1/none")
    with pytest.raises(DatabaseError) as told:
        gone.migrate()
    assert "does not answer" in str(told.value)
    assert "secret" not in str(told.value)
