"""A database of each kind, empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.postgres import empty
from ringside.store.database import Database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/keeper.db")
    else:
        url = request.getfixturevalue("postgres")
        empty(url)
        made = Database(url)
    made.migrate()
    yield made
    made.close()
