"""The relaxation: one price per unit, and one per dollar of shared margin.

At a price λ a venue takes the size that loses least, cost less λ a unit, or nothing. Summed over
the venues, with λ · |size| on top, that is what no split can cost less than, whatever λ is
(Angeris, Chitra, Evans, Boyd, "Optimal Routing for Constant Function Market Makers", without its
fixed costs). It is concave in λ: `climb` looks for its top. Of at most n venues, the n that lose
least count; shared margin has a price of its own, μ ≥ 0, in an outer search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

import numpy as np

from ringside.routing import kernel
from ringside.routing.ways import Choice, Pool, Way

State = Sequence[Choice]
"""What the venues may do, each."""


@dataclass(frozen=True, slots=True)
class Point:
    """The relaxation at a price. `value` is a lower bound, `slope` what is left to fill (base)
    and `margin` how much more of the shared margin is taken than there is (USD). `toll` is what
    taking part costs on top, where more venues would than may. By venue: its best way, the size
    it takes (base), what it would lose (USD), and whether it does take part."""

    x: float
    value: float
    slope: float
    margin: float
    toll: float
    mu: float
    ways: list[Way]
    sizes: list[float]
    losses: list[float]
    used: list[bool]

    @property
    def taking(self) -> list[Way]:
        """The ways of those that take part."""
        return [way for way, used in zip(self.ways, self.used, strict=True) if used]


@dataclass(frozen=True, slots=True)
class Top:
    """Where a climb ended: a lower bound, and points around it whose weighted sizes fill the order
    (within the margin) if the venues were as convex as they are not. Where the bound that was asked
    for was reached, nobody looks at the points: there is no mix then, and nothing by venue."""

    value: float
    best: Point
    mix: tuple[tuple[float, Point], ...]


class Room:
    """Where the kernel leaves its points: slots for so many venues."""

    def __init__(self, venues: int) -> None:
        shape = kernel.PLACES, venues
        self.slots = (
            np.empty((kernel.PLACES, 5)),
            np.empty(shape, np.int64),
            np.empty(shape),
            np.empty(shape),
            np.empty(shape, np.bool_),
        )
        self.tops = np.empty((4, 5))


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The bound for `size` base over at most `most_venues`, with `margin` USD shared."""

    size: float
    most_venues: int | None
    margin: float | None
    tolerance: float
    pool: Pool
    room: Room

    def top(self, state: State, price: float, step: float, mu: float, target: float = inf) -> Top:
        """The best bound, from a first guess of the prices; no better than `target` is needed."""
        ways = [way for choice in state for way in choice.ways]
        ends = accumulate((len(choice.ways) for choice in state), initial=0)
        packed = (
            np.array([way.row for way in ways]),
            np.array(list(ends)),
            np.array([choice.closable for choice in state]),
        )
        rule = np.array(
            [
                *(self.size, self.most_venues or 0),
                *(self.margin or 0.0, self.margin is not None),
            ]
        )
        given = packed, self.pool.ways, self.pool.tables, rule, price, step
        slots, tops = self.room.slots, self.room.tops
        found = _Found(self.room, ways, len(state))
        if self.margin is None:
            sided = kernel.along(*given, 0.0, target, self.tolerance, slots, 0)
            if (reached := float(slots[0][0, kernel.VALUE])) >= target:
                return found.bare(reached, 0.0)
            return found.top(found.mix(0, sided, 0.0, 1.0), 0.0)
        sided = kernel.over(*given, mu, target, self.tolerance, slots, tops)
        mu = float(tops[0, kernel.MU])
        if (reached := float(tops[0, kernel.VALUE])) >= target:
            return found.bare(reached, mu)
        if not sided:
            return found.top(found.mixed(0, 1.0), mu)
        rise = float(tops[1, kernel.SLOPE]), float(tops[2, kernel.SLOPE])
        weight = rise[0] / (rise[0] - rise[1])
        return found.top((*found.mixed(1, 1 - weight), *found.mixed(2, weight)), mu)

    def loss(self, way: Way, point: Point) -> float:
        """What a way would lose at a point's prices."""
        pool = self.pool
        return float(kernel.loss_of(pool.ways, pool.tables, way.row, point.x, point.mu))


Mix = tuple[tuple[float, Point], ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the kernel left in the room, of so many venues with these ways."""

    room: Room
    ways: list[Way]
    count: int

    def top(self, mix: Mix, mu: float) -> Top:
        """The top with the best point, which as a rule is one of those around it."""
        x = float(self.room.slots[0][0, kernel.X])
        near = (point for _, point in mix if point.x == x and point.mu == mu)
        best = next(near, None) or self._point(0, mu)
        return Top(best.value, best, mix)

    def bare(self, value: float, mu: float) -> Top:
        """A bound that is enough by itself."""
        x, _, slope, margin, toll = self.room.slots[0][0].tolist()
        return Top(value, Point(x, value, slope, margin, toll, mu, [], [], [], []), ())

    def mixed(self, place: int, weight: float) -> Mix:
        """The points around the top that the outer climb kept in a place, with their weights."""
        mu, sided = (float(self.room.tops[place, k]) for k in (kernel.MU, kernel.SIDED))
        return self.mix(3 * place, bool(sided), mu, weight)

    def mix(self, base: int, sided: bool, mu: float, weight: float) -> Mix:
        """The points on either side of the top, in the slots after `base`."""
        below = self._point(base + 1, mu)
        if not sided:
            return ((weight, below),)
        above = self._point(base + 2, mu)
        part = below.slope / (below.slope - above.slope)
        return ((1 - part) * weight, below), (part * weight, above)

    def _point(self, slot: int, mu: float) -> Point:
        scalars, *by_venue = self.room.slots
        places, sizes, losses, used = (array[slot, : self.count].tolist() for array in by_venue)
        x, value, slope, margin, toll = scalars[slot].tolist()
        ways = [self.ways[place] for place in places]
        return Point(x, value, slope, margin, toll, mu, ways, sizes, losses, used)
