"""Standing policies: what an owner signs once so that a keeper may move margin within an account,
as typed values, hashed and signed as `Policies` does it, bit by bit; and how much a move takes.

Money is in USDC's 1e6, ratios 1e18 = 1, times in seconds. What each field means is said in
`interfaces/IPolicies.sol`, field by field.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from ringside import eip712
from ringside.accounts import owner_of
from ringside.eip712 import sign
from ringside.orders import MOST_VENUES, market_id
from ringside.units import ONE, USDC_TO_USD

IDLE = 2**256 - 1
"""As a move's source or destination: not a pocket, but the account's idle."""
_UINT_MAX = 2**256 - 1

TYPES: dict[str, eip712.Fields] = {
    "Pocket": (("venue", "uint8"), ("market", "string")),
    "Policy": (
        ("account", "bytes32"),
        ("pockets", "Pocket[]"),
        ("trigger", "uint256"),
        ("target", "uint256"),
        ("tolerance", "uint256"),
        ("floor", "uint256"),
        ("excess", "uint256"),
        ("cooldown", "uint256"),
        ("maxPerDay", "uint256"),
        ("maxLoss", "uint256"),
        ("tip", "uint256"),
        ("maxTipPerDay", "uint256"),
        ("deadline", "uint256"),
        ("nonce", "uint256"),
        ("epoch", "uint256"),
    ),
}


class PolicyError(ValueError):
    """A value that no policy can carry; the message names the field and says why."""


class Domain(eip712.Domain):
    """Where a policy counts: one `Policies` on one chain."""

    __slots__ = ()
    NAME = "Ringside Policies"


@dataclass(frozen=True, slots=True)
class Pocket:
    """Where margin counts. Of a pocket that several markets share, any of them names it."""

    venue: int
    market: str

    def __post_init__(self) -> None:
        if not isinstance(self.venue, int) or not 0 <= self.venue < MOST_VENUES:
            raise PolicyError(f"venue must be an id from 0 to {MOST_VENUES - 1}, not {self.venue}")
        if not self.market:
            raise PolicyError("market must be named, as in ETH-USD")

    @property
    def tuple(self) -> tuple[int, bytes]:
        """As the contract takes it: the market by its id."""
        return self.venue, market_id(self.market)


class Move(NamedTuple):
    """What a keeper does with a policy, as `IPolicies.Move`: `source` and `to` are places in the
    policy's pockets, or IDLE."""

    source: int
    to: int
    amount: int
    tip: int = 0


class Health(NamedTuple):
    """A pocket at the oracle's prices, as `IPolicies.Health`: USD 1e18, and their quotient."""

    equity: int
    maintenance: int
    health: int


@dataclass(frozen=True, slots=True)
class Policy(eip712.Signable):
    """A standing policy, as `IPolicies.Policy`.

    Raises:
        PolicyError: a field that the contract could only refuse, named.
    """

    TYPES = TYPES

    account: bytes
    pockets: tuple[Pocket, ...]
    trigger: int
    target: int
    tolerance: int
    floor: int
    max_per_day: int
    deadline: int
    nonce: int
    epoch: int = 0
    excess: int = 0
    cooldown: int = 0
    max_loss: int = 0
    tip: int = 0
    max_tip_per_day: int = 0

    def __post_init__(self) -> None:
        if len(self.account) != 32 or not any(self.account[:20]):
            raise PolicyError("account must be 32 bytes that begin with its owner's address")
        if not self.pockets:
            raise PolicyError("pockets must name at least one pocket")
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in ("account", "pockets"):
                continue
            if not isinstance(value, int) or not 0 <= value <= _UINT_MAX:
                raise PolicyError(
                    f"{entry.name} must be a whole number from 0 to 2^256 - 1, not {value!r}"
                )
        if self.target - self.tolerance < self.trigger:
            raise PolicyError(
                "target less the tolerance is below the trigger: a move could count and leave the "
                "pocket in need"
            )
        if self.floor < self.trigger:
            raise PolicyError("floor is below the trigger: giving could leave a pocket in need")
        if self.excess and self.excess < self.target + self.tolerance:
            raise PolicyError("excess is below the target and the tolerance: there is no surplus")
        if self.max_loss > ONE:
            raise PolicyError("max_loss is a part of 1e18: it cannot be more than all")

    @property
    def owner(self) -> str:
        return owner_of(self.account)

    @property
    def tuple(self) -> tuple[Any, ...]:
        """As the contract takes it."""
        return (
            self.account,
            [pocket.tuple for pocket in self.pockets],
            self.trigger,
            self.target,
            self.tolerance,
            self.floor,
            self.excess,
            self.cooldown,
            self.max_per_day,
            self.max_loss,
            self.tip,
            self.max_tip_per_day,
            self.deadline,
            self.nonce,
            self.epoch,
        )

    @property
    def values(self) -> dict[str, Any]:
        """As a wallet is shown it."""
        names = (name for name, _ in TYPES["Policy"])
        shown = [{"venue": p.venue, "market": p.market} for p in self.pockets]
        return {**dict(zip(names, self.tuple, strict=True)), "pockets": shown}

    def with_(self, **changes: Any) -> Policy:
        """A copy with some fields changed."""
        return replace(self, **changes)


def most_to_give(pocket: Health, target: int) -> int:
    """USDC (1e6): the most that can be given to the pocket without its health exceeding the
    target."""
    # ⌊equity × 1e18 ÷ maintenance⌋ ≤ target, as the contract rounds.
    highest = -(-(target + 1) * pocket.maintenance // ONE) - 1
    return max(highest - pocket.equity, 0) // USDC_TO_USD


def most_to_take(pocket: Health, floor: int) -> int:
    """USDC (1e6): the most that can be taken from the pocket without its health falling below the
    floor. What the venue itself lets go may be less."""
    lowest = -(-floor * pocket.maintenance // ONE)
    return max(pocket.equity - lowest, 0) // USDC_TO_USD


__all__ = [
    "IDLE",
    "Domain",
    "Health",
    "Move",
    "Pocket",
    "Policy",
    "PolicyError",
    "most_to_give",
    "most_to_take",
    "sign",
]
