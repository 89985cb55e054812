"""`ringside keeper`: the service, from the command line."""

from __future__ import annotations

import click

from ringside.chain.contracts import DeploymentError
from ringside.chain.node import NoNode
from ringside.cli.safe import failed
from ringside.service.config import ConfigError, load
from ringside.service.keys import KeyProblem, opened
from ringside.service.run import Runner, assemble, until_told
from ringside.store.database import DatabaseError


def keep(file: str | None, once: bool) -> None:
    """Runs the keeper that the settings describe.

    Raises:
        ClickException: a setting will not do, or what it names is not there; with the remedy.
    """
    try:
        config = load(file)
        signers = [opened(name, _ask) for name in config.keys]
        house = assemble(config, signers)
    except (ConfigError, KeyProblem, DatabaseError, DeploymentError, NoNode) as no:
        raise failed(no) from None
    runner = Runner(house)
    try:
        if once:
            house.engine.turn()
        else:
            lanes = ", ".join(signer.address for signer in signers)
            click.echo(f"The keeper works from {lanes}; Ctrl-C ends it.", err=True)
            until_told(runner)
    finally:
        house.close()


def _ask(name: str) -> str:
    return str(click.prompt(f"Password of {name}", hide_input=True, err=True))
