"""A local chain with the real venues, one funded trader at each, and ways to disturb it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from web3 import Web3

from bench import live
from bench.live import PerpTrader, RageTrader, SynthetixTrader, Trader
from devnet import anvil, state
from devnet.anvil import rpc
from devnet.chain import Chain
from ringside import venues


@dataclass
class Local:
    """The chain, its addresses, what is known of the markets, and a trader per venue."""

    w3: Web3
    addresses: dict[str, Any]
    markets: venues.Markets
    traders: dict[str, Trader]

    def snapshot(self) -> venues.Snapshot:
        """The state of everything at the latest block."""
        return venues.snapshot(self.w3, self.markets)

    def advance(self, seconds: int) -> None:
        """Mine one block `seconds` later."""
        Chain(self.w3).advance(seconds)


@pytest.fixture(scope="session")
def shared() -> Iterator[Local]:
    built = state.ensure()
    with anvil.running(state.free_port()) as w3:
        addresses = state.load(w3, built)
        markets = venues.load(w3, addresses)
        traders: dict[str, Trader] = {
            "perp-v2": PerpTrader(w3, addresses),
            "rage": RageTrader(w3, addresses),
            "synthetix": SynthetixTrader(w3, addresses),
        }
        yield Local(w3, addresses, markets, traders)


@pytest.fixture
def local(shared: Local) -> Iterator[Local]:
    """The chain as it was built, whatever other tests did."""
    mark = rpc(shared.w3, "evm_snapshot")
    configs = dict(shared.markets.configs)
    yield shared
    rpc(shared.w3, "evm_revert", mark)
    shared.markets.configs.update(configs)


@pytest.fixture
def disturb(local: Local) -> Callable[[random.Random, str, str], None]:
    """Change a market's state at random, with real trades at the venue."""

    def change(rng: random.Random, venue: str, market: str) -> None:
        live.disturb(rng, local.w3, local.addresses, local.markets, local.traders[venue], market)

    return change
