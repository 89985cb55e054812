"""The relaxation: one price per unit, and one per dollar of shared margin.

At a price λ a venue takes the size that loses least, cost less λ a unit, or nothing. Summed over
the venues, with λ · |size| on top, that is what no split can cost less than, whatever λ is
(Angeris, Chitra, Evans, Boyd, "Optimal Routing for Constant Function Market Makers", without its
fixed costs). It is concave in λ: `climb` looks for its top. Of at most n venues, the n that lose
least count; shared margin has a price of its own, μ ≥ 0, in an outer search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, inf
from typing import Protocol, TypeVar

from ringside.routing.ways import ROUNDING, Way

TURNS = 400
"""Steps of one climb; some ten are usual."""
FURTHEST = 1e12
"""Where a climb, still rising, gives up, in its first steps: nothing fits, or very little."""

State = Sequence[tuple[bool, tuple[Way, ...]]]
"""By venue: whether it may take nothing, and the ways in which it may take something."""


Pick = tuple[Way, float, float, bool]
"""What a venue does at a price: its best way, the size there (base), what it loses (USD), and
whether it does take part."""


@dataclass(frozen=True, slots=True)
class Point:
    """The relaxation at a price. `value` is a lower bound, `slope` what is left to fill (base)
    and `margin` how much more of the shared margin is taken than there is (USD). `toll` is what
    taking part costs on top, where more venues would than may."""

    x: float
    value: float
    slope: float
    margin: float
    toll: float
    picks: list[Pick]
    mu: float


@dataclass(frozen=True, slots=True)
class Top:
    """Where a climb ended: a lower bound, and points around it whose weighted sizes fill the order
    (within the margin) if the venues were as convex as they are not."""

    x: float
    value: float
    slope: float
    best: Point
    mix: tuple[tuple[float, Point], ...]


class HasSlope(Protocol):
    """A concave function at x, and a slope of it there."""

    @property
    def x(self) -> float: ...
    @property
    def value(self) -> float: ...
    @property
    def slope(self) -> float: ...


P = TypeVar("P", bound=HasSlope)


def climb(
    at: Callable[[float], P],
    start: float,
    step: float,
    target: float,
    tolerance: float,
    floor: float = -inf,
) -> tuple[P, P, P]:
    """The highest point found of a concave function, and the last ones on either side of its top:
    to within `tolerance`, or as soon as `target` is reached. Not below `floor`."""
    point = best = at(start)
    furthest = step * FURTHEST
    below: P | None = None
    above: P | None = None
    for turn in range(TURNS):
        if point.value > best.value:
            best = point
        if point.slope > 0:
            below = point
        elif point.slope < 0:
            above = point
        else:
            return point, point, point
        if best.value >= target:
            break
        if below is None:
            if point.x <= floor or step > furthest:
                break
            x, step = max(point.x - step, floor), step * 4
        elif above is None:
            if step > furthest:
                break
            x, step = point.x + step, step * 4
        else:
            rise, apart = below.slope - above.slope, above.x - below.x
            # Where the tangents meet is as high as the top can be.
            x = below.x + (above.value - below.value - above.slope * apart) / rise
            if below.value + below.slope * (x - below.x) - best.value <= tolerance:
                break
            if turn % 2:  # Where the slope would be nothing, were it linear.
                x = below.x + apart * below.slope / rise
            if not below.x < x < above.x:
                x = below.x + apart / 2
                if not below.x < x < above.x:
                    break
        point = at(x)
    return best, below or above or best, above or below or best


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The bound for `size` base over at most `most_venues`, with `margin` USD shared."""

    size: float
    most_venues: int | None
    margin: float | None
    tolerance: float

    def at(self, state: State, price: float, mu: float) -> Point:
        """The relaxation at a price per unit and one per dollar of margin."""
        margin = self.margin or 0.0
        value, left, taken = price * self.size - mu * margin, self.size, -margin
        losses, doubt = abs(mu * margin), 0.0
        picks: list[Pick] = []
        for closable, ways in state:
            least = inf
            for way in ways:
                x = price - way.carry - mu * way.margin
                if x <= way.slope_low:
                    size = way.low
                    loss = way.cost_low - x * size
                elif x >= way.slope_high:
                    size = way.high
                    loss = way.cost_high - x * size
                else:
                    size, loss = way.at(x)
                if loss < least:
                    least, pick, much = loss, way, size
            if least < 0 or not closable:
                value += least
                left -= much
                losses += abs(least)
                doubt += pick.error
                if mu:
                    taken += pick.margin * much
                picks.append((pick, much, least, True))
            else:
                picks.append((pick, much, least, False))
                if least < pick.error:
                    doubt += pick.error - least
        if self.margin is not None and not mu:
            taken = fsum((-margin, *(p[0].margin * p[1] for p in picks if p[3])))
        toll = 0.0
        if self.most_venues is not None:
            toll, picks = self._fewest(state, picks)
            if toll:
                value, left, taken = price * self.size - mu * margin, self.size, -margin
                for pick, much, least, used in picks:
                    if used:
                        value += least
                        left -= much
                        taken += pick.margin * much
        worth = 2 * abs(price) * (2 * self.size - left) + losses
        return Point(price, value - doubt - ROUNDING * worth, left, taken, toll, picks, mu)

    def _fewest(self, state: State, picks: list[Pick]) -> tuple[float, list[Pick]]:
        """The picks that lose least, of so many as may be, and the toll that leaves just them."""
        assert self.most_venues is not None
        chosen = [i for i, pick in enumerate(picks) if pick[3]]
        if len(chosen) <= self.most_venues:
            return 0.0, picks
        free = sorted((i for i in chosen if state[i][0]), key=lambda i: picks[i][2])
        room = self.most_venues - (len(chosen) - len(free))
        dropped = free[max(room, 0) :]
        toll = -picks[dropped[0]][2]
        picks = list(picks)
        for i in dropped:
            picks[i] = (*picks[i][:3], False)
        return toll, picks

    def top(self, state: State, price: float, step: float, mu: float, target: float = inf) -> Top:
        """The best bound, from a first guess of the prices; no better than `target` is needed."""
        if self.margin is None:
            return self._along(state, price, step, 0.0, target)
        guess = price

        def at(mu: float) -> Top:
            nonlocal guess, step
            found = self._along(state, guess, step, mu, target)
            guess = found.best.x
            return found

        best, one, two = climb(at, mu, max(mu / 16, 1e-4), target, self.tolerance, 0.0)
        if one is two:
            return best
        weight = one.slope / (one.slope - two.slope)
        mix = [((1 - weight) * w, p) for w, p in one.mix] + [(weight * w, p) for w, p in two.mix]
        return Top(best.x, best.value, 0.0, best.best, tuple(mix))

    def _along(self, state: State, price: float, step: float, mu: float, target: float) -> Top:
        """The top along λ at one μ; a function of μ with the margin taken beyond what there is as
        its slope."""
        best, below, above = climb(
            lambda x: self.at(state, x, mu), price, step, target, self.tolerance
        )
        if below is above:
            return Top(mu, best.value, below.margin, best, ((1.0, below),))
        weight = below.slope / (below.slope - above.slope)
        slope = (1 - weight) * below.margin + weight * above.margin
        return Top(mu, best.value, slope, best, ((1 - weight, below), (weight, above)))
