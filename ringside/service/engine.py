"""One turn of the keeper: read the chain, book what happened, decide what comes next, send it.

A turn asks only the database and the chain. Whatever a turn was doing when its process died, the
next one, in this process or another, finds as it was left, and goes on from there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import structlog

from ringside.chain.contracts import Refused, Ringside
from ringside.chain.multicall import Block
from ringside.chain.sender import attempts
from ringside.keeper.look import Looker
from ringside.keeper.receipts.store import Receipts
from ringside.keeper.ripe import waits
from ringside.keeper.tickets import PriceSource
from ringside.orders import Order, Terms, step_key
from ringside.service.costs import Costs
from ringside.service.guardian import Guardian
from ringside.service.lanes import Ended, Lanes
from ringside.service.live import Live
from ringside.service.planner import ANOTHER, Planner, Proposal, Slices, turn_of
from ringside.service.quarantine import Quarantine
from ringside.service.settling import Settling
from ringside.service.tickets import TicketWork
from ringside.service.watcher import Seen, Watcher
from ringside.store import book, ledger, outbox, standing
from ringside.store.book import Entry, Move, State
from ringside.store.database import Database
from ringside.store.outbox import Stage, Wanted
from ringside.venues import VENUE_ERRORS, Markets, Snapshot, load, snapshot

AT_ONCE = 64
"""Orders planned in one turn: those after them wait for the next, which comes at once."""
REST = 3
"""Blocks that an order rests after a transaction of it failed, twice as many after each further."""
LONGEST_REST = 300
AGAIN = 4
"""Times that orders of an account are planned in one turn, after others that the chain would
refuse."""
log = structlog.get_logger()


@dataclass
class Turned:
    """What a turn did, for logs and metrics."""

    head: int = 0
    unwound: int = 0
    ended: list[Ended] = field(default_factory=list)
    sent: int = 0
    more: bool = False
    """Whether orders are left to be planned on this block."""
    arrived: list[float] = field(default_factory=list)
    """When the orders were received (Unix seconds) that were filled for the first time."""
    waiting: Mapping[bytes, str] = field(default_factory=dict)


class Engine:
    """The keeper of one deployment over one database."""

    def __init__(
        self,
        database: Database,
        ringside: Ringside,
        watcher: Watcher,
        lanes: Lanes,
        planner: Planner,
        receipts: Receipts,
        costs: Costs,
        prices: PriceSource | None = None,
    ) -> None:
        self.database, self.ringside = database, ringside
        self.watcher, self.lanes, self.planner = watcher, lanes, planner
        self.receipts, self.costs = receipts, costs
        self.looker: Looker = planner.looker
        self.quarantine = Quarantine()
        self.tickets = TicketWork(ringside, prices)
        self.guardian = Guardian(database, self.looker, costs, self._lane)
        self._markets: Markets = load(ringside.w3, ringside.addresses, ringside.venue_ids)
        self._snapshot: Snapshot | None = None
        self._took_over = True
        self._planned: set[bytes] = set()
        """Orders that were planned on this snapshot: they wait for the next."""
        self._live = Live()
        self.settling = Settling(database, ringside, self.looker, watcher, self._live)
        self._prices: tuple[Block | None, dict[str, int | None]] = None, {}
        self._tried: dict[bytes, int] = {}
        """At which block an order was planned last."""
        self._rest: dict[bytes, tuple[int, int]] = {}
        """By order, how often it failed in a row and the block until which it rests."""

    def turn(self) -> Turned:
        """Does what there is to do now."""
        self.settling.begin()
        seen = self.watcher.turn()
        ended = [*self._disowned(), *self.lanes.confirm(seen.head)]
        done = Turned(seen.head.number, seen.unwound, ended)
        for one in ended:
            self._learn(one, seen.head.number)
        now = self._read(seen)
        self.settling.settle(seen, ended, now)
        proposals = self._plan(now, done)
        if proposals:
            self._book(proposals)
        # What was booked goes at once: whatever fails after it holds up no fill.
        done.sent = len(self.lanes.carry())
        if proposals:
            done.arrived = [
                p.entry.received_at for p in proposals if p.entry.state is State.RECEIVED
            ]
        if seen.unwound:
            self.guardian.forget()
        self._guard(now, seen.accounts)
        self._follow(now)
        done.sent += len(self.lanes.carry())
        return done

    def took_over(self) -> None:
        """This process leads from now on: another one may have, and changed anything."""
        self.guardian.forget()
        self._took_over = True

    def _disowned(self) -> list[Ended]:
        """What whoever led before had planned for lanes that are not here."""
        found = self.lanes.disown() if self._took_over else []
        self._took_over = False
        return found

    # ------------------------------------------------------------------ reading

    def _read(self, seen: Seen) -> Snapshot:
        """The venues at the block that the watcher is at, read once."""
        block = Block(seen.head.number, "0x" + seen.head.hash.hex(), seen.head.at)
        if self._snapshot is None or self._snapshot.block != block:
            self._snapshot = snapshot(self.ringside.w3, self._markets, block)
            self._planned.clear()
            prices = [state.index_price for state in self._snapshot.of(self.costs.native).values()]
            if prices:
                self.costs.price = max(prices)
            base = int(self.ringside.w3.eth.get_block(block.number).get("baseFeePerGas") or 0)
            self.lanes.base_fee = base
            self.costs.gas_price = base + self.lanes.fees.priority
        return self._snapshot

    # ------------------------------------------------------------------ planning

    def _plan(self, at: Snapshot, done: Turned) -> list[Proposal]:
        """Fills that the chain would take, of orders that may be looked at now."""
        number = at.block.number
        with self.database.read() as connection:
            busy = outbox.orders_under_way(connection)
            entries = [
                entry
                for entry in self._live.read(connection)
                if entry.key not in busy
                and not entry.withdrawn
                and entry.key not in self._planned
                and self._rest.get(entry.key, (0, 0))[1] <= number
                and entry.request.deadline >= at.timestamp
            ]
            if not entries:
                return []
            waiting, ripe = self._ripe(entries, at)
            done.more = len(ripe) > AT_ONCE
            ripe = _first(ripe)
            slices = {
                key: tuple(ledger.used_at(connection, key))
                for entry in ripe
                for key in _scheduled(entry)
            }
        self._planned |= {*waiting, *(entry.key for entry in ripe)}
        self._tried.update((entry.key, number) for entry in ripe)
        found: list[Proposal] = []
        for _ in range(AGAIN):
            ripe, told = self._plan_once(ripe, at, slices, found)
            waiting.update(told)
            if not ripe:
                break
        self._planned -= {entry.key for entry in ripe}  # The next turn goes on with them.
        done.more |= bool(ripe)
        done.waiting = waiting
        self._tell_waiting(entries, waiting)
        return found

    def _plan_once(
        self, ripe: Sequence[Entry], at: Snapshot, slices: Slices, found: list[Proposal]
    ) -> tuple[list[Entry], dict[bytes, str]]:
        """Adds to what is `found` the proposals that the chain would take. Returns the orders that
        waited for one of their account that it would not, so that they may be planned after all;
        and by order why it waits."""
        round_ = self.planner.plan(ripe, self.quarantine.without(at), slices, found)
        waiting, freed = round_.waiting, set()
        # Of several transactions the first: the others stand on what it leaves.
        told = self._try([self._wanted(proposal)[0] for proposal in round_.proposals], at.block)
        for proposal, refused in zip(round_.proposals, told, strict=True):
            if refused is None:
                self.quarantine.passed(proposal.venues)
                found.append(proposal)
                continue
            if refused.foreign:
                self.quarantine.refused(proposal.venues, proposal.entry.account)
            waiting[proposal.entry.key] = f"the chain would refuse it: {refused}"
            freed.add(proposal.entry.account)
        again = [e for e in ripe if e.account in freed and waiting.get(e.key) == ANOTHER]
        return again, waiting

    def _tell_waiting(self, entries: Sequence[Entry], waiting: Mapping[bytes, str]) -> None:
        """Writes why orders wait, where that is news: another price in the same words is none."""
        known = {entry.key: entry for entry in entries}
        news = [
            key
            for key, why in waiting.items()
            if known[key].state is not State.WORKING
            or (known[key].reason != why and _words(known[key].reason) != _words(why))
        ]
        if not news:
            return
        now = time.time()
        with self.database.write() as connection:
            # As they are now: an owner may have withdrawn one meanwhile.
            # What has a ticket open stays pending, whatever else cannot be filled now.
            moves = [
                Move(entry, State.WORKING, waiting[entry.key])
                for entry in book.by_key(connection, news).values()
                if entry.state in (State.RECEIVED, State.WORKING)
            ]
            book.move(connection, moves, now)

    def _ripe(self, entries: Sequence[Entry], at: Snapshot) -> tuple[dict[bytes, str], list[Entry]]:
        """Orders that cannot be filled at this block, with why; and the others, in the order in
        which they are looked at: who has waited longest for a look."""
        markets = {e.request.market for e in entries if isinstance(e.request, Order)}
        prices = self._oracle(at) if any(map(_is_triggered, entries)) else {}
        states = {name: at.of(name) for name in markets}
        waiting, ripe = {}, []
        for entry in entries:
            order, why = entry.request, ""
            if isinstance(order, Order):
                begun = bool(entry.filled) or order.tickets is not None
                why = waits(
                    *(order, states[order.market], self.ringside.venue_ids),
                    *(prices.get(order.market), at.timestamp, begun),
                )
            if why:
                waiting[entry.key] = why
            else:
                ripe.append(entry)
        ripe.sort(key=lambda e: (self._tried.get(e.key, 0), turn_of(e)))
        self._tried = {e.key: self._tried[e.key] for e in ripe if e.key in self._tried}
        return waiting, ripe

    def _oracle(self, at: Snapshot) -> dict[str, int | None]:
        """Every market's oracle price, read once a block."""
        if self._prices[0] != at.block:
            names = list(self.ringside.addresses["feeds"])
            self._prices = at.block, self.looker.oracle(names, at.block)
        return self._prices[1]

    def _try(self, wanted: Sequence[Wanted], block: Block) -> list[Refused | None]:
        """Why the chain would refuse each at `block`, where it would."""

        def asked(numbers: Sequence[int]) -> list[Refused | None]:
            calls = [wanted[i].call for i in numbers]
            told = attempts(self.ringside.w3, calls, VENUE_ERRORS, block.number)
            return [one if isinstance(one, Refused) else None for one in told]

        found = asked(range(len(wanted)))
        # A venue's refusal has consequences, and a node that is just taking in the next block may
        # answer out of both.
        doubted = [i for i, one in enumerate(found) if one is not None and one.foreign]
        for i, again in zip(doubted, asked(doubted), strict=True):
            found[i] = again
        return found

    def _book(self, proposals: Sequence[Proposal]) -> None:
        """Puts the transactions into the outbox and their orders to pending, all or nothing; the
        receipts are there before."""
        for proposal in proposals:
            self.receipts.put(proposal.receipt)
        now = time.time()
        with self.database.write() as connection:
            current = book.by_key(connection, [p.entry.key for p in proposals])
            busy = outbox.orders_under_way(connection)
            wanted: list[Wanted] = []
            moves = []
            for proposal in proposals:
                entry = current[proposal.entry.key]
                # Its owner was quicker; or another process, which led for a moment too.
                if entry.state.is_end or entry.withdrawn or entry.key in busy:
                    continue
                wanted += self._wanted(proposal)
                moves.append(Move(entry, State.PENDING, "a transaction is under way"))
            book.move(connection, moves, now)
            outbox.plan(connection, wanted, now)

    def _wanted(self, proposal: Proposal) -> list[Wanted]:
        """The transactions of a proposal."""
        entry, place = proposal.entry, self.ringside.desk.address
        return [
            Wanted(
                *(self._lane(entry.account), call.kind, (entry.key,), place, call.data),
                self.costs.gas(call),
                until=min(entry.request.deadline, 2**62),
                earns=proposal.earns // len(proposal.calls),
            )
            for call in proposal.calls
        ]

    def _follow(self, at: Snapshot) -> None:
        """Takes open tickets a step on, those that no transaction is under way for."""
        with self.database.read() as connection:
            open_ = ledger.pending(connection)
            busy = outbox.orders_under_way(connection) if open_ else set()
        idle = [
            ticket
            for ticket in open_
            if ticket.order not in busy
            and self._rest.get(ticket.order, (0, 0))[1] <= at.block.number
        ]
        if not idle:
            return
        wanted = []
        steps = list(self.tickets.next(idle, self._lane, at.timestamp))
        # A price that the venue does not like costs nothing but a wait.
        for one, refused in zip(steps, self._try(steps, at.block), strict=True):
            if refused is None:
                wanted.append(one)
                continue
            for key in one.orders:
                why = str(refused)
                log.info("a ticket waits", order="0x" + key.hex(), step=one.kind, reason=why)
        with self.database.write() as connection:
            outbox.plan(connection, wanted, time.time())

    def _guard(self, at: Snapshot, touched: set[bytes]) -> None:
        """Moves margin under standing policies, and tells their owners where none can be moved."""
        with self.database.read() as connection:
            busy = outbox.orders_under_way(connection)
        resting = {key for key, (_, until) in self._rest.items() if until > at.block.number}
        found = self.guardian.turn(at, touched, busy | resting)
        if not (found.moves or found.told or found.over):
            return
        now = time.time()
        keys = [*found.told, *found.over]
        with self.database.write() as connection:
            outbox.plan(connection, found.moves, now)
            for entry in standing.by_key(connection, keys).values():
                if entry.key in found.over:
                    standing.end(connection, entry, *found.over[entry.key], now)
                else:
                    reason, health = found.told[entry.key]
                    standing.note(connection, entry, reason, health, now)
        for key, (reason, _) in found.told.items():
            if reason:
                log.warning("margin is in need", order="0x" + key.hex(), reason=reason)

    def _lane(self, account: bytes) -> str:
        """An account's transactions go through one lane, in their order."""
        lanes = self.lanes.addresses
        # Hashed, since accounts of one owner, or of neighbours, are alike in most of their bytes.
        return lanes[int.from_bytes(sha256(account).digest()[:8], "big") % len(lanes)]

    def _learn(self, one: Ended, number: int) -> None:
        """An order whose transaction failed rests a while."""
        for key in one.transaction.wanted.orders:
            if one.stage is Stage.FAILED:
                times = self._rest.get(key, (0, 0))[0]
                rest = min(REST << times, LONGEST_REST)
                self._rest[key] = times + 1, number + rest
            elif one.stage is Stage.MINED:
                self._rest.pop(key, None)


def _scheduled(entry: Entry) -> list[bytes]:
    """What the Desk keeps the order, or each step of the bundle, under that has a schedule."""
    request = entry.request
    parts: list[tuple[bytes, Order | Terms]] = (
        [(entry.key, request)]
        if isinstance(request, Order)
        else [(step_key(entry.key, i), step) for i, step in enumerate(request.steps)]
    )
    return [key for key, one in parts if one.conditions is not None and one.conditions.interval]


def _first(ripe: Sequence[Entry]) -> list[Entry]:
    """Those that are planned in this turn: half of the places are for what only reduces, so that it
    goes first, and half for all, so that nobody's many orders that cannot be filled keep the others
    from being looked at. In the order that they came in."""
    reducing = [entry for entry in ripe if not turn_of(entry)[0]][: AT_ONCE // 2]
    first = {entry.key for entry in reducing}
    others = [entry for entry in ripe if entry.key not in first][: AT_ONCE - len(reducing)]
    chosen = first | {entry.key for entry in others}
    return [entry for entry in ripe if entry.key in chosen]


def _words(reason: str) -> str:
    """A reason without its numbers."""
    return re.sub(r"[\d.,]+", "#", reason)


def _is_triggered(entry: Entry) -> bool:
    terms = entry.request.conditions if isinstance(entry.request, Order) else None
    return terms is not None and bool(terms.trigger_price)
