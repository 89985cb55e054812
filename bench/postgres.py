"""A PostgreSQL of Debian's packages on loopback, for tests and benches."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

START = 20.0
"""Seconds that it may take to answer."""


class NoPostgres(Exception):
    """There is none on this machine; the message says what has it."""


@contextmanager
def running() -> Iterator[str]:
    """The address of an empty one, for the length of a `with` block.

    Raises:
        NoPostgres: its programs are not here.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:] or [
        Path(at).parent for at in [shutil.which("initdb")] if at
    ]
    if not found:
        raise NoPostgres("no PostgreSQL here: Debian's package postgresql has it")
    binaries = found[0].resolve()
    # Not below pytest's own folder, which another user may not enter; and sockets' names are short.
    folder = Path(tempfile.mkdtemp(prefix="ringside-pg-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if _as_server():
        shutil.chown(folder, "postgres")
    options: dict[str, Any] = {**_as_server(), "cwd": folder, "stdout": subprocess.DEVNULL}
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


def empty(url: str) -> None:
    """Forgets everything that is in it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _as_server() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it is the package's own user that does."""
    return {"user": "postgres"} if os.geteuid() == 0 else {}


def _await(url: str) -> None:
    """Until it takes connections."""
    until = time.monotonic() + START
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
