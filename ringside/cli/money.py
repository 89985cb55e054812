"""`ringside deposit` and `withdraw`: the owner's own transactions, with no keeper."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ringside.cli.connect import chain_options, connected
from ringside.cli.house import Whose, json_option, key_options, printed, require_agreed, yes_option
from ringside.cli.safe import failed

if TYPE_CHECKING:
    from ringside.chain.contracts import Ringside
    from ringside.cli.wallet import Wallet

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Sending:
    """A transaction that is about to be sent, in words."""

    words: str
    contract: str
    name: str
    arguments: tuple[Any, ...]


@click.command()
@click.argument("amount")
@click.option("--grant/--no-grant", default=True, help="Let the Desk fill signed orders. [grant]")
@click.option("--days", default=365, show_default=True, help="For so long, if it may not yet.")
@click.option("--pay-cap", default="100", show_default=True, help="USDC of tips and fees a day.")
@yes_option
@json_option
@key_options
@chain_options
def deposit(
    amount: str,
    grant: bool,
    days: int,
    pay_cap: str,
    yes: bool,
    as_json: bool,
    whose: Whose,
    rpc: str,
    addresses: str,
) -> None:
    """Deposits AMOUNT of USDC, and lets the Desk do what the owner signs, if it may not yet.

    \b
    ringside deposit 50000 --key client
    ringside deposit 2500.50 --pay-cap 20 --days 30
    """
    from ringside.cli.wallet import Wallet
    from ringside.units import from_units

    units, cap = usdc(amount, "AMOUNT"), usdc(pay_cap, "--pay-cap")
    if days < 1:
        raise failed("--days must be one at least.")
    wallet = Wallet(connected(rpc, addresses), whose)
    at, token = wallet.ringside, wallet.ringside.usdc.functions
    has = asked(lambda: token.balanceOf(wallet.address).call())
    if has < units:
        raise failed(
            f"The wallet {wallet.address} has {from_units(has, 6):f} USDC: deposit that much at "
            "the most, or send it more."
        )
    sendings = []
    vault = at.vault.address
    if asked(lambda: token.allowance(wallet.address, vault).call()) < units:
        words = f"let the vault take {from_units(units, 6):f} USDC"
        sendings.append(Sending(words, "USDC", "approve", (vault, units)))
    words = f"deposit {from_units(units, 6):f} USDC"
    sendings.append(Sending(words, "Vault", "deposit", (wallet.account, units)))
    if grant:
        sendings += asked(lambda: _grant(at, wallet.account, days, cap))
    _send(wallet, sendings, yes, as_json)


@click.command()
@click.argument("amount")
@click.option("--to", default=None, help="An address; the owner's wallet by default.")
@yes_option
@json_option
@key_options
@chain_options
def withdraw(
    amount: str, to: str | None, yes: bool, as_json: bool, whose: Whose, rpc: str, addresses: str
) -> None:
    """Withdraws AMOUNT of USDC (`all`: all that is idle) to the wallet.

    What is at venues is brought back by closing, and by `ringside exit`.

    \b
    ringside withdraw 1000 --key client
    ringside withdraw all --to 0x…
    """
    from eth_utils.address import to_checksum_address

    from ringside.cli.wallet import Wallet
    from ringside.units import from_units

    units = None if amount == "all" else usdc(amount, "AMOUNT")
    if to is not None:
        require_address(to, "--to")
    wallet = Wallet(connected(rpc, addresses), whose)
    idle = asked(lambda: wallet.ringside.vault.functions.idle(wallet.account).call())
    units = idle if units is None else units
    if not idle or units > idle:
        raise failed(
            f"The account has {from_units(idle, 6):f} USDC idle: what is at venues has to be "
            "closed and pulled first, as `ringside exit` does."
        )
    target = to_checksum_address(to or wallet.address)
    whither = "the owner's wallet" if target == wallet.address else "NOT the owner's wallet"
    words = f"withdraw {from_units(units, 6):f} USDC to {target}, {whither}"
    sending = Sending(words, "Vault", "withdraw", (wallet.account, units, target))
    _send(wallet, [sending], yes, as_json)


def usdc(text: str, name: str) -> int:
    """USDC (1e6), more than nothing.

    Raises:
        ClickException: it is not.
    """
    from ringside.units import UnitError, to_units

    try:
        found = to_units(text, 6, name)
    except UnitError as no:
        raise failed(f"{no}.") from None
    if not 0 < found < 2**64:
        raise failed(f"{name} must be an amount of USDC, more than nothing.")
    return found


def require_address(text: str, name: str) -> None:
    """
    Raises:
        ClickException: it is no address, one that is mistyped, or the zero address.
    """
    from eth_utils.address import (
        is_checksum_address,
        is_checksum_formatted_address,
        is_hex_address,
    )

    if not (text.startswith("0x") and is_hex_address(text)):
        raise failed(f"{name} {text} is no address: give 0x and 40 hex digits.")
    if is_checksum_formatted_address(text) and not is_checksum_address(text):
        raise failed(f"{name} {text} is mistyped: the case of its letters says that one is wrong.")
    if not int(text, 16):
        raise failed(f"{name} is the zero address: nobody could ever use what goes there.")


def asked(ask: Callable[[], Any]) -> Any:
    """What the chain says.

    Raises:
        ClickException: it does not say.
    """
    from requests import RequestException
    from web3.exceptions import Web3Exception

    try:
        return ask()
    except (Web3Exception, RequestException, OSError) as no:
        raise failed(f"The node does not say ({no}): try again. Nothing was sent.") from None


def _grant(at: Ringside, account: bytes, days: int, cap: int) -> list[Sending]:
    """What lets the Desk fill orders at every venue, if something for it is lacking."""
    from ringside.accounts import Right
    from ringside.orders import venue_set
    from ringside.units import from_units

    now = at.w3.eth.get_block("latest")["timestamp"]
    wanted = Right.TRADE | Right.MOVE | Right.PAY
    venues = venue_set(list(at.venue_ids.values()))
    desk = at.desk.address
    rights, expiry, _, granted = at.vault.functions.operators(account, desk).call()
    if rights == wanted and expiry > now and granted & venues == venues:
        return []
    until = now + days * DAY
    day = time.strftime("%Y-%m-%d", time.gmtime(until))
    words = (
        f"let the Desk trade, move margin and pay up to {from_units(cap, 6):f} USDC a day, as the "
        f"owner signs, at {', '.join(at.venue_ids)}, until {day}"
    )
    grant = (desk, int(wanted), until, cap, venues)
    return [Sending(words, "Vault", "setOperator", (account, grant))]


def _send(wallet: Wallet, sendings: list[Sending], yes: bool, as_json: bool) -> None:
    """Shows what is to be sent, asks, sends one after the other, and says what is idle then."""
    from rich.console import Console

    from ringside.units import from_units

    click.echo(f"{wallet.address} is to", err=True)
    for number, one in enumerate(sendings, 1):
        click.echo(f"  {number}. {one.words}", err=True)
    require_agreed("Send it?" if len(sendings) == 1 else "Send them?", yes)
    sent = []
    console = Console(stderr=True, highlight=False)
    for one in sendings:
        with console.status(one.words):
            sent.append(wallet.transact(one.contract, one.name, *one.arguments))
        click.echo(f"  done: {one.words}", err=True)
    idle = asked(lambda: wallet.ringside.vault.functions.idle(wallet.account).call())
    if as_json:
        printed({"transactions": sent, "idle": from_units(idle, 6)})
    else:
        click.echo(f"The account has {from_units(idle, 6):,.2f} USDC idle.")
