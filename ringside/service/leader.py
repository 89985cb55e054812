"""Of several processes over one database, one plans: whoever holds the lock. It falls free with the
process, however that ends."""

from __future__ import annotations

import fcntl
import os

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ringside.store.database import LEADER, Database


class Leader:
    """A lock in PostgreSQL that belongs to a connection, or beside SQLite's file."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: Connection | None = None
        self._file: int | None = None

    def lead(self) -> bool:
        """Whether this process leads, now or from now on."""
        if self.database.is_postgres:
            return self._holds() or self._take()
        if self._file is None:
            name = self.database.url.database
            if not name or name == ":memory:":
                return True
            file = os.open(f"{name}.leader", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return False
            self._file = file
        return True

    def release(self) -> None:
        """Lets another lead."""
        if self._connection is not None:
            self._connection.invalidate()  # The lock is the session's, which a pool would keep.
            self._connection.close()
            self._connection = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _holds(self) -> bool:
        """Whether the connection that holds the lock is still there."""
        if self._connection is None:
            return False
        try:
            self._connection.exec_driver_sql("SELECT 1")
            self._connection.commit()
        except OperationalError:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            return False
        return True

    def _take(self) -> bool:
        connection = self.database.engine.connect()
        try:
            got = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({LEADER})").scalar()
            connection.commit()
        except OperationalError:
            connection.close()
            raise
        if got:
            self._connection = connection
            return True
        connection.close()
        return False
