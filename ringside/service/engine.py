"""One turn of the keeper: read the chain, book what happened, decide what comes next, send it.

A turn asks only the database and the chain. Whatever a turn was doing when its process died, the
next one, in this process or another, finds as it was left, and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import structlog
from sqlalchemy import Connection

from ringside.chain.abi import selector, word
from ringside.chain.contracts import Refused, Ringside
from ringside.chain.multicall import MULTICALL3, Block, Call, aggregate
from ringside.chain.sender import attempts
from ringside.keeper.conditions import Progress
from ringside.keeper.look import PROGRESS, Looker
from ringside.keeper.receipts.store import Receipts
from ringside.keeper.ripe import waits
from ringside.keeper.tickets import PriceSource
from ringside.orders import Bundle, Order
from ringside.service.costs import Costs
from ringside.service.guardian import Guardian
from ringside.service.lanes import Ended, Lanes
from ringside.service.live import Live
from ringside.service.planner import Planner, Proposal, turn_of
from ringside.service.quarantine import Quarantine
from ringside.service.states import Facts, state_of
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
        self._planned: set[bytes] = set()
        """Orders that were planned on this snapshot: they wait for the next."""
        self._live = Live()
        self._prices: tuple[Block | None, dict[str, int | None]] = None, {}
        self._tried: dict[bytes, int] = {}
        """At which block an order was planned last."""
        self._rest: dict[bytes, tuple[int, int]] = {}
        """By order, how often it failed in a row and the block until which it rests."""

    def turn(self) -> Turned:
        """Does what there is to do now."""
        seen = self.watcher.turn()
        ended = self.lanes.confirm(seen.head)
        done = Turned(seen.head.number, seen.unwound, ended)
        for one in ended:
            self._learn(one, seen.head.number)
        now = self._read(seen)
        self._settle(seen, ended, now)
        proposals = self._plan(now, done)
        if proposals:
            self._book(proposals)
            done.arrived = [
                p.entry.received_at for p in proposals if p.entry.state is State.RECEIVED
            ]
        if seen.unwound:
            self.guardian.forget()
        self._guard(now, seen.accounts)
        self._follow(now)
        done.sent = len(self.lanes.carry())
        return done

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

    # ------------------------------------------------------------------ states

    def _settle(self, seen: Seen, ended: Sequence[Ended], at: Snapshot) -> None:
        """Brings the states of orders that something happened to, or whose time is over, up to
        what the chain says."""
        touched = set(seen.orders)
        for one in ended:
            touched |= set(one.transaction.wanted.orders)
        with self.database.read() as connection:
            live = self._live.read(connection)
            touched |= {e.key for e in live if e.request.deadline < at.timestamp}
            entries = list(book.by_key(connection, list(touched)).values())
            busy = outbox.orders_under_way(connection)
        for entry in live:
            self.watcher.remember(entry.request, entry.key)
        if not entries:
            return
        facts = self._facts(entries, at.block, busy)
        now = time.time()
        with self.database.write() as connection:
            moves = []
            for entry in entries:
                filled, pending = self._used(connection, entry)
                known = replace(facts[entry.key], filled=filled, pending=pending)
                state, why = state_of(entry, known)
                failed = [o.error for o in ended if entry.key in o.transaction.wanted.orders]
                if state is State.WORKING and any(failed):
                    why = f"refused by the chain: {next(filter(None, failed))}"
                moves.append(Move(entry, state, why, filled))
            book.move(connection, moves, now)

    def _used(self, connection: Connection, entry: Entry) -> tuple[int, int]:
        """What the chain's events say was filled, and is pending in tickets; of a bundle, steps."""
        filled, pending = ledger.used(connection, entry.key)
        if not isinstance(entry.request, Bundle):
            return sum(filled.values()), sum(pending.values())
        done = 0
        for i, step in enumerate(entry.request.steps):
            key = entry.request.step_key(self.ringside.domain, i)
            done += key in filled and (step.closes_all or filled[key] >= abs(step.size))
        return done, len(pending)

    def _facts(
        self, entries: Sequence[Entry], block: Block, busy: set[bytes]
    ) -> dict[bytes, Facts]:
        """What the Desk has of these orders at the block."""
        desk = self.ringside.desk.address
        reads = []
        for entry in entries:
            frame = entry.request
            nonce = frame.nonce.to_bytes(32, "big")
            reads.append(Call(desk, selector("progress(bytes32)") + self._last_key(entry)))
            reads.append(Call(desk, selector("isSpent(bytes32,uint256)") + frame.account + nonce))
            reads.append(Call(desk, selector("epochs(bytes32)") + frame.account))
        place = self.ringside.addresses.get("multicall3", MULTICALL3)
        answers = iter(aggregate(self.ringside.w3, reads, block, place))
        found = {}
        for entry in entries:
            progress, spent, epoch = (next(answers) or b"" for _ in range(3))
            done = _progress(progress).done
            found[entry.key] = Facts(
                *(0, 0, done, bool(word(spent)), word(epoch), entry.key in busy, block.timestamp)
            )
        return found

    def _last_key(self, entry: Entry) -> bytes:
        """Under what the Desk says that the whole is done: a bundle's last step."""
        if isinstance(entry.request, Bundle):
            return entry.request.step_key(self.ringside.domain, len(entry.request.steps) - 1)
        return entry.key

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
                and entry.key not in self._planned
                and self._rest.get(entry.key, (0, 0))[1] <= number
                and entry.request.deadline >= at.timestamp
            ]
            if not entries:
                return []
            waiting, ripe = self._ripe(entries, at)
            done.more = len(ripe) > AT_ONCE
            ripe = ripe[:AT_ONCE]
            slices = {
                entry.key: tuple(ledger.used_at(connection, entry.key))
                for entry in ripe
                if _is_scheduled(entry)
            }
        self._planned |= {*waiting, *(entry.key for entry in ripe)}
        self._tried.update((entry.key, number) for entry in ripe)
        round_ = self.planner.plan(ripe, self.quarantine.without(at), slices)
        round_.waiting.update(waiting)
        found = []
        # Of several transactions the first: the others stand on what it leaves.
        told = self._try([self._wanted(proposal)[0] for proposal in round_.proposals], at.block)
        for proposal, refused in zip(round_.proposals, told, strict=True):
            if refused is None:
                self.quarantine.passed(proposal.venues)
                found.append(proposal)
                continue
            if refused.foreign:
                self.quarantine.refused(proposal.venues, proposal.entry.account)
            round_.waiting[proposal.entry.key] = f"the chain would refuse it: {refused}"
        done.waiting = round_.waiting
        known = {entry.key: entry for entry in entries}
        news = [
            key
            for key, why in round_.waiting.items()
            if known[key].reason != why or known[key].state is not State.WORKING
        ]
        if news:
            now = time.time()
            with self.database.write() as connection:
                # As they are now: an owner may have withdrawn one meanwhile.
                # What has a ticket open stays pending, whatever else cannot be filled now.
                moves = [
                    Move(entry, State.WORKING, round_.waiting[entry.key])
                    for entry in book.by_key(connection, news).values()
                    if entry.state in (State.RECEIVED, State.WORKING)
                ]
                book.move(connection, moves, now)
        return found

    def _ripe(self, entries: Sequence[Entry], at: Snapshot) -> tuple[dict[bytes, str], list[Entry]]:
        """Orders that cannot be filled at this block, with why; and the others, in the order in
        which they are looked at: what only reduces, then who has waited longest for a look."""
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
        ripe.sort(key=lambda e: (turn_of(e)[0], self._tried.get(e.key, 0), turn_of(e)))
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
            wanted: list[Wanted] = []
            moves = []
            for proposal in proposals:
                entry = current[proposal.entry.key]
                if entry.state.is_end:  # Its owner was quicker.
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


def _is_scheduled(entry: Entry) -> bool:
    request = entry.request
    parts = [request] if isinstance(request, Order) else request.steps
    return any(part.conditions is not None and part.conditions.interval for part in parts)


def _is_triggered(entry: Entry) -> bool:
    terms = entry.request.conditions if isinstance(entry.request, Order) else None
    return terms is not None and bool(terms.trigger_price)


def _progress(answer: bytes) -> Progress:
    from eth_abi.abi import decode

    return Progress(*decode(PROGRESS, answer))
