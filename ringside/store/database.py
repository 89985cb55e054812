"""The database: opened, brought up to date, and written by one transaction at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY = 30
"""Seconds that a writer waits for another one."""
MIGRATOR, WRITER, LEADER = 7041, 7042, 7043
"""PostgreSQL's advisory locks: who changes tables, who writes, who plans."""


class DatabaseError(Exception):
    """The database cannot be used; the message says what to do."""


class Database:
    """Where a keeper remembers: `url` as SQLAlchemy takes it, sqlite:///file or
    postgresql+psycopg://…"""

    def __init__(self, url: str) -> None:
        """
        Raises:
            DatabaseError: the address is none, or of another kind of database.
        """
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise DatabaseError(
                f"{url!r} is no database: give sqlite:///keeper.db or "
                "postgresql+psycopg://user@host/name."
            ) from None
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.is_postgres = parsed.drivername == "postgresql+psycopg"
        if not self.is_postgres and parsed.get_backend_name() != "sqlite":
            raise DatabaseError(f"{parsed.get_backend_name()} is not known: SQLite or PostgreSQL.")
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
        self.url = parsed
        options: dict[str, Any] = (
            {"pool_size": 16, "pool_pre_ping": True}
            if self.is_postgres
            else {"connect_args": {"timeout": BUSY}}
        )
        self.engine: Engine = create_engine(parsed, **options)
        if not self.is_postgres:
            event.listen(self.engine, "connect", _prepare)
            # pysqlite would begin only at the first write: a reading could be of two states.
            event.listen(self.engine, "begin", _begin)

    def migrate(self) -> None:
        """Brings the tables to this version's; safe for several processes at once.

        Raises:
            DatabaseError: nothing answers there, or a later version was here.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        try:
            with self.engine.connect() as connection:
                if self.is_postgres:  # One at a time; the others find nothing left to do.
                    connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATOR})")
                connection.commit()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if self.is_postgres:
                    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({MIGRATOR})")
                connection.commit()
        except CommandError as no:
            raise DatabaseError(
                f"{self.url.render_as_string(hide_password=True)} has tables that this version "
                f"does not know ({no}): install the newer version, or restore the copy from before."
            ) from None
        except OperationalError as no:
            raise DatabaseError(
                f"{self.url.render_as_string(hide_password=True)} does not answer: {no.orig}"
            ) from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write. Nobody else writes meanwhile, in this process or another:
        so numbers of events are in the order in which they become visible, and what was checked
        before a write still holds at it."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(ringside_write=True)
            with connection.begin():
                if self.is_postgres:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER})")
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of everything."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # Transactions begin where `_begin` says.
    cursor = connection.cursor()
    # What was said to be stored is on the disk, even after a loss of power.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("ringside_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
