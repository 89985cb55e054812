"""`ape run deploy`: Ringside onto a network, planned first, resumed where it stopped, and held
against its plan. See docs/governance.md."""

import json
from pathlib import Path
from typing import Any

import click
from ape import chain, project
from ape.cli import ConnectedProviderCommand, account_option
from ape.exceptions import ApeException
from ape.logging import LogLevel, logger
from rich.console import Console
from rich.table import Table

from ringside.deploy.check import present
from ringside.deploy.plan import PlanFileError, load
from ringside.deploy.record import RecordError
from ringside.deploy.run import DeployError, Deployment
from ringside.deploy.steps import Make

CONSOLE = Console(highlight=False)
plan_option = click.option(
    "--plan",
    "plan_file",
    required=True,
    type=click.Path(path_type=Path),
    help="What to deploy: a YAML file.",
)
record_option = click.option(
    "--record",
    "record_file",
    type=click.Path(path_type=Path),
    help="Where it is written down; deployments/<network>.yaml by default.",
)


def artifact(name: str) -> tuple[list[dict[str, Any]], str]:
    """A contract as Ape compiled it."""
    made = project.get_contract(name).contract_type
    return json.loads(made.model_dump_json())["abi"], made.deployment_bytecode.bytecode


def deployment(plan_file: Path, record_file: Path | None, deployer: str | None) -> Deployment:
    network = chain.provider.network
    name = network.name if network.ecosystem.name == "ethereum" else network.ecosystem.name
    place = record_file or Path("deployments") / f"{name}.yaml"
    try:
        return Deployment(chain.provider.web3, load(plan_file), place, deployer, artifact)
    except (PlanFileError, RecordError, DeployError) as no:
        raise click.ClickException(str(no)) from None


def show(found: Deployment) -> None:
    """What stands, and what is left to do."""
    table = Table("step", "state", title=f"{found.file} on chain {found.record.chain_id}")
    left = {id(step) for step in found.left()}
    for step in found.steps:
        stands = found.record.contracts.get(step.name) if isinstance(step, Make) else None
        done = stands.address if stands else "done"
        table.add_row(str(step), "to do" if id(step) in left else done)
    CONSOLE.print(table)


@click.group()
def cli() -> None:
    """Deploys Ringside, or checks what was deployed."""
    logger.set_level(LogLevel.ERROR)


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@plan_option
@record_option
@click.option("--yes", is_flag=True, help="Does not ask; for programs.")
def run(account: Any, plan_file: Path, record_file: Path | None, yes: bool) -> None:
    """Does what is left of a plan, after showing it and asking.

    Every step is recorded; broken off at any moment, the same command goes on from there.
    """
    found = deployment(plan_file, record_file, account.address)
    try:
        found.recover()
        left = found.left()
        show(found)
        if not left and found.record.finished:
            CONSOLE.print("Nothing is left to do.")
        elif not yes:
            owners = found.plan.owners
            ends = (
                f"in the end {owners.governor} governs, after {owners.delay:,} s"
                if owners
                else "every role stays with the deployer: for a local chain alone"
            )
            said = click.prompt(
                f"{len(left)} transactions from {account.address}; {ends}. Type deploy to go on",
                default="",
                show_default=False,
            )
            if said != "deploy":
                raise click.ClickException("Nothing was sent.")

        def send(tx: dict[str, Any]) -> dict[str, Any]:
            options = {"data": tx["data"], "nonce": tx["nonce"]}
            made = chain.provider.network.ecosystem.create_transaction(
                receiver=tx["to"], sender=account.address, **options
            )
            try:
                receipt = account.call(made)
            except ApeException as no:
                raise DeployError(str(no)) from no
            return {
                "status": receipt.status,
                "block": receipt.block_number,
                "hash": bytes.fromhex(receipt.txn_hash[2:]),
            }

        found.run(send, lambda step: CONSOLE.print(f"· {step}"))
    except DeployError as no:
        raise click.ClickException(str(no)) from None
    places = ", ".join(f"{name} {one.address}" for name, one in found.record.contracts.items())
    CONSOLE.print(f"Deployed and as planned: {places}. Recorded in {found.file}.")


@cli.command(cls=ConnectedProviderCommand)
@plan_option
@record_option
def check(plan_file: Path, record_file: Path | None) -> None:
    """Holds what stands against the plan: code, constructor arguments, registry, roles.

    What changes as it should, like caps, is shown beside what it began as.
    """
    found = deployment(plan_file, record_file, None)
    wrong = found.check()
    if "venues" in found.record.contracts:
        table = Table("", "began as", "is now", title="what may change: caps, pauses, fees")
        for one in present(found.site):
            same = one.expected == one.found
            table.add_row(one.what, one.expected, one.found if same else f"[bold]{one.found}[/]")
        CONSOLE.print(table)
    for one in wrong:
        CONSOLE.print(str(one))
    if wrong:
        raise click.ClickException(f"{len(wrong)} things are not as planned.")
    CONSOLE.print(f"All is as planned: {len(found.steps)} steps hold.")
