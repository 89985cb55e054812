"""Orders: what an owner signs, as a typed value, hashed and signed as the Desk does it, bit by bit.

Sizes are 1e18 base, prices 1e18 USD per base, money in USDC's 1e6, ratios 1e18 = 1, times in
seconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import is_hex_address
from eth_utils.crypto import keccak

from ringside.accounts import owner_of

_UINT_MAX = 2**256 - 1
_SIZE_MAX = 2**128 - 1

BOUNDS_FIELDS = (
    ("minFill", "uint256"),
    ("minLeverage", "uint256"),
    ("maxLeverage", "uint256"),
    ("maxDeviation", "uint256"),
    ("reduceOnly", "bool"),
    ("filler", "address"),
    ("fillerUntil", "uint256"),
)
ORDER_FIELDS = (
    ("account", "bytes32"),
    ("market", "string"),
    ("size", "int256"),
    ("limitPrice", "uint256"),
    ("maxMargin", "uint256"),
    ("tip", "uint256"),
    ("venues", "uint256"),
    ("deadline", "uint256"),
    ("nonce", "uint256"),
    ("epoch", "uint256"),
    ("bounds", "Bounds"),
)
DOMAIN_FIELDS = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
ZERO_ADDRESS = "0x" + "00" * 20
MOST_VENUES = 128
"""As many as a grant can name."""


class OrderError(ValueError):
    """A value that no order can carry; the message names the field and says why."""


def market_id(name: str) -> bytes:
    """A market's id: keccak256 of its name, which is how EIP-712 hashes the name in an order."""
    return keccak(text=name)


def venue_set(ids: list[int]) -> int:
    """The set of venue ids as an order carries it: bit i allows venue i."""
    bits = 0
    for i in ids:
        if not 0 <= i < MOST_VENUES:
            raise OrderError(f"venue id {i} cannot exist: ids run from 0 to {MOST_VENUES - 1}")
        bits |= 1 << i
    return bits


@dataclass(frozen=True, slots=True)
class Domain:
    """Where an order counts: one Desk on one chain."""

    chain_id: int
    desk: str

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "name": "Ringside Desk",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.desk,
        }

    @property
    def separator(self) -> bytes:
        return keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [
                    keccak(text=_type("EIP712Domain", DOMAIN_FIELDS)),
                    keccak(text="Ringside Desk"),
                    keccak(text="1"),
                    self.chain_id,
                    self.desk,
                ],
            )
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an order need not say; zero is "not asked for", everywhere. Units as in
    `IDesk.Bounds`."""

    min_fill: int = 0
    min_leverage: int = 0
    max_leverage: int = 0
    max_deviation: int = 0
    reduce_only: bool = False
    filler: str = ZERO_ADDRESS
    filler_until: int = 0

    def __post_init__(self) -> None:
        for name in ("min_fill", "min_leverage", "max_leverage", "max_deviation", "filler_until"):
            _check_uint(name, getattr(self, name))
        if not is_hex_address(self.filler):
            raise OrderError(f"filler must be 0x and 40 hex digits, not {self.filler!r}")
        if self.max_leverage and self.min_leverage > self.max_leverage:
            raise OrderError("min_leverage is above max_leverage: no fill could satisfy both")

    @property
    def tuple(self) -> tuple[Any, ...]:
        return tuple(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Order:
    """One order, as `IDesk.Order`.

    Raises:
        OrderError: a field that the Desk could only refuse (size zero or beyond 128 bits, a
        negative or
            too large number, no venue allowed), named.
    """

    account: bytes
    market: str
    size: int
    limit_price: int
    max_margin: int
    tip: int
    venues: int
    deadline: int
    nonce: int
    epoch: int = 0
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        if len(self.account) != 32 or not any(self.account[:20]):
            raise OrderError("account must be 32 bytes that begin with its owner's address")
        if not self.market:
            raise OrderError("market must be named, as in ETH-USD")
        if not isinstance(self.size, int) or not 0 < abs(self.size) <= _SIZE_MAX:
            raise OrderError(
                f"size must be a whole number that is not zero and fits 128 bits, not {self.size}"
            )
        for name in ("limit_price", "max_margin", "tip", "venues", "deadline", "nonce", "epoch"):
            _check_uint(name, getattr(self, name))
        if self.venues == 0:
            raise OrderError("venues must allow at least one venue")

    @property
    def owner(self) -> str:
        return owner_of(self.account)

    @property
    def sign(self) -> int:
        """+1 for a purchase, −1 for a sale."""
        return 1 if self.size > 0 else -1

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it: the market by its id."""
        values = [getattr(self, name) for name in _ORDER_NAMES]
        values[1] = market_id(self.market)
        return (*values[:-1], self.bounds.tuple)

    @property
    def struct_hash(self) -> bytes:
        bounds = keccak(
            encode(
                ["bytes32", *(kind for _, kind in BOUNDS_FIELDS)],
                [_typehash("Bounds"), *self.bounds.tuple],
            )
        )
        kinds = ["bytes32" if kind in ("string", "Bounds") else kind for _, kind in ORDER_FIELDS]
        return keccak(encode(["bytes32", *kinds], [_typehash("Order"), *self.tuple[:-1], bounds]))

    def digest(self, domain: Domain) -> bytes:
        """What the owner signs: the EIP-712 hash of the order in its domain."""
        return keccak(b"\x19\x01" + domain.separator + self.struct_hash)

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The same as EIP-712 JSON, for a wallet: what it shows is what is signed."""
        values = {
            name: getattr(self, snake)
            for (name, _), snake in zip(ORDER_FIELDS, _ORDER_NAMES, strict=True)
        }
        values["bounds"] = dict(zip((n for n, _ in BOUNDS_FIELDS), self.bounds.tuple, strict=True))
        return {
            "types": {
                name: [{"name": n, "type": kind} for n, kind in fields]
                for name, fields in (
                    ("EIP712Domain", DOMAIN_FIELDS),
                    ("Order", ORDER_FIELDS),
                    ("Bounds", BOUNDS_FIELDS),
                )
            },
            "primaryType": "Order",
            "domain": domain.fields,
            "message": values,
        }

    def with_(self, **changes: Any) -> Order:
        """A copy with some fields changed."""
        return replace(self, **changes)


def sign(order: Order, domain: Domain, private_key: bytes | str) -> bytes:
    """The 65-byte signature of the order by a key held here. A wallet signs `typed_data`
    instead."""
    from eth_account import Account  # Slow to import, and not needed to hash.

    signed = Account.sign_typed_data(private_key, full_message=order.typed_data(domain))
    return bytes(signed.signature)


_ORDER_NAMES = tuple(Order.__dataclass_fields__)


def _check_uint(name: str, value: int) -> None:
    if not isinstance(value, int) or not 0 <= value <= _UINT_MAX:
        raise OrderError(f"{name} must be a whole number from 0 to 2^256 - 1, not {value!r}")


def _type(name: str, fields: tuple[tuple[str, str], ...]) -> str:
    return f"{name}({','.join(f'{kind} {field_}' for field_, kind in fields)})"


@lru_cache
def _typehash(name: str) -> bytes:
    bounds = _type("Bounds", BOUNDS_FIELDS)
    return keccak(text=bounds if name == "Bounds" else _type("Order", ORDER_FIELDS) + bounds)


__all__ = [
    "Bounds",
    "Domain",
    "Order",
    "OrderError",
    "market_id",
    "sign",
    "venue_set",
]
