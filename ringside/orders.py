"""Orders: what an owner signs, as typed values, hashed and signed as the Desk does it, bit by bit.

Sizes are 1e18 base, prices 1e18 USD per base, money in USDC's 1e6, ratios 1e18 = 1, times in
seconds. What each field means is said in `interfaces/IOrders.sol`, field by field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from eth_utils.address import is_hex_address

from ringside import eip712
from ringside.accounts import owner_of
from ringside.eip712 import sign
from ringside.keccak import checksummed, keccak, keccak_text

_UINT_MAX = 2**256 - 1
_SIZE_MAX = 2**128 - 1
CLOSE_SHORTS = 2**255 - 1
"""As an order's size: buy back every short at the allowed venues."""
CLOSE_LONGS = -(2**255)
"""As an order's size: sell every long at the allowed venues."""

ZERO_ADDRESS = "0x" + "00" * 20
MOST_VENUES = 64
"""As many as the registry takes."""

TYPES: dict[str, eip712.Fields] = {
    "Bounds": (
        ("minFill", "uint256"),
        ("minLeverage", "uint256"),
        ("maxLeverage", "uint256"),
        ("maxDeviation", "uint256"),
        ("tolerance", "uint256"),
        ("skipUnquotable", "bool"),
        ("reduceOnly", "bool"),
        ("allOrNone", "bool"),
        ("openAgainst", "bool"),
    ),
    "Tickets": (("most", "uint256"), ("maxCost", "uint256"), ("maxLoss", "uint256")),
    "Conditions": (
        ("notBefore", "uint256"),
        ("filler", "address"),
        ("fillerUntil", "uint256"),
        ("triggerPrice", "uint256"),
        ("triggerAbove", "bool"),
        ("interval", "uint256"),
        ("slice", "uint256"),
        ("catchUp", "uint256"),
        ("group", "uint256"),
        ("groupSize", "uint256"),
    ),
    "Terms": (
        ("market", "string"),
        ("size", "int256"),
        ("limitPrice", "uint256"),
        ("maxMargin", "uint256"),
        ("tip", "uint256"),
        ("venues", "uint256"),
        ("bounds", "Bounds"),
        ("tickets", "Tickets[]"),
        ("conditions", "Conditions[]"),
    ),
    "Order": (
        ("account", "bytes32"),
        ("terms", "Terms"),
        ("deadline", "uint256"),
        ("nonce", "uint256"),
        ("epoch", "uint256"),
    ),
    "Bundle": (
        ("account", "bytes32"),
        ("steps", "Terms[]"),
        ("mode", "uint8"),
        ("deadline", "uint256"),
        ("nonce", "uint256"),
        ("epoch", "uint256"),
    ),
}


class OrderError(ValueError):
    """A value that no order can carry; the message names the field and says why."""


class Mode(IntEnum):
    """How the steps of a bundle follow each other."""

    ATOMIC = 0
    STEPWISE = 1
    PROPORTIONAL = 2


@lru_cache(maxsize=1024)
def market_id(name: str) -> bytes:
    """A market's id: keccak256 of its name, which is how EIP-712 hashes the name in an order."""
    return keccak_text(name)


def step_key(digest: bytes, step: int) -> bytes:
    """What the Desk keeps the progress of a bundle's step under, given the bundle's digest."""
    return keccak(digest + step.to_bytes(32, "big"))


def venue_set(ids: list[int]) -> int:
    """The set of venue ids as an order carries it: bit i allows venue i."""
    bits = 0
    for i in ids:
        if not 0 <= i < MOST_VENUES:
            raise OrderError(f"venue id {i} cannot exist: ids run from 0 to {MOST_VENUES - 1}")
        bits |= 1 << i
    return bits


class Domain(eip712.Domain):
    """Where an order counts: one Desk on one chain."""

    __slots__ = ()
    NAME = "Ringside Desk"


class _Struct:
    """A part of an order whose fields, in order, are those of the EIP-712 type of the same name."""

    __slots__ = ()

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it."""
        kind: Any = type(self)
        return _laid_open(kind)(self)

    @property
    def values(self) -> dict[str, Any]:
        """As EIP-712 names them."""
        kind: Any = type(self)
        names = (name for name, _ in TYPES[kind.__name__])
        return dict(zip(names, _laid_open(kind)(self), strict=True))

    def _check(self) -> None:
        kind: Any = type(self)
        for (name, sort), value in zip(TYPES[kind.__name__], _laid_open(kind)(self), strict=True):
            if sort == "uint256" and not (type(value) is int and 0 <= value <= _UINT_MAX):
                _check_uint(name, value)


@cache
def _laid_open(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the fields, in order, out of one of these."""
    return attrgetter(*(entry.name for entry in fields(kind)))


@dataclass(frozen=True, slots=True)
class Bounds(_Struct):
    """What an order need not say; zero is "not asked for", everywhere."""

    min_fill: int = 0
    min_leverage: int = 0
    max_leverage: int = 0
    max_deviation: int = 0
    tolerance: int = 0
    skip_unquotable: bool = False
    reduce_only: bool = False
    all_or_none: bool = False
    open_against: bool = False

    def __post_init__(self) -> None:
        self._check()
        if self.max_leverage and self.min_leverage > self.max_leverage:
            raise OrderError("min_leverage is above max_leverage: no fill could satisfy both")


@dataclass(frozen=True, slots=True)
class Tickets(_Struct):
    """What legs at venues that fill later may do: how many may fail, what that may cost, and what
    exchanging margin may lose."""

    most: int
    max_cost: int
    max_loss: int

    def __post_init__(self) -> None:
        self._check()
        if self.max_loss > 10**18:
            raise OrderError("max_loss is a part of 1e18: it cannot be more than all")


@dataclass(frozen=True, slots=True)
class Conditions(_Struct):
    """When an order may be filled, and by whom; zero is "not asked for", everywhere."""

    not_before: int = 0
    filler: str = ZERO_ADDRESS
    filler_until: int = 0
    trigger_price: int = 0
    trigger_above: bool = False
    interval: int = 0
    slice: int = 0
    catch_up: int = 0
    group: int = 0
    group_size: int = 0

    def __post_init__(self) -> None:
        self._check()
        if not (self.filler.startswith("0x") and is_hex_address(self.filler)):
            raise OrderError(f"filler must be 0x and 40 hex digits, not {self.filler!r}")
        if self.interval and not self.slice:
            raise OrderError("a schedule needs a slice: the most of each interval")
        if self.group and not self.group_size:
            raise OrderError("a group needs a group_size: what its orders may fill together")

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it: the filler as web3 wants addresses written."""
        not_before, filler, *rest = _laid_open(Conditions)(self)
        return not_before, checksummed(filler), *rest


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be traded, as `IOrders.Terms`.

    Raises:
        OrderError: a field that the Desk could only refuse, named.
    """

    market: str
    size: int
    limit_price: int
    max_margin: int
    tip: int
    venues: int
    bounds: Bounds = field(default_factory=Bounds)
    tickets: Tickets | None = None
    conditions: Conditions | None = None

    def __post_init__(self) -> None:
        _check_terms(self)

    @property
    def sign(self) -> int:
        """+1 for a purchase, −1 for a sale."""
        return 1 if self.size > 0 else -1

    @property
    def closes_all(self) -> bool:
        return abs(self.size) > _SIZE_MAX

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it: the market by its id."""
        return (
            market_id(self.market),
            self.size,
            self.limit_price,
            self.max_margin,
            self.tip,
            self.venues,
            self.bounds.tuple,
            [self.tickets.tuple] if self.tickets else [],
            [self.conditions.tuple] if self.conditions else [],
        )

    @property
    def values(self) -> dict[str, Any]:
        """As a wallet is shown it."""
        return _shown(self)


@dataclass(frozen=True, slots=True)
class Order(eip712.Signable):
    """One order, as `IOrders.Order`, its terms laid open.

    Raises:
        OrderError: a field that the Desk could only refuse (size zero or beyond 128 bits, a
            negative or too large number, no venue allowed), named.
    """

    TYPES = TYPES

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
    tickets: Tickets | None = None
    conditions: Conditions | None = None

    def __post_init__(self) -> None:
        _check_frame(self)
        _check_terms(self)

    @property
    def terms(self) -> Terms:
        return Terms(*_laid_open(Terms)(self))

    @property
    def owner(self) -> str:
        return owner_of(self.account)

    @property
    def sign(self) -> int:
        """+1 for a purchase, −1 for a sale."""
        return 1 if self.size > 0 else -1

    @property
    def closes_all(self) -> bool:
        return abs(self.size) > _SIZE_MAX

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it."""
        return self.account, self.terms.tuple, self.deadline, self.nonce, self.epoch

    @property
    def values(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "terms": _shown(self),
            "deadline": self.deadline,
            "nonce": self.nonce,
            "epoch": self.epoch,
        }

    def with_(self, **changes: Any) -> Order:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Bundle(eip712.Signable):
    """Several orders under one signature, as `IOrders.Bundle`.

    Raises:
        OrderError: as `Order`; no steps.
    """

    TYPES = TYPES

    account: bytes
    steps: tuple[Terms, ...]
    mode: Mode
    deadline: int
    nonce: int
    epoch: int = 0

    def __post_init__(self) -> None:
        _check_frame(self)
        if not self.steps:
            raise OrderError("a bundle needs at least one step")

    @property
    def owner(self) -> str:
        return owner_of(self.account)

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it."""
        steps = [step.tuple for step in self.steps]
        return self.account, steps, int(self.mode), self.deadline, self.nonce, self.epoch

    @property
    def values(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "steps": [step.values for step in self.steps],
            "mode": int(self.mode),
            "deadline": self.deadline,
            "nonce": self.nonce,
            "epoch": self.epoch,
        }

    def step_key(self, domain: Domain, step: int) -> bytes:
        """What the Desk keeps a step's progress under."""
        return step_key(self.digest(domain), step)

    def order(self, step: int) -> Order:
        """A step as an order of its own, for planning: it carries no signature."""
        names = (entry.name for entry in fields(Terms))
        parts = dict(zip(names, _laid_open(Terms)(self.steps[step]), strict=True))
        return Order(
            account=self.account,
            deadline=self.deadline,
            nonce=self.nonce,
            epoch=self.epoch,
            **parts,
        )

    def with_(self, **changes: Any) -> Bundle:
        """A copy with some fields changed."""
        return replace(self, **changes)


def _shown(terms: Terms | Order) -> dict[str, Any]:
    """Terms as a wallet is shown them; an order has the same fields laid open."""
    return {
        "market": terms.market,
        "size": terms.size,
        "limitPrice": terms.limit_price,
        "maxMargin": terms.max_margin,
        "tip": terms.tip,
        "venues": terms.venues,
        "bounds": terms.bounds.values,
        "tickets": [terms.tickets.values] if terms.tickets else [],
        "conditions": [terms.conditions.values] if terms.conditions else [],
    }


def _check_terms(terms: Terms | Order) -> None:
    if not terms.market:
        raise OrderError("market must be named, as in ETH-USD")
    size = terms.size
    sized = isinstance(size, int) and 0 < abs(size) <= _SIZE_MAX
    if not sized and size not in (CLOSE_LONGS, CLOSE_SHORTS):
        raise OrderError(
            f"size must be a whole number that is not zero and fits 128 bits, not {size}"
        )
    for name in ("limit_price", "max_margin", "tip", "venues"):
        _check_uint(name, getattr(terms, name))
    if terms.venues == 0:
        raise OrderError("venues must allow at least one venue")


def _check_frame(signable: Order | Bundle) -> None:
    account = signable.account
    if len(account) != 32 or not any(account[:20]):
        raise OrderError("account must be 32 bytes that begin with its owner's address")
    for name in ("deadline", "nonce", "epoch"):
        _check_uint(name, getattr(signable, name))


def _check_uint(name: str, value: int) -> None:
    if not isinstance(value, int) or not 0 <= value <= _UINT_MAX:
        raise OrderError(f"{name} must be a whole number from 0 to 2^256 - 1, not {value!r}")


__all__ = [
    "CLOSE_LONGS",
    "CLOSE_SHORTS",
    "Bounds",
    "Bundle",
    "Conditions",
    "Domain",
    "Mode",
    "Order",
    "OrderError",
    "Terms",
    "Tickets",
    "market_id",
    "sign",
    "venue_set",
]
