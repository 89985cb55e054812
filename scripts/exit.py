"""`ape run exit`: out of every venue and into the wallet, by the owner's key and nobody's help."""

import json
from pathlib import Path
from typing import Any

import click
from ape import chain
from ape.cli import ConnectedProviderCommand, account_option
from ape.logging import LogLevel, logger

from devnet.anvil import CHAIN_ID, rpc
from devnet.venues import synthetix
from ringside.accounts import AccountError, account_id
from ringside.chain.contracts import DeploymentError
from ringside.cli.leave import exit_options
from ringside.cli.leaving import Asked, leave
from ringside.exit.run import Exit, Prices, Wait, chain_clock
from ringside.exit.state import Deployment


def local(addresses: dict[str, Any]) -> tuple[Wait, Prices | None]:
    """How time passes here, and who brings Pyth prices: on the local chain, we do."""
    w3 = chain.provider.web3
    if w3.eth.chain_id != CHAIN_ID:
        return chain_clock(w3), None

    def wait(until: int) -> None:
        if w3.eth.get_block("latest")["timestamp"] < until:
            rpc(w3, "evm_setNextBlockTimestamp", until)
            rpc(w3, "evm_mine")

    venue = addresses.get("venues", {}).get("synthetix")
    if venue is None:
        return wait, None
    return wait, lambda market, _since: synthetix.price_update(w3, venue, market)


def find(lens: str, file: str) -> tuple[str, dict[str, Any]]:
    """The Lens, by its address or from a deployment's addresses."""
    addresses = json.loads(Path(file).read_text()) if file else {}
    try:
        return lens or addresses["ringside"]["lens"], addresses
    except KeyError:
        raise click.ClickException(
            "Which deployment? Give --lens, or --addresses with a file that names it."
        ) from None


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--lens", default="", help="Address of the deployment's Lens.")
@click.option("--addresses", "file", default="", help="A deployment's addresses, as JSON.")
@click.option("--label", default="", help="Which of the owner's accounts; its own by default.")
@exit_options
def cli(
    account: Any,
    lens: str,
    file: str,
    label: str,
    asked: Asked,
) -> None:
    """Closes everything, pulls all margin and withdraws it to the wallet."""
    logger.set_level(LogLevel.ERROR)
    w3 = chain.provider.web3
    where, addresses = find(lens, file)

    def send(tx: Any) -> Any:
        options = {"data": tx["data"], "gas_limit": tx["gas"]}
        receipt = account.transfer(tx["to"], tx["value"], **options)
        return w3.eth.get_transaction_receipt(receipt.txn_hash)

    wait, prices = local(addresses)
    choice = asked.choice(prices is not None)
    try:
        at = Deployment.at(w3, where)
        number = account_id(account.address, label)
    except (AccountError, DeploymentError) as no:
        raise click.ClickException(str(no)) from None
    leave(Exit(at, number, send, choice, wait, prices), asked.yes)
