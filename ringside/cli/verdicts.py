"""What `audit` prints."""

from __future__ import annotations

from rich.table import Table

from ringside import show
from ringside.cli.safe import cell
from ringside.cli.tables import OUT
from ringside.keeper.receipts.against_chain import Requote
from ringside.keeper.receipts.audit import Audited, Report, Verdict
from ringside.units import ONE, from_units

_COLOURS = {Verdict.SOUND: "green", Verdict.UNCHECKED: "yellow", Verdict.NO_RECEIPT: "yellow"}


def audited(report: Report) -> None:
    """Every fill of a transaction, and what its receipt is worth."""
    OUT.print(f"\n  {report.transaction}, block {report.block:,}")
    for one in report.audited:
        _audited(one)


def _audited(one: Audited) -> None:
    fill = one.fill
    what = "a ticket for" if fill.later else "filled"
    step = "" if one.step is None else f", step {one.step}"
    colour = _COLOURS.get(one.verdict, "red")
    OUT.print(f"\n  {what} {show.size(fill.size)} {cell(fill.market)}{step}")
    OUT.print(f"  receipt: [{colour}]{one.verdict.value}[/{colour}]")
    for finding in one.findings:
        OUT.print(f"    {cell(finding)}", soft_wrap=True)
    for sentence in one.told:
        OUT.print(f"  {cell(sentence)}", soft_wrap=True)
    if one.requotes:
        OUT.print(_requotes(one.requotes))
    if fill.later:
        OUT.print("  What it is filled at is not known before it is settled: no shortfall yet.")
        return
    if not fill.size:
        OUT.print("  Nothing was filled, so it falls short of nothing.")
        return
    if one.known == "nowhere":
        OUT.print(
            "  What was signed is neither in a document nor in the transaction: no shortfall."
        )
        return
    legs = show.table("Short of the best there was", "state", "basis points", "$", "best split")
    for short in one.shortfalls:
        if short.usd is None or short.micro_bps is None:
            legs.add_row(short.where, "not known", "", cell(short.why))
            continue
        best = " + ".join(
            f"{from_units(abs(size)):.4f} {cell(venue)}" for venue, size in short.legs
        )
        legs.add_row(short.where, f"{short.micro_bps / 1e6:.4f}", show.usd(short.usd), best)
    OUT.print(legs)
    bound = show.table("What was signed allowed", "bound", "done at", "worst price", "basis points")
    for limit in one.bounds:
        done = show.usd(limit.done, 4)
        if limit.price is None or limit.micro_bps is None:
            bound.add_row(limit.name, done, cell(limit.note), "")
            continue
        worse = f"{limit.micro_bps / 1e6:.2f}"
        bound.add_row(limit.name, done, show.usd(limit.price, 4), worse)
    OUT.print(bound)


def _requotes(requotes: tuple[Requote, ...]) -> Table:
    names = ("venue", "document", "our reading", "the venue's own quote", "")
    size = f"{abs(requotes[0].size) / ONE:g}"
    made = show.table(f"All {size} at one venue, at the pinned block, $", *names)
    for one in requotes:
        quote = _price(one.quoted) if one.asked else "fills later"
        made.add_row(
            cell(one.venue),
            _price(one.document),
            _price(one.reading),
            quote,
            "[green]agree[/green]" if one.holds else "[red]differ[/red]",
        )
    return made


def _price(value: int | None) -> str:
    return "none" if value is None else show.usd(value, 4)
