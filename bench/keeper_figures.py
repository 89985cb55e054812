"""What the keeper reaches, each figure by processes of its own on a chain of its own: see
`bench/keeper.py`. Every function returns figures by name."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import update

from bench import keeper_load as load
from bench.keeper_process import Process
from bench.keeper_site import Site
from devnet import anvil, state
from ringside.orders import Order
from ringside.store import book
from ringside.store.database import Database
from ringside.store.schema import orders

BLOCK_SECONDS = 1
LANES = 8
OWNERS = 400
SEED = 5
ACCEPTED = 4_000
SENT = 200
PAUSE = 0.25
"""Seconds between two orders of an idle system, at least."""
RATE = 30.0
"""Orders a second that are handed in while fills are counted."""
SUSTAINED = 60.0
DRAIN = 240.0
"""Seconds after which an order that was accepted and is not filled counts as lost."""
OPEN = 1_000
KEPT = 100_000
TURNS = 10.0
"""Seconds for which a keeper turns before its memory is looked at."""
CONNECTIONS = 50
Figures = dict[str, float]


@dataclass
class Bench:
    """A chain with clients, and a folder for keepers."""

    site: Site
    folder: Path

    @property
    def node(self) -> str:
        """The chain's JSON-RPC."""
        found: str = self.site.w3.provider.endpoint_uri  # type: ignore[attr-defined]
        return found

    def keeper(self, name: str = "keeper", lanes: Sequence[bytes] = (), **settings: Any) -> Process:
        """One that is not started, with all the site's lanes unless told otherwise."""
        place = self.folder / "addresses.json"
        place.write_text(json.dumps(self.site.addresses))
        fixed = {"rpc": [self.node], "addresses": str(place), "since": self.site.since}
        return Process(self.folder / name, lanes or self.site.lanes, {**fixed, **settings})

    @contextmanager
    def running(self, name: str = "keeper", **settings: Any) -> Iterator[Process]:
        """A keeper that is ready, ended afterwards."""
        made = self.keeper(name, **settings)
        try:
            made.start("/ready")
            yield made
        finally:
            made.close()

    def signed(self, made: list[Order]) -> list[str]:
        """As they are posted."""
        keys = {owner.account: owner.key for owner in self.site.owners}
        return [json.dumps(self.site.body(one, keys[one.account])) for one in made]

    def waiting(self, count: int, rng: Random) -> list[Order]:
        """Orders that wait for their price, the owners' in turn."""
        owners = self.site.owners
        return [self.site.waiting(owners[i % len(owners)], rng) for i in range(count)]


@contextmanager
def bench(folder: Path, owners: int = OWNERS) -> Iterator[Bench]:
    """A fresh chain that mines by the clock."""
    folder.mkdir()
    with anvil.running(state.free_port()) as w3:
        site = Site(w3, owners, LANES)
        site.mine_every(BLOCK_SECONDS)
        yield Bench(site, folder)


def accept(folder: Path) -> Figures:
    """Orders taken in by the keeper's one process, and by one that stands by while another
    leads."""
    found = {}
    for name, standby in (("accept_per_second", False), ("accept_standby_per_second", True)):
        with bench(folder / name) as at:
            bodies = at.signed(at.waiting(ACCEPTED, Random(SEED)))
            with at.running() as leader:
                place = f"sqlite:///{leader.folder}/keeper.db"
                asked = at.keeper("standby", database=place) if standby else leader
                if standby:
                    asked.start()
                try:
                    told = load.run(
                        "posted", bodies, folder, port=asked.port, connections=CONNECTIONS
                    )
                finally:
                    asked.close()
            assert told["codes"] == {"201": ACCEPTED}, told
            found[name] = ACCEPTED / told["seconds"]
    return found


def sent(folder: Path) -> Figures:
    """From the first byte of an order that is posted to the node's telling of the transaction, one
    order after the other."""
    rng = Random(SEED)
    with bench(folder / "sent", SENT) as at, at.running() as keeper:
        bodies = at.signed([at.site.mixed(owner, rng) for owner in at.site.owners])
        told = load.run("followed", bodies, folder, port=keeper.port, node=at.node, pause=PAUSE)
    took = sorted(told["took"])
    return {
        "sent_p50_ms": took[len(took) // 2] * 1_000,
        "sent_p99_ms": took[len(took) * 99 // 100] * 1_000,
    }


def fills(folder: Path) -> Figures:
    """Fills on the chain in a minute of orders at both venues that fill at once, in both markets;
    then whether every order was filled, once."""
    rng = Random(SEED)
    count = int(RATE * SUSTAINED)
    with bench(folder / "fills") as at:
        site = at.site
        made = [site.mixed(site.owners[i % OWNERS], rng) for i in range(count)]
        sizes = {one.digest(site.domain): one.size for one in made}
        bodies = at.signed(made)
        with at.running() as keeper:
            begun = time.monotonic()
            posting = load.started(
                *("posted", bodies, folder),
                **{"port": keeper.port, "connections": CONNECTIONS, "rate": RATE},
            )
            time.sleep(begun + SUSTAINED - time.monotonic())
            until = site.w3.eth.block_number
            accepted = load.answer(posting)["codes"].get("201", 0)
            in_time = sum(b <= until for all_ in site.filled().values() for b, _ in all_)
            while len(found := site.filled()) < accepted:
                if time.monotonic() > begun + SUSTAINED + DRAIN:
                    break
                time.sleep(1.0)
    done = {key: sum(size for _, size in all_) for key, all_ in found.items()}
    return {
        "fills_per_second": in_time / SUSTAINED,
        "orders_accepted": accepted,
        "lost": accepted - sum(done[key] == sizes[key] for key in done),
        "twice": sum(abs(done[key]) > abs(sizes[key]) for key in done),
    }


def recovery(folder: Path) -> Figures:
    """From the start of a process that was killed, with open orders, to its being ready."""
    with bench(folder / "recovery") as at:
        bodies = at.signed(at.waiting(OPEN, Random(SEED)))
        with at.running() as keeper:
            told = load.run("posted", bodies, folder, port=keeper.port, connections=CONNECTIONS)
            assert told["codes"] == {"201": OPEN}, told
            keeper.end(signal.SIGKILL)
            return {"recovery_seconds": keeper.start("/ready")}


def memory(folder: Path) -> Figures:
    """The most that a keeper takes in its first turns over a database of many orders, of which
    `OPEN` are open."""
    with bench(folder / "memory") as at:
        keeper = at.keeper()
        database = Database(f"sqlite:///{keeper.folder}/keeper.db")
        database.migrate()
        made = at.waiting(OPEN, Random(SEED))
        for first in range(0, KEPT, OPEN):
            # Nobody looks at the signatures of those that ended.
            arrived = [replace(one, nonce=10**6 + first + i) for i, one in enumerate(made)]
            with database.write() as connection:
                book.accept(connection, [_received(one, at.site.domain) for one in arrived])
                if first < KEPT - OPEN:
                    live = orders.c.state == book.State.RECEIVED.value
                    ended = update(orders).where(live).values(state=book.State.FILLED.value)
                    connection.execute(ended)
        database.close()
        try:
            keeper.start("/ready")
            most, until = 0.0, time.monotonic() + TURNS
            while time.monotonic() < until:
                most = max(most, keeper.memory_mb)
                time.sleep(0.1)
        finally:
            keeper.close()
    return {"memory_mb": most}


def _received(one: Order, domain: Any) -> book.Received:
    return book.Received(one.digest(domain), one, bytes(65), "api", "", time.time())
