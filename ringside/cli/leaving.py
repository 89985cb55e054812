"""An owner's way out, as it is shown and asked for: by `ringside exit` and by `ape run exit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ringside import show
from ringside.cli.house import printed, require_agreed
from ringside.cli.safe import cell, failed
from ringside.exit.plan import Choice, Left, Step
from ringside.exit.run import Done, Exit, Report
from ringside.exit.state import State
from ringside.units import ONE, UnitError, from_units, to_units

OUT = Console(highlight=False)
if not OUT.is_terminal:
    OUT.width = 120
LEFT_OVER = 2
"""Exit code where something could not be brought home."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the owner said, as it was typed."""

    slippage: str
    at_any_price: bool
    max_loss: str
    in_kind: bool
    strip: bool
    tokens: tuple[str, ...]
    revoke: tuple[str, ...]
    patience: int
    yes: bool

    def choice(self, prices: bool) -> Choice:
        """The same for a plan; `prices` says whether somebody brings Pyth's.

        Raises:
            ClickException: a percentage is none.
        """
        return Choice(
            slippage=_percent("--slippage", self.slippage),
            any_price=self.at_any_price,
            max_loss=_percent("--max-loss", self.max_loss),
            in_kind=self.in_kind,
            strip=self.strip,
            prices=prices,
            tokens=self.tokens,
            revoke=self.revoke,
            patience=self.patience,
        )


def leave(way: Exit, yes: bool, as_json: bool = False) -> None:
    """Shows what the account has and the plan, asks, does it, and says what stays.

    Raises:
        ClickException: the owner does not say yes.
        SystemExit: something stays.
    """
    out = Console(stderr=True, highlight=False, width=OUT.width) if as_json else OUT
    way.tell = lambda done: told(done, out)
    state = way.read()
    out.print(f"  {state.owner}, block {state.block:,}\n")
    out.print(holdings(state))
    steps = way.plan(state)
    if not steps:
        out.print("  There is nothing to bring home.")
        if as_json:
            _as_json(Report(state, state, (), ()))
        return
    out.print(planned(steps))
    out.print(f"  The wallet has {from_units(state.wallet, 6):,.2f} USDC.\n")
    require_agreed("Send these transactions?", yes)
    report = way.run()
    summary(report, out)
    if as_json:
        _as_json(report)
    if report.left:
        raise SystemExit(LEFT_OVER)


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
            made.add_row(*map(cell, (seat.name, held, equity, free, ticket)))
        for token, amount in seat.resting:
            made.add_row(cell(seat.name), f"rests there: {amount} of {token}", "", "", "")
    made.add_section()
    made.add_row("idle", "", show.usdc(state.idle), "", "")
    if state.reserved:
        made.add_row("reserved for tickets", "", show.usdc(state.reserved), "", "")
    return made


def planned(steps: tuple[Step, ...]) -> Table:
    """What is to be done."""
    made = _words("The plan", "", "step", "where", "why and how")
    for number, step in enumerate(steps, 1):
        made.add_row(str(number), *map(cell, (step.kind.value, step.where, step.reason)))
    return made


def told(done: Done, out: Console = OUT) -> None:
    """One step, as it is done."""
    mark = "[red]refused[/red]" if done.refused else "[green]done[/green]"
    where = f" {cell(done.step.where)}" if done.step.where else ""
    out.print(f"  {mark} {done.step.kind.value}{where}: {cell(done.note)}", soft_wrap=True)


def summary(report: Report, out: Console = OUT) -> None:
    """How it went, and what could not be done."""
    out.print(
        f"\n  {show.usdc(report.withdrawn)} USDC came to the wallet in "
        f"{sum(1 for done in report.done if done.transaction)} transactions."
    )
    if report.left:
        made = _words("What stays", "where", "what", "why", "what helps")
        for thing in report.left:
            made.add_row(*map(cell, (thing.where, thing.what, thing.why, thing.remedy)))
        out.print(made)


def _as_json(report: Report) -> None:
    def plain(thing: Left) -> dict[str, str]:
        return {name: getattr(thing, name) for name in ("where", "what", "why", "remedy")}

    printed(
        {
            "withdrawn": from_units(report.withdrawn, 6),
            "transactions": [done.transaction for done in report.done if done.transaction],
            "left": [plain(thing) for thing in report.left],
        }
    )


def _words(title: str, *names: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for name in names:
        made.add_column(name)
    return made


def _percent(name: str, text: str) -> int:
    try:
        found = to_units(text, 16, name=name)
    except UnitError as no:
        raise failed(f"{no}.") from None
    if not 0 <= found <= ONE:
        raise failed(f"{name} is a percentage, from 0 to 100, not {text}.")
    return found
