"""Markets of several venues, built from frozen real order books: `RINGSIDE_DATA`, by default
../shared/data beside the checkout.

The captures are of different days, so each ladder is taken relative to its own mid and set around
one price, its sizes in USD: what is compared is depth and tick, not who was cheaper when. A market
is a coin that several captures have; only BTC borrows a ladder, dYdX's of ETH, since its capture
has none of BTC, and spot from OKX.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ringside.units import ONE
from ringside.venues.ladder import Ladder, LadderCurve

DATA = Path(
    os.environ.get("RINGSIDE_DATA")
    or Path(__file__).resolve().parent.parent.parent / "shared" / "data"
)
PRICE = 60_000
TAKER = {"hyperliquid": 4.5, "dydx": 5.0, "bybit": 5.5, "okx": 5.0}
"""Basis points, an assumption: what a taker pays in the lowest tier of Hyperliquid's perpetuals,
dYdX v3, Bybit's derivatives and OKX's swaps, recalled and not checked against their schedules of
then."""
LOT = ONE // 10**5

Levels = tuple[list[tuple[float, float]], list[tuple[float, float]]]
"""Bids and asks from the best on: price, and size in USD."""


def available() -> bool:
    """Whether the frozen books are there."""
    return (DATA / "books").is_dir()


def markets(fees: bool = True) -> Iterator[tuple[str, list[LadderCurve]]]:
    """Coins with the curves of the venues that have them. BTC comes once for every Hyperliquid
    snapshot, each beside the first snapshot of the others."""
    eos = {"dydx": _dydx("EOS-USD"), "bybit": _bybit("EOSUSD")}
    # A contract of OKX's coin-margined swaps is $10.
    uni = {"dydx": _dydx("UNI-USD"), "okx": _okx("UNI-USD-SWAP", 10)}
    yield "EOS-USD", _curves("EOS-USD", eos, fees)
    yield "UNI-USD", _curves("UNI-USD", uni, fees)
    btc = {"dydx": _dydx("ETH-USD"), "bybit": _bybit("BTCUSD"), "okx": _okx("BTC-USDT")}
    for levels in _hyperliquid():
        yield "BTC-USD", _curves("BTC-USD", {"hyperliquid": levels, **btc}, fees)


def _curves(market: str, books: dict[str, Levels], fees: bool) -> list[LadderCurve]:
    return [
        ladder(market, venue, levels, TAKER[venue] if fees else 0.0).curve(0)
        for venue, levels in books.items()
    ]


def ladder(market: str, venue: str, levels: Levels, fee: float) -> Ladder:
    """The levels around `PRICE`, at a fee in basis points; checked as any reading is."""
    bids, asks = levels
    middle = (bids[0][0] + asks[0][0]) / 2
    sides = []
    for side in (bids, asks):
        found = []
        for price, worth in side:
            at = PRICE * price / middle
            size = int(worth / at * ONE) // LOT * LOT
            if size:
                found.append((int(at * ONE), size))
        sides.append(tuple(found))
    return Ladder(venue, market, sides[0], sides[1], 0, 0, int(fee * ONE / 10_000), LOT)


def _messages(name: str) -> Iterator[Any]:
    """What a WebSocket capture received."""
    with gzip.open(DATA / "books" / name, "rt") as lines:
        for line in lines:
            head, _, body = line.partition(": ")
            if "<" not in head and body:
                yield json.loads(body)


def _hyperliquid() -> Iterator[Levels]:
    with gzip.open(DATA / "books" / "hyperliquid-btcusd-20250126.gz", "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            if message.get("channel") == "l2Book":
                bids, asks = (
                    [(float(x["px"]), float(x["px"]) * float(x["sz"])) for x in side]
                    for side in message["data"]["levels"]
                )
                yield bids, asks


def _dydx(market: str) -> Levels:
    """A snapshot's levels carry the offset of their last change; where both sides cross,
    the older level is gone. Empty levels are listed too."""
    for message in _messages("dydx-v3-20211028.ws.gz"):
        if message.get("type") == "subscribed" and message["id"] == market:
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
    raise ValueError(f"There is no snapshot of {market} in the dYdX capture.")


def _bybit(symbol: str) -> Levels:
    """An inverse perpetual: its sizes are USD."""
    for message in _messages("bybit-btcusd.ws.gz"):
        if message.get("type") == "snapshot" and message["topic"] == f"orderBookL2_25.{symbol}":
            levels = [(float(x["price"]), float(x["size"]), x["side"]) for x in message["data"]]
            bids = sorted(((p, s) for p, s, side in levels if side == "Buy"), reverse=True)
            return bids, sorted((p, s) for p, s, side in levels if side == "Sell")
    raise ValueError(f"There is no snapshot of {symbol} in the Bybit capture.")


def _okx(instrument: str, contract: float | None = None) -> Levels:
    """Sizes are contracts of so many USD, or base where it is spot."""
    for message in _messages("okx.ws.gz"):
        if message.get("action") == "snapshot" and message["arg"]["instId"] == instrument:
            book = message["data"][0]
            bids, asks = (
                [(float(x[0]), (contract or float(x[0])) * float(x[1])) for x in book[side]]
                for side in ("bids", "asks")
            )
            return bids, asks
    raise ValueError(f"There is no snapshot of {instrument} in the OKX capture.")
