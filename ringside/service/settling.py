"""What the chain says of orders that something happened to, brought into the book."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from eth_abi.abi import decode

from ringside.chain.abi import selector, word
from ringside.chain.contracts import Ringside
from ringside.chain.multicall import Block
from ringside.keeper.conditions import Progress
from ringside.keeper.look import PROGRESS, Looker
from ringside.orders import Bundle, step_key
from ringside.service.lanes import Ended
from ringside.service.live import Live
from ringside.service.states import Facts, state_of
from ringside.service.watcher import Seen, Watcher
from ringside.store import book, ledger, outbox
from ringside.store.book import Entry, Move, State
from ringside.store.database import Database
from ringside.venues import Snapshot


class Settling:
    """Keeps the book's states at what the chain says.

    What a turn learns of the chain is stored before the states that follow from it, and a process
    may die in between. So the first turn settles every order that is not done, and so does the one
    after a turn that failed.
    """

    def __init__(
        self, database: Database, ringside: Ringside, looker: Looker, watcher: Watcher, live: Live
    ) -> None:
        self.database, self.ringside, self.looker = database, ringside, looker
        self.watcher, self._live = watcher, live
        self._all = False
        self._behind = True
        """Whether something may have happened that no state follows yet."""

    def begin(self) -> None:
        """Before anything of the chain is stored."""
        self._behind, self._all = True, self._behind

    def settle(self, seen: Seen, ended: Sequence[Ended], at: Snapshot) -> None:
        """Brings the states of orders that something happened to, or whose time is over, up to
        what the chain says."""
        touched = set(seen.orders)
        for one in ended:
            touched |= set(one.transaction.wanted.orders)
        with self.database.read() as connection:
            live = self._live.read(connection)
            touched |= {e.key for e in live if self._all or e.request.deadline < at.timestamp}
            entries = list(book.by_key(connection, list(touched)).values())
            busy = outbox.orders_under_way(connection)
        for entry in live:
            self.watcher.remember(entry.request, entry.key)
        if entries:
            self._write(entries, self._facts(entries, at.block, busy), ended)
        self._behind = False

    def _write(
        self, entries: Sequence[Entry], facts: dict[bytes, Facts], ended: Sequence[Ended]
    ) -> None:
        now = time.time()
        with self.database.write() as connection:
            moves = []
            # As they are now: an owner may have withdrawn one while the chain was asked.
            keys = [entry.key for entry in entries]
            used = ledger.used(connection, keys)
            for entry in book.by_key(connection, keys).values():
                filled, pending = _used(entry, *used.get(entry.key, ({}, {})))
                known = replace(facts[entry.key], filled=filled, pending=pending)
                state, why = state_of(entry, known)
                failed = [o.error for o in ended if entry.key in o.transaction.wanted.orders]
                if state is State.WORKING and any(failed):
                    why = f"refused by the chain: {next(filter(None, failed))}"
                moves.append(Move(entry, state, why, filled))
            book.move(connection, moves, now)

    def _facts(
        self, entries: Sequence[Entry], block: Block, busy: set[bytes]
    ) -> dict[bytes, Facts]:
        """What the Desk has of these orders at the block."""
        desk = self.ringside.desk.address
        reads = []
        for entry in entries:
            frame = entry.request
            nonce = frame.nonce.to_bytes(32, "big")
            reads.append((desk, selector("progress(bytes32)") + _last_key(entry)))
            reads.append((desk, selector("isSpent(bytes32,uint256)") + frame.account + nonce))
            reads.append((desk, selector("epochs(bytes32)") + frame.account))
        answers = iter(self.looker.ask(reads, block))
        found = {}
        for entry in entries:
            progress, spent, epoch = (next(answers) for _ in range(3))
            done = Progress(*decode(PROGRESS, progress)).done
            found[entry.key] = Facts(
                *(0, 0, done, bool(word(spent)), word(epoch), entry.key in busy, block.timestamp)
            )
        return found


def _used(
    entry: Entry, filled: Mapping[bytes, int], pending: Mapping[bytes, int]
) -> tuple[int, int]:
    """What the chain's events say was filled, and is pending in tickets; of a bundle, steps."""
    if not isinstance(entry.request, Bundle):
        return sum(filled.values()), sum(pending.values())
    done = 0
    for i, step in enumerate(entry.request.steps):
        key = step_key(entry.key, i)
        done += key in filled and (step.closes_all or filled[key] >= abs(step.size))
    return done, len(pending)


def _last_key(entry: Entry) -> bytes:
    """Under what the Desk says that the whole is done: a bundle's last step."""
    if isinstance(entry.request, Bundle):
        return step_key(entry.key, len(entry.request.steps) - 1)
    return entry.key
