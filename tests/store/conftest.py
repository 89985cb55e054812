"""A database of each kind, empty: SQLite in a file, and a PostgreSQL that the tests start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from ringside.store.database import Database

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _as_server() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it is the package's own user that does."""
    return {"user": "postgres"} if os.geteuid() == 0 else {}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL on loopback, for as long as the tests run."""
    found = BINARIES[-1:] or [Path(at).parent for at in [shutil.which("initdb")] if at]
    if not found:
        pytest.skip("no PostgreSQL here: Debian's package postgresql has it")
    binaries = found[0].resolve()
    # Not below pytest's own folder, which another user may not enter; and sockets' names are short.
    folder = Path(tempfile.mkdtemp(prefix="ringside-pg-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if _as_server():
        shutil.chown(folder, "postgres")
    options = {**_as_server(), "cwd": folder, "stdout": subprocess.DEVNULL}
    try:
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "ringside", "-A", "trust"],
            check=True,
            **options,
        )
        serving = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *serving],
            stderr=subprocess.DEVNULL,
            **options,
        )
        try:
            url = f"postgresql://ringside@127.0.0.1:{port}/postgres"
            _await(url)
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # At once; SIGTERM would wait for clients.
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _await(url: str) -> None:
    """Until it takes connections."""
    until = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/keeper.db")
    else:
        made = Database(request.getfixturevalue("postgres"))
        with made.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    made.migrate()
    yield made
    made.close()
