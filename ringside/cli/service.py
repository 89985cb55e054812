"""`ringside keeper`: the service, from the command line."""

from __future__ import annotations

import time

import click

from ringside.api import logs, metrics
from ringside.api.house import House, Limits, Status
from ringside.api.serve import NotServed, Servers
from ringside.chain.contracts import DeploymentError
from ringside.chain.node import NoNode
from ringside.cli.house import ask
from ringside.cli.safe import failed
from ringside.service.config import Config, ConfigError, load
from ringside.service.engine import Engine, Turned
from ringside.service.keys import KeyProblem, opened
from ringside.service.run import Parts, Runner, assemble, until_told
from ringside.store.database import DatabaseError

COIN_EVERY = 30.0
"""Seconds between two looks at what the lanes have for gas."""


def keep(file: str | None, once: bool) -> None:
    """Runs the keeper that the settings describe, with its API.

    Raises:
        ClickException: a setting will not do, or what it names is not there; with the remedy.
    """
    logs.configure()
    try:
        config = load(file)
        signers = [opened(name, ask) for name in config.keys]
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
            try:
                _serve(config, parts)
            except NotServed as no:
                raise failed(no) from None
    finally:
        parts.close()


def _serve(config: Config, parts: Parts) -> None:
    """The engine, and the API and its administration in a thread beside it, until SIGTERM or
    SIGINT: then the turn under way is ended, and no more orders are accepted.

    Raises:
        NotServed: a port is taken.
    """
    engine, status = parts.engine, Status()
    coin_at = -COIN_EVERY

    def told(turned: Turned) -> None:
        status.turned_at, status.leader = runner.turned_at, runner.leads
        measure(turned, runner.took, engine)
        nonlocal coin_at
        if time.monotonic() - coin_at > COIN_EVERY:
            coin_at = time.monotonic()
            measure_coin(engine)

    runner = Runner(parts, told)
    house = House(
        *(parts.database, parts.ringside, engine.looker, config, engine.receipts, runner.wake),
        quarantine=engine.quarantine,
        status=status,
        origin=config.origin,
        limits=Limits(
            client_rate=config.client_rate,
            client_burst=config.client_burst,
            account_rate=config.account_rate,
            account_burst=config.account_burst,
        ),
    )
    servers = Servers(house)
    servers.start()
    try:
        until_told(runner)
    finally:
        servers.stop()


def measure(turned: Turned, took: float, engine: Engine) -> None:
    """What a turn did, for Prometheus."""
    metrics.TURN_SECONDS.observe(took)
    metrics.UNWOUND.inc(turned.unwound)
    now = time.time()
    for at in turned.arrived:
        metrics.TO_SENT.observe(max(now - at, 0))
    for one in turned.ended:
        metrics.ENDED.labels(one.stage.value).inc()
        metrics.GAS_SPENT.inc(one.cost)
    guardian = engine.guardian
    metrics.WATCHED.set(len(guardian.policies))
    metrics.UNREAD.set(guardian.unread)
    metrics.IN_NEED.set(guardian.alerts)


def measure_coin(engine: Engine) -> None:
    """What the lanes have for gas."""
    w3 = engine.ringside.w3
    for lane in engine.lanes.addresses:
        wei = w3.eth.get_balance(w3.to_checksum_address(lane))
        metrics.LANE_COIN.labels(lane).set(wei / 10**18)
