"""What both clients tell of an account, under CCXT's names; each method is its steps (calls.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ringside.client import shapes
from ringside.client.calls import Call, Steps
from ringside.client.symbols import market_of
from ringside.client.trading import Trading

PAGE = 10_000
"""Fills of one request."""


class History(Trading):
    """What the owner has, did and paid."""

    @Call
    def fetch_positions(self, symbols: Sequence[str] | None = None) -> Steps[list[shapes.Position]]:
        """Every position at every venue that says; one that does not is in `fetch_balance`'s info
        with readable False."""
        view = yield from self._account_view()
        found = shapes.positions(view)
        if symbols is None:
            return found
        wanted = []
        for symbol in symbols:
            wanted.append((yield from self._symbol(symbol)))
        return [one for one in found if one["symbol"] in wanted]

    @Call
    def fetch_balance(self) -> Steps[dict[str, Any]]:
        """USDC: free in the vault, used (set aside for tickets, and equity at venues), and both."""
        return shapes.balance((yield from self._account_view()))

    @Call
    def fetch_my_trades(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None
    ) -> Steps[list[shapes.Trade]]:
        """Fills, the oldest first: those since (milliseconds), the first `limit` of them; without
        since, the last. The house is asked for all of them, ten thousand at a time."""
        wanted = symbol and market_of(symbol, (yield from self._deployment())["markets"])
        found: list[shapes.Trade] = []
        query: dict[str, Any] = {"limit": PAGE}
        while limit is None or since is None or len(found) < limit:
            page = yield from self._own("GET", f"{self._place}/fills", query)
            found += [
                shapes.trade(one)
                for one in page["fills"]
                if wanted in (None, one["market"])
                if since is None or one["at"] * 1_000 >= since
            ]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        if limit is None:
            return found
        return found[:limit] if since is not None else found[max(len(found) - limit, 0) :]

    @Call
    def fetch_statement(self) -> Steps[dict[str, Any]]:
        """Where every dollar of the account went, over its whole life, from events alone: USD,
        under the API's names; `difference` is 0.

        Raises:
            BadRequest: a position or a ticket is open; there is a statement once it is not.
        """
        view = yield from self._own("GET", f"{self._place}/statement")
        return {**shapes.numbers(view, "account"), "info": view}
