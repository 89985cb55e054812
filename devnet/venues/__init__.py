"""The venues on the local chain. Adding one is a module beside these and a line in `VENUES`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from web3 import Web3
from web3.contract import Contract

from devnet.chain import Chain


@dataclass(frozen=True)
class Site:
    """What a venue is built on: the chain and what stands on it already."""

    chain: Chain
    usdc: Contract
    uniswap_factory: Contract
    feeds: dict[str, str]
    """Market -> address of its Chainlink aggregator."""


@dataclass(frozen=True)
class Prices:
    """What a venue and its oracle say a market is worth: USD per base, 1e18."""

    spot: int
    """Price in the venue's pool right now."""
    mark: int
    """Price at which the venue values positions (a time-weighted average)."""
    index: int
    """Latest price of the oracle."""


class VenueModule(Protocol):
    """What every module here offers. `addresses` is the venue's own part of addresses.json."""

    NAME: str
    SEAT: tuple[str, str]
    """Our seat contract for it, and which of a market's addresses is its instrument there."""

    def deploy(self, site: Site) -> dict[str, Any]:
        """Deploy the venue, its markets and their liquidity; return the addresses."""

    def seat_arguments(self, addresses: dict[str, Any]) -> tuple[Any, ...]:
        """What our seat's constructor takes after the vault and USDC."""

    def arbitrage(self, w3: Web3, addresses: dict[str, Any], market: str) -> None:
        """Trade as the market would, until the pool's price is the index price."""

    def prices(self, w3: Web3, addresses: dict[str, Any], market: str) -> Prices:
        """Read the venue's prices of a market."""


def _modules() -> tuple[VenueModule, ...]:
    from devnet.venues import perp_v2, rage, synthetix

    return (perp_v2, rage, synthetix)


VENUES: tuple[VenueModule, ...] = _modules()
