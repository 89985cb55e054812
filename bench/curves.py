"""How far the curves are from the venues themselves: `python -m bench.curves`.

Random trades of at least $1,000, log-uniform up to capacity, both ways, at every venue and market
of a local chain with the real contracts, whose state is changed by real trades, price moves and
time in between. Each is priced by the curve and by an `eth_call` of the venue's own trade (its
simulation, where fills come later) at the same block; the error is the relative difference of the
all-in amounts, and must be at most 1e-9. The same trades are priced by the curve's closed form, as
the solver sees it: its error is relative to the curve's quote, and `over` counts where the closed
form is off by more than it says. Written to build/bench/curves.json.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

import click
from rich.console import Console
from rich.table import Table
from web3 import Web3

from bench.live import PerpTrader, RageTrader, SynthetixTrader, Trader, ask, disturb
from devnet import anvil, state
from devnet.anvil import rpc
from ringside import venues
from ringside.units import ONE
from ringside.venues.base import Curve, Quote

OUT = Path(__file__).resolve().parent.parent / "build" / "bench" / "curves.json"
LEAST = 1_000 * ONE
"""USD of notional of the smallest trade."""
TARGET = 1e-9
"""The largest relative error allowed."""
BATCH = 50
"""Trades per state of the market."""


@dataclass
class Measured:
    """Errors of one venue and market; time of a curve's quote and of the venue's own, in
    seconds."""

    errors: list[float] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    over: int = 0
    exact: int = 0
    refused: int = 0
    ours: float = 0.0
    theirs: float = 0.0

    def summary(self) -> dict[str, float | int]:
        """What is written down."""
        return {
            "worst": max(self.errors),
            "median": median(self.errors),
            "trades": len(self.errors),
            "exact": self.exact,
            "refused": self.refused,
            "closed_worst": max(self.closed),
            "closed_over": self.over,
        }

    def add_closed(self, curve: Curve, quote: Quote) -> None:
        """Price the trade in closed form too."""
        size, sign = abs(quote.size), 1 if quote.size > 0 else -1
        mode = next(m for m in curve.modes(sign) if m.least <= size <= m.most)
        off = abs(mode.cost(size / ONE) - quote.all_in / ONE)
        self.over += off > mode.error
        self.closed.append(off / (quote.all_in / ONE))


def sizes(rng: random.Random, curve: Curve, price: int, count: int) -> list[int]:
    """Signed sizes, log-uniform in [$1,000, capacity]."""
    found: list[int] = []
    while len(found) < count:
        sign = rng.choice((1, -1))
        low, high = LEAST * ONE // price + 1, curve.capacity(sign)
        if low > high:
            sign = -sign
            high = curve.capacity(sign)
        size = int(math.exp(rng.uniform(math.log(low), math.log(high))))
        size = min(max(size, low), high)
        found.append(sign * (size - size % curve.lot))
    return found


def measure(
    w3: Web3,
    known: venues.Markets,
    addresses: dict[str, object],
    trader: Trader,
    market: str,
    trades: int,
) -> Measured:
    """Compare `trades` random trades."""
    rng, result = random.Random(f"{trader.venue} {market}"), Measured()
    while len(result.errors) + result.refused < trades:
        disturb(rng, w3, addresses, known, trader, market)
        snapshot = venues.snapshot(w3, known)
        at = snapshot.states[trader.venue, market]
        count = min(BATCH, trades - len(result.errors) - result.refused)
        wanted = sizes(rng, at.curve, at.mark_price, count)
        start = perf_counter()
        quotes = [at.curve.quote(size) for size in wanted]
        middle = perf_counter()
        answers = ask(w3, trader, market, wanted, snapshot.block.number)
        result.ours += middle - start
        result.theirs += perf_counter() - middle
        for quote, answer in zip(quotes, answers, strict=True):
            result.add_closed(at.curve, quote)
            if answer.refused or answer.filled != quote.size:
                result.refused += 1
                continue
            result.exact += quote.all_in == answer.all_in
            result.errors.append(abs(quote.all_in - answer.all_in) / answer.all_in)
    return result


@click.command()
@click.option("--trades", default=2_000, show_default=True, help="Per venue and market.")
def main(trades: int) -> None:
    """Measure, print, and write build/bench/curves.json."""
    built = state.ensure()
    measured: dict[str, dict[str, Measured]] = {}
    with anvil.running(state.free_port()) as w3:
        addresses = state.load(w3, built)
        known = venues.load(w3, addresses)
        kinds = PerpTrader, RageTrader, SynthetixTrader
        traders: list[Trader] = [kind(w3, addresses) for kind in kinds]
        start = rpc(w3, "evm_snapshot")
        for trader in traders:
            for market in addresses["venues"][trader.venue]["markets"]:
                found = measure(w3, known, addresses, trader, market, trades)
                measured.setdefault(trader.venue, {})[market] = found
                rpc(w3, "evm_revert", start)
                start = rpc(w3, "evm_snapshot")
    report: dict[str, object] = {}
    table = Table(
        *("venue", "market", "trades", "exact", "refused", "worst", "median"),
        *("closed form", "over", "µs", "venue ms"),
    )
    for venue, markets in measured.items():
        errors = [e for m in markets.values() for e in m.errors]
        closed = [e for m in markets.values() for e in m.closed]
        report[venue] = {
            "worst": max(errors),
            "median": median(errors),
            "trades": len(errors),
            "closed_worst": max(closed),
        }
        for market, m in markets.items():
            n = len(m.errors) + m.refused
            table.add_row(
                *(venue, market, str(len(m.errors)), str(m.exact), str(m.refused)),
                *(f"{max(m.errors):.1e}", f"{median(m.errors):.1e}"),
                *(f"{max(m.closed):.1e}", str(m.over)),
                *(f"{m.ours / n * 1e6:.0f}", f"{m.theirs / n * 1e3:.2f}"),
            )
    report["by_market"] = {
        venue: {market: m.summary() for market, m in markets.items()}
        for venue, markets in measured.items()
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    Console().print(table)
    found = [m for of in measured.values() for m in of.values()]
    worst, over = max(max(m.errors) for m in found), sum(m.over for m in found)
    if worst > TARGET or over:
        raise SystemExit(f"a curve is off by {worst:.1e}, {over} closed forms by more than stated")


if __name__ == "__main__":
    main()
