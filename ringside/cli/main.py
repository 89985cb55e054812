"""`ringside`: the commands. Each imports what it needs when it runs, so that it starts fast."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringside.cli import account, leave, money, trade
from ringside.cli.connect import chain_options, connected, receipts_option
from ringside.cli.safe import failed

if TYPE_CHECKING:
    from ringside.keeper.receipts.document import Document

HASH_DIGITS = 64
NOT_SOUND = 1
"""Exit code where a receipt does not repeat, or an audit finds something."""
_SIGNED = {"ignore_unknown_options": True}
"""So that -25 is a size and no option."""


@click.group()
@click.version_option(package_name="ringside")
def cli() -> None:
    """Ringside: perpetual futures over many venues, with a proof of every route."""


@cli.command(context_settings=_SIGNED)
@click.argument("market")
@click.argument("size")
@click.option(
    "--horizon", default="0h", show_default=True, help="Held for 12h, 3d, 2w: with its funding."
)
@click.option(
    "--policy",
    default="best",
    show_default=True,
    help="only:a,b; not:a; at-most:2; weights:a=60%,b=40%,band=5%; lowest-margin; joined by +.",
)
@click.option("--at-once", is_flag=True, help="Leave out venues that fill later.")
@click.option("--json", "as_json", is_flag=True, help="For programs: integers as text.")
@click.option("--plot", default="", help="Draw the marginal-cost curves into this .png.")
@chain_options
def quote(
    market: str,
    size: str,
    horizon: str,
    policy: str,
    at_once: bool,
    as_json: bool,
    plot: str,
    rpc: str,
    addresses: str,
) -> None:
    """What SIZE (base; negative sells) of MARKET costs at every venue, and split over them."""
    from ringside.cli import explain, tables
    from ringside.keeper.receipts.codec import plain
    from ringside.routing.funding import FundingError
    from ringside.routing.policies import PolicyError
    from ringside.routing.problem import SplitError
    from ringside.routing.request import RequestError
    from ringside.units import UnitError, to_units

    try:
        amount, seconds = to_units(size, name="SIZE"), explain.seconds(horizon)
        if plot and not plot.endswith(".png"):
            raise click.BadParameter(f"{plot} does not end in .png", param_hint="--plot")
        seen = explain.look(connected(rpc, addresses), market, at_once)
        told = explain.explained(seen, amount, seconds, policy)
    except (
        *(UnitError, SplitError, explain.CannotQuote),
        *(PolicyError, FundingError, RequestError),
    ) as no:
        raise failed(no) from None
    if as_json:
        click.echo(json.dumps(plain(told), indent=2, sort_keys=True))
    else:
        tables.quoted(told)
    if plot:
        from ringside.cli import chart

        chart.draw(seen.states, told, Path(plot))
        click.echo(f"{plot} is drawn.", err=True)


@cli.command()
@click.argument("receipt")
@receipts_option
def replay(receipt: str, receipts: str) -> None:
    """Decides again what RECEIPT (a file, or a hash in --receipts) says was decided."""
    from ringside.cli import tables
    from ringside.keeper.receipts.document import DocumentError
    from ringside.keeper.receipts.replay import replay as repeat

    written = _document(receipt, receipts)
    try:
        result = repeat(written)
    except DocumentError as no:
        raise failed(no) from None
    tables.replayed(written, result)
    if not result.same:
        raise SystemExit(NOT_SOUND)


@cli.command()
@click.argument("transaction")
@click.option("--json", "as_json", is_flag=True, help="For programs: integers as text.")
@receipts_option
@chain_options
def audit(transaction: str, as_json: bool, receipts: str, rpc: str, addresses: str) -> None:
    """Holds the fills of TRANSACTION against their receipts and against the chain."""
    from ringside.cli import verdicts
    from ringside.keeper.receipts.audit import AuditError, Verdict
    from ringside.keeper.receipts.audit import audit as examine
    from ringside.keeper.receipts.codec import plain
    from ringside.keeper.receipts.store import Receipts

    _digest(transaction, "TRANSACTION")
    at = connected(rpc, addresses)
    try:
        report = examine(at.w3, at.addresses, transaction, Receipts(Path(receipts)))
    except AuditError as no:
        raise failed(no) from None
    if as_json:
        click.echo(json.dumps(plain(report), indent=2, sort_keys=True))
    else:
        verdicts.audited(report)
    if any(one.verdict is not Verdict.SOUND for one in report.audited):
        raise SystemExit(NOT_SOUND)


@cli.command()
@click.option("--config", "file", default=None, help="The settings' file; else ringside.toml.")
@click.option("--once", is_flag=True, help="One turn, and out.")
def keeper(file: str | None, once: bool) -> None:
    """Works the orders of the house, until SIGTERM or Ctrl-C.

    \b
    Keys come from keystores (keys = ["keeper"] in ringside.toml, docs/operators.md);
    every setting may be given as RINGSIDE_… in the environment.
    """
    from ringside.cli import service

    service.keep(file, once)


for command in (
    *(trade.order, trade.cancel, trade.orders),
    *(account.positions, account.balance, account.fills, account.statement),
    *(money.deposit, money.withdraw, leave.leave),
):
    cli.add_command(command)


def _document(receipt: str, receipts: str) -> Document:
    from ringside.keccak import keccak
    from ringside.keeper.receipts.document import DocumentError, read
    from ringside.keeper.receipts.store import Receipts, Unreadable, contents

    try:
        data, digest = contents(Path(receipt)), _hash_in(Path(receipt).stem)
        if data is None:
            digest = _digest(receipt, "RECEIPT")
            data = Receipts(Path(receipts)).get(digest)
        if data is None:
            raise failed(
                f"No receipt: {receipts} has no document of that hash. Name another directory "
                "with --receipts, or the file itself."
            )
        if digest and keccak(data) != digest:
            raise failed(
                f"Tampered: what is kept under {receipt} has the hash 0x{keccak(data).hex()}."
            )
        return read(data)
    except (DocumentError, Unreadable) as no:
        raise failed(no) from None


def _digest(text: str, what: str) -> bytes:
    found = _hash_in(text)
    if found is None:
        kind = "is neither a file nor" if what == "RECEIPT" else "is not"
        raise failed(f"{text} {kind} a hash: give 0x and {HASH_DIGITS} hex digits.")
    return found


def _hash_in(text: str) -> bytes | None:
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits) if re.fullmatch(f"[0-9a-fA-F]{{{HASH_DIGITS}}}", digits) else None
