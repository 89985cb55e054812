"""All venues and markets at one block, in one reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ringside.chain.multicall import MULTICALL3, Block, Read, aggregate, pinned
from ringside.venues.base import MarketState, ReadingInconsistent, Stale, Venue

if TYPE_CHECKING:
    from web3 import Web3

Key = tuple[str, str]
"""(venue, market)."""

ROUNDS = 5
"""Readings of one block at most: a new tick takes one more, a whole scan two more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was asked of one market and what came back: enough to parse it again elsewhere."""

    config: Any
    results: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every market's state at `block`. `readings` replay to the same `states`."""

    block: Block
    states: Mapping[Key, MarketState]
    readings: Mapping[Key, Reading]

    @property
    def timestamp(self) -> int:
        """The block's time, in seconds."""
        return self.block.timestamp

    def of(self, market: str) -> dict[str, MarketState]:
        """The states of one market, by venue."""
        return {v: state for (v, m), state in self.states.items() if m == market}


@dataclass
class Markets:
    """What is known of the markets to watch. The configurations in it are renewed as pools gain ticks."""

    modules: Mapping[str, Venue]
    configs: dict[Key, Any] = field(default_factory=dict)
    multicall: str = MULTICALL3


def load_markets(
    w3: Web3,
    addresses: Mapping[str, Any],
    modules: Mapping[str, Venue],
    markets: Iterable[str] | None = None,
) -> Markets:
    """Read the static configuration of every listed venue and market that `addresses` has, and scan the
    pools' bitmaps once."""
    wanted = None if markets is None else set(markets)
    watched = Markets(modules, multicall=addresses.get("multicall3", MULTICALL3))
    for name, module in modules.items():
        for market in addresses["venues"].get(name, {}).get("markets", {}):
            if wanted is None or market in wanted:
                watched.configs[name, market] = module.load(w3, addresses, market)
    read_snapshot(w3, watched)
    return watched


def read_snapshot(w3: Web3, watched: Markets, block: int | None = None) -> Snapshot:
    """The state of every watched market at `block` (the latest by default), in one multicall.

    If a pool has gained a tick since, its market is read once more at the same block.

    Raises:
        ReadingInconsistent: a pool's numbers do not add up even after a whole scan.
        ReadFailed: a call reverted or a contract is missing.
    """
    at = pinned(w3, block)
    states: dict[Key, MarketState] = {}
    readings: dict[Key, Reading] = {}
    pending = list(watched.configs)
    reason = ""
    for _ in range(ROUNDS):
        for key, results in _read(w3, watched, pending, at).items():
            config = watched.configs[key]
            try:
                states[key] = watched.modules[key[0]].parse(config, results, at)
                readings[key] = Reading(config, results)
            except Stale as stale:
                watched.configs[key], reason = stale.config, str(stale)
        pending = [key for key in pending if key not in states]
        if not pending:
            order = list(watched.configs)
            return Snapshot(at, {k: states[k] for k in order}, {k: readings[k] for k in order})
    raise ReadingInconsistent(f"block {at.number}: {pending} stay inconsistent ({reason})")


def replay(modules: Mapping[str, Venue], block: Block, readings: Mapping[Key, Reading]) -> Snapshot:
    """The snapshot that `readings` of `block` make, without a chain."""
    states = {
        key: modules[key[0]].parse(reading.config, reading.results, block)
        for key, reading in readings.items()
    }
    return Snapshot(block, states, readings)


def _read(
    w3: Web3, watched: Markets, keys: Sequence[Key], at: Block
) -> dict[Key, tuple[bytes | None, ...]]:
    reads: list[Read] = []
    ends: list[int] = []
    for key in keys:
        reads += watched.modules[key[0]].calls(watched.configs[key], at)
        ends.append(len(reads))
    answers = aggregate(w3, reads, at, watched.multicall)
    starts = [0, *ends]
    return {key: tuple(answers[starts[i] : ends[i]]) for i, key in enumerate(keys)}
