"""`ape run exit`: out of every venue and into the wallet, by the owner's key and nobody's help."""

import json
from pathlib import Path
from typing import Any

import click
from ape import chain
from ape.cli import ConnectedProviderCommand, account_option
from ape.logging import LogLevel, logger
from rich.console import Console
from rich.table import Table

from devnet.anvil import CHAIN_ID, rpc
from devnet.venues import synthetix
from ringside import show
from ringside.accounts import AccountError, account_id
from ringside.chain.contracts import DeploymentError
from ringside.exit.plan import Choice, Left, Step
from ringside.exit.run import Done, Exit, Prices, Report, Wait, chain_clock
from ringside.exit.state import Deployment, State
from ringside.units import ONE, UnitError, from_units, to_units

OUT = Console(highlight=False)
if not OUT.is_terminal:
    OUT.width = 120
LEFT_OVER = 2
"""Exit code where something could not be brought home."""


def holdings(state: State) -> Table:
    """What the account has."""
    made = show.table("What the account has", "where", "position", "margin $", "free $", "ticket")
    for seat in state.seats:
        for spot in seat.spots:
            pocket: Any = spot if seat.isolated else seat
            equity = "?" if pocket.equity is None else show.usd(pocket.equity)
            free = "?" if pocket.free is None else show.usd(pocket.free)
            size = "?" if spot.size is None else show.size(spot.size) if spot.size else "flat"
            held = f"{size} {spot.market}" + (" (flagged)" if spot.flagged else "")
            ticket = f"open since {state.now - spot.ticket.since} s" if spot.ticket else ""
            made.add_row(seat.name, held, equity, free, ticket)
        for token, amount in seat.resting:
            made.add_row(seat.name, f"rests there: {amount} of {token}", "", "", "")
    made.add_section()
    made.add_row("idle", "", show.usdc(state.idle), "", "")
    if state.reserved:
        made.add_row("reserved for tickets", "", show.usdc(state.reserved), "", "")
    return made


def planned(steps: tuple[Step, ...]) -> Table:
    """What is to be done."""
    made = Table(title="The plan", title_justify="left", title_style="bold", header_style="dim")
    for name in ("", "step", "where", "why and how"):
        made.add_column(name)
    for number, step in enumerate(steps, 1):
        made.add_row(str(number), step.kind.value, step.where, step.reason)
    return made


def told(done: Done) -> None:
    """One step, as it is done."""
    mark = "[red]refused[/red]" if done.refused else "[green]done[/green]"
    where = f" {done.step.where}" if done.step.where else ""
    OUT.print(f"  {mark} {done.step.kind.value}{where}: {done.note}", soft_wrap=True)


def over(things: tuple[Left, ...]) -> Table:
    """What could not be done, and why."""
    made = Table(title="What stays", title_justify="left", title_style="bold", header_style="dim")
    for name in ("where", "what", "why", "what helps"):
        made.add_column(name)
    for thing in things:
        made.add_row(thing.where, thing.what, thing.why, thing.remedy)
    return made


def summary(report: Report) -> None:
    """How it went."""
    OUT.print(
        f"\n  {show.usdc(report.withdrawn)} USDC came to the wallet in "
        f"{sum(1 for done in report.done if done.transaction)} transactions."
    )
    if report.left:
        OUT.print(over(report.left))


def agreed() -> bool:
    """Whether the owner says so. Enter alone is a no."""
    said = click.prompt("Send these transactions? Type yes", default="no", show_default=False)
    return str(said).strip().lower() == "yes"


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
@click.option("--slippage", default="10", show_default=True, help="Percent off the oracle.")
@click.option("--at-any-price", is_flag=True, help="Close at whatever the venue pays.")
@click.option("--max-loss", default="2", show_default=True, help="Percent, from sUSD to USDC.")
@click.option("--in-kind", is_flag=True, help="Take a venue's own token where its pool is dry.")
@click.option("--strip", is_flag=True, help="Take margin from under positions that stay.")
@click.option("--token", "tokens", multiple=True, help="One more token to look for in the seats.")
@click.option("--revoke", multiple=True, help="An operator whose rights end.")
@click.option("--patience", default=180, show_default=True, help="Seconds to wait for venues.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cli(
    account: Any,
    lens: str,
    file: str,
    label: str,
    slippage: str,
    at_any_price: bool,
    max_loss: str,
    in_kind: bool,
    strip: bool,
    tokens: tuple[str, ...],
    revoke: tuple[str, ...],
    patience: int,
    yes: bool,
) -> None:
    """Closes everything, pulls all margin and withdraws it to the wallet."""
    logger.set_level(LogLevel.ERROR)
    w3 = chain.provider.web3
    where, addresses = find(lens, file)

    def send(tx: Any) -> Any:
        options = {"data": tx["data"], "gas_limit": tx["gas"]}
        receipt = account.transfer(tx["to"], tx["value"], **options)
        return w3.eth.get_transaction_receipt(receipt.txn_hash)

    try:
        ratios = [to_units(text, 16, name=name) for name, text in _percents(slippage, max_loss)]
        if not all(0 <= ratio <= ONE for ratio in ratios):
            raise click.ClickException("--slippage and --max-loss are percents, from 0 to 100.")
        wait, prices = local(addresses)
        choice = Choice(
            slippage=ratios[0],
            any_price=at_any_price,
            max_loss=ratios[1],
            in_kind=in_kind,
            strip=strip,
            prices=prices is not None,
            tokens=tokens,
            revoke=revoke,
            patience=patience,
        )
        at = Deployment.at(w3, where)
        number = account_id(account.address, label)
    except (AccountError, DeploymentError, UnitError) as no:
        raise click.ClickException(str(no)) from None

    way = Exit(at, number, send, choice, wait, prices, told)
    state = way.read()
    OUT.print(f"  {account.address}, block {state.block:,}\n")
    OUT.print(holdings(state))
    steps = way.plan(state)
    if not steps:
        OUT.print("  There is nothing to bring home.")
        return
    OUT.print(planned(steps))
    OUT.print(f"  The wallet has {from_units(state.wallet, 6):,.2f} USDC.\n")
    if not yes and not agreed():
        raise click.ClickException("Nothing was sent.")
    report = way.run()
    summary(report)
    if report.left:
        raise SystemExit(LEFT_OVER)


def _percents(slippage: str, max_loss: str) -> list[tuple[str, str]]:
    return [("--slippage", slippage), ("--max-loss", max_loss)]
