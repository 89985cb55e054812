"""Markets of several venues, built from frozen real order books: `RINGSIDE_DATA`, by default
../shared/data beside the checkout.

The captures are of different days and coins, so each ladder is taken relative to its own mid and
set around one price, its sizes in USD: what is compared is depth and tick, not who was cheaper
when. Taker fees are about what the venues' first tiers charged, an assumption.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.instances import MadeUp, Stretch
from ringside.units import ONE

DATA = Path(
    os.environ.get("RINGSIDE_DATA")
    or Path(__file__).resolve().parent.parent.parent / "shared" / "data"
)
PRICE = 60_000
TAKER = {"hyperliquid": 4.5, "dydx": 5.0, "bybit": 5.5, "okx": 5.0}
"""Basis points."""
LOT = ONE // 10**5

Ladder = tuple[list[tuple[float, float]], list[tuple[float, float]]]
"""Bids and asks, the best first, as price and size in USD."""


def available() -> bool:
    """Whether the frozen books are there."""
    return (DATA / "books").is_dir()


def markets(sign: int) -> Iterator[list[MadeUp]]:
    """For every Hyperliquid snapshot a market of it and of the first snapshot of each other venue,
    as curves for orders in that direction."""
    others = [
        curve("dydx", _dydx(), sign),
        curve("bybit", _bybit(), sign),
        curve("okx", _okx(), sign),
    ]
    for ladder in _hyperliquid():
        yield [curve("hyperliquid", ladder, sign), *others]


def curve(venue: str, ladder: Ladder, sign: int) -> MadeUp:
    """One side of a ladder around `PRICE`."""
    bids, asks = ladder
    middle = (bids[0][0] + asks[0][0]) / 2
    stretches = []
    for price, worth in asks if sign > 0 else bids:
        at = PRICE * price / middle
        size = int(worth / at * ONE) // LOT * LOT
        if size:
            stretches.append(Stretch(size, int(at * ONE)))
    fee = int(TAKER[venue] * ONE / 10_000)
    return MadeUp(venue, tuple(stretches), sign, fee, LOT, market="BTC-USD")


def _messages(name: str) -> Iterator[Any]:
    """What a WebSocket capture received."""
    with gzip.open(DATA / "books" / name, "rt") as lines:
        for line in lines:
            head, _, body = line.partition(": ")
            if "<" not in head and body:
                yield json.loads(body)


def _hyperliquid() -> Iterator[Ladder]:
    with gzip.open(DATA / "books" / "hyperliquid-btcusd-20250126.gz", "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            if message.get("channel") == "l2Book":
                bids, asks = (
                    [(float(x["px"]), float(x["px"]) * float(x["sz"])) for x in side]
                    for side in message["data"]["levels"]
                )
                yield bids, asks


def _dydx() -> Ladder:
    """ETH-USD. A snapshot's levels carry the offset of their last change; where both sides cross,
    the older level is gone. Empty levels are listed too."""
    for message in _messages("dydx-v3-20211028.ws.gz"):
        if message.get("type") == "subscribed" and message["id"] == "ETH-USD":
            bids, asks = (
                sorted(
                    (
                        (float(x["price"]), float(x["size"]), int(x["offset"]))
                        for x in message["contents"][side]
                        if float(x["size"])
                    ),
                    reverse=side == "bids",
                )
                for side in ("bids", "asks")
            )
            while bids[0][0] >= asks[0][0]:
                (bids if bids[0][2] < asks[0][2] else asks).pop(0)
            return [(p, p * s) for p, s, _ in bids], [(p, p * s) for p, s, _ in asks]
    raise ValueError("There is no snapshot of ETH-USD in the dYdX capture.")


def _bybit() -> Ladder:
    """BTCUSD, an inverse perpetual: its sizes are USD."""
    for message in _messages("bybit-btcusd.ws.gz"):
        if message.get("type") == "snapshot" and message["topic"] == "orderBookL2_25.BTCUSD":
            levels = [(float(x["price"]), float(x["size"]), x["side"]) for x in message["data"]]
            bids = sorted(((p, s) for p, s, side in levels if side == "Buy"), reverse=True)
            return bids, sorted((p, s) for p, s, side in levels if side == "Sell")
    raise ValueError("There is no snapshot of BTCUSD in the Bybit capture.")


def _okx() -> Ladder:
    """BTC-USDT: spot, for the depth of 400 levels; the capture has no swap of BTC."""
    for message in _messages("okx.ws.gz"):
        if message.get("action") == "snapshot" and message["arg"]["instId"] == "BTC-USDT":
            book = message["data"][0]
            bids, asks = (
                [(float(x[0]), float(x[0]) * float(x[1])) for x in book[side]]
                for side in ("bids", "asks")
            )
            return bids, asks
    raise ValueError("There is no snapshot of BTC-USDT in the OKX capture.")
