"""`python -m devnet`: start the local chain, build its state, move a price."""

from __future__ import annotations

import json
import signal
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from devnet import ROOT, DevnetError, anvil, market, ringside, state
from devnet import house as whole
from devnet.venues import VENUES

DEFAULT_PORT = 8545
CONSOLE = Console()
RUNNING = state.CACHE / "addresses.json"
"""Where the addresses of the chain that is up are left for other programs."""


@click.group()
def cli() -> None:
    """The local chain: real Perp v2, Rage Trade and Synthetix on one anvil, and Ringside on top."""


@cli.command()
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port on 127.0.0.1.")
def up(port: int) -> None:
    """Start the chain and stay up until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    built = state.ensure()
    with anvil.running(port) as w3:
        addresses = state.load(w3, built)
        addresses = ringside.deploy(w3, addresses)
        RUNNING.write_text(json.dumps(addresses, indent=2) + "\n")
        show(addresses)
        CONSOLE.print(f"also in {RUNNING.relative_to(ROOT)}")
        CONSOLE.print(f"http://127.0.0.1:{port} is up; Ctrl-C ends it.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            CONSOLE.print("stopped")


@cli.command()
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="The chain's.")
@click.option("--api", default=8600, show_default=True, help="The API's; administration above it.")
def house(port: int, api: int) -> None:
    """Start the chain, a keeper with its API, and a client with money, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    built = state.ensure()
    url = f"http://127.0.0.1:{port}"
    with anvil.running(port) as w3:
        addresses = ringside.deploy(w3, state.load(w3, built))
        RUNNING.write_text(json.dumps(addresses, indent=2) + "\n")
        CONSOLE.print("the chain is up; the keeper starts")
        with whole.running(w3, addresses, url, api) as client:
            place = whole.FOLDER.relative_to(ROOT)
            table = Table("what", Column("where", no_wrap=True))
            for what, where in (
                ("chain", url),
                ("API, and how to use it", f"http://127.0.0.1:{api}/docs"),
                ("is it ready", f"http://127.0.0.1:{api}/ready"),
                ("metrics", f"http://127.0.0.1:{api + 1}/metrics"),
                ("a client with 1,000,000 USDC", client),
                ("its keystore", f"{place}/client.json"),
                ("the keystores' password", f"{place}/password"),
                ("the keeper's settings", f"{place}/ringside.toml"),
                ("the keeper's log", f"{place}/keeper.log"),
            ):
                table.add_row(what, where)
            CONSOLE.print(table)
            CONSOLE.print("Ctrl-C ends everything.")
            try:
                signal.pause()
            except KeyboardInterrupt:
                CONSOLE.print("stopped")


@cli.command()
def build() -> None:
    """Build the cached state, without starting anything."""
    built = state.ensure()
    CONSOLE.print(f"built: {built.folder.relative_to(ROOT)}")


@cli.command()
@click.argument("name", metavar="MARKET")
@click.argument("usd", metavar="USD")
@click.option("--no-arbitrage", is_flag=True, help="Move the oracle only; the venues stay behind.")
@click.option(
    "--settle", is_flag=True, help="Then let half an hour pass, for the averages to follow."
)
@click.option("--rpc", default=f"http://127.0.0.1:{DEFAULT_PORT}", show_default=True)
def price(name: str, usd: str, no_arbitrage: bool, settle: bool, rpc: str) -> None:
    """Move MARKET (such as ETH-USD) to USD, the oracle and every venue."""
    try:
        value = Decimal(usd)
    except InvalidOperation:
        raise click.BadParameter(f"{usd} is not a price") from None
    w3 = anvil.connect(rpc)
    if not w3.is_connected():
        raise DevnetError(f"Nothing answers at {rpc}: start it with `python -m devnet up`.")
    addresses = state.ensure().addresses
    market.move(w3, addresses, name, value, arbitrage=not no_arbitrage)
    if settle:
        market.settle(w3, addresses)
    table = Table("venue", "spot", "mark", "index", title=name)
    for venue in VENUES:
        seen = venue.prices(w3, addresses["venues"][venue.NAME], name)
        values = (Decimal(v).scaleb(-18) for v in (seen.spot, seen.mark, seen.index))
        table.add_row(venue.NAME, *(f"{value:,.4f}" for value in values))
    CONSOLE.print(table)


def show(addresses: dict[str, Any]) -> None:
    """Print every address as a table."""
    table = Table("what", Column("address", no_wrap=True))
    for what, value in _flat(addresses):
        table.add_row(what, str(value))
    CONSOLE.print(table)


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        rows += _flat(value, path + " / ") if isinstance(value, dict) else [(path, value)]
    return rows


def main() -> None:
    """Run the command line; an error of ours is one line, not a traceback."""
    try:
        cli()
    except DevnetError as error:
        raise SystemExit(f"devnet: {error}") from None


if __name__ == "__main__":
    main()
