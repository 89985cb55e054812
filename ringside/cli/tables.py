"""What `quote` and `replay` print."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ringside import show
from ringside.cli.explain import Explained, Offer
from ringside.cli.safe import cell
from ringside.keeper.receipts.document import Document
from ringside.keeper.receipts.replay import ReplayResult
from ringside.units import DAY, MICRO_BPS, from_units

OUT = Console(highlight=False)
if not OUT.is_terminal:
    OUT.width = 140


def quoted(told: Explained) -> None:
    """Venues side by side, the split, the saving, the certificate."""
    side = "BUY" if told.size > 0 else "SELL"
    held = f", held {_time(told.horizon)}" if told.horizon else ""
    amount = f"{from_units(abs(told.size)):f}"
    ruled = "" if told.policy == "best" else f", by {told.policy}"
    OUT.print(f"\n  {side} {amount} {told.market}{held}{ruled}, at block {told.block:,}\n")
    OUT.print(_offers("The venues side by side, each for all of it", told.offers))
    for venue, why in told.failures.items():
        OUT.print(f"  {cell(venue)} is missing: {cell(why)}")
    if any(offer.later for offer in (*told.offers, *told.legs)):
        OUT.print("  * fills later, at the price of then")
    split = _offers("The split", told.legs)
    split.add_section()
    split.add_row(
        "all",
        show.size(told.size),
        "",
        show.bps(told.fee * MICRO_BPS // told.notional),
        show.usd(told.funding),
        show.usd(told.gas),
        show.usd(told.total),
        show.usd(told.price, 4),
    )
    OUT.print(split)
    if told.saving is None or told.saving_rate is None:
        OUT.print("  No venue alone takes all of it.")
    elif told.saving <= 0:
        OUT.print(f"  {told.best_single} alone costs no more: there is nothing to save.")
    else:
        OUT.print(
            f"  Saved against {told.best_single} alone: ${show.usd(told.saving)}, "
            f"{show.bps(told.saving_rate)} bps"
        )
    if told.certificate is None:
        OUT.print("  There was nothing to choose, so there is no certificate.")
    else:
        OUT.print(
            f"  Certified: no split under these rules is cheaper by more than "
            f"{told.certificate.gap / 1e6:.6f} bps ({told.certificate.method})"
        )
    if told.given_up == 0:
        OUT.print("  What is cheapest to enter is cheapest to hold: no entry is given up.")
    elif told.given_up is not None:
        OUT.print(
            f"  For the sake of funding the entry gives up {show.bps(told.given_up)} bps of the "
            "best fill; an order that signs a tolerance has to allow for it, since the chain "
            "compares entry alone."
        )
    if told.horizon:
        OUT.print("  Funding as forecast from the rates of now: not promised by anybody.")


def _offers(title: str, offers: tuple[Offer, ...]) -> Table:
    names = ("venue", "size", "impact bps", "fee bps", "funding $", "gas $", "all-in $")
    made = show.table(title, *names, "all-in price")
    for offer in offers:
        name = f"{offer.venue}{' *' if offer.later else ''}"
        if offer.why:
            made.add_row(name, show.size(offer.size), "—", "—", "—", "—", "—", offer.why)
            continue
        made.add_row(
            name,
            show.size(offer.size),
            show.bps(offer.impact),
            show.bps(offer.fee_rate),
            show.usd(offer.funding),
            show.usd(offer.gas),
            show.usd(offer.total),
            show.usd(offer.price, 4),
        )
    return made


def _time(horizon: int) -> str:
    return f"{horizon // DAY} d" if horizon % DAY == 0 else f"{horizon // 3_600} h"


def replayed(written: Document, result: ReplayResult) -> None:
    """The legs again, and whether they are those that were written down."""
    place = f"block {written.block.number:,} of chain {written.chain_id}"
    solver = cell(written.solver)
    OUT.print(f"\n  Decided on {place}, by {solver}; repeated by {result.ours}\n")
    for one, again in zip(written.decisions, result.outcomes, strict=False):
        title = "The legs" if one.step is None else f"The legs of step {one.step}"
        made = show.table(title, "venue", "fills", "size", "margin USDC", "notional $", "fee $")
        for part in again.parts:
            made.add_row(
                cell(part.venue),
                "later" if part.later else "at once",
                show.size(part.size),
                show.usdc(part.margin),
                show.usd(part.notional),
                show.usd(part.fee),
            )
        OUT.print(made)
    if result.same:
        OUT.print("  [green]the same[/green], to the last unit")
    for difference in result.differences:
        OUT.print(f"  [red]differs[/red] {cell(difference)}", soft_wrap=True)
    if not result.same and result.solver != result.ours:
        OUT.print("  Another solver made it: repeat it with the version of then.")
