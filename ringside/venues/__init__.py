"""The venues. A new one is a module with the names of `base.Venue`, and one line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from ringside.venues import perp_v2, rage, synthetix
from ringside.venues.base import Venue
from ringside.venues.snapshot import (
    Key,
    Markets,
    Reading,
    Snapshot,
    load_markets,
)
from ringside.venues.snapshot import read_snapshot as snapshot
from ringside.venues.snapshot import replay as replay_readings

if TYPE_CHECKING:
    from web3 import Web3

    from ringside.chain.multicall import Block

VENUES: dict[str, Venue] = {
    "perp-v2": cast(Venue, perp_v2),
    "rage": cast(Venue, rage),
    "synthetix": cast(Venue, synthetix),
}

VENUE_ERRORS = tuple(error for module in VENUES.values() for error in module.ERRORS)
"""Signatures of the custom errors that venues refuse a trade with."""

__all__ = [
    "VENUES",
    "VENUE_ERRORS",
    "Key",
    "Markets",
    "Reading",
    "Snapshot",
    "load",
    "replay",
    "snapshot",
]


def load(
    w3: Web3,
    addresses: Mapping[str, Any],
    venues: Iterable[str] | None = None,
    markets: Iterable[str] | None = None,
) -> Markets:
    """What `snapshot` needs to know of the listed venues and markets, all that `addresses` has by
    default."""
    names = VENUES if venues is None else {name: VENUES[name] for name in venues}
    return load_markets(w3, addresses, names, markets)


def replay(block: Block, readings: Mapping[Key, Reading]) -> Snapshot:
    """The snapshot that recorded `readings` of `block` make; pure."""
    return replay_readings(VENUES, block, readings)
