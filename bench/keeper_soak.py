"""Two keepers over one database, killed at random while random orders come in, and the proof that
every order ended once: `python -m bench.keeper_soak KILLS [sqlite|postgres …]`.

Everybody's part but the keepers' is played here, in one thread: clients that hand orders in and
repeat what was not answered, owners that cancel, an oracle that moves, a stranger who brings the
delayed venue its prices, and whoever kills, and half way takes the node away for a minute.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from rich.console import Console

from bench import keeper, postgres
from bench.keeper_check import Ends, ends
from bench.keeper_figures import Bench, bench
from bench.keeper_process import START, Process
from bench.keeper_proxy import Wire, wire
from bench.keeper_site import MARKETS, SIZES, Owner, Site
from devnet import feeds
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.orders import Bounds, Bundle, Conditions, Mode, Order, Tickets, venue_set
from ringside.store.database import Database
from ringside.units import ONE, USDC
from ringside.venues import synthetix_orders as venue_orders

OWNERS = 40
SEED = 5
BETWEEN = 0.2, 6.0
"""Seconds between two kills, at least and at most."""
PACE = 0.25
"""Seconds between two things that a client does."""
MOVES = 2.0
"""Seconds between two moves of an oracle."""
QUIET = 150.0
"""Seconds in which everything has to end after the last kill."""
PATIENCE = 8.0
"""Seconds after which owners cancel what is still open."""
GONE = 60.0
"""Seconds without a node."""
LATER = "synthetix"
STRANGER = 5
"""Which of anvil's accounts executes tickets."""
TICKETS = Tickets(10, 500 * USDC, ONE // 100)
BLOCK_SECONDS = 2
"""Between two blocks' timestamps."""


@dataclass
class Soaked:
    """What happened: how often a keeper was killed, and while it led; what orders were handed in
    and how they ended."""

    kills: int
    led: int
    handed_in: Counter[str]
    ends: Ends


@dataclass
class Crowd:
    """Clients and everybody else on a site. `known` are the orders that a keeper took, by digest,
    `unanswered` those of which nobody knows."""

    site: Site
    rng: Random
    known: dict[bytes, Order | Bundle] = field(default_factory=dict)
    unanswered: list[tuple[Order | Bundle, bytes]] = field(default_factory=list)
    handed_in: Counter[str] = field(default_factory=Counter)
    cancelled: set[bytes] = field(default_factory=set)
    tickets: list[tuple[Owner, str]] = field(default_factory=list)
    seats: dict[bytes, str] = field(default_factory=dict)

    # ------------------------------------------------------------------ clients

    def act(self, ask: Callable[[dict[str, Any]], httpx.Response | None]) -> None:
        """Hands an order in, or one again that was not answered, or cancels one."""
        if self.unanswered:
            request, key = self.unanswered.pop(0)
        elif self.known and self.rng.random() < 0.1:
            self.cancel(self.rng.choice(list(self.known)))
            return
        else:
            request, key = self._order()
        answer = ask(self.site.body(request, key))
        if answer is None or answer.status_code >= 500:
            self.unanswered.append((request, key))
        elif answer.status_code in (200, 201):
            self.known[request.digest(self.site.domain)] = request
        else:
            self.handed_in[f"refused: {answer.json()['code']}"] += 1

    def cancel(self, digest: bytes) -> None:
        """By the owner, on the chain."""
        request = self.known[digest]
        owner = next(o for o in self.site.owners if o.account == request.account)
        desk = self.site.ringside.desk
        self.site.as_owner(owner, desk, "cancel", request.account, request.nonce)
        self.cancelled.add(digest)

    def _order(self) -> tuple[Order | Bundle, bytes]:
        rng = self.rng
        owner = rng.choice(self.site.owners)
        make = rng.choice(
            [self._market] * 4
            + [self._limit, self._limit, self._stop, self._reduce, self._short_lived]
            + [self._bundle, self._ticket]
        )
        self.handed_in[make.__name__.strip("_").replace("_", " ")] += 1
        return make(owner), owner.key

    def _market(self, owner: Owner) -> Order:
        return self.site.mixed(owner, self.rng)

    def _limit(self, owner: Owner) -> Order:
        order = self.site.mixed(owner, self.rng)
        near = self.site.prices[order.market] * self.rng.randint(9_970, 10_030) // 10_000
        return order.with_(limit_price=near)

    def _stop(self, owner: Owner) -> Order:
        order = self.site.mixed(owner, self.rng)
        above = self.rng.random() < 0.5
        trigger = self.site.prices[order.market] * (1_004 if above else 996) // 1_000
        return order.with_(conditions=Conditions(trigger_price=trigger, trigger_above=above))

    def _reduce(self, owner: Owner) -> Order:
        return self.site.mixed(owner, self.rng, bounds=Bounds(reduce_only=True))

    def _short_lived(self, owner: Owner) -> Order:
        order = self.site.waiting(owner, self.rng)
        now = self.site.chain.block()["timestamp"]
        return order.with_(deadline=now + self.rng.randint(4, 30) * BLOCK_SECONDS)

    def _bundle(self, owner: Owner) -> Bundle:
        site, rng = self.site, self.rng
        sign = rng.choice((1, -1))
        legs = [
            site.order(owner, m, s * SIZES[m] // rng.randint(2, 20))
            for m, s in zip(MARKETS, (sign, -sign), strict=True)
        ]
        mode = rng.choice((Mode.ATOMIC, Mode.STEPWISE))
        steps = tuple(leg.terms for leg in legs)
        return Bundle(owner.account, steps, mode, legs[-1].deadline, legs[-1].nonce)

    def _ticket(self, owner: Owner) -> Order:
        market = self.rng.choice(MARKETS)
        size = SIZES[market] * self.rng.choice((1, -1))
        self.tickets.append((owner, market))
        venue = venue_set([self.site.ringside.venue_ids[LATER]])
        return self.site.order(owner, market, size, venues=venue, tickets=TICKETS)

    # ------------------------------------------------------------------ others

    def move(self) -> None:
        """An oracle goes up or down, by at most half a hundredth from where it was at first."""
        site, name = self.site, self.rng.choice(MARKETS)
        price = site.prices[name] * self.rng.randint(9_950, 10_050) // 10_000
        feed = site.chain.at(feeds.aggregator(), site.addresses["feeds"][name])
        answer = price // 10 ** (18 - feeds.FEED_DECIMALS)
        self.site.send(site.chain.accounts[0], feed, "updateAnswer", answer)

    def execute(self) -> None:
        """A stranger brings every delayed order its price."""
        site = self.site
        names = site.addresses["venues"][LATER]
        now = int(site.chain.block()["timestamp"])
        for owner, market in set(self.tickets):
            seat = self._seat(owner)
            waiting = venue_orders.waiting(site.w3, site.addresses, market, seat)
            if waiting is None or not waiting.earliest <= now < waiting.last:
                continue
            data, fee = synthetix.price_update(site.w3, names, market)
            proxy = markets.market(site.w3, names["markets"][market]["market"])
            arguments = ("executeOffchainDelayedOrder", seat, data)
            self.site.send(site.chain.accounts[STRANGER], proxy, *arguments, value=fee)

    def _seat(self, owner: Owner) -> str:
        if owner.account not in self.seats:
            at = self.site.ringside
            found = at.vault.functions.seatOf(owner.account, at.venue_ids[LATER]).call()
            self.seats[owner.account] = found[0]
        return self.seats[owner.account]


class Soak:
    """Two keepers, whoever kills them, and whoever cuts the line to their node."""

    def __init__(self, at: Bench, url: str, rng: Random, line: Wire) -> None:
        self.crowd, self.rng, self.line = Crowd(at.site, rng), rng, line
        self.keepers = [at.keeper(n, database=url, rpc=[line.url]) for n in ("one", "other")]
        self.database = Database(url)
        self.database.migrate()
        self.kills = self.led = 0

    def run(self, kills: int, gone: float) -> None:
        """Until so many were killed, the node `gone` half way, and then until all orders are
        over."""
        try:
            for one in self.keepers:
                one.start()
            due = {"kill": self._next_kill(), "act": 0.0, "move": 0.0, "execute": 0.0}
            while self.kills < kills // 2:
                self._do(due)
            self._without_node(due, gone)
            while self.kills < kills:
                self._do(due)
            self._settle(due)
        finally:
            for one in self.keepers:
                one.close()
            self.database.close()

    def _do(self, due: dict[str, float]) -> None:
        now = time.monotonic()
        if now >= due["kill"]:
            self._kill()
            due["kill"] = self._next_kill()
        if now >= due["act"]:
            self.crowd.act(self._ask)
            due["act"] = now + PACE
        self._others(due)
        time.sleep(0.02)

    def _without_node(self, due: dict[str, float], gone: float) -> None:
        """Clients go on for so many seconds; nobody is killed, since a keeper does not start
        without a node."""
        if not gone:
            return
        for one in self.keepers:
            self._await(one)
        self.line.cut()
        due["kill"] = time.monotonic() + gone
        while time.monotonic() < due["kill"] - 0.1:
            self._do(due)
        assert all(one.runs for one in self.keepers), "a keeper ended without its node"
        self.line.mend()
        due["kill"] = self._next_kill()

    def _await(self, one: Process) -> None:
        until = time.monotonic() + START
        while self._health(one) != 200:
            assert time.monotonic() < until, f"a keeper does not start: {one.log[-3_000:]}"
            time.sleep(0.1)

    @staticmethod
    def _health(one: Process) -> int:
        try:
            return one.http.get("/health").status_code
        except httpx.TransportError:
            return 0

    def _others(self, due: dict[str, float]) -> None:
        now = time.monotonic()
        if now >= due["move"]:
            self.crowd.move()
            due["move"] = now + MOVES
        if now >= due["execute"]:
            self.crowd.execute()
            due["execute"] = now + MOVES

    def _next_kill(self) -> float:
        return time.monotonic() + self.rng.uniform(*BETWEEN)

    def _kill(self) -> None:
        """One of them, whatever it is doing, which may be its own start; and starts it anew."""
        one = self.rng.choice(self.keepers)
        assert one.runs, f"a keeper ended by itself: {one.log[-3_000:]}"
        self.led += _leads(one)
        one.end(signal.SIGKILL)
        self.kills += 1
        one.spawn()

    def _ask(self, body: dict[str, Any]) -> httpx.Response | None:
        """Either of the keepers' answer to an order, if there is one."""
        for one in self.rng.sample(self.keepers, 2):
            try:
                return one.http.post("/v1/orders", json=body)
            except httpx.TransportError:
                continue
        return None

    def _settle(self, due: dict[str, float]) -> None:
        """Hands in what nobody answered, lets what can be filled be filled, cancels the rest, and
        waits until nothing is under way."""
        until = time.monotonic() + QUIET
        while self.crowd.unanswered:
            assert time.monotonic() < until, "the keepers do not answer"
            self._others(due)
            if self.crowd.unanswered:
                self.crowd.act(self._ask)
            time.sleep(0.1)
        patience = time.monotonic() + PATIENCE
        while not (self._is_over() or time.monotonic() > patience):
            self._others(due)
            time.sleep(0.2)
        for digest in ends(self.database).open:
            if digest in self.crowd.known:
                self.crowd.cancel(digest)
        while not self._is_over():
            assert time.monotonic() < until, f"does not end: {self._left()}"
            self._others(due)
            time.sleep(0.2)

    def _is_over(self) -> bool:
        found = ends(self.database)
        return not (found.open or found.under_way or found.tickets)

    def _left(self) -> str:
        found = ends(self.database)
        told = "; ".join(one.log[-1_500:] for one in self.keepers)
        return f"{found.reasons}, {found.under_way} under way, {found.tickets} tickets. {told}"


def _leads(one: Process) -> bool:
    """Whether it said that it leads, as far as it answers."""
    try:
        return bool(one.http.get("/ready", timeout=1.0).json().get("role") == "leader")
    except (httpx.TransportError, ValueError):
        return False


def soak(folder: Path, url: str, kills: int, gone: float = 0.0, seed: int = SEED) -> Soaked:
    """Kills keepers so often, takes their node away for `gone` seconds, and says how everything
    ended.

    Raises:
        AssertionError: it did not end, or not as on the chain, or twice; and what.
    """
    with bench(folder, OWNERS) as at, wire(at.node) as line:
        one = Soak(at, url, Random(seed), line)
        one.run(kills, gone)
        database = Database(url)
        try:
            found = ends(database)
            found.require_as_on_chain(at.site, database, one.crowd.known)
        finally:
            database.close()
        return Soaked(one.kills, one.led, one.crowd.handed_in, found)


def main(kills: int, kinds: list[str]) -> None:
    """Soaks each kind of database; the kills go to keeper.json."""
    out, total = Console().print, 0
    for kind in kinds or ["sqlite", "postgres"]:
        with tempfile.TemporaryDirectory(prefix="ringside-soak-") as folder:
            begun = time.monotonic()
            if kind == "postgres":
                with postgres.running() as url:
                    done = soak(Path(folder) / "soak", url, kills, GONE)
            else:
                url = f"sqlite:///{folder}/keeper.db"
                done = soak(Path(folder) / "soak", url, kills, GONE)
        total += done.kills
        out(
            f"{kind}: {done.kills} kills in {time.monotonic() - begun:.0f} s, {done.led} of leaders"
        )
        out(f"handed in: {dict(done.handed_in)}")
        out(f"ended: {done.ends.counts}; {done.ends.fills} fills, none lost, none twice")
    keeper.merge({"kills": total})


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
