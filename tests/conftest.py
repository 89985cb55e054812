"""What holds for every test: no deadlines, since timing belongs in the bench; and a PostgreSQL for
those who ask for one."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from bench import postgres as server

settings.register_profile("ringside", deadline=None)
settings.load_profile("ringside")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL on loopback, for as long as the tests run."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(server.running())
        except server.NoPostgres as none:
            pytest.skip(str(none))
        yield url
