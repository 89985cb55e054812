"""What a document that is true may hide all the same: a block of long ago, a second fill on the
grounds of the first, or settings of the keeper's own that lead wherever it wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ringside.keeper.decide import Settings, decide
from ringside.keeper.errors import PlanError
from ringside.keeper.receipts.document import Document, Outcome, outcome
from ringside.keeper.receipts.events import Fill
from ringside.routing.problem import SplitError
from ringside.units import MICRO_BPS, ONE, from_units
from ringside.venues.snapshot import OLDEST

"""Of one: what a certificate's gap is in."""
MOST_LEG_COST = 50 * ONE
"""USD (1e18) that a leg can well cost a keeper; above, no gas comes to it."""
MOST_HEADROOM = ONE // 100
"""Of a venue's price (1e18): more hardly moves between a ticket and its fill."""


def settings_told(settings: Settings) -> str:
    """The keeper's own settings in a sentence."""
    return (
        f"Its keeper's settings: policy {settings.policy}, leg_cost {from_units(settings.leg_cost)}"
        f" USD, headroom {from_units(settings.headroom):%}, most_delayed "
        f"{from_units(settings.most_delayed):%}."
    )


def out_of_range(settings: Settings) -> Iterator[str]:
    """Settings that no honest keeper needs."""
    for name, value, most in (
        ("leg_cost", settings.leg_cost, MOST_LEG_COST),
        ("headroom", settings.headroom, MOST_HEADROOM),
        ("most_delayed", settings.most_delayed, ONE),
    ):
        if not 0 <= value <= most:
            yield (
                f"Its keeper's {name} is {from_units(value)}, where 0 to {from_units(most)} is "
                "plausible."
            )


def unexplained(written: Document) -> dict[int | None, str]:
    """By step, where what was decided costs more, on the very same readings, than by best fill and
    no settings of the keeper's own, with nobody first, by more than the legs of that cost at the
    keeper's `leg_cost`, which counts up to `MOST_LEG_COST`, and than the solver's gaps. To be asked
    only of a document that repeats."""
    neutral = Settings()
    if written.settings == neutral and not written.taken:
        return {}
    views = [replace(view, taken=()) for view in written.views()]
    try:
        plans = decide(written.request, views, written.venue_ids, neutral)
    except (PlanError, SplitError):
        return {}  # Without them there was no fill at all.
    found: dict[int | None, str] = {}
    for one, view, plan in zip(written.decisions, views, plans, strict=True):
        best, sign = outcome(view, plan), 1 if one.outcome.size > 0 else -1
        if best.size != one.outcome.size:
            found[one.step] = (
                f"{_cause(written)} {from_units(one.outcome.size):f} is filled, by none of "
                f"its own {from_units(best.size):f}."
            )
            continue
        short = _cost(one.outcome, sign) - _cost(best, sign)
        leg_cost = min(max(written.settings.leg_cost, 0), MOST_LEG_COST)
        gap = sum(
            made.all_in * made.certificate.gap // MICRO_BPS
            for made in (one.outcome, best)
            if made.certificate is not None
        )
        if short > leg_cost * len(best.parts) + gap:
            found[one.step] = (
                f"{_cause(written)} it costs {from_units(short):,.6f} USD more than by none "
                f"of its own, and its legs explain {from_units(leg_cost * len(best.parts)):,.2f}."
            )
    return found


def _cause(written: Document) -> str:
    if not written.taken:
        return "By the keeper's settings"
    first = ", ".join(
        f"{from_units(one.size):+f} {one.market} at {one.venue}" for one in written.taken
    )
    return f"By the keeper's settings, and by orders that it says it fills first ({first}),"


def _cost(of: Outcome, sign: int) -> int:
    return sign * of.all_in + of.costs


def age_told(blocks: int, seconds: int) -> str:
    """How long before the fill a document's block was."""
    return f"It was decided on a block {blocks:,} blocks and {seconds:,} s before the fill's."


def too_old(blocks: int, seconds: int) -> Iterator[str]:
    """Somebody who may wait may choose the moment by whose prices it fills."""
    if seconds > OLDEST:
        yield (
            f"It was decided on an old block: {blocks:,} blocks and {seconds:,} s before the fill, "
            f"more than {OLDEST} s."
        )


def filled_since(fill: Fill, written: Document, used: int) -> Iterator[str]:
    """Where more of the order had been `used` (|1e18|) just before the fill than the document knows
    of, its own transactions that go before counted: it is of another fill, or somebody filled in
    between and nothing was decided anew."""
    one = next(one for one in written.decisions if one.key == fill.key)
    known = one.progress.used
    venues = {leg.venue for leg in fill.legs}
    for part in one.outcome.parts:
        if part.later == fill.later and (part.venue in venues or not fill.later):
            break
        known += abs(part.size)
    if used > known:
        yield (
            f"Before it {from_units(used):f} of the order had been filled or committed, and the "
            f"document knows of {from_units(known):f}: it is of another fill."
        )
