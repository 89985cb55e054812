"""Orders into the book by one writer: all that arrived while one transaction was under way go with
the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from ringside.api.errors import Problem
from ringside.api.logs import logger
from ringside.store import book
from ringside.store.book import NonceInUse, Received, State
from ringside.store.database import Database
from ringside.store.schema import orders

GATHER = 0.05
"""Seconds that an order waits at most for others that come in together with it."""
QUIET = 3
"""Rounds of the loop without another order after which none is coming."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of an order: whether it is `fresh`, and its state now."""

    fresh: bool
    state: State


_Waiting = tuple[Received, "asyncio.Future[Stored]"]


class Writer:
    """Stores orders in groups, in a thread of its own; `stored` is called after each group that had
    anything new."""

    def __init__(
        self, database: Database, group: int, most: int, stored: Callable[[], None]
    ) -> None:
        self.database, self.group, self.most, self.stored = database, group, most, stored
        self.groups = 0
        """Transactions, for metrics."""
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._there = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "ringside-writer")

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        return not (self._waiting or self._busy)

    async def accept(self, one: Received) -> Stored:
        """Stores an order; returns once it is on the disk.

        Raises:
            NonceInUse: another order that is not done has its nonce.
            Problem: 503; too many wait, or the database does not take it.
        """
        if len(self._waiting) >= self.most:
            raise Problem(503, "busy", "Too many orders wait to be stored: try again.", RETRY)
        answer: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        self._there.set()
        return await answer

    async def run(self) -> None:
        """Stores what comes, for ever. To be cancelled only when idle."""
        loop = asyncio.get_running_loop()
        while True:
            await self._there.wait()
            self._there.clear()
            while self._waiting:
                await self._gathered()
                batch, self._waiting = self._waiting[: self.group], self._waiting[self.group :]
                self._busy = True
                found = await loop.run_in_executor(self._thread, self._store, batch)
                fresh = []
                for (one, answer), outcome in zip(batch, found, strict=True):
                    if isinstance(outcome, Stored) and outcome.fresh:
                        fresh.append("0x" + one.key.hex())
                    if answer.done():  # Its client has gone.
                        continue
                    if isinstance(outcome, Stored):
                        answer.set_result(outcome)
                    else:
                        answer.set_exception(outcome)
                self._busy = False
                if fresh:
                    # One line for all: a line of each takes as long as half of its being checked.
                    logger().info("orders accepted", orders=fresh)
                    self.stored()

    async def _gathered(self) -> None:
        """Returns once the loop has no more orders at hand: those of requests that came together
        go together, and one that comes alone goes at once."""
        until, quiet = time.monotonic() + GATHER, 0
        while quiet < QUIET and len(self._waiting) < self.group and time.monotonic() < until:
            before = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == before else 0

    def close(self) -> None:
        self._thread.shutdown()

    def _store(self, batch: Sequence[_Waiting]) -> list[Stored | Exception]:
        try:
            return self._write([one for one, _ in batch])
        except SQLAlchemyError as no:
            logger().error("orders cannot be stored", count=len(batch), why=str(no)[:500])
            # Of several, one may be what the database does not take.
            if len(batch) > 1 and isinstance(no, (DataError, IntegrityError)):
                return [self._store([one])[0] for one in batch]
            return [
                Problem(503, "not-stored", "The database does not take it: try again.", RETRY)
            ] * len(batch)
        except Exception:
            logger().exception("orders cannot be stored", count=len(batch))
            return [Problem(500, "not-stored", "The order could not be stored.")] * len(batch)

    def _write(self, arrived: Sequence[Received]) -> list[Stored | Exception]:
        keys = ["0x" + one.key.hex() for one in arrived]
        with self.database.write() as connection:
            query = select(orders.c.key).where(orders.c.key.in_(keys))
            known = set(connection.execute(query).scalars())
            states = book.accept(connection, arrived)
        self.groups += 1
        found: list[Stored | Exception] = []
        for key, one in zip(keys, arrived, strict=True):
            state = states[one.key]
            if isinstance(state, NonceInUse):
                found.append(state)
                continue
            found.append(Stored(key not in known, state))
            known.add(key)  # The same twice in one group is new once.
        return found


RETRY = {"Retry-After": "1"}
