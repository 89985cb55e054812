"""What is to be deployed: a YAML file, checked before anything is sent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from eth_utils.address import is_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ringside.units import to_units

ZERO = "0x" + "00" * 20
LEAST_DELAY, MOST_DELAY = 3_600, 30 * 86_400
"""Seconds. A delay in which nobody can look protects nobody, and one that nobody waits for is
worked around."""


class PlanFileError(ValueError):
    """The file is no plan; the message says where, and what to write instead."""


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError(f"{value!r} is no address")
    return to_checksum_address(value)


def _known(value: str) -> str:
    if int(value, 16) == 0:
        raise ValueError("the zero address owns nothing")
    return value


Address = Annotated[str, AfterValidator(_address)]
Owner = Annotated[Address, AfterValidator(_known)]
Usdc = Annotated[Decimal, Field(ge=0, le=10**12)]
"""USDC, as people write it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Market(_Part):
    """A market's price feed and its heartbeat in seconds."""

    feed: Address
    heartbeat: int = Field(gt=0, lt=2**32)


class Venue(_Part):
    """A venue: its seat contract, what the seat is told after vault and token, the caps on what
    operators may post there, and the venue's own name of each market (an address or a number)."""

    name: str = Field(min_length=1)
    seat: str = Field(min_length=1)
    arguments: tuple[Any, ...] = ()
    cap: Usdc
    account_cap: Usdc
    markets: dict[str, str | int]

    @property
    def caps(self) -> tuple[int, int]:
        """USDC (1e6)."""
        return to_units(self.cap, 6), to_units(self.account_cap, 6)

    def instrument(self, market: str) -> bytes:
        value = self.markets[market]
        return (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")


class Owners(_Part):
    """Who holds the roles in the end: the governor and whoever administers roles after `delay`
    seconds, the guardian at once. `former` are those who held a role before and were replaced."""

    admin: Owner
    governor: Owner
    guardian: Owner
    former: tuple[Owner, ...] = ()
    delay: int = Field(ge=LEAST_DELAY, le=MOST_DELAY)


class Plan(_Part):
    """A deployment. Without `owners` every role stays with the deployer, which is for a local chain
    alone; `sequencer` is the zero address where the chain has none; `collector` gets the fees that
    the governor may set, and is the zero address where he is to name one first."""

    token: Owner
    sequencer: Address = ZERO
    grace: int = Field(3_600, ge=0)
    collector: Address = ZERO
    markets: dict[str, Market] = Field(min_length=1)
    venues: tuple[Venue, ...] = Field(min_length=1, max_length=64)
    owners: Owners | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        names = [venue.name for venue in self.venues]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two venues are called {name}")
        for venue in self.venues:
            for market in venue.markets:
                if market not in self.markets:
                    raise ValueError(f"{venue.name} lists {market}, which `markets` does not have")
                if not any(venue.instrument(market)):
                    raise ValueError(f"{venue.name} needs a name of its own for {market}")
            cap, own = venue.caps  # Raises where one is finer than a USDC's millionth.
            if own > cap:
                raise ValueError(f"the cap of {venue.name} for one account is above that for all")
        return self


def load(path: Path) -> Plan:
    """
    Raises:
        PlanFileError: there is no such file, or it is no plan.
    """
    try:
        told = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise PlanFileError(f"There is no plan {path}: docs/governance.md shows one.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as no:
        raise PlanFileError(f"{path} cannot be read as YAML: {no}.") from None
    try:
        return Plan.model_validate(told)
    except (ValidationError, OverflowError) as no:
        wrong = no.errors() if isinstance(no, ValidationError) else []
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'plan'}: {e['msg']}" for e in wrong)
        raise PlanFileError(f"{path} is no plan: {said or no}.") from None
