"""What the chain said: blocks as far as they were read, fills and tickets. All of it can be read
again, and what was read of blocks that are no more is unwound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ringside.store.book import tell
from ringside.store.schema import blocks, fills, hexed, in_parts, tickets, unhexed

KEPT = 512
"""Blocks whose hashes are kept: no reorganisation is taken to be deeper."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block: its number, hash, parent's hash and time (seconds)."""

    number: int
    hash: bytes
    parent: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Fill:
    """A `Filled` of the Desk: `key` is the order's digest, or the key of a bundle's step, `order`
    that of the whole. `quote` (USD 1e18) and `tip` (USDC 1e6) as in the event; `receipt` is its
    hash, nothing where there is none."""

    tx: bytes
    log: int
    key: bytes
    order: bytes
    account: bytes
    filler: str
    market: str | None
    size: int
    quote: int
    tip: int
    receipt: bytes | None
    block: int
    block_hash: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A `Committed` of the Desk, and what became of it: `state` is pending, filled, cancelled."""

    account: bytes
    venue_id: int
    market: str
    number: int
    key: bytes
    order: bytes
    size: int
    limit_quote: int
    tx: bytes
    block: int
    at: int
    state: str = "pending"
    filled: int | None = None
    quote: int | None = None
    reason: str = ""


def followed(connection: Connection) -> Header | None:
    """The last block that was read, nothing before the first."""
    row = connection.execute(select(blocks).order_by(blocks.c.number.desc()).limit(1)).first()
    return None if row is None else _header(row)


def header(connection: Connection, number: int) -> Header | None:
    """A block that was read, if it is kept."""
    row = connection.execute(select(blocks).where(blocks.c.number == number)).first()
    return None if row is None else _header(row)


def follow(connection: Connection, read: Sequence[Header]) -> None:
    """Notes that all of these blocks were read."""
    if not read:
        return
    _insert_new(connection, blocks, [_block(one) for one in read])
    connection.execute(delete(blocks).where(blocks.c.number <= read[-1].number - KEPT))


def unwind(connection: Connection, first: int, at: float) -> set[bytes]:
    """Forgets the blocks from `first` on. What they had settled is pending again, and what they had
    filled or committed did not happen. Returns the orders (digests) that this is about."""
    connection.execute(delete(blocks).where(blocks.c.number >= first))
    touched: set[bytes] = set()
    gone = fills.c.block >= first, fills.c.unwound.is_(False)
    for row in connection.execute(select(fills).where(*gone)):
        touched.add(unhexed(row.order))
        body = {"tx": row.tx, "size": str(row.size), "unwound": True}
        tell(connection, unhexed(row.account), "fill", body, at, unhexed(row.order))
    connection.execute(update(fills).where(*gone).values(unwound=True))
    again = tickets.c.settled_block >= first
    touched |= set(map(unhexed, connection.execute(select(tickets.c.order).where(again)).scalars()))
    connection.execute(
        update(tickets)
        .where(again)
        .values(state="pending", filled=None, quote=None, settled_block=None, settled_tx=None)
    )
    made = tickets.c.block >= first
    touched |= set(map(unhexed, connection.execute(select(tickets.c.order).where(made)).scalars()))
    connection.execute(delete(tickets).where(made))
    return touched


def fill(connection: Connection, one: Fill, at: float) -> bool:
    """Notes a fill; returns whether it is news. One that was unwound and is mined again is."""
    row = {
        "tx": hexed(one.tx),
        "log": one.log,
        "key": hexed(one.key),
        "order": hexed(one.order),
        "account": hexed(one.account),
        "filler": one.filler,
        "market": one.market,
        "size": one.size,
        "quote": one.quote,
        "tip": one.tip,
        "receipt": one.receipt and hexed(one.receipt),
        "block": one.block,
        "block_hash": hexed(one.block_hash),
        "at": one.at,
        "unwound": False,
    }
    known = connection.execute(
        select(fills.c.block_hash, fills.c.unwound).where(
            fills.c.tx == row["tx"], fills.c.log == one.log
        )
    ).first()
    if known is not None and not known.unwound:
        return False
    # Under another place in the block it is the same transaction's fill all the same.
    connection.execute(delete(fills).where(fills.c.tx == row["tx"], fills.c.log == one.log))
    connection.execute(fills.insert().values(**row))
    body = {
        "tx": row["tx"],
        "market": one.market,
        "size": str(one.size),
        "quote": str(one.quote),
        "tip": str(one.tip),
        "receipt": row["receipt"],
        "block": one.block,
    }
    tell(connection, one.account, "fill", body, at, one.order)
    return True


def ticket(connection: Connection, one: Ticket, at: float) -> None:
    """Notes a ticket that the Desk committed."""
    row = {
        "account": hexed(one.account),
        "venue_id": one.venue_id,
        "market": one.market,
        "number": one.number,
        "key": hexed(one.key),
        "order": hexed(one.order),
        "size": one.size,
        "limit_quote": one.limit_quote,
        "state": "pending",
        "reason": "",
        "tx": hexed(one.tx),
        "block": one.block,
        "at": one.at,
    }
    if _insert_new(connection, tickets, [row]):
        _ticket_event(connection, one, at)


def settle(
    connection: Connection,
    place: tuple[bytes, int, bytes, int],
    filled: int,
    quote: int | None,
    tx: bytes,
    block: int,
    at: float,
) -> bytes | None:
    """Notes how the ticket of (account, venue, key, number) ended; returns its order, nothing where
    no such ticket is known."""
    account, venue_id, key, number = place
    where = (
        tickets.c.account == hexed(account),
        tickets.c.venue_id == venue_id,
        tickets.c.key == hexed(key),
        tickets.c.number == number,
    )
    row = connection.execute(select(tickets).where(*where)).first()
    if row is None:
        return None
    state = "filled" if filled else "cancelled"
    connection.execute(
        update(tickets)
        .where(*where)
        .values(state=state, filled=filled, quote=quote, settled_tx=hexed(tx), settled_block=block)
    )
    if row.state == "pending":
        ended = replace(_ticket(row), state=state, filled=filled, quote=quote)
        _ticket_event(connection, ended, at)
    return unhexed(row.order)


def pending(connection: Connection) -> list[Ticket]:
    """Tickets that are not settled, the oldest first."""
    rows = connection.execute(
        select(tickets).where(tickets.c.state == "pending").order_by(tickets.c.block)
    )
    return [_ticket(row) for row in rows]


def fills_of(
    connection: Connection, account: bytes, from_block: int = 0, limit: int = 1_000
) -> list[Fill]:
    """An account's fills that stand, the oldest first."""
    rows = connection.execute(
        select(fills)
        .where(
            fills.c.account == hexed(account),
            fills.c.block >= from_block,
            fills.c.unwound.is_(False),
        )
        .order_by(fills.c.block, fills.c.log)
        .limit(limit)
    )
    return [_fill(row) for row in rows]


Uses = tuple[dict[bytes, int], dict[bytes, int]]
"""What of an order was filled, and what is pending in tickets: |1e18| by key, which of an order is
one and of a bundle one a step."""


def used(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Uses]:
    """By order (digest), what of it was filled and is pending; those of which nothing is are
    missing."""
    found: dict[bytes, Uses] = {}

    def add(order: str, key: str, size: int, is_open: bool) -> None:
        part = found.setdefault(unhexed(order), ({}, {}))[is_open]
        part[unhexed(key)] = part.get(unhexed(key), 0) + abs(size)

    made = select(fills.c.order, fills.c.key, fills.c.size).where(fills.c.unwound.is_(False))
    of_tickets = tickets.c.order, tickets.c.key, tickets.c.size, tickets.c.state, tickets.c.filled
    for part in in_parts(keys):
        for row in connection.execute(made.where(fills.c.order.in_(part))):
            add(row.order, row.key, row.size, False)
        for row in connection.execute(select(*of_tickets).where(tickets.c.order.in_(part))):
            size = row.size if row.state == "pending" else row.filled or 0
            if size:
                add(row.order, row.key, size, row.state == "pending")
    return found


def used_at(connection: Connection, key: bytes) -> list[tuple[int, int]]:
    """When (seconds) how much (|1e18|) was filled or committed under a key: a schedule's slices."""
    found = []
    for table in (fills, tickets):
        standing = [table.c.key == hexed(key)]
        if table is fills:
            standing.append(fills.c.unwound.is_(False))
        for row in connection.execute(select(table.c.at, table.c.size).where(*standing)):
            found.append((int(row.at), abs(row.size)))
    return sorted(found)


# ---------------------------------------------------------------------- internal


def _ticket_event(connection: Connection, one: Ticket, at: float) -> None:
    body = {
        "venue": one.venue_id,
        "market": one.market,
        "number": one.number,
        "size": str(one.size),
        "state": one.state,
        "filled": None if one.filled is None else str(one.filled),
        "quote": None if one.quote is None else str(one.quote),
    }
    tell(connection, one.account, "ticket", body, at, one.order)


def _insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Inserts what is not there; returns how many that were."""
    made = sqlite if connection.dialect.name == "sqlite" else postgresql
    found = connection.execute(made.insert(table).on_conflict_do_nothing(), rows)
    return int(found.rowcount)


def _block(one: Header) -> dict[str, Any]:
    return {
        "number": one.number,
        "hash": hexed(one.hash),
        "parent": hexed(one.parent),
        "at": one.at,
    }


def _header(row: Row[Any]) -> Header:
    return Header(row.number, unhexed(row.hash), unhexed(row.parent), row.at)


def _fill(row: Row[Any]) -> Fill:
    return Fill(
        *(unhexed(row.tx), row.log, unhexed(row.key), unhexed(row.order), unhexed(row.account)),
        *(row.filler, row.market, row.size, row.quote, row.tip),
        *(row.receipt and unhexed(row.receipt), row.block, unhexed(row.block_hash), row.at),
    )


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        account=unhexed(row.account),
        venue_id=row.venue_id,
        market=row.market,
        number=row.number,
        key=unhexed(row.key),
        order=unhexed(row.order),
        size=row.size,
        limit_quote=row.limit_quote,
        tx=unhexed(row.tx),
        block=row.block,
        at=row.at,
        state=row.state,
        filled=row.filled,
        quote=row.quote,
        reason=row.reason,
    )
