"""The markets as of the newest block, read once a block for everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from ringside.api.errors import Problem
from ringside.api.house import House
from ringside.api.logs import logger
from ringside.api.rooms import roomy
from ringside.api.threads import Threads
from ringside.chain.multicall import Block, pinned
from ringside.cli.explain import GAS, OTHER_GAS
from ringside.cli.explain import Seen as Quotable
from ringside.keeper.conditions import Moment
from ringside.orders import Conditions, Order
from ringside.units import ONE
from ringside.venues import Markets, Snapshot, load, snapshot
from ringside.venues.base import MarketState

PATIENCE = 5.0
"""Seconds that a first request waits for the first reading."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Every market at one block. `moments` are what the oracles say, by market, `states` each
    market's by venue, `roomy` the same for admission, `gas_price` in wei."""

    snapshot: Snapshot
    moments: Mapping[str, Moment]
    states: Mapping[str, Mapping[str, MarketState]]
    roomy: Mapping[str, Mapping[str, MarketState]]
    gas_price: int

    @property
    def block(self) -> Block:
        return self.snapshot.block


class Market:
    """Reads the markets whenever there is a new block. The engine may give what it read."""

    def __init__(self, house: House, threads: Threads) -> None:
        self.house, self.threads = house, threads
        self.seen: Seen | None = None
        self.answered_at = 0.0
        """When the node last answered (monotonic seconds)."""
        self._markets: Markets | None = None
        self._given: Snapshot | None = None
        self._first = asyncio.Event()

    def put(self, given: Snapshot) -> None:
        """Takes a snapshot of all markets that somebody read anyway; from any thread."""
        self._given = given

    async def current(self) -> Seen:
        """The newest reading.

        Raises:
            Problem: 503; there is none yet.
        """
        if self.seen is None:
            try:
                await asyncio.wait_for(self._first.wait(), PATIENCE)
            except asyncio.TimeoutError:
                raise Problem(
                    503, "chain-unread", "The node has not answered yet: ask again shortly."
                ) from None
        assert self.seen is not None
        return self.seen

    async def follow(self) -> None:
        """Reads each new block, for ever."""
        failed = False
        while True:
            try:
                found = await self.threads.run(self.threads.watch, self.read)
                self.answered_at = time.monotonic()
                if found is not None:
                    self.seen = found
                    self._first.set()
                failed = False
            except Exception as no:
                if not failed:  # Once for a silence, not four times a second.
                    logger().warning("the markets cannot be read", why=str(no)[:500])
                failed = True
            await asyncio.sleep(self.house.config.poll)

    def read(self) -> Seen | None:
        """The markets at the newest block, `None` if that is known already. Asks the chain."""
        ringside = self.house.ringside
        block = pinned(ringside.w3)
        if self.seen is not None and self.seen.block == block:
            return None
        given = self._given
        if given is None or given.block != block:
            if self._markets is None:
                self._markets = load(ringside.w3, ringside.addresses, ringside.venue_ids)
            given = snapshot(ringside.w3, self._markets, block)
        names = self.house.markets
        moments = self.house.looker.moments([_asking(name) for name in names], block)
        states = {name: given.of(name) for name in names}
        ample = {name: {v: roomy(s) for v, s in of.items()} for name, of in states.items()}
        gas_price = int(ringside.w3.eth.gas_price)
        return Seen(given, dict(zip(names, moments, strict=True)), states, ample, gas_price)

    def quotable(self, seen: Seen, market: str, at_once: bool = False) -> Quotable:
        """The market as the command's quotes take it."""
        ether = next((s.index_price for s in seen.states.get("ETH-USD", {}).values()), 0)
        states = {v: s for v, s in seen.states[market].items() if not (at_once and s.delayed)}
        gas = {v: GAS.get(v, OTHER_GAS) * seen.gas_price * ether // ONE for v in states}
        failures = {v: why for (v, m), why in seen.snapshot.failures.items() if m == market}
        return Quotable(market, seen.block.number, seen.block.timestamp, states, gas, failures)


def _asking(market: str) -> Order:
    """An order that asks for all that a moment has."""
    watching = Conditions(trigger_price=1)
    return Order(b"\1" * 32, market, 1, 1, 0, 0, 1, 0, 0, conditions=watching)
