"""How good routes are, and how fast: `python -m bench.routing`.

Random orders (`bench.instances`) and frozen real books (`bench.books`); each route's cost is set
against its own certificate and against the usual ways to split. Times are of the processor: "warm"
for orders against a snapshot that was priced before, "cold" for its first. The seeds are from
`FIRST` on; the solver was written against lower ones. Written to
build/bench/routing.json, beside what other measurements of routing put there.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bench import baselines, books
from bench.instances import Instance, instance
from ringside.routing.problem import Offer, Route, SplitError
from ringside.routing.solver import solve
from ringside.units import ONE

OUT = Path(__file__).resolve().parent.parent / "build" / "bench" / "routing.json"
FIRST = 8_000_000
SIZES = {"$10k": 1e4, "$100k": 1e5, "$1M": 1e6, "$10M": 1e7}
SHARES = {3: 0.4, 10: 0.4, 50: 0.2}
"""Of the instances, by how many venues there are."""
WARM = 3
"""How often an order is routed again: its least time counts, as the machine is not ours alone."""
CONSOLE = Console()


@dataclass
class Measured:
    """What a batch of orders took (seconds), how far from proved the routes were (bps), and why
    there was none."""

    times: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    methods: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def take(self, at: Instance) -> Route | None:
        """Routes one order, and again."""
        start = process_time()
        try:
            route = solve(at.size, at.offers, **at.rules)
        except SplitError as why:
            self.refused[type(why).__name__] += 1
            return None
        self.cold.append(process_time() - start)
        took = []
        for _ in range(WARM):
            start = process_time()
            solve(at.size, at.offers, **at.rules)
            took.append(process_time() - start)
        self.times.append(min(took))
        assert route.certificate is not None
        self.gaps.append(route.certificate.gap / 1e6)
        self.methods[route.certificate.method] += 1
        return route

    def ms(self, share: float) -> float:
        """The time within which that share of them was done."""
        return _within(self.times, share)


def _within(times: list[float], share: float) -> float:
    """Milliseconds within which that share of them was done."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] * 1e3


def merge(figures: Mapping[str, Any]) -> None:
    """Puts `figures` into routing.json, beside what is there."""
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({**known, **figures}, indent=2) + "\n")


def certified(count: int) -> dict[str, Any]:
    """Random orders over 3, 10 and 50 venues, with everything but shared margin."""
    table = _table("random orders, $10k to $10M")
    batches = {}
    for venues, share in SHARES.items():
        batch = batches[venues] = Measured()
        for seed in range(FIRST, FIRST + int(count * share)):
            batch.take(instance(seed, venues))
        table.add_row(*_row(str(venues), batch))
    CONSOLE.print(table)
    return {
        "instances": count,
        "p99_ms_50_venues": batches[50].ms(0.99),
        "cold_p99_ms_50_venues": _within(batches[50].cold, 0.99),
        "worst_certified_gap_bps": max(max(b.gaps) for b in batches.values()),
    }


def shared(count: int) -> dict[str, Any]:
    """Orders with scarce margin shared between the venues."""
    table = _table("margin shared")
    every = Measured()
    for venues in (3, 10):
        batch = Measured()
        for seed in range(FIRST, FIRST + count // 2):
            batch.take(instance(seed, venues, shared=True))
        table.add_row(*_row(str(venues), batch))
        every.times += batch.times
        every.gaps += batch.gaps
    CONSOLE.print(table)
    return {
        "shared_margin_worst_gap_bps": max(every.gaps),
        "shared_margin_p99_ms": every.ms(0.99),
        "shared_margin_instances": count,
    }


def _table(title: str) -> Table:
    return Table(
        *(
            "venues",
            "orders",
            "p50 ms",
            "p99 ms",
            "worst ms",
            "cold p50",
            "cold p99",
            "worst gap bps",
        ),
        *("dual", "search", "unfinished", "refused"),
        title=title,
    )


def _row(name: str, batch: Measured) -> list[str]:
    return [
        *(name, str(len(batch.times)), f"{batch.ms(0.5):.2f}", f"{batch.ms(0.99):.2f}"),
        *(f"{max(batch.times) * 1e3:.1f}", f"{_within(batch.cold, 0.5):.2f}"),
        *(f"{_within(batch.cold, 0.99):.2f}", f"{max(batch.gaps):.6f}"),
        *(str(batch.methods[m]) for m in ("dual", "search", "unfinished")),
        ", ".join(f"{why} {n}" for why, n in batch.refused.items()),
    ]


def against(count: int) -> dict[str, Any]:
    """How much more than the route the usual splits cost, over 7 and 10 venues (the grid: 7)."""
    excess: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for label, notional in SIZES.items():
        for seed in range(FIRST, FIRST + count):
            for venues in (7, 10):
                at = instance(seed, venues, notional, plain=True)
                route = Measured().take(at)
                for name, split in baselines.BASELINES.items():
                    if route is None or (name == "5 % grid") != (venues == 7):
                        continue
                    cost = baselines.cost(at, split(at))
                    if cost is not None:
                        excess[name][label].append((cost - route.cost) / ONE / notional * 1e4)
    table = Table("mean bps above the route", *SIZES, "least", title="against")
    for name, by_size in excess.items():
        worst = min(min(found) for found in by_size.values())
        table.add_row(name, *(f"{mean(by_size[size]):.3f}" for size in SIZES), f"{worst:.4f}")
    CONSOLE.print(table)
    return {
        "against": {n: {s: mean(f) for s, f in by.items()} for n, by in excess.items()},
        "against_least": {n: min(map(min, by.values())) for n, by in excess.items()},
    }


def real_books() -> dict[str, Any]:
    """The saving over the best single venue on the frozen books."""
    if not books.available():
        CONSOLE.print(f"Frozen books: skipped, there is no {books.DATA / 'books'}.")
        return {}
    saved = _savings(fees=True)
    bare = _savings(fees=False)
    fees = ", ".join(f"{venue} {fee}" for venue, fee in books.TAKER.items())
    CONSOLE.print(f"Taker fees assumed, in bps: {fees}; and none at all.")
    table = Table(
        "mean saving bps (orders)",
        *(f"{label}, {what}" for label in SIZES for what in ("fees", "none")),
        title="frozen books, against the best single venue",
    )
    for market in saved:
        row = [by[market][label] for label in SIZES for by in (saved, bare)]
        table.add_row(market, *(f"{mean(x):.2f} ({len(x)})" if x else "no venue" for x in row))
    # An order counts alike whatever its market, so that BTC, captured most often, weighs most.
    every = {label: [x for by in saved.values() for x in by[label]] for label in SIZES}
    row = [f"{mean(some):.2f} ({len(some)})" if some else "no venue" for some in every.values()]
    table.add_row("all", *(x for figure in row for x in (figure, "")))
    CONSOLE.print(table)
    return {
        "saving_bps": {label: mean(some) for label, some in every.items() if some},
        "saving_bps_by_market": {
            market: {label: mean(x) for label, x in by.items() if x} for market, by in saved.items()
        },
    }


def _savings(fees: bool) -> dict[str, dict[str, list[float]]]:
    """Basis points saved by market and size, of orders that one venue could take whole."""
    found: dict[str, dict[str, list[float]]] = {}
    for market, curves in books.markets(fees):
        by_size = found.setdefault(market, {label: [] for label in SIZES})
        for label, notional in SIZES.items():
            for sign in (1, -1):
                size = sign * (int(notional / books.PRICE * ONE) // books.LOT * books.LOT)
                route = Measured().take(Instance(size, tuple(Offer(curve) for curve in curves)))
                if route is not None and route.saving is not None:
                    by_size[label].append(route.saving / ONE / notional * 1e4)
    return found


def throughput(orders: int = 1_000) -> dict[str, Any]:
    """Orders a second against one snapshot of three venues, re-priced in integers."""
    rng = random.Random(3)
    offers = instance(11, 3, 1e7, plain=True).offers
    price = offers[0].curve.marginal_price(1) or offers[0].curve.marginal_price(-1)
    sign = 1 if offers[0].curve.capacity(1) else -1
    sizes = [
        sign * int(exp(rng.uniform(log(1e4), log(1e6))) / price * ONE * ONE) for _ in range(orders)
    ]
    start = process_time()
    for size in sizes:
        solve(size, offers)
    took = process_time() - start
    CONSOLE.print(f"{orders / took:,.0f} orders a second over three venues, warm, on one core")
    return {"orders_per_second": orders / took}


@click.command()
@click.option("--instances", default=10_000, show_default=True, help="Random orders.")
def main(instances: int) -> None:
    """Measure, print, and put into build/bench/routing.json."""
    merge(certified(instances))
    merge(shared(instances // 10))
    merge(against(instances // 50))
    merge(real_books())
    merge(throughput())


if __name__ == "__main__":
    main()
