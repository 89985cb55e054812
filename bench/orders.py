"""What routing takes on the real curves of the local chain: from a block to legs, and many orders
against one snapshot. CPU time, since the machine may be busy; wall time beside it where a node
answers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import Any

import requests
from rich.console import Console
from web3 import Web3

from bench import routing
from devnet import anvil, state
from devnet.ringside import deploy
from ringside import show
from ringside.chain.multicall import pinned
from ringside.routing.problem import Offer, SplitError
from ringside.routing.solver import solve
from ringside.units import ONE
from ringside.venues import Snapshot, load, snapshot

READINGS = 30
ORDERS = 1_000
SEED = 4
GAS = 2 * ONE
"""USD that a leg costs whatever its size."""
MOST = {"ETH-USD": 500, "BTC-USD": 20}
"""The largest random order, in base."""


class Counted:
    """Counts the requests that go out over the wire, a batch as one."""

    def __init__(self) -> None:
        self.sent, post = 0, requests.Session.post

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.sent += 1
            return post(*args, **kwargs)

        requests.Session.post = counted  # type: ignore[method-assign]


def run(out: Callable[[object], None]) -> dict[str, float]:
    """Measures, prints a table, and adds to build/bench/routing.json."""
    with anvil.running(state.free_port()) as w3:
        addresses = deploy(w3, state.load(w3))
        figures = {**_readings(w3, addresses), **_orders(w3, addresses)}
    made = show.table("Routing on the local chain's curves", "what", "value")
    for name, value in figures.items():
        made.add_row(name.replace("_", " "), f"{value:,.2f}")
    out(made)
    routing.merge(figures)
    return figures


def _readings(w3: Web3, addresses: dict[str, Any]) -> dict[str, float]:
    """A block's reading of all venues and markets, and one order of each market routed on it."""
    watched = load(w3, addresses)
    block = pinned(w3)  # As whoever follows the chain has it.
    counted, walls, cpus, trips = Counted(), [], [], []
    for i in range(READINGS + 1):
        sent, wall, cpu = counted.sent, perf_counter(), process_time()
        seen = snapshot(w3, watched, block)
        for market, most in MOST.items():
            _legs(seen, market, most * ONE // (3 + i % 5))
        walls.append((perf_counter() - wall) * 1_000)
        cpus.append((process_time() - cpu) * 1_000)
        trips.append(counted.sent - sent)
    # The first is cold: what a process does once.
    return {
        "snapshot_to_legs_ms": median(walls[1:]),
        "snapshot_to_legs_p99_ms": sorted(walls[1:])[-1],
        "snapshot_to_legs_cpu_ms": median(cpus[1:]),
        "snapshot_requests": max(trips[1:]),
    }


def _orders(w3: Web3, addresses: dict[str, Any]) -> dict[str, float]:
    seen, random = snapshot(w3, load(w3, addresses)), Random(SEED)
    orders = []
    for _ in range(ORDERS):
        market = random.choice(list(MOST))
        size = random.randint(ONE // 1_000, MOST[market] * ONE) * random.choice((1, -1))
        orders.append((market, size))
    for market in MOST:
        for sign in (1, -1):
            _legs(seen, market, sign * ONE)  # What is made once for a snapshot.
    begun, refused = process_time(), 0
    for market, size in orders:
        try:
            _legs(seen, market, size)
        except SplitError:
            refused += 1
    spent = process_time() - begun
    return {
        "real_orders_per_second": ORDERS / spent,
        "real_orders_seconds": spent,
        "real_orders_refused": refused,
    }


def _legs(seen: Snapshot, market: str, size: int) -> None:
    solve(size, [Offer(state.curve, leg_cost=GAS) for state in seen.of(market).values()])


if __name__ == "__main__":
    run(Console().print)
