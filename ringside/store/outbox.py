"""Transactions on their way to the chain, so that none is lost and none is sent twice.

    planned ─▶ sent ─▶ mined | failed | dropped

A transaction is planned in the same database transaction as the orders' states that it changes. It
is signed under its lane's next nonce, and stored so, before anybody sees it; whoever comes to send
it after a crash sends the very same bytes, and the chain takes a nonce once. Later attempts under
the same nonce pay more, or do nothing (`void`). Failed: mined and reverted. Dropped: never mined,
since it was withdrawn before it was signed, or a void attempt took its nonce.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    select,
    update,
)

from ringside.store.book import LONGEST
from ringside.store.schema import attempts, hexed, transactions, unhexed


class Stage(str, Enum):
    """Where a transaction is on its way."""

    PLANNED = "planned"
    SENT = "sent"
    MINED = "mined"
    FAILED = "failed"
    DROPPED = "dropped"


UNDER_WAY = (Stage.PLANNED, Stage.SENT)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A transaction to be made: `kind` in a word, the orders (digests) that it is for, the call,
    its gas limit, the block time after which it must not be mined, and the tip (USDC 1e6) that it
    earns."""

    lane: str
    kind: str
    orders: tuple[bytes, ...]
    to: str
    data: bytes
    gas: int
    value: int = 0
    until: int | None = None
    earns: int = 0

    @property
    def call(self) -> dict[str, Any]:
        """The same as a call, to be tried."""
        data = "0x" + self.data.hex()
        return {
            "from": self.lane,
            "to": self.to,
            "data": data,
            "value": self.value,
            "gas": self.gas,
        }


@dataclass(frozen=True, slots=True)
class Attempt:
    """A signed form of a transaction; fees in wei per gas."""

    hash: bytes
    raw: bytes
    max_fee: int
    priority_fee: int
    void: bool
    signed_at: float


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as the outbox has it, with its attempts from the first on."""

    id: int
    wanted: Wanted
    stage: Stage
    nonce: int | None
    created_at: float
    attempts: tuple[Attempt, ...]


def plan(connection: Connection, wanted: Sequence[Wanted], at: float) -> list[int]:
    """Stores what is to be sent, and returns the numbers under which it is."""
    if not wanted:
        return []
    numbers = transactions.insert().returning(transactions.c.id, sort_by_parameter_order=True)
    rows = [
        {
            "lane": one.lane,
            "kind": one.kind,
            "orders": [hexed(key) for key in one.orders],
            "to": one.to,
            "data": one.data,
            "value": one.value,
            "gas": one.gas,
            "until": one.until,
            "state": Stage.PLANNED.value,
            "earns": one.earns,
            "created_at": at,
            "changed_at": at,
        }
        for one in wanted
    ]
    return list(connection.execute(numbers, rows).scalars())


def next_nonce(connection: Connection, lane: str, on_chain: int) -> int:
    """The lane's next free nonce, of which the chain has mined `on_chain`."""
    highest = connection.execute(
        select(func.max(transactions.c.nonce)).where(transactions.c.lane == lane)
    ).scalar()
    return on_chain if highest is None else max(on_chain, int(highest) + 1)


def sign(connection: Connection, signed: Sequence[tuple[int, int, Attempt]]) -> None:
    """Stores signed attempts, each with its transaction's number and nonce; from now on they may be
    on the chain."""
    if not signed:
        return
    connection.execute(
        update(transactions)
        .where(transactions.c.id == bindparam("of"))
        .values(
            nonce=bindparam("under"), state=Stage.SENT.value, changed_at=bindparam("signed_at")
        ),
        [
            {"of": number, "under": nonce, "signed_at": attempt.signed_at}
            for number, nonce, attempt in signed
        ],
    )
    connection.execute(
        attempts.insert(),
        [
            {
                "hash": hexed(attempt.hash),
                "transaction": number,
                "raw": attempt.raw,
                "max_fee": attempt.max_fee,
                "priority_fee": attempt.priority_fee,
                "void": attempt.void,
                "signed_at": attempt.signed_at,
            }
            for number, _, attempt in signed
        ],
    )


def end(
    connection: Connection,
    number: int,
    stage: Stage,
    at: float,
    mined: bytes | None = None,
    block: int | None = None,
    cost: int | None = None,
    error: str = "",
) -> None:
    """Says how a transaction ended: `mined` is the attempt that was, `cost` wei."""
    connection.execute(
        update(transactions)
        .where(transactions.c.id == number)
        .values(
            state=stage.value,
            hash=mined and hexed(mined),
            block=block,
            cost=cost,
            error=error[:LONGEST],
            changed_at=at,
        )
    )


def reopen(connection: Connection, first_block: int, at: float) -> list[int]:
    """Those mined in a block from `first_block` on are on their way again: their block is no more.
    Returns their numbers."""
    gone = list(
        connection.execute(
            select(transactions.c.id).where(transactions.c.block >= first_block)
        ).scalars()
    )
    if gone:
        connection.execute(
            update(transactions)
            .where(transactions.c.id.in_(gone))
            .values(state=Stage.SENT.value, hash=None, block=None, cost=None, changed_at=at)
        )
    return gone


def under_way(connection: Connection, lanes: Sequence[str] | None = None) -> list[Transaction]:
    """What is planned or sent and not ended, of these lanes or all, as it was planned."""
    wanted = [transactions.c.state.in_([stage.value for stage in UNDER_WAY])]
    if lanes is not None:
        wanted.append(transactions.c.lane.in_(lanes))
    return _found(connection, connection.execute(_ordered(wanted)).all())


def by_number(connection: Connection, numbers: Sequence[int]) -> list[Transaction]:
    """Transactions by their numbers."""
    rows = connection.execute(_ordered([transactions.c.id.in_(numbers)])).all()
    return _found(connection, rows)


def orders_under_way(connection: Connection) -> set[bytes]:
    """The digests of orders that a transaction under way is for."""
    rows = connection.execute(
        select(transactions.c.orders).where(
            transactions.c.state.in_([stage.value for stage in UNDER_WAY])
        )
    )
    return {unhexed(key) for (keys,) in rows for key in keys}


def _ordered(wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(transactions).where(*wanted).order_by(transactions.c.id)


def _found(connection: Connection, rows: Sequence[Row[Any]]) -> list[Transaction]:
    numbers = [row.id for row in rows]
    signed: dict[int, list[Attempt]] = {}
    for row in connection.execute(
        select(attempts)
        .where(attempts.c.transaction.in_(numbers))
        .order_by(attempts.c.signed_at, attempts.c.max_fee)
    ):
        signed.setdefault(row.transaction, []).append(
            Attempt(
                *(unhexed(row.hash), row.raw, row.max_fee, row.priority_fee),
                *(row.void, row.signed_at),
            )
        )
    return [
        Transaction(
            row.id,
            Wanted(
                row.lane,
                row.kind,
                tuple(unhexed(key) for key in row.orders),
                *(row.to, row.data, row.gas, row.value, row.until, row.earns),
            ),
            Stage(row.state),
            row.nonce,
            row.created_at,
            tuple(signed.get(row.id, ())),
        )
        for row in rows
    ]
