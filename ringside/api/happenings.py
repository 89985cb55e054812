"""What happens to accounts, as it is stored: one reader for all who want to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from ringside.accounts import owner_of
from ringside.api.house import House
from ringside.api.logs import logger
from ringside.api.threads import Threads
from ringside.store import book
from ringside.store.book import Event
from ringside.store.schema import events

POLL = 0.1
"""Seconds between two looks at the database, unless somebody wakes it: other processes write it
too."""
PAGE = 200


@dataclass(eq=False)
class Listener:
    """Somebody who is told that something of an owner's was stored."""

    owner: str
    happened: asyncio.Event = field(default_factory=asyncio.Event)


class Happenings:
    """Follows the events; `changed` is called with every account that one changed on the chain."""

    def __init__(self, house: House, threads: Threads, changed: Callable[[bytes], None]) -> None:
        self.house, self.threads, self.changed = house, threads, changed
        self.newest = 0
        self._listeners: dict[str, set[Listener]] = {}
        self._look = asyncio.Event()

    @property
    def listening(self) -> int:
        return sum(map(len, self._listeners.values()))

    def listening_of(self, owner: str) -> int:
        return len(self._listeners.get(owner, ()))

    def listen(self, owner: str) -> Listener:
        """Begins to listen; `leave` ends it."""
        one = Listener(owner)
        self._listeners.setdefault(owner, set()).add(one)
        return one

    def leave(self, one: Listener) -> None:
        left = self._listeners.get(one.owner, set())
        left.discard(one)
        if not left:
            self._listeners.pop(one.owner, None)

    def look(self) -> None:
        """There may be something new; from the loop's own thread."""
        self._look.set()

    async def follow(self) -> None:
        """Tells listeners what is stored, for ever."""
        started = failed = False
        while True:
            try:
                if not started:
                    self.newest = await self.threads.run(self.threads.watch, self._newest)
                    started = True
                while found := await self.threads.run(self.threads.watch, self._after):
                    for account, kind in found:
                        if kind != "order":
                            self.changed(account)
                        if not self._listeners:
                            continue
                        for one in self._listeners.get(owner_of(account), ()):
                            one.happened.set()
                failed = False
            except Exception as no:
                if not failed:
                    logger().error("the events cannot be read", why=str(no)[:500])
                failed = True
            try:
                await asyncio.wait_for(self._look.wait(), POLL)
                self._look.clear()
                await asyncio.sleep(POLL / 10)  # A flood is read in gulps.
            except asyncio.TimeoutError:
                pass

    def _newest(self) -> int:
        with self.house.database.read() as connection:
            return book.newest(connection)

    def _after(self) -> list[tuple[bytes, str]]:
        query = (
            select(events.c.seq, events.c.account, events.c.kind)
            .where(events.c.seq > self.newest)
            .order_by(events.c.seq)
            .limit(1_000)
        )
        with self.house.database.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return []
        self.newest = rows[-1].seq
        return [(bytes.fromhex(row.account[2:]), row.kind) for row in rows]


def of_owner(
    house: House,
    owner: str,
    after: int,
    accounts: frozenset[str] = frozenset(),
    kinds: frozenset[str] = frozenset(),
) -> list[Event]:
    """A page of an owner's events after number `after`, the oldest first; of some accounts and
    kinds, if any are named. Reads the database."""
    first, last = owner + "00" * 12, owner + "ff" * 12
    wanted = [events.c.seq > after, events.c.account.between(first, last)]
    if accounts:
        wanted.append(events.c.account.in_(accounts))
    if kinds:
        wanted.append(events.c.kind.in_(kinds))
    query = select(events).where(*wanted).order_by(events.c.seq).limit(PAGE)
    with house.database.read() as connection:
        return [
            Event(
                *(row.seq, row.at, bytes.fromhex(row.account[2:])),
                *(row.key and bytes.fromhex(row.key[2:]), row.kind, row.body),
            )
            for row in connection.execute(query)
        ]
