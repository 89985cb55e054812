"""One turn of the keeper: read the chain, book what happened, decide what comes next, send it.

A turn asks only the database and the chain. Whatever a turn was doing when its process died, the
next one, in this process or another, finds as it was left, and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection
from web3.exceptions import Web3Exception

from ringside.chain.abi import selector, word
from ringside.chain.contracts import Refused, Ringside, refusal, revert_data
from ringside.chain.multicall import MULTICALL3, Block, Call, aggregate
from ringside.keeper.conditions import Progress
from ringside.keeper.look import PROGRESS, Looker
from ringside.keeper.receipts.store import Receipts
from ringside.orders import Bundle
from ringside.service.costs import Costs
from ringside.service.lanes import Ended, Lanes
from ringside.service.planner import Planner, Proposal
from ringside.service.quarantine import Quarantine
from ringside.service.states import Facts, state_of
from ringside.service.tickets import PriceSource, TicketWork
from ringside.service.watcher import Seen, Watcher
from ringside.store import book, ledger, outbox
from ringside.store.book import Entry, State
from ringside.store.database import Database
from ringside.store.outbox import Stage, Wanted
from ringside.venues import VENUE_ERRORS, Markets, Snapshot, load, snapshot

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
        self._markets: Markets = load(ringside.w3, ringside.addresses, ringside.venue_ids)
        self._snapshot: Snapshot | None = None
        self._planned: set[bytes] = set()
        """Orders that were planned on this snapshot: they wait for the next."""
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
            base = self.ringside.w3.eth.get_block(block.number).get("baseFeePerGas") or 0
            self.costs.gas_price = int(base) + self.lanes.fees.priority
        return self._snapshot

    # ------------------------------------------------------------------ states

    def _settle(self, seen: Seen, ended: Sequence[Ended], at: Snapshot) -> None:
        """Brings the states of orders that something happened to, or whose time is over, up to
        what the chain says."""
        touched = set(seen.orders)
        for one in ended:
            touched |= set(one.transaction.wanted.orders)
        with self.database.read() as connection:
            live = book.live(connection)
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
            for entry in entries:
                known = facts[entry.key]
                filled, pending = self._used(connection, entry)
                known = Facts(
                    *(filled, pending, known.done, known.spent, known.epoch, known.under_way),
                    known.now,
                )
                state, why = state_of(entry, known)
                failed = [o.error for o in ended if entry.key in o.transaction.wanted.orders]
                if state is State.WORKING and any(failed):
                    why = f"refused by the chain: {next(filter(None, failed))}"
                book.move(connection, entry, state, now, why, filled)

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
                for entry in book.live(connection)
                if entry.key not in busy
                and entry.key not in self._planned
                and self._rest.get(entry.key, (0, 0))[1] <= number
                and entry.request.deadline >= at.timestamp
            ]
            slices = {entry.key: tuple(ledger.used_at(connection, entry.key)) for entry in entries}
        if not entries:
            return []
        self._planned |= {entry.key for entry in entries}
        round_ = self.planner.plan(entries, self.quarantine.without(at), slices)
        found = []
        for proposal in round_.proposals:
            refused = self._try(proposal)
            venues = {leg.venue for p in proposal.plans for leg in (*p.legs, *p.tickets)}
            self.quarantine.note(venues, refused is not None, proposal.entry.key)
            if refused is None:
                found.append(proposal)
            else:
                round_.waiting[proposal.entry.key] = f"the chain would refuse it: {refused}"
        done.waiting = round_.waiting
        if round_.waiting:
            now = time.time()
            with self.database.write() as connection:
                # As they are now: an owner may have withdrawn one meanwhile.
                for entry in book.by_key(connection, list(round_.waiting)).values():
                    why = round_.waiting[entry.key]
                    # What has a ticket open stays pending, whatever else cannot be filled now.
                    if entry.state in (State.RECEIVED, State.WORKING):
                        book.move(connection, entry, State.WORKING, now, why)
        return found

    def _try(self, proposal: Proposal) -> Refused | None:
        """Why the chain would refuse the first of its transactions now, if it would."""
        _, data, gas = proposal.calls[0]
        call: Any = {
            "from": self._lane(proposal.entry.account),
            "to": self.ringside.desk.address,
            "data": "0x" + data.hex(),
            "gas": gas,
        }
        try:
            self.ringside.w3.eth.call(call)
        except Web3Exception as no:
            return refusal(revert_data(no), VENUE_ERRORS)
        return None

    def _book(self, proposals: Sequence[Proposal]) -> None:
        """Puts the transactions into the outbox and their orders to pending, all or nothing; the
        receipts are there before."""
        for proposal in proposals:
            self.receipts.put(proposal.receipt)
        now = time.time()
        with self.database.write() as connection:
            current = book.by_key(connection, [p.entry.key for p in proposals])
            for proposal in proposals:
                entry = current[proposal.entry.key]
                if entry.state.is_end:  # Its owner was quicker.
                    continue
                lane = self._lane(entry.account)
                parts = len(proposal.calls)
                wanted = [
                    Wanted(
                        *(lane, kind, (entry.key,), self.ringside.desk.address, data, gas),
                        until=min(entry.request.deadline, 2**62),
                        earns=proposal.earns // parts,
                    )
                    for kind, data, gas in proposal.calls
                ]
                outbox.plan(connection, wanted, now)
                why = "a transaction is under way"
                book.move(connection, entry, State.PENDING, now, why)

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
        wanted = [self._tried(one) for one in self.tickets.next(idle, self._lane, at.timestamp)]
        with self.database.write() as connection:
            outbox.plan(connection, [one for one in wanted if one is not None], time.time())

    def _tried(self, one: Wanted) -> Wanted | None:
        """The transaction, where the chain would take it: a price that the venue does not like
        costs nothing but a wait."""
        call: Any = {
            "from": one.lane,
            "to": one.to,
            "data": "0x" + one.data.hex(),
            "value": one.value,
            "gas": one.gas,
        }
        try:
            self.ringside.w3.eth.call(call)
        except Web3Exception as no:
            why = refusal(revert_data(no), VENUE_ERRORS)
            for key in one.orders:
                log.info("a ticket waits", order="0x" + key.hex(), step=one.kind, reason=str(why))
            return None
        return one

    def _lane(self, account: bytes) -> str:
        """An account's transactions go through one lane, in their order."""
        lanes = self.lanes.addresses
        return lanes[int.from_bytes(account[-16:] + account[:20], "big") % len(lanes)]

    def _learn(self, one: Ended, number: int) -> None:
        """An order whose transaction failed rests a while."""
        for key in one.transaction.wanted.orders:
            if one.stage is Stage.FAILED:
                times = self._rest.get(key, (0, 0))[0]
                rest = min(REST << times, LONGEST_REST)
                self._rest[key] = times + 1, number + rest
            elif one.stage is Stage.MINED:
                self._rest.pop(key, None)


def _progress(answer: bytes) -> Progress:
    from eth_abi.abi import decode

    return Progress(*decode(PROGRESS, answer))
