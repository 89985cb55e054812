"""The tables are made, brought up to date, and never taken back."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from ringside.store.database import Database, DatabaseError
from ringside.store.schema import metadata


def test_the_migrations_make_the_very_tables_that_the_code_knows(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_what_is_up_to_date_is_left_as_it_is(database: Database) -> None:
    database.migrate()
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1


def test_tables_of_a_later_version_are_not_touched_and_the_remedy_is_said(
    database: Database,
) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="install the newer version"):
        database.migrate()
