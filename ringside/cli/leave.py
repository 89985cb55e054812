"""`ringside exit`: out of every venue and into the wallet, by the owner's key and nobody's help."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ringside.cli.connect import chain_options, connected, node
from ringside.cli.house import Whose, json_option, key_options, yes_option
from ringside.cli.safe import failed

if TYPE_CHECKING:
    from ringside.cli.leaving import Asked


def exit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the owner decides about an exit, as one argument, `asked`."""

    @click.option("--slippage", default="10", show_default=True, help="Percent off the oracle.")
    @click.option("--at-any-price", is_flag=True, help="Close at whatever the venue pays.")
    @click.option("--max-loss", default="2", show_default=True, help="Percent, from sUSD to USDC.")
    @click.option("--in-kind", is_flag=True, help="Take a venue's own token where its pool is dry.")
    @click.option("--strip", is_flag=True, help="Take margin from under positions that stay.")
    @click.option("--token", "tokens", multiple=True, help="One more token to look for in seats.")
    @click.option("--revoke", multiple=True, help="An operator whose rights end.")
    @click.option("--patience", default=180, show_default=True, help="Seconds to wait for venues.")
    @yes_option
    @functools.wraps(command)
    def run(**named: Any) -> Any:
        from ringside.cli.leaving import Asked

        own = {name: named.pop(name) for name in Asked.__dataclass_fields__}
        return command(asked=Asked(**own), **named)

    return run


@click.command("exit")
@click.option("--lens", default="", help="Address of the deployment's Lens; else --addresses.")
@exit_options
@json_option
@key_options
@chain_options
def leave(lens: str, asked: Asked, as_json: bool, whose: Whose, rpc: str, addresses: str) -> None:
    """Closes everything, pulls all margin and withdraws it to the wallet, with no keeper.

    Nothing is sent before y is typed; docs/exit.md says what each step is, and what a venue may
    delay. It exits with 2 if something stays: run it again later.

    \b
    ringside exit --key client --rpc https://… --lens 0x…
    ringside exit --key client --slippage 2 --patience 600
    """
    from requests import RequestException
    from web3.exceptions import Web3Exception

    from ringside.chain.contracts import DeploymentError
    from ringside.cli import leaving
    from ringside.cli.wallet import sends
    from ringside.exit.run import Exit, chain_clock
    from ringside.exit.state import Deployment

    choice = asked.choice(prices=False)
    if lens:
        w3 = node(rpc)
    else:
        at = connected(rpc, addresses)
        w3, lens = at.w3, at.lens.address
    signer = whose.opened()
    number, send = whose.account(signer), sends(w3, signer)
    try:
        deployment = Deployment.at(w3, lens)
    except (DeploymentError, ValueError) as no:
        raise failed(f"--lens {lens} is no deployment: {no}.") from None
    way = Exit(deployment, number, send, choice, chain_clock(w3))
    try:
        leaving.leave(way, asked.yes, as_json)
    except (Web3Exception, RequestException, OSError) as no:
        raise failed(
            f"The node does not answer ({no}): run it again, it goes on from what the chain says."
        ) from None
