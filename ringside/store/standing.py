"""Standing policies that owners handed in, and what became of them.

    working ─▶ cancelled | expired

Cancelled: by its owner, here or on the chain, or with all of its epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ringside import wire
from ringside.policies import Policy
from ringside.store import book
from ringside.store.schema import hexed, in_parts, policies, unhexed


class Standing(str, Enum):
    """How a policy stands."""

    WORKING = "working"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class NonceInUse(Exception):
    """Another policy of the account works under this nonce; the message names it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy as it is kept; `key` is the digest that its owner signed, times are Unix seconds."""

    key: bytes
    policy: Policy
    signature: bytes
    state: Standing
    reason: str
    received_at: float
    changed_at: float

    @property
    def account(self) -> bytes:
        return self.policy.account


def accept(
    connection: Connection, key: bytes, policy: Policy, signature: bytes, at: float
) -> tuple[bool, Standing]:
    """Stores a policy; whether it is new here, and its state now. The same again after its owner
    took it back lets it work anew.

    Raises:
        NonceInUse: the chain takes one policy a nonce, and another has it.
    """
    known = by_key(connection, [key]).get(key)
    if known is not None and known.state is not Standing.CANCELLED:
        return False, known.state
    others = connection.execute(
        select(policies.c.key).where(
            policies.c.account == hexed(policy.account),
            policies.c.nonce == policy.nonce,
            policies.c.state == Standing.WORKING.value,
        )
    ).scalars()
    for other in others:
        raise NonceInUse(
            f"Policy {other} of this account works under nonce {policy.nonce}: cancel it, or sign "
            "another nonce."
        )
    if known is not None:
        _move(connection, known, Standing.WORKING, "", at)
        return True, Standing.WORKING
    row = {
        "key": hexed(key),
        "account": hexed(policy.account),
        "message": wire.message(policy),
        "signature": signature,
        "nonce": policy.nonce,
        "deadline": policy.deadline,
        "state": Standing.WORKING.value,
        "reason": "",
        "received_at": at,
        "changed_at": at,
    }
    made = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(made.insert(policies).on_conflict_do_nothing(), [row])
    _tell(connection, policy.account, key, Standing.WORKING, "", at)
    return True, Standing.WORKING


def end(connection: Connection, entry: Entry, state: Standing, reason: str, at: float) -> None:
    """It works no more."""
    if entry.state is Standing.WORKING:
        _move(connection, entry, state, reason, at)


def note(connection: Connection, entry: Entry, reason: str, health: int | None, at: float) -> None:
    """What a working policy cannot do for a pocket in need (whose health is 1e18), and that it is
    over again where `reason` is empty. It leaves `changed_at` alone: nothing was decided anew."""
    reason = reason[: book.LONGEST]
    if entry.state is not Standing.WORKING or entry.reason == reason:
        return
    connection.execute(
        update(policies).where(policies.c.key == hexed(entry.key)).values(reason=reason)
    )
    body = {"reason": reason, "health": None if health is None else str(health)}
    book.tell(connection, entry.account, "alert", body, at, entry.key)


def version(connection: Connection) -> tuple[int, float]:
    """Changes with what works: how many there are, and when one last changed."""
    working = policies.c.state == Standing.WORKING.value
    count = connection.execute(select(func.count()).where(working)).scalar()
    last = connection.execute(select(func.max(policies.c.changed_at))).scalar()
    return count or 0, last or 0.0


def working(connection: Connection, but: Iterable[bytes] = ()) -> tuple[set[bytes], list[Entry]]:
    """The keys of all that work; and those of them that are not in `but`, whole."""
    rows = connection.execute(
        select(policies.c.key).where(policies.c.state == Standing.WORKING.value)
    )
    keys = set(map(unhexed, rows.scalars()))
    return keys, list(by_key(connection, sorted(keys - set(but))).values())


def by_key(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Entry]:
    """Policies by their digests; those not known are missing."""
    found: dict[bytes, Entry] = {}
    for part in in_parts(keys):
        rows = connection.execute(select(policies).where(policies.c.key.in_(part)))
        found.update((entry.key, entry) for entry in map(_entry, rows.mappings()))
    return found


def of_account(connection: Connection, account: bytes) -> list[Entry]:
    """An account's policies, the newest first."""
    rows = connection.execute(
        select(policies)
        .where(policies.c.account == hexed(account))
        .order_by(policies.c.received_at.desc(), policies.c.key)
    )
    return [_entry(row) for row in rows.mappings()]


def _move(connection: Connection, entry: Entry, state: Standing, reason: str, at: float) -> None:
    reason = reason[: book.LONGEST]
    connection.execute(
        update(policies)
        .where(policies.c.key == hexed(entry.key))
        .values(state=state.value, reason=reason, changed_at=at)
    )
    _tell(connection, entry.account, entry.key, state, reason, at)


def _tell(
    connection: Connection, account: bytes, key: bytes, state: Standing, reason: str, at: float
) -> None:
    book.tell(connection, account, "policy", {"state": state.value, "reason": reason}, at, key)


def _entry(row: RowMapping) -> Entry:
    return Entry(
        unhexed(row["key"]),
        wire.policy(row["message"]),
        row["signature"],
        Standing(row["state"]),
        row["reason"],
        row["received_at"],
        row["changed_at"],
    )
