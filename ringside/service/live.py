"""The orders that are not done, kept between turns: most of them are what they were."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ringside.store import book
from ringside.store.book import LIVE, Entry
from ringside.store.schema import orders, unhexed


class Live:
    """A copy of the book's live part, brought up to date by what changed."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}

    def read(self, connection: Connection) -> list[Entry]:
        """All of them, the oldest first."""
        rows = connection.execute(
            select(orders.c.key, orders.c.changed_at).where(orders.c.state.in_(LIVE))
        )
        now = {unhexed(key): at for key, at in rows}
        self._entries = {key: one for key, one in self._entries.items() if key in now}
        stale = [
            key
            for key, at in now.items()
            if key not in self._entries or self._entries[key].changed_at != at
        ]
        self._entries.update(book.by_key(connection, stale))
        return sorted(self._entries.values(), key=lambda one: (one.received_at, one.key))
