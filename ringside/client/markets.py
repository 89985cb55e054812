"""What both clients tell of markets, under CCXT's names; each method is its steps (calls.py).

A `symbol` is CCXT's (`ETH/USD:USDC`) or the market's own name (`ETH-USD`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ringside.client import making, shapes
from ringside.client.calls import Call, Steps
from ringside.client.core import Core
from ringside.client.errors import ExchangeNotAvailable
from ringside.client.making import Given, Number
from ringside.client.symbols import market_of, symbol_of
from ringside.units import from_units

Params = Mapping[str, Any]
There = Mapping[str, Mapping[str, Any]]
"""What each venue says of a market."""


class Markets(Core):
    """What everybody may see."""

    @Call
    def fetch_markets(self) -> Steps[list[shapes.Market]]:
        """Every market."""
        deployment = yield from self._deployment()
        return shapes.markets(deployment, (yield from self._seen()))

    @Call
    def fetch_ticker(self, symbol: str) -> Steps[shapes.Ticker]:
        """Mark and index price. There is no last trade, bid or ask: see the order book, or ask for
        a quote."""
        ((market, there, at),) = yield from self._markets([symbol])
        return shapes.ticker(market, there, at)

    @Call
    def fetch_tickers(
        self, symbols: Sequence[str] | None = None
    ) -> Steps[dict[str, shapes.Ticker]]:
        """By symbol."""
        found = yield from self._markets(symbols)
        return {symbol_of(name): shapes.ticker(name, there, at) for name, there, at in found}

    @Call
    def fetch_funding_rate(
        self, symbol: str, params: Params | None = None
    ) -> Steps[shapes.FundingRate]:
        """A fraction a day: the median of the venues', or that of `params["venue"]`."""
        given = Given(params)
        venue = given.take("venue")
        given.end()
        ((market, there, at),) = yield from self._markets([symbol])
        if venue is not None:
            (name,) = making.venues([venue], there)
            there = {name: there[name]}
        return shapes.funding_rate(market, there, at)

    @Call
    def fetch_funding_rates(
        self, symbols: Sequence[str] | None = None
    ) -> Steps[dict[str, shapes.FundingRate]]:
        """By symbol."""
        found = yield from self._markets(symbols)
        return {symbol_of(name): shapes.funding_rate(name, there, at) for name, there, at in found}

    @Call
    def fetch_order_book(
        self, symbol: str, limit: int | None = None, params: Params | None = None
    ) -> Steps[shapes.OrderBook]:
        """What fills at once near each venue's mark; with `params["venues"]`, at those alone,
        later ones too. A request for each venue, ten times as dear as others for the rate limit."""
        given = Given(params)
        wanted = given.take("venues")
        given.end()
        ((market, there, _),) = yield from self._markets([symbol])
        depths = []
        for name in making.venues(wanted, there):
            depth = yield from self._ask("GET", f"/v1/venues/{name}/{market}")
            if wanted is not None or not depth["delayed"]:
                depths.append(depth)
        if not depths:
            raise _unread(market)
        return shapes.order_book(market, depths, limit)

    @Call
    def quote(
        self, symbol: str, side: str, amount: Number, params: Params | None = None
    ) -> Steps[dict[str, Any]]:
        """What a size would cost: every venue by itself (`offers`), and split (`legs`), under the
        API's names. `params`: `horizon` ("3d": its funding counts), `policy` ("at-most:2")."""
        given = Given(params)
        query = {name: given.take(name) for name in ("horizon", "policy")}
        given.end()
        size = making.sign_of(side) * making.positive(amount, "amount")
        market = market_of(symbol, (yield from self._deployment())["markets"])
        return shapes.quote((yield from self._quote(market, size, query)))

    # ------------------------------------------------------------------ internal

    def _markets(self, symbols: Sequence[str] | None) -> Steps[list[tuple[str, There, float]]]:
        """The markets (all that can be read now, for None), what each venue says of them, and the
        chain's time.

        Raises:
            BadSymbol: there is no such market.
            ExchangeNotAvailable: no venue says anything of one that was asked for.
        """
        names = (yield from self._deployment())["markets"]
        seen = yield from self._seen()
        there, at = shapes.at_venues(seen), float(seen["at"])
        if symbols is None:
            return [(name, there[name], at) for name in names if name in there]
        wanted = [market_of(symbol, names) for symbol in symbols]
        for name in wanted:
            if name not in there:
                raise _unread(name)
        return [(name, there[name], at) for name in wanted]

    def _quote(self, market: str, size: int, query: Mapping[str, Any]) -> Steps[Any]:
        """The API's quote of a size (1e18)."""
        given = {name: value for name, value in query.items() if value is not None}
        asked = {"market": market, "size": f"{from_units(size):f}", **given}
        return (yield from self._ask("GET", "/v1/quote", asked))


def _unread(market: str) -> ExchangeNotAvailable:
    return ExchangeNotAvailable(
        f"No venue can be read for {market} now: ask again shortly.", "unreadable"
    )
