"""`ringside positions`, `balance`, `fills` and `statement`: over the keeper's API."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import click

from ringside.cli.house import House, house_options, json_option, printed
from ringside.cli.safe import cell

csv_option = click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")


@click.command()
@click.option("--market", default=None, help="Of this market alone.")
@json_option
@house_options
def positions(market: str | None, as_json: bool, house: House) -> None:
    """What the account holds, at every venue.

    \b
    ringside positions
    ringside positions --market ETH-USD --json
    """
    from ringside.show import table

    with house.client() as client:
        found = client.fetch_positions(None if market is None else [market])
    if as_json:
        printed(found)
        return
    made = table(
        "Positions",
        *("venue", "market", "size", "notional $", "mark $", "liquidation $"),
        *("equity $", "leverage", "owed $", "%/day"),
    )
    for one in found:
        size = one["contracts"] * (1 if one["side"] == "long" else -1)
        row = [one["venue"], one["symbol"], f"{size:+f}", _usd(one["notional"])]
        row += [_usd(one["markPrice"]), _usd(one["liquidationPrice"]), _usd(one["collateral"])]
        row += [_times(one["leverage"]), _usd(one["fundingAccrued"], 4)]
        made.add_row(*map(cell, (*row, f"{one['fundingRate'] * 100:+.4f}")))
    _show(made)


@click.command()
@json_option
@house_options
def balance(as_json: bool, house: House) -> None:
    """USDC in the vault and at venues.

    \b
    ringside balance
    ringside balance --json
    """
    from ringside.show import table

    with house.client() as client:
        found = client.fetch_balance()
    if as_json:
        printed({name: found[name] for name in ("datetime", "USDC")})
        return
    made = table("Balance", "where", "USD")
    view = found["info"]
    made.add_row("idle in the vault", _usd(Decimal(view["idle"])))
    made.add_row("set aside for tickets", _usd(Decimal(view["reserved"])))
    for seat in view["seats"]:
        if not seat["readable"]:
            made.add_row(cell(seat["venue"]), "cannot be read now")
        elif seat["pockets"]:
            held = sum(Decimal(pocket["equity"]) for pocket in seat["pockets"])
            made.add_row(cell(seat["venue"]), _usd(Decimal(held)))
    made.add_section()
    made.add_row("all", _usd(found["total"]["USDC"]))
    _show(made)


@click.command()
@click.option("--market", default=None, help="Of this market alone.")
@click.option("--limit", default=None, type=int, help="The last so many; all by default.")
@csv_option
@json_option
@house_options
def fills(market: str | None, limit: int | None, as_csv: bool, as_json: bool, house: House) -> None:
    """What was filled, the oldest first.

    \b
    ringside fills --limit 20
    ringside fills --csv > fills.csv
    """
    from ringside.show import table

    with house.client() as client:
        found = client.fetch_my_trades(market, limit=limit)
    if as_json:
        printed(found)
        return
    names = ("datetime", "symbol", "side", "amount", "price", "cost", "tip", "order", "id")
    rows = [{**one, "tip": one["fee"]["cost"]} for one in found]
    if as_csv:
        _write(names, rows)
        return
    made = table("Fills", "when", "market", "side", "amount", "price $", "cost $", "tip $", "order")
    for row in rows:
        cells = [row["datetime"], row["symbol"], row["side"], f"{row['amount']:f}"]
        cells += [_usd(row["price"]), _usd(row["cost"]), _usd(row["tip"]), row["order"][:10] + "…"]
        made.add_row(*map(cell, cells))
    _show(made)


@click.command()
@csv_option
@json_option
@house_options
def statement(as_csv: bool, as_json: bool, house: House) -> None:
    """Where every dollar of the account went, from events alone; once nothing is open.

    \b
    ringside statement
    ringside statement --csv > statement.csv
    """
    from ringside.show import table

    with house.client() as client:
        found = client.fetch_statement()
    if as_json:
        printed(found)
        return
    lines = [name for name, value in found.items() if isinstance(value, Decimal)]
    if as_csv:
        _write(["line", "usd"], [{"line": name, "usd": found[name]} for name in lines])
        return
    made = table(f"Blocks {found['from_block']} to {found['to_block']}", "line", "USD")
    for name in lines:
        made.add_row(name.replace("_", " "), _usd(found[name], 6))
    _show(made)


def _usd(value: Decimal | None, digits: int = 2) -> str:
    return "—" if value is None else f"{value:,.{digits}f}"


def _times(value: Decimal | None) -> str:
    return "—" if value is None else f"{value:.2f}×"


def _show(made: Any) -> None:
    from ringside.cli import tables

    tables.OUT.print(made)


def _write(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    out = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
    out.writeheader()
    for row in rows:
        out.writerow({n: f"{v:f}" if isinstance(v, Decimal) else v for n, v in row.items()})
