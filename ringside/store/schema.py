"""The tables. Keys and hashes are 0x and lower-case hex; whole numbers beyond 64 bits are decimal
text, with the units of the package (sizes 1e18, USDC 1e6); times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

AT_ONCE = 5_000
"""Keys in one query."""


class Whole(TypeDecorator[int]):
    """An integer of up to 256 bits and a sign, as decimal text."""

    impl = String(80)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(int(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


def hexed(value: bytes) -> str:
    """As keys and hashes stand in the tables."""
    return "0x" + value.hex()


def in_parts(keys: Sequence[bytes]) -> Iterator[list[str]]:
    """Keys as they stand in the tables, so many at once as a query has parameters."""
    for first in range(0, len(keys), AT_ONCE):
        yield [hexed(key) for key in keys[first : first + AT_ONCE]]


def unhexed(text: str) -> bytes:
    """The bytes of a key or hash in the tables."""
    return bytes.fromhex(text[2:])


Hash = String(66)
Address = String(42)
Serial = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts by itself only what is declared INTEGER."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

orders = Table(
    "orders",
    metadata,
    Column("key", Hash, primary_key=True),  # The digest that the owner signed.
    Column("kind", String(8), nullable=False),  # order, bundle
    Column("account", Hash, nullable=False),
    Column("message", JSON, nullable=False),  # As `wire.message`.
    Column("signature", LargeBinary, nullable=False),
    Column("nonce", Whole, nullable=False),
    Column("epoch", Whole, nullable=False),
    Column("deadline", Whole, nullable=False),
    Column("size", Whole),  # Signed; nothing for bundles.
    Column("filled", Whole, nullable=False, default=0),  # |1e18|; of a bundle, steps done.
    Column("state", String(16), nullable=False),
    Column("reason", String(1024), nullable=False, default=""),
    # By its owner, from the house alone: whatever else happens to it, it is worked no more.
    Column("withdrawn", Boolean, nullable=False, default=False, server_default=false()),
    Column("source", String(8), nullable=False),  # api, chain
    Column("policy", String(256), nullable=False, default=""),  # How it is to be routed.
    Column("received_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("ix_orders_account_received", "account", "received_at"),
    Index("ix_orders_state", "state"),
    Index("ix_orders_account_nonce", "account", "nonce"),
)

policies = Table(
    "policies",
    metadata,
    Column("key", Hash, primary_key=True),  # The digest that the owner signed.
    Column("account", Hash, nullable=False),
    Column("message", JSON, nullable=False),  # As `wire.message`.
    Column("signature", LargeBinary, nullable=False),
    Column("nonce", Whole, nullable=False),
    Column("deadline", Whole, nullable=False),
    Column("state", String(16), nullable=False),  # working, cancelled, expired
    Column("reason", String(1024), nullable=False, default=""),
    Column("received_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("ix_policies_account", "account"),
    Index("ix_policies_state_changed", "state", "changed_at"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("account", Hash, nullable=False),
    Column("key", Hash),
    Column("kind", String(16), nullable=False),  # order, fill, ticket, account, policy, alert
    Column("body", JSON, nullable=False),
    Index("ix_events_account_seq", "account", "seq"),
)

fills = Table(
    "fills",
    metadata,
    Column("tx", Hash, primary_key=True),
    Column("log", Integer, primary_key=True),
    Column("key", Hash, nullable=False),  # Of a bundle's step, that of the step.
    Column("order", Hash, nullable=False),  # The order or bundle itself; the key if unknown here.
    Column("account", Hash, nullable=False),
    Column("filler", Address, nullable=False),
    Column("market", String(64)),
    Column("size", Whole, nullable=False),
    Column("quote", Whole),  # USD 1e18; nothing where the venue's state does not say.
    Column("tip", Whole, nullable=False),
    Column("receipt", Hash),
    Column("block", BigInteger, nullable=False),
    Column("block_hash", Hash, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("unwound", Boolean, nullable=False, default=False),
    Index("ix_fills_account_block", "account", "block"),
    Index("ix_fills_order", "order"),
    Index("ix_fills_block", "block"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("account", Hash, primary_key=True),
    Column("venue_id", Integer, primary_key=True),
    Column("market", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("key", Hash, nullable=False),
    Column("order", Hash, nullable=False),
    Column("size", Whole, nullable=False),
    Column("limit_quote", Whole, nullable=False),
    Column("state", String(16), nullable=False),  # pending, filled, cancelled, unwound
    Column("filled", Whole),
    Column("quote", Whole),
    Column("reason", String(1024), nullable=False, default=""),
    Column("tx", Hash, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("settled_tx", Hash),
    Column("settled_block", BigInteger),
    Index("ix_tickets_order", "order"),
    Index("ix_tickets_state", "state"),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("lane", Address, nullable=False),
    Column("nonce", BigInteger),
    Column("kind", String(16), nullable=False),  # fill, commit, execute, settle, expire, move, void
    Column("orders", JSON, nullable=False),  # The orders' keys that it is for.
    Column("to", Address, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("value", Whole, nullable=False, default=0),
    Column("gas", BigInteger, nullable=False),
    Column("until", BigInteger),  # Not to be mined in a block later than this time.
    Column("state", String(16), nullable=False),  # planned, sent, mined, failed, dropped
    Column("hash", Hash),  # Of the attempt that was mined.
    Column("block", BigInteger),
    Column("cost", Whole),  # wei
    Column("earns", Whole, nullable=False, default=0),  # USDC 1e6 of tip, if it goes through.
    Column("error", String(1024), nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("lane", "nonce", name="uq_transactions_lane_nonce"),
    Index("ix_transactions_state", "state"),
    Index("ix_transactions_block", "block"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("hash", Hash, primary_key=True),
    Column(
        "transaction", Serial, ForeignKey("transactions.id", ondelete="CASCADE"), nullable=False
    ),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", Whole, nullable=False),
    Column("priority_fee", Whole, nullable=False),
    Column("void", Boolean, nullable=False, default=False),  # Takes the nonce and does nothing.
    Column("signed_at", Float, nullable=False),
    Index("ix_attempts_transaction", "transaction"),
)

blocks = Table(
    "blocks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Hash, nullable=False),
    Column("parent", Hash, nullable=False),
    Column("at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", Hash, primary_key=True),  # Its hash, so that a copy of the table opens nothing.
    Column("owner", Address, nullable=False),
    Column("expires_at", Float, nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    Column("nonce", String(64), primary_key=True),
    Column("expires_at", Float, nullable=False),
)
