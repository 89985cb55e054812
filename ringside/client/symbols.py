"""Markets' names: CCXT's symbols, `ETH/USD:USDC`, and Ringside's own, `ETH-USD`. Either will do
wherever a symbol is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from ringside.client.errors import BadSymbol

SETTLE = "USDC"
"""What every market is settled in."""


def symbol_of(market: str) -> str:
    """The symbol of a market, which is its name if that does not say what is priced in what."""
    base, dash, quote = market.partition("-")
    if not (base and dash and quote) or any(mark in market for mark in "/:"):
        return market
    return f"{base}/{quote}:{SETTLE}"


def market_of(symbol: str, markets: Iterable[str]) -> str:
    """The market that a symbol names, of those that there are.

    Raises:
        BadSymbol: none; the message lists them.
    """
    known = {name: market for market in markets for name in (symbol_of(market), market)}
    if symbol not in known:
        symbols = ", ".join(map(symbol_of, dict.fromkeys(known.values()))) or "none"
        raise BadSymbol(f"There is no market {symbol!r}: there are {symbols}.", "unknown-market")
    return known[symbol]
