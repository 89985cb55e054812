"""A decision repeated from its document alone: no chain, integers, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ringside.keeper.decide import decide
from ringside.keeper.errors import PlanError
from ringside.keeper.receipts.codec import Plain, plain
from ringside.keeper.receipts.document import SOLVER, Document, Outcome, outcome
from ringside.routing.problem import SplitError
from ringside.venues.base import VenueError

_MADE_UP = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)
"""What made-up inputs may raise on the way."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What the document's inputs lead to. `outcomes` are one for each of its decisions, none where
    they lead nowhere; `differences` say, each in a sentence, where the document has something else;
    `solver` and `ours` name what it was decided by and what repeated it."""

    outcomes: tuple[Outcome, ...]
    differences: tuple[str, ...]
    solver: str
    ours: str = SOLVER

    @property
    def same(self) -> bool:
        """Whether everything came out as written, to the last unit."""
        return not self.differences


def replay(written: Document) -> ReplayResult:
    """Decides again.

    Raises:
        DocumentError: the readings are of an unknown venue, or make no state.
    """
    views = written.views()
    try:
        plans = decide(written.request, views, written.venue_ids, written.settings)
        again = tuple(outcome(view, made) for view, made in zip(views, plans, strict=True))
    except (PlanError, SplitError, VenueError, *_MADE_UP) as no:
        why = f"On what it says was known there is no such plan: {no!r}"
        return ReplayResult((), (why,), written.solver)
    found = [
        difference
        for one, new in zip(written.decisions, again, strict=True)
        for difference in _differences(
            "" if one.step is None else f"step {one.step}: ", plain(one.outcome), plain(new)
        )
    ]
    return ReplayResult(again, tuple(found), written.solver)


def _differences(where: str, old: Plain, new: Plain) -> Iterator[str]:
    """Every leaf that differs, the parts' named as legs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(_name(where, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True), 1):
            yield from _differences(_name(where, f"{number} ({_venue(one)})"), one, other)
    elif old != new:
        yield f"{where.strip()} is {_short(old)} in the document, {_short(new)} repeated"


def _name(where: str, name: str) -> str:
    return f"{where}{ {'parts': 'leg'}.get(name, name) } "


def _venue(one: Any) -> str:
    return str(one.get("venue", "?")) if isinstance(one, dict) else "?"


def _short(value: Plain) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them ({', '.join(map(_venue, value)) or 'none'})"
    return "nothing" if value is None else str(value)
