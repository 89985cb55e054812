"""All venues and markets at one block, in one reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ringside.chain.multicall import MULTICALL3, Block, Call, aggregate, pinned
from ringside.venues.base import MarketState, Stale, Venue, VenueError

if TYPE_CHECKING:
    from web3 import Web3

Key = tuple[str, str]
"""(venue, market)."""


class StaleSnapshot(VenueError):
    """A block too old to price anything by: the node is behind, or the chain stands still."""


class FutureSnapshot(VenueError):
    """A block from the future: the node lies, or one's own clock is wrong."""


_Answers = tuple[tuple[bytes | None, ...], str]
"""The answers, and which call failed that had to succeed, if one did."""

OLDEST = 120
"""Seconds that a block may be old where a price for now is wanted."""
AHEAD = 15
"""Seconds by which a block may be ahead of one's own clock."""
ROUNDS = 5
"""Readings of one block at most: a new tick takes one more, a whole scan two more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was asked of one market and what came back: enough to parse it again elsewhere."""

    config: Any
    results: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every market's state at `block`. `readings` replay to the same `states`; `failures` say why a
    market is missing: one venue that reverts or does not add up takes no other with it."""

    block: Block
    states: Mapping[Key, MarketState]
    readings: Mapping[Key, Reading]
    failures: Mapping[Key, str]

    @property
    def timestamp(self) -> int:
        """The block's time, in seconds."""
        return self.block.timestamp

    def of(self, market: str) -> dict[str, MarketState]:
        """The states of one market, by venue."""
        return {v: state for (v, m), state in self.states.items() if m == market}


@dataclass
class Markets:
    """What is known of the markets to watch. The configurations in it are renewed as pools gain
    ticks."""

    modules: Mapping[str, Venue]
    configs: dict[Key, Any] = field(default_factory=dict)
    multicall: str = MULTICALL3


def require_fresh(block: Block, now: int, oldest: int = OLDEST, ahead: int = AHEAD) -> None:
    """
    Raises:
        StaleSnapshot: the block is more than `oldest` seconds before `now`.
        FutureSnapshot: it is more than `ahead` seconds after.
    """
    age = now - block.timestamp
    if age > oldest:
        raise StaleSnapshot(
            f"Block {block.number} is {age} s old, more than {oldest} s: the node is behind, or "
            "the chain stands still. Ask another node."
        )
    if -age > ahead:
        raise FutureSnapshot(
            f"Block {block.number} is {-age} s in the future: set this machine's clock, or ask "
            "another node."
        )


def load_markets(
    w3: Web3,
    addresses: Mapping[str, Any],
    modules: Mapping[str, Venue],
    markets: Iterable[str] | None = None,
) -> Markets:
    """Read the static configuration of every listed venue and market that `addresses` has, and scan
    the pools' bitmaps once."""
    wanted = None if markets is None else set(markets)
    watched = Markets(modules, multicall=addresses.get("multicall3", MULTICALL3))
    for name, module in modules.items():
        for market in addresses["venues"].get(name, {}).get("markets", {}):
            if wanted is None or market in wanted:
                watched.configs[name, market] = module.load(w3, addresses, market)
    read_snapshot(w3, watched)
    return watched


def read_snapshot(w3: Web3, watched: Markets, block: int | Block | None = None) -> Snapshot:
    """The state of every watched market at `block` (the latest by default), in one multicall; one
    request to the node where the block is given whole.

    If a pool has gained a tick since, its market is read once more at the same block. A market
    whose calls revert or burn all gas, whose answers make no sense, or whose pool does not add up
    even after a whole scan, is in `failures` instead.

    Raises:
        NoMulticall: Multicall3 is missing on this chain.
    """
    at = block if isinstance(block, Block) else pinned(w3, block)
    states: dict[Key, MarketState] = {}
    readings: dict[Key, Reading] = {}
    failures: dict[Key, str] = {}
    pending = list(watched.configs)
    for _ in range(ROUNDS):
        stale: dict[Key, str] = {}
        for key, (results, failed) in _read(w3, watched, pending, at).items():
            config = watched.configs[key]
            if failed:
                failures[key] = failed
                continue
            try:
                states[key] = watched.modules[key[0]].parse(config, results, at)
                readings[key] = Reading(config, results)
            except Stale as reason:
                watched.configs[key], stale[key] = reason.config, str(reason)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                failures[key] = f"the answers make no sense: {error!r}"
        pending = list(stale)
        if not pending:
            break
    else:
        for key in pending:
            failures[key] = f"the reading does not add up, however often repeated: {stale[key]}"
    order = [key for key in watched.configs if key in states]
    return Snapshot(at, {k: states[k] for k in order}, {k: readings[k] for k in order}, failures)


def replay(modules: Mapping[str, Venue], block: Block, readings: Mapping[Key, Reading]) -> Snapshot:
    """The snapshot that `readings` of `block` make, without a chain."""
    states = {
        key: modules[key[0]].parse(reading.config, reading.results, block)
        for key, reading in readings.items()
    }
    return Snapshot(block, states, readings, {})


def _read(w3: Web3, watched: Markets, keys: Sequence[Key], at: Block) -> dict[Key, _Answers]:
    """Every market's answers from one multicall; if that fails as a whole (one venue can burn the
    gas of all), market by market."""
    from web3.exceptions import Web3Exception  # A slow import, and not needed to replay.

    try:
        return _read_together(w3, watched, keys, at)
    except Web3Exception as error:
        if len(keys) == 1:
            return {keys[0]: ((), f"the reading failed: {error}")}
    return {key: answers for one in keys for key, answers in _read(w3, watched, [one], at).items()}


def _read_together(
    w3: Web3, watched: Markets, keys: Sequence[Key], at: Block
) -> dict[Key, _Answers]:
    asked = {key: watched.modules[key[0]].calls(watched.configs[key], at) for key in keys}
    reads = [
        replace(read, optional=True) if isinstance(read, Call) else read
        for key in keys
        for read in asked[key]
    ]
    answers = iter(aggregate(w3, reads, at, watched.multicall))
    found: dict[Key, _Answers] = {}
    for key in keys:
        results = tuple(next(answers) for _ in asked[key])
        failed = next(
            (
                f"call 0x{read.data[:4].hex()} to {read.to} failed"
                for read, result in zip(asked[key], results, strict=True)
                if result is None and isinstance(read, Call) and not read.optional
            ),
            "",
        )
        found[key] = (results, failed)
    return found
