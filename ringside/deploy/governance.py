"""Who may change what of the registry, and after which delay: the one place that says so.

OpenZeppelin's AccessManager keeps to it. Whatever lowers risk is the guardian's, at once; whatever
raises it is the governor's, after the delay, in which the guardian may cancel it. Whoever changes
the roles themselves waits as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ringside.chain.abi import selector


class Role(IntEnum):
    """As AccessManager numbers them; 0 is its administrator."""

    ADMIN = 0
    GUARDIAN = 1
    GOVERNOR = 2


@dataclass(frozen=True, slots=True)
class Power:
    """A function of the registry, and whose it is."""

    function: str
    role: Role

    @property
    def selector(self) -> bytes:
        return selector(self.function)

    @property
    def name(self) -> str:
        return self.function.split("(")[0]


POWERS = (
    Power("pause(uint8)", Role.GUARDIAN),
    Power("pauseAll()", Role.GUARDIAN),
    Power("lowerCaps(uint8,uint256,uint256)", Role.GUARDIAN),
    Power("unpause(uint8)", Role.GOVERNOR),
    Power("raiseCaps(uint8,uint256,uint256)", Role.GOVERNOR),
    Power("addVenue(string,address,uint256,uint256)", Role.GOVERNOR),
    Power("addMarket(string,address,uint32)", Role.GOVERNOR),
    Power("list(uint8,bytes32,bytes32)", Role.GOVERNOR),
    Power("setFee(bytes32,uint56)", Role.GOVERNOR),
    Power("setCollector(address)", Role.GOVERNOR),
)
"""Every restricted function of `contracts/Venues.sol`."""


def of(role: Role) -> list[bytes]:
    """The selectors that are the role's."""
    return [power.selector for power in POWERS if power.role is role]


def delay_of(role: Role, delay: int) -> int:
    """Seconds between announcing and doing, where the governor's are `delay`."""
    return 0 if role is Role.GUARDIAN else delay
