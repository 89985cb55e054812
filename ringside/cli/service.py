"""`ringside keeper`: the service, from the command line."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
import uvicorn

from ringside.api.admin import create_admin
from ringside.api.app import create_app
from ringside.api.house import House, Status
from ringside.chain.contracts import DeploymentError
from ringside.chain.node import NoNode
from ringside.cli.safe import failed
from ringside.service.config import Config, ConfigError, load
from ringside.service.engine import Turned
from ringside.service.keys import KeyProblem, opened
from ringside.service.run import Parts, Runner, assemble
from ringside.store.database import DatabaseError

LOOPBACK = "127.0.0.1"
WS = "websockets-sansio"
"""Of uvicorn's WebSockets, what is not on its way out."""


def keep(file: str | None, once: bool) -> None:
    """Runs the keeper that the settings describe, with its API.

    Raises:
        ClickException: a setting will not do, or what it names is not there; with the remedy.
    """
    try:
        config = load(file)
        signers = [opened(name, _ask) for name in config.keys]
        parts = assemble(config, signers)
    except (ConfigError, KeyProblem, DatabaseError, DeploymentError, NoNode) as no:
        raise failed(no) from None
    try:
        if once:
            parts.engine.turn()
        else:
            lanes = ", ".join(signer.address for signer in signers)
            click.echo(
                f"The keeper works from {lanes} and listens at http://{config.host}:{config.port}; "
                "Ctrl-C ends it.",
                err=True,
            )
            _serve(config, parts)
    finally:
        parts.close()


def _serve(config: Config, parts: Parts) -> None:
    """The engine in a thread of its own beside the API and its administration, until SIGTERM or
    SIGINT: then no more orders are accepted, and the turn under way is ended."""
    engine, status = parts.engine, Status()

    def told(_turned: Turned) -> None:
        status.turned_at, status.leader = runner.turned_at, runner.leads

    runner = Runner(parts, told)
    house = House(
        *(parts.database, parts.ringside, engine.looker, config, engine.receipts, runner.wake),
        quarantine=engine.quarantine,
        status=status,
    )
    working = threading.Thread(target=runner.run, name="engine")
    working.start()
    try:
        asyncio.run(_listen(config, house))
    finally:
        runner.stop()
        working.join()


async def _listen(config: Config, house: House) -> None:
    app = create_app(house)
    admin = create_admin(house, app.state.running)
    servers = [
        _Server(uvicorn.Config(app, config.host, config.port, log_level="warning", ws=WS)),
        _Server(uvicorn.Config(admin, LOOPBACK, config.admin_port, log_level="warning")),
    ]

    def stop() -> None:
        house.status.draining = True
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve() for server in servers))


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would end the process with the one it got, before the engine's
    turn has ended."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _ask(name: str) -> str:
    return str(click.prompt(f"Password of {name}", hide_input=True, err=True))
