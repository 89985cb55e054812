"""What an open position will pay in funding over a horizon, forecast from the rates of now.

A rate tells less than it seems to: what sets a venue apart from the others mostly goes away within
hours. So a forecast keeps the mean over the venues, drawn a little towards its long-run value, and
of each venue's deviation from that mean only the part that persisted in the past:

    paid(h) = μ·h + G(h)·(m − μ) + B(h)·(rᵢ − m)

with m the mean of the rates rᵢ, μ the long-run mean and G, B how many days' worth of a deviation
are paid within h hours: the slopes of a regression of what was paid on what was known. Where the
mean of the past week is known too, the deviation of now and that of the week each have a slope.
`bench.persistence` fits them; `python -m bench.funding` measures what they are worth.

Everything is exact in rationals and rounded once, so the same rates give the same sums everywhere.
Rates are 1e18 a day, positive when longs pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from ringside.units import ONE

HOURS_A_DAY = 24
PARTS = 10**6
"""Slopes are in millionths."""
MOST_A_DAY = ONE
"""A rate beyond this, the position's whole worth a day, is taken for a wrong unit. Of the venues
here Perp v2 caps its rate at a tenth of it and Synthetix not at all, so nothing closer would be
safe."""
DRIFT_HOURS = 8
"""How long a rate that changes steadily, as Synthetix's does under a standing skew, is taken to go
on changing. A guess: the data behind the slopes has no such venue. After that what it has gained
counts as a deviation like any other."""


class FundingError(ValueError):
    """No forecast can be made of this; the message says why and names the venue."""


class WrongUnit(FundingError):
    """A rate that is no fraction of the position a day in 1e18."""


class BadHorizon(FundingError):
    """A horizon that is not a whole number of hours, or beyond what was measured."""


@dataclass(frozen=True, slots=True)
class Funding:
    """What is known of one venue's funding: its rate now (1e18 a day), the outside price (USD 1e18
    per base) that it is paid on, the mean rate of the past week if there is a record of it, and how
    fast the rate changes (1e18 a day per day), 0 where it does not do so steadily."""

    rate: int
    price: int
    week: int | None = None
    velocity: int = 0


class Slopes(NamedTuple):
    """What persists over `hours`, in millionths: of the mean over the venues, of a venue's
    deviation from it if nothing else is known, and of the deviations of now and of the past week if
    both are."""

    hours: int
    mean: int
    alone: int
    now: int
    week: int


class Paid(NamedTuple):
    """Days' worth of a deviation that are paid within a horizon; the fields as in `Slopes`."""

    mean: Fraction
    alone: Fraction
    now: Fraction
    week: Fraction


@dataclass(frozen=True, slots=True)
class Persistence:
    """`long_run` is the mean's long-run value (1e18 a day); the slopes are by rising horizon.

    Between two horizons what is paid is interpolated, so horizons add up: what is paid in ten hours
    is what is paid in the first eight and in the two after that.

    Raises:
        FundingError: a slope is not from 0 to 1, the two that go together are more than 1, or less
            would be paid in a longer time.
    """

    long_run: int
    slopes: tuple[Slopes, ...]

    def __post_init__(self) -> None:
        before = Slopes(0, 0, 0, 0, 0)
        for at in self.slopes:
            if not all(0 <= slope <= PARTS for slope in at[1:]) or at.now + at.week > PARTS:
                raise FundingError(f"The slopes over {at.hours} hours are not from 0 to 1: {at}.")
            falls = any(
                was * before.hours > now * at.hours
                for was, now in zip(before[1:], at[1:], strict=True)
            )
            if at.hours <= before.hours or falls:
                raise FundingError(f"Less is paid in {at.hours} hours than in {before.hours}.")
            before = at

    @property
    def longest(self) -> int:
        """Hours of the longest horizon."""
        return self.slopes[-1].hours if self.slopes else 0

    def within(self, hours: int) -> Paid:
        """
        Raises:
            BadHorizon: not a whole number of hours from 1 to `longest`.
        """
        if not isinstance(hours, int) or isinstance(hours, bool) or not 0 < hours <= self.longest:
            raise BadHorizon(
                f"Funding is forecast over 1 to {self.longest} whole hours, not {hours}."
            )
        before = Slopes(0, 0, 0, 0, 0)
        for at in self.slopes:
            if hours <= at.hours:
                break
            before = at
        part = Fraction(hours - before.hours, at.hours - before.hours)
        unit = PARTS * HOURS_A_DAY
        paid = (
            (was * before.hours * (1 - part) + now * at.hours * part) / unit
            for was, now in zip(before[1:], at[1:], strict=True)
        )
        return Paid(*paid)


def forecast(
    known: Mapping[str, Funding], hours: int, persistence: Persistence | None = None
) -> dict[str, Fraction]:
    """The fraction of its worth that a long pays in `hours` at each venue (negative: receives),
    times 1e18 and not rounded. Without `persistence` it is `MEASURED`.

    Raises:
        WrongUnit: a rate or velocity is not an integer, or beyond `MOST_A_DAY`.
        BadHorizon: as `Persistence.within`.
    """
    persistence = persistence or MEASURED
    for venue, funding in known.items():
        require_rate(venue, funding)
    if not known:
        return {}
    paid = persistence.within(hours)
    early = persistence.within(min(hours, DRIFT_HOURS))
    mean = Fraction(sum(f.rate for f in known.values()), len(known))
    weeks = [f.week for f in known.values() if f.week is not None]
    week_mean = Fraction(sum(weeks), len(weeks)) if weeks else Fraction(0)
    long_run = persistence.long_run
    common = long_run * Fraction(hours, HOURS_A_DAY) + paid.mean * (mean - long_run)
    drifting = Fraction(min(hours, DRIFT_HOURS), HOURS_A_DAY)
    drift = drifting**2 / 2 + drifting * (paid.alone - early.alone)
    found = {}
    for venue, funding in known.items():
        if funding.week is None or len(weeks) < 2:  # One week tells of no deviation.
            own = paid.alone * (funding.rate - mean)
        else:
            own = paid.now * (funding.rate - mean) + paid.week * (funding.week - week_mean)
        found[venue] = common + own + drift * funding.velocity
    return found


def carry(
    known: Mapping[str, Funding], sign: int, hours: int, persistence: Persistence | None = None
) -> dict[str, int]:
    """USD (1e18) per base that holding for `hours` costs at each venue, for a purchase (`sign` > 0)
    or a sale; negative is received. Rounded up, against the client.

    An order changes a position by its own size, whatever the position is: what a sale that closes a
    long saves in funding is what a sale that opens a short receives. So this is the carry of every
    order in that direction.

    Raises:
        WrongUnit, BadHorizon: as `forecast`.
    """
    step = 1 if sign > 0 else -1
    return {
        venue: -(-step * fraction * known[venue].price // ONE)
        for venue, fraction in forecast(known, hours, persistence).items()
    }


def require_rate(venue: str, funding: Funding) -> None:
    """
    Raises:
        WrongUnit: a rate is not an integer or beyond `MOST_A_DAY`; or the price is none.
    """
    named = {"rate": funding.rate, "week's rate": funding.week, "velocity": funding.velocity}
    for name, value in named.items():
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise WrongUnit(
                f"The funding {name} at {venue} is a {type(value).__name__}: rates are integers, "
                f"1e18 a day."
            )
        # A velocity has no such bound: a venue may change its rate as fast as it likes.
        if name != "velocity" and abs(value) > MOST_A_DAY:
            raise WrongUnit(
                f"The funding {name} at {venue} is {value * 100 // ONE} % of the position a "
                f"day: is it in percent, in basis points or of a year instead of a fraction a day?"
            )
    if not isinstance(funding.price, int) or funding.price <= 0:
        raise WrongUnit(f"Funding at {venue} is paid on a price of {funding.price}.")


MEASURED = Persistence(
    long_run=395 * 10**12,
    slopes=(
        Slopes(8, 835_000, 344_000, 141_000, 647_000),
        Slopes(24, 777_000, 344_000, 145_000, 616_000),
        Slopes(72, 683_000, 298_000, 122_000, 561_000),
        Slopes(168, 595_000, 251_000, 92_000, 487_000),
        Slopes(336, 498_000, 194_000, 69_000, 391_000),
        Slopes(720, 391_000, 138_000, 35_000, 330_000),
    ),
)
"""Fitted by `python -m bench.funding` on BTC at seven venues from 2020 to 2023, in thousandths: the
last table it prints. All of them are order books off the chain; what persists at a venue on the
chain was not measured, nor at another market."""
