"""How much of today's funding persists, fitted on what venues took before a moment, never after it.

The fit is ordinary least squares, pooled over venues: what was paid over a horizon, a day, on the
rates at its beginning. It is what `funding.MEASURED` was found with, and what whoever records
funding of their own can find their own with. Floats inside; the slopes that come out are rounded to
millionths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringside.routing.funding import HOURS_A_DAY, PARTS, FundingError, Persistence, Slopes
from ringside.units import ONE

HORIZONS = (8, 24, 72, 168, 336, 720)
"""Hours over which the slopes are fitted."""
NOW_HOURS = 8
"""The rate of now is what was paid in this time: the longest interval between settlements."""
WEEK_HOURS = 168
LEAST_WINDOWS = 90
"""A fit needs this many horizons that are over; they overlap, so it is no measure of certainty."""

Floats = NDArray[np.float64]


class TooLittlePast(FundingError):
    """Too few horizons are over to fit anything; the message says how many."""


@dataclass(frozen=True)
class Record:
    """What a long paid at each venue, hour by hour: `paid[i, k]` is the fraction of its worth that
    `venues[i]` took in the hour that ends at hour k, 0 where it took nothing and NaN where that is
    not known. Hours are counted from anywhere.

    Raises:
        FundingError: there is not one row a venue.
    """

    venues: tuple[str, ...]
    paid: Floats

    def __post_init__(self) -> None:
        if self.paid.ndim != 2 or len(self.paid) != len(self.venues):
            raise FundingError("A record has one row of hours for each venue.")

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        """What was paid, and how many hours are unknown, before each hour: any window is then one
        subtraction. cumsum goes strictly forward, so no later hour has a part in an earlier sum."""
        zero = np.zeros((len(self.venues), 1))
        paid = np.cumsum(np.nan_to_num(self.paid), axis=1)
        unknown = np.cumsum(np.isnan(self.paid), axis=1)
        return np.hstack([zero, paid]), np.hstack([zero, unknown])

    @property
    def hours(self) -> int:
        return int(self.paid.shape[1])

    def rates(self, begins: Sequence[int] | NDArray[np.int64], hours: int) -> Floats:
        """The mean rate a day over the `hours` after each of `begins` (or before, if negative), by
        venue in columns; NaN where an hour is not known or outside the record."""
        start = np.asarray(begins, dtype=np.int64) + min(hours, 0) + 1
        end = start + abs(hours)
        inside = (start >= 0) & (end <= self.hours)
        start, end = np.where(inside, start, 0), np.where(inside, end, 0)
        sums, unknown = self._sums
        rates = (sums[:, end] - sums[:, start]) * (HOURS_A_DAY / abs(hours))
        rates[:, ~inside] = np.nan
        rates[unknown[:, end] > unknown[:, start]] = np.nan
        return rates.T


class WalkForward:
    """Fits of a record, each on what was over at its moment.

    `step` is the hours between the windows that are fitted on.
    """

    def __init__(
        self, record: Record, horizons: Sequence[int] = HORIZONS, step: int = NOW_HOURS
    ) -> None:
        self.horizons = tuple(horizons)
        self._begins = np.arange(0, record.hours, step)
        self._moments = [_moments(record, self._begins, hours) for hours in self.horizons]

    def at(self, now: int) -> Persistence:
        """What persisted, by the horizons that were over at hour `now`.

        Raises:
            TooLittlePast: fewer than `LEAST_WINDOWS` are, over one of the horizons.
        """
        slopes: list[Slopes] = []
        long_run = 0.0
        before = Slopes(0, 0, 0, 0, 0)
        for hours, moments in zip(self.horizons, self._moments, strict=True):
            over = int(np.searchsorted(self._begins + hours, now, side="right"))
            sums = _Sums(*(map(float, moments[over - 1]) if over else [0.0] * moments.shape[1]))
            known = int(min(sums.windows, sums.with_week))
            if known < LEAST_WINDOWS:
                raise TooLittlePast(
                    f"Only {known} horizons of {hours} hours are over, and a fit needs "
                    f"{LEAST_WINDOWS}."
                )
            if not slopes:
                long_run = sums.x / sums.windows
            before = _never_less(before, Slopes(hours, *map(_parts, _slopes(sums))))
            slopes.append(before)
        return Persistence(round(long_run * ONE), tuple(slopes))


class _Sums(NamedTuple):
    """What the fits need, summed over windows: x is the rate of now, y what was paid, w the week's;
    first of the means, then of the deviations, then of those whose week is known."""

    windows: float
    x: float
    y: float
    xx: float
    xy: float
    dxx: float
    dxy: float
    with_week: float
    xx_week: float
    xw_week: float
    ww_week: float
    xy_week: float
    wy_week: float


def _moments(record: Record, begins: NDArray[np.int64], hours: int) -> Floats:
    """`_Sums` over each window and those before it, a column each."""
    paid, now = record.rates(begins, hours), record.rates(begins, -NOW_HOURS)
    week = record.rates(begins, -WEEK_HOURS)
    both = ~(np.isnan(paid) | np.isnan(now))
    all_three = both & ~np.isnan(week)
    x, y = _mean(now, both), _mean(paid, both)
    dx, dy = _deviations(now, both), _deviations(paid, both)
    n, w, z = (_deviations(values, all_three) for values in (now, week, paid))
    deviations = [n * n, n * w, w * w, n * z, w * z]
    columns = [  # In the order of `_Sums`.
        *((both.sum(axis=1) > 1).astype(float), x, y, x * x, x * y),
        *((dx * dx).sum(axis=1), (dx * dy).sum(axis=1)),
        (all_three.sum(axis=1) > 1).astype(float),
        *(product.sum(axis=1) for product in deviations),
    ]
    return np.cumsum(np.column_stack(columns), axis=0)


def _mean(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Over the known venues of a row; 0 where they are fewer than two."""
    count = known.sum(axis=1)
    total: Floats = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 1, total / np.maximum(count, 1), 0.0)


def _deviations(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """From the mean of the known venues; 0 for the others, and where there are fewer than two."""
    enough = known & (known.sum(axis=1) > 1)[:, None]
    return np.where(enough, values - _mean(values, known)[:, None], 0.0)


def _slopes(s: _Sums) -> tuple[float, float, float, float]:
    """Of the mean, of a deviation alone, and of now and the week together; each from 0 to 1."""
    mean = _ratio(s.windows * s.xy - s.x * s.y, s.windows * s.xx - s.x * s.x)
    alone = _ratio(s.dxy, s.dxx)
    determinant = s.xx_week * s.ww_week - s.xw_week * s.xw_week
    now = _ratio(s.xy_week * s.ww_week - s.wy_week * s.xw_week, determinant)
    # With one slope at its bound the other is fitted to what that leaves.
    week = min(_ratio(s.wy_week - now * s.xw_week, s.ww_week), 1 - now)
    now = now if week else _ratio(s.xy_week, s.xx_week)
    return mean, alone, now, week


def _ratio(over: float, under: float) -> float:
    return min(max(over / under, 0.0), 1.0) if under > 0 else 0.0


def _parts(slope: float) -> int:
    return int(slope * PARTS)  # Down, so that two that make 1 stay within it.


def _never_less(before: Slopes, at: Slopes) -> Slopes:
    """`at`, raised to where no less is paid than over the shorter horizon."""
    raised = (
        max(now, -(-was * before.hours // at.hours))
        for was, now in zip(before[1:], at[1:], strict=True)
    )
    return Slopes(at.hours, *raised)
