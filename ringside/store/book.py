"""The order book of the house: every order's one state, who may see it, and what happened to it.

    received ─▶ working ─▶ pending ─▶ filled | partly filled | cancelled | expired
        └─▶ rejected   ◀──────┘

Received: stored, not yet looked at. Working: waits for its conditions, its price or its turn.
Pending: a transaction or a ticket of it is under way. The rest are ends; where the chain unwinds
what ended an order, it goes back to working.

Functions take a connection, so that several are one transaction. Each change is an event, numbered,
in the same transaction as the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ringside import wire
from ringside.orders import Bundle, Order
from ringside.store.schema import AT_ONCE, events, hexed, in_parts, orders, unhexed

REMEMBERED = 5_000
"""Requests that are kept as they were read."""
LONGEST = 1_000
"""Characters of a reason that are kept."""


class State(str, Enum):
    """An order's, in words that a client reads."""

    RECEIVED = "received"
    WORKING = "working"
    PENDING = "pending"
    FILLED = "filled"
    PARTLY_FILLED = "partly filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_end(self) -> bool:
        return self not in LIVE


WITHDRAWN = "withdrawn at the house; the signature is valid until its nonce is cancelled on-chain"
"""Why an order is cancelled that its owner took back from the house alone."""
LIVE = (State.RECEIVED, State.WORKING, State.PENDING)


class NonceInUse(Exception):
    """Another order with this nonce is being worked; the message names it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A signed order as it arrives. `key` is the digest that its owner signed; `policy` how it is
    to be routed, nothing for the keeper's own; `at` when (Unix seconds). `message` is the
    request as it travelled, where that is at hand: else it is written anew."""

    key: bytes
    request: Order | Bundle
    signature: bytes
    source: str
    policy: str
    at: float
    message: Any = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An order as the book has it. `filled` is |1e18| base; of a bundle, the steps done.
    `withdrawn` is what its owner took back from the house: it is worked no more."""

    key: bytes
    request: Order | Bundle
    signature: bytes
    source: str
    policy: str
    received_at: float
    changed_at: float
    state: State
    reason: str
    filled: int
    withdrawn: bool

    @property
    def account(self) -> bytes:
        return self.request.account


def accept(connection: Connection, arrived: Sequence[Received]) -> dict[bytes, State | NonceInUse]:
    """Stores what arrived. By key, the state it is in now: `RECEIVED` unless it was known before;
    or why it was not stored."""
    found: dict[bytes, State | NonceInUse] = {}
    for first in range(0, len(arrived), AT_ONCE):  # As many as a query has parameters for.
        found.update(_accept(connection, arrived[first : first + AT_ONCE]))
    return found


def _accept(connection: Connection, arrived: Sequence[Received]) -> dict[bytes, State | NonceInUse]:
    found: dict[bytes, State | NonceInUse] = {}
    keys = [hexed(one.key) for one in arrived]
    known = connection.execute(select(orders.c.key, orders.c.state).where(orders.c.key.in_(keys)))
    found.update({unhexed(key): State(state) for key, state in known})
    fresh = {one.key: one for one in arrived if one.key not in found}
    taken = _nonces_in_use(connection, list(fresh.values()))
    rows, changes = [], []
    for key, one in fresh.items():
        place = one.request.account, one.request.nonce
        if place in taken:
            found[key] = NonceInUse(
                f"Order {taken[place]} of this account has nonce {one.request.nonce} and is not "
                "done: cancel it, or sign another nonce."
            )
            continue
        taken[place] = hexed(key)
        found[key] = State.RECEIVED
        rows.append(_row(one))
        changes.append(_change(hexed(key), one.request, State.RECEIVED, "", one.at, 0))
    if rows:
        made = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(made.insert(orders).on_conflict_do_nothing(), rows)
        connection.execute(events.insert(), changes)
        for row in rows:
            _remember(row["key"], fresh[unhexed(row["key"])].request)
    return found


def _nonces_in_use(
    connection: Connection, arrived: Sequence[Received]
) -> dict[tuple[bytes, int], str]:
    accounts = {hexed(one.request.account) for one in arrived}
    nonces = {one.request.nonce for one in arrived}
    rows = connection.execute(
        select(orders.c.account, orders.c.nonce, orders.c.key).where(
            orders.c.account.in_(accounts),
            orders.c.nonce.in_(nonces),
            orders.c.state.in_(LIVE),
        )
    )
    return {(unhexed(account), nonce): key for account, nonce, key in rows}


@dataclass(frozen=True, slots=True)
class Move:
    """What an order is to become: its state, the reason in words, and what is filled of it, if that
    changes."""

    entry: Entry
    state: State
    reason: str = ""
    filled: int | None = None


def move(connection: Connection, moves: Sequence[Move], at: float) -> set[bytes]:
    """Puts orders into states, each named once. Returns the keys of those that this changed: what
    is the case already is no event. To be called inside `Database.write`."""
    keys = [one.entry.key for one in moves]
    now = {
        key: (state, reason, filled)
        for part in in_parts(keys)
        for key, state, reason, filled in connection.execute(_AS_THEY_ARE, {"keys": part})
    }
    rows, changes, changed = [], [], []
    for key, one in zip(map(hexed, keys), moves, strict=True):
        done = one.entry.filled if one.filled is None else one.filled
        reason = one.reason[:LONGEST]
        if now.get(key, (one.state.value, reason, done)) == (one.state.value, reason, done):
            continue
        rows.append({"of": key, "to": one.state.value, "why": reason, "done": done, "now": at})
        changes.append(_change(key, one.entry.request, one.state, reason, at, done))
        changed.append(one)
    if rows:
        connection.execute(_MOVE, rows)
        connection.execute(events.insert(), changes)
    return {one.entry.key for one in changed}


_AS_THEY_ARE = select(orders.c.key, orders.c.state, orders.c.reason, orders.c.filled).where(
    orders.c.key.in_(bindparam("keys", expanding=True))
)
_MOVE = (
    update(orders)
    .where(orders.c.key == bindparam("of"))
    .values(
        state=bindparam("to"),
        reason=bindparam("why"),
        filled=bindparam("done"),
        changed_at=bindparam("now"),
    )
)


def withdraw(connection: Connection, entry: Entry, at: float) -> None:
    """Notes that its owner took an order back. To be called inside `Database.write`."""
    state = State.PARTLY_FILLED if entry.filled else State.CANCELLED
    connection.execute(_WITHDRAW, {"of": hexed(entry.key)})
    move(connection, [Move(entry, state, WITHDRAWN)], at)


_WITHDRAW = update(orders).where(orders.c.key == bindparam("of")).values(withdrawn=True)


def ended_lately(connection: Connection, most: int) -> list[Entry]:
    """The orders that ended last, the newest first."""
    rows = connection.execute(
        select(orders)
        .where(orders.c.state.not_in(LIVE))
        .order_by(orders.c.changed_at.desc())
        .limit(most)
    )
    return [_entry(row) for row in rows.mappings()]


def live(connection: Connection, after: float = 0.0) -> list[Entry]:
    """Orders that are not done and were received at `after` or later, the oldest first."""
    rows = connection.execute(
        select(orders)
        .where(orders.c.state.in_(LIVE), orders.c.received_at >= after)
        .order_by(orders.c.received_at, orders.c.key)
    )
    return [_entry(row) for row in rows.mappings()]


def by_key(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Entry]:
    """Orders by their digests; those not known are missing."""
    found = {}
    for part in in_parts(keys):
        rows = connection.execute(select(orders).where(orders.c.key.in_(part)))
        found.update({entry.key: entry for entry in map(_entry, rows.mappings())})
    return found


def with_nonce(connection: Connection, account: bytes, nonce: int) -> set[bytes]:
    """The account's orders under a nonce."""
    rows = connection.execute(
        select(orders.c.key).where(orders.c.account == hexed(account), orders.c.nonce == nonce)
    )
    return set(map(unhexed, rows.scalars()))


def live_of(connection: Connection, account: bytes) -> set[bytes]:
    """The account's orders that are not done."""
    rows = connection.execute(
        select(orders.c.key).where(orders.c.account == hexed(account), orders.c.state.in_(LIVE))
    )
    return set(map(unhexed, rows.scalars()))


def of_account(
    connection: Connection,
    account: bytes,
    states: Sequence[State] = (),
    before: tuple[float, bytes] | None = None,
    limit: int = 100,
) -> list[Entry]:
    """An account's orders, the newest first; `before` is (received_at, key) of the last seen."""
    wanted = [orders.c.account == hexed(account)]
    if states:
        wanted.append(orders.c.state.in_([state.value for state in states]))
    if before is not None:
        at, key = before
        older = and_(orders.c.received_at == at, orders.c.key < hexed(key))
        wanted.append(or_(orders.c.received_at < at, older))
    rows = connection.execute(
        select(orders)
        .where(*wanted)
        .order_by(orders.c.received_at.desc(), orders.c.key.desc())
        .limit(limit)
    )
    return [_entry(row) for row in rows.mappings()]


def counts(connection: Connection) -> dict[State, int]:
    """How many orders are in each state."""
    rows = connection.execute(select(orders.c.state, func.count()).group_by(orders.c.state))
    return {State(state): count for state, count in rows}


# ---------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an account, numbered in the order of its being stored."""

    seq: int
    at: float
    account: bytes
    key: bytes | None
    kind: str
    body: Mapping[str, Any]


def tell(
    connection: Connection,
    account: bytes,
    kind: str,
    body: Mapping[str, Any],
    at: float,
    key: bytes | None = None,
) -> None:
    """Notes an event."""
    row = {"at": at, "account": hexed(account), "key": key and hexed(key), "kind": kind}
    connection.execute(events.insert(), [{**row, "body": dict(body)}])


def happened(
    connection: Connection, after: int, account: bytes | None = None, limit: int = 500
) -> list[Event]:
    """What was stored after event `after`, of one account or of all, the oldest first."""
    wanted = [events.c.seq > after]
    if account is not None:
        wanted.append(events.c.account == hexed(account))
    rows = connection.execute(select(events).where(*wanted).order_by(events.c.seq).limit(limit))
    return [
        Event(
            row.seq, row.at, unhexed(row.account), row.key and unhexed(row.key), row.kind, row.body
        )
        for row in rows
    ]


def newest(connection: Connection) -> int:
    """The number of the last event, 0 before any."""
    return connection.execute(select(func.max(events.c.seq))).scalar() or 0


# ---------------------------------------------------------------------- internal


def _row(one: Received) -> dict[str, Any]:
    request = one.request
    return {
        "key": hexed(one.key),
        "kind": "order" if isinstance(request, Order) else "bundle",
        "account": hexed(request.account),
        "message": wire.message(request) if one.message is None else one.message,
        "signature": one.signature,
        "nonce": request.nonce,
        "epoch": request.epoch,
        "deadline": request.deadline,
        "size": request.size if isinstance(request, Order) else None,
        "filled": 0,
        "state": State.RECEIVED.value,
        "reason": "",
        "source": one.source,
        "policy": one.policy,
        "received_at": one.at,
        "changed_at": one.at,
    }


def _change(
    key: str, request: Order | Bundle, state: State, reason: str, at: float, filled: int
) -> dict[str, Any]:
    body = {"state": state.value, "reason": reason, "filled": str(filled)}
    if isinstance(request, Order):
        body |= {"market": request.market, "size": str(request.size)}
    return {
        "at": at,
        "account": hexed(request.account),
        "key": key,
        "kind": "order",
        "body": body,
    }


def _entry(row: RowMapping) -> Entry:
    return Entry(
        unhexed(row["key"]),
        _request(row["key"], row["kind"], row["message"]),
        row["signature"],
        row["source"],
        row["policy"],
        row["received_at"],
        row["changed_at"],
        State(row["state"]),
        row["reason"],
        row["filled"],
        row["withdrawn"],
    )


_read: dict[str, Order | Bundle] = {}
"""Requests that were read lately, by their digests, which say all that is in them."""


def _request(key: str, kind: str, message: Any) -> Order | Bundle:
    """Out of the message. An order is read a dozen times in its life, and does not change."""
    found = _read.get(key)
    if found is None:
        found = wire.order(message) if kind == "order" else wire.bundle(message)
        _remember(key, found)
    return found


def _remember(key: str, request: Order | Bundle) -> None:
    while len(_read) >= REMEMBERED:
        _read.pop(next(iter(_read)), None)  # Another thread may have been quicker.
    _read[key] = request
