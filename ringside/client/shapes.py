"""What the API answers, in CCXT's unified structures.

Where a field means the same it has CCXT's name; numbers are `Decimal` (never floats), times
milliseconds, and `info` is the answer as it came. What Ringside does not know is None: nothing is
made up. Prices are all in: venues' fees are in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, TypedDict

from ringside.client.symbols import SETTLE, symbol_of
from ringside.units import from_units, to_units

Json = Mapping[str, Any]
BPS = 10_000
UNSIGNED = 2**128
"""A size or price beyond this says something else: close all, or any price."""


class Market(TypedDict):
    id: str
    symbol: str
    base: str
    quote: str
    settle: str
    type: str
    swap: bool
    contract: bool
    linear: bool
    contractSize: Decimal
    active: bool
    precision: dict[str, Decimal]
    """The least step of amounts and prices: those of the chain's own units."""
    venues: list[str]
    """Where it is listed and can be read now."""
    info: Any


class Ticker(TypedDict):
    symbol: str
    timestamp: int
    datetime: str
    bid: None
    ask: None
    last: None
    markPrice: Decimal
    """USD per base: the median of the venues' risk prices, as is the index price of theirs."""
    indexPrice: Decimal
    info: Any


class OrderBook(TypedDict):
    """Levels [price, amount] over all venues, fees in the prices. A venue's are 10, 50 and 100
    basis points from its mark: all of its size up to a level has that price at worst."""

    symbol: str
    timestamp: int
    datetime: str
    nonce: int
    """The block."""
    bids: list[list[Decimal]]
    asks: list[list[Decimal]]
    info: Any


class FundingRate(TypedDict):
    symbol: str
    markPrice: Decimal
    indexPrice: Decimal
    fundingRate: Decimal
    """A fraction a day, positive: longs pay. The median of the venues', or the one's asked for."""
    interval: str
    venues: dict[str, Decimal]
    timestamp: int
    datetime: str
    info: Any


class Order(TypedDict):
    """Every order is a limit order to the chain: one made as a market order shows its bound as
    `price`. Of a bundle there is no symbol, and `filled` counts steps."""

    id: str
    symbol: str | None
    type: str
    side: str | None
    price: Decimal | None
    triggerPrice: Decimal | None
    amount: Decimal | None
    """None of an order that closes all there is, and of a bundle."""
    filled: Decimal
    remaining: Decimal | None
    status: str
    """open, closed (filled whole), canceled (perhaps filled in part), expired or rejected."""
    reason: str
    """Why it is in that state, in words."""
    reduceOnly: bool
    average: None
    timestamp: int | None
    datetime: str | None
    lastUpdateTimestamp: int | None
    info: Any


class Trade(TypedDict):
    id: str
    order: str
    symbol: str | None
    side: str
    takerOrMaker: str
    price: Decimal | None
    """All in but the tip; None where its venue does not say."""
    amount: Decimal
    cost: Decimal | None
    fee: dict[str, Any]
    """The keeper's tip; the venues' fees are in the price."""
    timestamp: int
    datetime: str
    info: Any


class Position(TypedDict):
    id: str
    symbol: str
    venue: str
    side: str
    contracts: Decimal
    contractSize: Decimal
    notional: Decimal
    markPrice: Decimal
    liquidationPrice: Decimal | None
    collateral: Decimal | None
    """Equity of the margin that it shares, USD; likewise the next two."""
    maintenanceMargin: Decimal | None
    leverage: Decimal | None
    marginMode: str
    fundingRate: Decimal
    fundingAccrued: Decimal
    """USD owed since it was last settled; negative: due."""
    entryPrice: None
    unrealizedPnl: None
    timestamp: int
    datetime: str
    info: Any


class Withdrawn(TypedDict):
    id: str
    status: str
    reason: str
    onChain: dict[str, str]
    """What its owner sends to make the signature worthless: `to`, `data`, `sender`."""
    info: Any


STATUS = {
    "received": "open",
    "working": "open",
    "pending": "open",
    "filled": "closed",
    "partly filled": "canceled",
    "cancelled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}
OPEN = [state for state, status in STATUS.items() if status == "open"]
DONE = [state for state, status in STATUS.items() if status != "open"]


def times(seconds: float) -> tuple[int, str]:
    """Unix seconds as CCXT has them: milliseconds, and ISO 8601 in UTC."""
    milliseconds = round(seconds * 1_000)
    # Whole numbers: a float's last digits would not be the milliseconds'.
    at = datetime.fromtimestamp(milliseconds // 1_000, timezone.utc)
    return milliseconds, f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1_000:03}Z"


def maybe(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def side_of(size: int | Decimal) -> str:
    return "buy" if size > 0 else "sell"


def markets(deployment: Json, venues: Json) -> list[Market]:
    """Every market, those that no venue lists or can be read for now not active."""
    listed = at_venues(venues)
    step = {"amount": from_units(1), "price": from_units(1)}
    found = []
    for name in deployment["markets"]:
        base, _, quote = name.partition("-")
        there = listed.get(name, {})
        found.append(
            Market(
                id=name,
                symbol=symbol_of(name),
                base=base,
                quote=quote,
                settle=SETTLE,
                type="swap",
                swap=True,
                contract=True,
                linear=True,
                contractSize=Decimal(1),
                active=bool(there),
                precision=step,
                venues=list(there),
                info=there,
            )
        )
    return found


def at_venues(venues: Json) -> dict[str, dict[str, Json]]:
    """What the venues say of each market, by market and venue; those left out are left out."""
    found: dict[str, dict[str, Json]] = {}
    for venue in venues["venues"]:
        if not venue["quarantined"]:
            for one in venue["markets"]:
                found.setdefault(one["market"], {})[venue["venue"]] = one
    return found


def prices(there: Mapping[str, Json]) -> tuple[Decimal, Decimal]:
    """Mark and index of a market, given what each venue says of it."""
    mark, index = (
        middle(one[name] for one in there.values()) for name in ("mark_price", "index_price")
    )
    return mark, index


def middle(texts: Iterable[str]) -> Decimal:
    """The median, of two that are in the middle their mean, down to the chain's last digit."""
    found = sorted(map(to_units, texts))
    half = len(found) // 2
    return from_units((found[half] + found[~half]) // 2)


def apart(text: str, less: str) -> Decimal:
    """What is left of one number over another; exact, where Decimal's own might round."""
    return from_units(to_units(text) - to_units(less))


def size_of(text: str) -> Decimal:
    """A size without its sign; exact."""
    return Decimal(text.removeprefix("-"))


def ticker(market: str, there: Mapping[str, Json], at: float) -> Ticker:
    """A market's prices, given what each venue says of it."""
    mark, index = prices(there)
    timestamp, date = times(at)
    return Ticker(
        symbol=symbol_of(market),
        timestamp=timestamp,
        datetime=date,
        bid=None,
        ask=None,
        last=None,
        markPrice=mark,
        indexPrice=index,
        info=dict(there),
    )


def funding_rate(market: str, there: Mapping[str, Json], at: float) -> FundingRate:
    """A market's funding, given what each venue says of it."""
    mark, index = prices(there)
    rates = {venue: Decimal(one["funding_rate"]) for venue, one in there.items()}
    timestamp, date = times(at)
    return FundingRate(
        symbol=symbol_of(market),
        markPrice=mark,
        indexPrice=index,
        fundingRate=middle(one["funding_rate"] for one in there.values()),
        interval="1d",
        venues=rates,
        timestamp=timestamp,
        datetime=date,
        info=dict(there),
    )


def order_book(market: str, depths: Sequence[Json], limit: int | None) -> OrderBook:
    """The levels of a market at several venues, given each one's depth; the best first, `limit` of
    each side at most."""
    bids, asks = ([row for one in depths for row in levels(one, sign)] for sign in (-1, 1))
    bids.sort(key=lambda row: row[0], reverse=True)
    asks.sort(key=lambda row: row[0])
    newest = max(depths, key=lambda one: int(one["block"]))
    timestamp, date = times(newest["at"])
    return OrderBook(
        symbol=symbol_of(market),
        timestamp=timestamp,
        datetime=date,
        nonce=newest["block"],
        bids=bids[:limit],
        asks=asks[:limit],
        info=list(depths),
    )


def levels(depth: Json, sign: int) -> list[list[Decimal]]:
    """A venue's depth as levels: how much more fills, at a whole price of the level's at worst."""
    mark, name = to_units(depth["mark_price"]), "buy" if sign > 0 else "sell"
    found, size = [], 0
    for one in depth["depth"]:
        bound = mark * (BPS + sign * one["within_bps"]) // BPS
        upto = to_units(one[name])
        if upto > size:
            found.append([from_units(bound), from_units(upto - size)])
            size = upto
    return found


def order(view: Json) -> Order:
    """An order, given the API's view of it."""
    terms = view["message"].get("terms")
    size, filled = view["size"], view["filled"]
    conditions = terms["conditions"] if terms else []
    trigger = int(conditions[0]["triggerPrice"]) if conditions else 0
    limit = int(terms["limitPrice"]) if terms else 0
    timestamp, date = times(view["received_at"]) if "received_at" in view else (None, None)
    return Order(
        id=view["key"],
        symbol=symbol_of(view["market"]) if view["market"] else None,
        type="limit",
        side=side_of(int(terms["size"])) if terms else None,
        price=from_units(limit) if terms and limit < UNSIGNED else None,
        triggerPrice=from_units(trigger) if trigger else None,
        amount=None if size is None else size_of(size),
        filled=Decimal(filled),
        remaining=None if size is None else apart(size.removeprefix("-"), filled),
        status=STATUS[view["state"]],
        reason=view["reason"],
        reduceOnly=bool(terms and terms["bounds"]["reduceOnly"]),
        average=None,
        timestamp=timestamp,
        datetime=date,
        lastUpdateTimestamp=times(view["changed_at"])[0] if "changed_at" in view else None,
        info=view,
    )


def fresh(id: str, message: Json) -> Order:
    """An order that the house has just taken: when, it did not say."""
    terms = message.get("terms")
    size = int(terms["size"]) if terms else 0
    sized = 0 < abs(size) < UNSIGNED
    return order(
        {
            "key": id,
            "state": "received",
            "reason": "",
            "filled": "0",
            "size": f"{from_units(size):f}" if sized else None,
            "market": terms["market"] if terms else None,
            "message": message,
        }
    )


def trade(view: Json) -> Trade:
    """A fill, given the API's view of it."""
    size, quote = view["size"], view["quote"]
    timestamp, date = times(view["at"])
    return Trade(
        id=f"{view['tx']}-{view['log']}",
        order=view["order"],
        symbol=symbol_of(view["market"]) if view["market"] else None,
        side=side_of(Decimal(size)),
        takerOrMaker="taker",
        price=maybe(view["price"]),
        amount=size_of(size),
        cost=None if quote is None else size_of(quote),
        fee={"cost": Decimal(view["tip"]), "currency": SETTLE},
        timestamp=timestamp,
        datetime=date,
        info=view,
    )


def positions(account: Json) -> list[Position]:
    """Every position of an account; those at a venue that does not say are not there."""
    timestamp, date = times(account["at"])
    found = []
    for seat in account["seats"]:
        for one in seat["positions"]:
            pockets = [p for p in seat["pockets"] if p["market"] in (None, one["market"])]
            pocket = pockets[-1] if pockets else {}
            found.append(
                Position(
                    id=f"{seat['venue']}:{one['market']}",
                    symbol=symbol_of(one["market"]),
                    venue=seat["venue"],
                    side="short" if one["size"].startswith("-") else "long",
                    contracts=size_of(one["size"]),
                    contractSize=Decimal(1),
                    notional=Decimal(one["notional"]),
                    markPrice=Decimal(one["mark_price"]),
                    liquidationPrice=maybe(one["liquidation_price"]),
                    collateral=maybe(pocket.get("equity")),
                    maintenanceMargin=maybe(pocket.get("maintenance")),
                    leverage=maybe(pocket.get("leverage")),
                    marginMode="isolated" if pocket.get("market") else "cross",
                    fundingRate=Decimal(one["funding_rate"]),
                    fundingAccrued=Decimal(one["funding_accrued"]),
                    entryPrice=None,
                    unrealizedPnl=None,
                    timestamp=timestamp,
                    datetime=date,
                    info=one,
                )
            )
    return found


def balance(account: Json) -> dict[str, Any]:
    """CCXT's balance in USDC: `free` is idle in the vault, `used` what is set aside for tickets
    and what is at venues, at its equity."""
    free, total = Decimal(account["idle"]), Decimal(account["equity"])
    used = apart(account["equity"], account["idle"])
    timestamp, date = times(account["at"])
    return {
        "info": account,
        "timestamp": timestamp,
        "datetime": date,
        SETTLE: {"free": free, "used": used, "total": total},
        "free": {SETTLE: free},
        "used": {SETTLE: used},
        "total": {SETTLE: total},
    }


def withdrawn(view: Json) -> Withdrawn:
    """An order that the house works no more."""
    return Withdrawn(
        id=view["key"],
        status=STATUS[view["state"]],
        reason=view["reason"],
        onChain=view["on_chain"],
        info=view,
    )


def quote(view: Json) -> dict[str, Any]:
    """What a size would cost, under the API's own names."""
    found = numbers(view, "market", "policy", "best_single")
    for name in ("legs", "offers"):
        found[name] = [numbers(one, "venue", "why") for one in view[name]]
    return found


def numbers(view: Json, *words: str) -> dict[str, Any]:
    """An answer whose decimal texts are numbers, but those of the fields `words`."""
    return {
        name: Decimal(value) if isinstance(value, str) and name not in words else value
        for name, value in view.items()
    }


def told(event: Json) -> Order:
    """An order as an event of the stream tells of it: what the event does not say is None."""
    body = event["body"]
    size = int(body["size"]) if "size" in body else None
    done = int(body["filled"])
    amount = None if size is None or abs(size) > UNSIGNED else abs(size)
    timestamp, _ = times(event["at"])
    return Order(
        id=event["order"],
        symbol=symbol_of(body["market"]) if "market" in body else None,
        type="limit",
        side=None if size is None else side_of(size),
        price=None,
        triggerPrice=None,
        amount=None if amount is None else from_units(amount),
        filled=Decimal(done) if size is None else from_units(done),
        remaining=None if amount is None else from_units(amount - done),
        status=STATUS[body["state"]],
        reason=body["reason"],
        reduceOnly=False,
        average=None,
        timestamp=None,
        datetime=None,
        lastUpdateTimestamp=timestamp,
        info=event,
    )
