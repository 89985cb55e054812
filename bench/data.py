"""The real market data that benches and tests read, each with its traps handled by name.

`RINGSIDE_DATA` says where it is, beside the checkout by default. Where there is none, `Missing`
says so, and whoever needs it skips itself.

Funding: one file a venue, a line for each settlement, its rate a fraction of the position's worth
for the interval that ends with it. What is not as it looks:

- dydx settles hourly and the others every eight hours: the interval is read off the times;
- binance's times jitter by milliseconds: they are taken to the hour, and refused beyond a minute;
- most files are in UTC+3, gate and dydx in UTC: told by the hours at which a venue settles;
- kucoin settles at other hours than the rest, four hours apart from them;
- gate has a gap of a month, and htx one of a day: what was paid then is unknown, not nothing;
- htx sometimes settled hours late: what it charged then is taken as it is, at that hour.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from bench.persistence import Record

FUNDING = ("binance", "bybit", "dydx", "gate", "htx", "kucoin", "mexc")
"""The venues with a record of funding."""
EPOCH = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""From which hours are counted."""
JITTER = 60
"""Seconds that a settlement may be from the full hour."""
LATE = 1.5
"""Intervals after which the next settlement is missing rather than late."""
CLOCKS = (0, 3)
"""Hours that a file may be ahead of UTC."""
ON_TIME = 0.9
"""The share of settlements that are at the venue's hours."""
OFF = 2.5
"""How many times the others' a venue's typical rate is, or less than one such part, before its unit
is doubted. A day's rate taken for that of eight hours is off by 3, percent by 100."""


class DataError(ValueError):
    """Data that is not what it should be; the message names the venue and what is wrong."""


class Missing(DataError):
    """There is no data here; the message says where it was looked for."""


class WrongUnit(DataError):
    """Rates in another unit than a fraction an interval."""


class WrongTimes(DataError):
    """Times that are no settlements in order on a clock that is known."""


@dataclass(frozen=True, slots=True)
class Settlements:
    """One venue's: the hours since `EPOCH` and the fraction that a long paid at each; `interval`
    hours lie between them."""

    venue: str
    interval: int
    hours: tuple[int, ...]
    rates: tuple[float, ...]

    @property
    def typical(self) -> float:
        """The median of |rate|, a day."""
        return median(map(abs, self.rates)) * 24 / self.interval


def root() -> Path:
    """Where the data is.

    Raises:
        Missing: it is not there.
    """
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    found = Path(os.environ.get("RINGSIDE_DATA") or default)
    if not found.is_dir():
        raise Missing(f"No data at {found}: set RINGSIDE_DATA to where it is.")
    return found


def funding(venues: Sequence[str] = FUNDING) -> Record:
    """What `venues` paid, hour by hour since `EPOCH`.

    Raises:
        Missing: there is no data.
        WrongUnit, WrongTimes, DataError: it is not what it should be.
    """
    found = []
    for venue in venues:
        path = root() / "funding" / f"BTC-{venue}.csv"
        if not path.is_file():
            raise Missing(f"No funding of {venue} at {path}.")
        with path.open(newline="") as file:
            found.append(settlements(venue, csv.DictReader(file)))
    return record(found)


def settlements(venue: str, rows: Iterable[dict[str, str]]) -> Settlements:
    """The settlements of a file's rows, in UTC.

    Raises:
        WrongUnit: a rate is not a finite number, or beyond any that a venue charges at once.
        WrongTimes: not on the hour, out of order, or on a clock that cannot be told.
    """
    local, rates = [], []
    for row in rows:
        rate, text = float(row["Funding Rate"]), row["Date"]
        if not abs(rate) < 0.05:  # Also refuses NaN. The largest that any of them ever took: 0.4 %.
            raise WrongUnit(
                f"{venue} has a rate of {rate} at {text}: no venue takes that much at once. Is it "
                f"in percent, or a year's?"
            )
        time = datetime.fromisoformat(text).replace(tzinfo=timezone.utc) - EPOCH
        hour = round(time / timedelta(hours=1))
        if abs(time - timedelta(hours=hour)) > timedelta(seconds=JITTER):
            raise WrongTimes(f"{venue} has a settlement at {text}, which is no full hour.")
        if local and hour <= local[-1]:
            raise WrongTimes(f"{venue} has a settlement at {text} after a later or equal one.")
        local.append(hour)
        rates.append(rate)
    if len(local) < 3:
        raise DataError(f"{venue} has {len(local)} settlements: too few to tell the interval.")
    gaps = Counter(after - before for before, after in pairwise(local))
    interval = gaps.most_common(1)[0][0]
    ahead = _ahead(venue, interval, local)
    return Settlements(venue, interval, tuple(hour - ahead for hour in local), tuple(rates))


def _ahead(venue: str, interval: int, local: Sequence[int]) -> int:
    """Hours that the file is ahead of UTC.

    Venues settle every eight hours from midnight UTC, kucoin from four. The hours of one that
    settles hourly tell nothing; its file is in UTC if it begins at midnight, as every file was
    asked for from midnight UTC on.
    """
    if interval == 1:
        ahead = local[0] % 24
    else:
        first = 4 if venue == "kucoin" else 0
        fits = [
            hours
            for hours in CLOCKS
            if sum((hour - hours - first) % interval == 0 for hour in local) >= ON_TIME * len(local)
        ]
        ahead = fits[0] if len(fits) == 1 else -1
    if ahead not in CLOCKS:
        raise WrongTimes(f"{venue} settles at hours that fit neither UTC nor UTC+3.")
    return ahead


def record(found: Sequence[Settlements]) -> Record:
    """The venues' settlements on one clock.

    Raises:
        WrongUnit: a venue's typical rate is not that of the others: some other unit.
    """
    require_one_unit(found)
    end = max(s.hours[-1] for s in found) + 1
    paid = np.full((len(found), end), np.nan)
    for row, s in zip(paid, found, strict=True):
        before = s.hours[0] - s.interval
        for hour, rate in zip(s.hours, s.rates, strict=True):
            # After a gap nothing is known but the interval that this settlement is for.
            if hour - before > LATE * s.interval:
                before = hour - s.interval
            row[max(before + 1, 0) : hour] = 0.0
            if hour >= 0:
                row[hour] = rate
            before = hour
    return Record(tuple(s.venue for s in found), paid)


def require_one_unit(found: Sequence[Settlements]) -> None:
    """
    Raises:
        WrongUnit: a venue's typical rate a day is far from the median of the others'. The message
            says which unit that looks like.
    """
    for s in found:
        others = [other.typical for other in found if other is not s]
        if not others:
            return
        usual = median(others)
        if not usual / OFF < s.typical < usual * OFF:
            raise WrongUnit(
                f"{s.venue}'s typical rate is {s.typical:.2g} a day and that of the others "
                f"{usual:.2g}: {_like(s, s.typical / usual if usual else 0.0)}."
            )


def _like(s: Settlements, factor: float) -> str:
    """What a rate that is `factor` times the usual is taken for."""
    units = {
        "percent": 100.0,
        "basis points": 10_000.0,
        "fractions a day": 24 / s.interval,
        "fractions a year": 365 * 24 / s.interval,
        "fractions an hour": 1 / s.interval,
        "fractions in eight hours": 8 / s.interval,
    }
    near = {name: max(unit / factor, factor / unit) for name, unit in units.items() if factor}
    name = min(near, key=lambda name: near[name], default="")
    if not name or near[name] > 2:
        return f"no fractions in {s.interval} h, and no unit known here"
    return f"they look like {name} instead of fractions in {s.interval} h"
