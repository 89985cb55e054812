"""The orders that are not done, kept between turns: most of them are what they were."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ringside.store import book
from ringside.store.book import Entry
from ringside.store.schema import events, unhexed


class Live:
    """A copy of the book's live part, brought up to date by the events of what changed."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._sorted: list[Entry] = []
        self._seq: int | None = None
        """The last event that the copy follows."""

    def read(self, connection: Connection) -> list[Entry]:
        """All of them, the oldest first."""
        newest = book.newest(connection)
        if newest == self._seq:
            return list(self._sorted)
        if self._seq is None:
            self._entries = {entry.key: entry for entry in book.live(connection)}
        else:
            changed = _changed(connection, self._seq)
            found = book.by_key(connection, changed)
            for key in changed:
                self._entries.pop(key, None)
            self._entries.update((k, one) for k, one in found.items() if not one.state.is_end)
        self._seq = newest
        self._sorted = sorted(self._entries.values(), key=lambda one: (one.received_at, one.key))
        return list(self._sorted)


def _changed(connection: Connection, after: int) -> list[bytes]:
    """The orders that events after this one are about."""
    rows = connection.execute(
        select(events.c.key).distinct().where(events.c.seq > after, events.c.kind == "order")
    )
    return list(map(unhexed, rows.scalars()))
