"""What forecasting funding is worth on the real rates of seven venues: `python -m bench.funding`.

Every eight hours of 2022 and 2023 a position is opened at one of seven venues and held for 8 hours
to a week; what it pays is what that venue really took. Rules choose the venue:

- none: knows nothing of funding, so it pays what the mean venue takes;
- last rate: takes the rate of the past eight hours to stay as it is;
- shrunken: `ringside.routing.funding.forecast` with the rates of now;
- shrunken, week: the same with the mean rates of the past week.

The slopes are fitted anew at each moment on the horizons that were over by then. Without a
difference in the cost of entry, the shrunken rates choose what the last rates choose: drawing all
towards one mean keeps their order. What shrinking is for shows where a venue with better funding is
dearer to enter, so there every venue gets a cost of entry, drawn evenly from ± 1 to ± 5 bps, and
`none` takes the cheapest entry.

All figures are basis points of the position. A standard error is that of the means of 30-day
blocks, as neighbouring moments share most of what they pay. Written to build/bench/routing.json as
`funding`: horizon → rule → mean bps saved against `none`, longs and shorts alike.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench import data
from bench.persistence import NOW_HOURS, WEEK_HOURS, Record, WalkForward
from ringside.routing.funding import MEASURED, PARTS, Funding, Persistence, forecast
from ringside.units import BPS, ONE

OUT = Path(__file__).resolve().parent.parent / "build" / "bench" / "routing.json"
HORIZONS = (8, 24, 72, 168)
WIDTHS = (1, 2, 5)
"""Entry costs differ by up to ± so many basis points."""
FIRST = 24 * 731
"""The hour of 2022-01-01, when the last of the seven records begins."""
BLOCK = 24 * 30
RULES = ("last rate", "shrunken", "shrunken, week")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decisions:
    """One horizon's: when, what each rule expected of each venue and what each then took, all in
    basis points for a long (moments × venues)."""

    hours: int
    begins: NDArray[np.int64]
    expected: dict[str, Floats]
    paid: Floats


@dataclass(frozen=True)
class Measured:
    """Basis points that one rule saved against another, moment by moment and way by way."""

    saved: Floats
    begins: NDArray[np.int64]

    @property
    def mean(self) -> float:
        return float(self.saved.mean())

    @property
    def error(self) -> float:
        """The standard error of the mean, over blocks of 30 days."""
        blocks = self.begins // BLOCK
        means = [self.saved[:, blocks == block].mean() for block in np.unique(blocks)]
        return float(np.std(means, ddof=1) / len(means) ** 0.5)

    @property
    def worse(self) -> float:
        """The share of times in which the rule lost against the other."""
        return float((self.saved < -1e-9).mean())

    @property
    def worst(self) -> float:
        return float(self.saved.min())


def walk_forward(record: Record, hours: int) -> Decisions:
    """What each rule expected at every moment at which all is known, and what came of it."""
    begins = np.arange(FIRST, record.hours - hours, NOW_HOURS)
    paid = record.rates(begins, hours)
    now, week = record.rates(begins, -NOW_HOURS), record.rates(begins, -WEEK_HOURS)
    known = ~(np.isnan(paid) | np.isnan(now) | np.isnan(week)).any(axis=1)
    begins, paid, now, week = begins[known], paid[known], now[known], week[known]
    fits = WalkForward(record)
    shrunken, weekly = [], []
    for begin, rates, means in zip(begins, now, week, strict=True):
        persistence = fits.at(int(begin))
        shrunken.append(_expected(record.venues, rates, None, hours, persistence))
        weekly.append(_expected(record.venues, rates, means, hours, persistence))
    days = hours / 24
    expected = {
        "last rate": now * days * BPS,
        "shrunken": np.array(shrunken),
        "shrunken, week": np.array(weekly),
    }
    return Decisions(hours, begins, expected, paid * days * BPS)


def _expected(
    venues: tuple[str, ...],
    rates: Floats,
    weeks: Floats | None,
    hours: int,
    persistence: Persistence,
) -> list[float]:
    known = {
        venue: Funding(round(rates[i] * ONE), ONE, None if weeks is None else round(weeks[i] * ONE))
        for i, venue in enumerate(venues)
    }
    found = forecast(known, hours, persistence)
    return [float(found[venue] * BPS / ONE) for venue in venues]


def costs(decisions: Decisions, rule: str | None, entry: Floats | None) -> Floats:
    """What a rule's choices came to: a row for longs and one for shorts, entry and funding in it.

    The venues that a rule cannot tell apart share the position: rates are often equal, since venues
    clamp them to the same value, and the first by name is no choice.
    """
    rows = []
    for sign in (1, -1):
        before = np.zeros_like(decisions.paid) if entry is None else entry
        guess = before + (sign * decisions.expected[rule] if rule else 0.0)
        best = np.isclose(guess, guess.min(axis=1, keepdims=True), rtol=0, atol=1e-9)
        cost = np.where(best, before + sign * decisions.paid, 0.0).sum(axis=1) / best.sum(axis=1)
        rows.append(cost)
    return np.array(rows)


def entries(decisions: Decisions, width: int) -> Floats:
    """Costs of entry, drawn evenly from ± `width` basis points: the same at every run."""
    rng = random.Random(f"entry costs of {width}")
    return np.array([[rng.uniform(-width, width) for _ in row] for row in decisions.paid])


def measure(record: Record) -> dict[int, dict[tuple[int, str], tuple[Measured, Measured]]]:
    """By horizon, and by width of entry costs (0: none) and rule: what it saved against no forecast
    and against the last rate."""
    found: dict[int, dict[tuple[int, str], tuple[Measured, Measured]]] = {}
    for hours in HORIZONS:
        decisions = walk_forward(record, hours)
        found[hours] = {}
        for width in (0, *WIDTHS):
            entry = entries(decisions, width) if width else None
            none, last = (costs(decisions, rule, entry) for rule in (None, "last rate"))
            for rule in RULES:
                own = costs(decisions, rule, entry)
                found[hours][width, rule] = (
                    Measured(none - own, decisions.begins),
                    Measured(last - own, decisions.begins),
                )
    return found


def run(say: Callable[..., None]) -> None:
    """Measures, prints and writes; where there is no data, says so and writes nothing."""
    try:
        record = data.funding()
    except data.Missing as missing:
        say(f"Funding is not measured. {missing}")
        return
    found = measure(record)
    say(_table("Funding saved by the choice of venue", 0, found))
    for width in WIDTHS:
        say(_table(f"The same, entry costs in it, which differ by ± {width} bps", width, found))
    fitted = WalkForward(record).at(record.hours)
    say(_slopes(fitted))
    say(f"ringside.routing.funding ships them within {distance(fitted, MEASURED):.4f}.")
    report = {
        str(hours): {_name(*key): round(none.mean, 4) for key, (none, _) in by_rule.items()}
        for hours, by_rule in found.items()
    }
    written = json.loads(OUT.read_text()) if OUT.is_file() else {}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({**written, "funding": report}, indent=2) + "\n")


def distance(one: Persistence, other: Persistence) -> float:
    """The largest difference between two fits' slopes, and that of their long-run means in basis
    points a day."""
    slopes = [
        abs(a - b) / PARTS
        for mine, theirs in zip(one.slopes, other.slopes, strict=True)
        for a, b in zip(mine[1:], theirs[1:], strict=True)
    ]
    return max(*slopes, abs(one.long_run - other.long_run) * BPS / ONE)


def _name(width: int, rule: str) -> str:
    rule = rule.replace(",", "").replace(" ", "_")
    return f"{rule}_entry_{width}_bps" if width else rule


def _table(
    title: str,
    width: int,
    found: dict[int, dict[tuple[int, str], tuple[Measured, Measured]]],
) -> Table:
    columns = ("horizon", "rule", "saved, bps", "long", "short", "worse", "worst")
    table = Table(*columns, "than last rate", "worse", "worst", title=title, title_justify="left")
    for hours, by_rule in found.items():
        for rule in RULES:
            none, last = by_rule[width, rule]
            table.add_row(
                *(f"{hours} h", rule, f"{none.mean:.2f} ± {none.error:.2f}"),
                *(f"{row.mean():.2f}" for row in none.saved),
                *(f"{none.worse:.0%}", f"{none.worst:.1f}"),
                *("", "", "")
                if rule == "last rate"
                else (
                    f"{last.mean:+.2f} ± {last.error:.2f}",
                    f"{last.worse:.0%}",
                    f"{last.worst:.1f}",
                ),
            )
    return table


def _slopes(fitted: Persistence) -> Table:
    mean = fitted.long_run / ONE * BPS
    title = f"What persists, over all the data; long-run mean {mean:.2f} bps a day"
    table = Table("horizon", "mean", "alone", "now", "week", title=title, title_justify="left")
    for at in fitted.slopes:
        table.add_row(f"{at.hours} h", *(f"{slope / PARTS:.3f}" for slope in at[1:]))
    return table


if __name__ == "__main__":
    run(Console(width=140).print)
