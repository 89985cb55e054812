"""`ringside order`, `cancel` and `orders`: over the keeper's API."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from ringside.cli.connect import chain_options, connected
from ringside.cli.house import (
    House,
    house_options,
    json_option,
    printed,
    require_agreed,
    yes_option,
)
from ringside.cli.safe import cell, failed

if TYPE_CHECKING:
    from ringside.client import Client, Prepared

LOOK = 0.5
"""Seconds between two looks at an order that is waited for."""
NOT_FILLED = 1
"""Exit code of --wait where the order was not filled whole."""


@click.command()
@click.argument("market")
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("amount")
@click.option("--limit", default=None, help="Worst whole price, USD: fees and tip count.")
@click.option("--slippage", default=None, help="Percent off the mark, without --limit. [0.5]")
@click.option("--stop", default=None, help="Wait for the oracle's price to come here; reduces.")
@click.option("--take-profit", default=None, help="The same, on the other side.")
@click.option("--trigger", default=None, help="The same, and may open.")
@click.option("--reduce-only", is_flag=True, help="Only ever lessens a position.")
@click.option("--margin", default=None, help="USDC that may leave the vault at the most.")
@click.option("--leverage", default=None, help="Instead: that is the notional over this. [3]")
@click.option("--max-leverage", default=None, help="Of the position's margin, after each fill.")
@click.option("--tip", default=None, help="USDC for who fills; what the gas needs by default.")
@click.option("--for", "lasts", default=None, help="How long it counts: 30m, 12h, 3d.")
@click.option("--venues", default=None, help="Only at these: perp-v2,rage.")
@click.option("--policy", default=None, help="How it is routed: as in `ringside quote`.")
@click.option("--whole", is_flag=True, help="All or none.")
@click.option("--wait", is_flag=True, help="Until it is done; exits with 1 if it is not filled.")
@yes_option
@json_option
@house_options
def order(
    market: str,
    side: str,
    amount: str,
    limit: str | None,
    slippage: str | None,
    lasts: str | None,
    wait: bool,
    yes: bool,
    as_json: bool,
    house: House,
    **said: Any,
) -> None:
    """Signs an order for AMOUNT (base; `all` closes the position) of MARKET, and hands it in.

    \b
    ringside order ETH-USD buy 2                      at the market, 0.5 % off the mark at worst
    ringside order ETH-USD buy 2 --limit 1990.5       at that price or better, for 30 days
    ringside order ETH-USD sell all --stop 1800       a stop
    ringside order ETH-USD sell all --yes --wait      out, now
    """
    from rich.console import Console

    params = _params(side, amount, slippage, lasts, said)
    size = None if amount == "all" else amount
    with house.client() as client:
        kind = "market" if limit is None else "limit"
        prepared = client.prepare_order(market, kind, side, size, limit, params)
        click.echo(_summary(client, prepared), err=True)
        require_agreed("Sign it?", yes)
        made = client.submit_order(prepared)
        if wait:
            click.echo(f"{_told(made)} Ctrl-C leaves it there.", err=True)
            with Console(stderr=True).status("handed in") as shown:
                while made["status"] == "open":
                    time.sleep(LOOK)
                    made = client.fetch_order(made["id"])
                    shown.update(cell(f"{made['info']['state']}  {made['reason']}"))
    if as_json:
        printed(made)
    else:
        click.echo(_told(made))
    if wait and made["status"] != "closed":
        raise SystemExit(NOT_FILLED)


def _params(
    side: str, amount: str, slippage: str | None, lasts: str | None, said: dict[str, Any]
) -> dict[str, Any]:
    """The options, under the client's names."""
    names = {
        **{"stop": "stopLossPrice", "take_profit": "takeProfitPrice", "trigger": "triggerPrice"},
        **{"reduce_only": "reduceOnly", "margin": "maxMargin", "max_leverage": "maxLeverage"},
        "whole": "allOrNone",
    }
    found = {names.get(name, name): value for name, value in said.items() if value}
    if slippage is not None:
        found["slippage"] = percent(slippage, "--slippage")
    if lasts is not None:
        found["validFor"] = duration(lasts, "--for")
    if amount == "all":
        found["closeAll"] = True
    return found


def percent(text: str, name: str) -> Decimal:
    """A fraction, of a percentage.

    Raises:
        ClickException: it is none.
    """
    from ringside.units import UnitError, from_units, to_units

    try:
        return from_units(to_units(text, 16, name))
    except UnitError as no:
        raise failed(f"{no}: give percents, as in {name} 0.5.") from None


def duration(text: str, name: str) -> int:
    """Seconds, of 90s, 30m, 12h or 3d.

    Raises:
        ClickException: it is none.
    """
    scale = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    digits, unit = text[:-1], text[-1:]
    if unit not in scale or not (digits.isascii() and digits.isdigit() and len(digits) < 8):
        raise failed(f"{name} {text} is no time: say 90s, 30m, 12h or 3d.")
    return int(digits) * scale[unit]


def _summary(client: Client, prepared: Prepared) -> str:
    """What is about to be signed, in a sentence or two."""
    from ringside.orders import Order
    from ringside.units import from_units

    one = prepared.order
    assert isinstance(one, Order)
    what = "all there is" if one.closes_all else f"{from_units(abs(one.size)):f}"
    verb, worst = ("Buy", "less") if one.sign > 0 else ("Sell", "more")
    limit = f"{from_units(one.limit_price):,.2f}"
    parts = [
        f"{verb} {what} of {one.market} at {limit} USD or {worst}, all in",
        f"margin up to {from_units(one.max_margin, 6):,.2f} USDC",
        f"tip {from_units(one.tip, 6):,.2f} USDC",
    ]
    if terms := one.conditions:
        where = "above" if terms.trigger_above else "below"
        parts.append(f"once the oracle is at or {where} {from_units(terms.trigger_price):,.2f}")
    if one.bounds.reduce_only:
        parts.append("only reducing")
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(one.deadline, 2**33)))
    return f"{', '.join(parts)}; until {until}, by {client.url}."


def _told(made: Any) -> str:
    from ringside.cli.safe import printable

    done = f"{made['filled']:f}"
    done += "" if made["amount"] is None else f" of {made['amount']:f}"
    why = f": {made['reason']}" if made["reason"] else ""
    state = made["info"]["state"]
    return printable(f"Order {made['id']} is {state}, {done} filled{why}.")


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--open", "open_ones", is_flag=True, help="Every open order of the account.")
@click.option("--market", default=None, help="With --open: of this market.")
@click.option("--all", "everything", is_flag=True, help="All ever signed, by raising the epoch.")
@click.option("--on-chain", is_flag=True, help="End the signatures of the IDs too; costs gas.")
@yes_option
@house_options
@chain_options
def cancel(
    ids: tuple[str, ...],
    open_ones: bool,
    market: str | None,
    everything: bool,
    on_chain: bool,
    yes: bool,
    house: House,
    rpc: str,
    addresses: str,
) -> None:
    """Has the house work orders no more, or ends them on the chain.

    What the house withdraws is still signed: whoever else has it may fill it. --on-chain ends
    the orders for good, and --all every order and bundle that the account has signed so far.

    \b
    ringside cancel 0x5d…                 the house works it no more
    ringside cancel 0x5d… --on-chain      nobody can fill it any more
    ringside cancel --open --market ETH-USD
    ringside cancel --all                 everything, by the owner's own transaction
    """
    if bool(ids) + open_ones + everything != 1:
        raise failed("Which orders? Give their ids, or --open, or --all.")
    if on_chain and not ids:
        raise failed("--on-chain is of ids; to end all there are on the chain, give --all.")
    if everything:
        _raise_epoch(house, yes, rpc, addresses)
        return
    if on_chain:
        _cancel_on_chain(ids, house, yes, rpc, addresses)
        return
    with house.client() as client:
        if ids:
            for id in ids:
                click.echo(f"{id} {client.cancel_order(id)['status']}")
            return
        found = client.cancel_all_orders(market)
        for one in found:
            click.echo(f"{one['id']} {one['status']}")
        click.echo(f"{len(found)} orders.", err=True)


def _cancel_on_chain(
    ids: tuple[str, ...], house: House, yes: bool, rpc: str, addresses: str
) -> None:
    from ringside.cli.wallet import Wallet

    signer = house.whose.opened()
    with house.client(signer) as client:
        nonces = [int(client.fetch_order(id)["info"]["message"]["nonce"]) for id in ids]
    wallet = Wallet(connected(rpc, addresses), house.whose, signer)
    require_agreed(f"Send {len(ids)} transactions that cancel?", yes)
    for id, nonce in zip(ids, nonces, strict=True):
        wallet.transact("Desk", "cancel", wallet.account, nonce)
        click.echo(f"{id} cancelled on the chain")


def _raise_epoch(house: House, yes: bool, rpc: str, addresses: str) -> None:
    from ringside.cli.wallet import Wallet

    wallet = Wallet(connected(rpc, addresses), house.whose)
    epoch = wallet.ringside.desk.functions.epochs(wallet.account).call()
    require_agreed(f"End every order signed so far, by raising the epoch to {epoch + 1}?", yes)
    wallet.transact("Desk", "raiseEpoch", wallet.account, epoch + 1)
    click.echo(f"The epoch is {epoch + 1}: nothing signed before it can be filled.")


@click.command()
@click.option("--market", default=None, help="Of this market alone.")
@click.option("--open", "which", flag_value="open", help="Those that are not done.")
@click.option("--done", "which", flag_value="done", help="Those that are.")
@click.option("--limit", default=20, show_default=True, help="The last so many.")
@json_option
@house_options
def orders(market: str | None, which: str | None, limit: int, as_json: bool, house: House) -> None:
    """The account's orders, the oldest first.

    \b
    ringside orders --open
    ringside orders --market ETH-USD --limit 100 --json
    """
    from ringside.cli import tables
    from ringside.show import table

    with house.client() as client:
        ask: Any = {
            None: client.fetch_orders,
            "open": client.fetch_open_orders,
            "done": client.fetch_closed_orders,
        }[which]
        found = ask(market, limit=limit)
    if as_json:
        printed(found)
        return
    made = table("Orders", "order", "market", "side", "amount", "filled", "limit $", "state")
    made.columns[0].no_wrap = True
    made.columns[6].justify = "left"
    for one in found:
        amount = "all" if one["amount"] is None else f"{one['amount']:f}"
        price = "" if one["price"] is None else f"{one['price']:,.2f}"
        state = f"{one['info']['state']}  {one['reason']}".strip()
        row = (one["id"], one["symbol"] or "bundle", one["side"] or "", amount)
        made.add_row(*map(cell, (*row, f"{one['filled']:f}", price, state)))
    tables.OUT.print(made)
