"""Splitting one order over venues so that it costs the least, in integers.

Minimise Σ leg cost + cᵢ(qᵢ) with Σ qᵢ = size and qᵢ = 0 or minimumᵢ ≤ qᵢ ≤ capᵢ, on each venue's
lots. The costs are convex, so for a given set of venues the best split has one marginal all-in
price, found by bisection on the dual (Angeris, Chitra, Evans, Boyd, "Optimal Routing for Constant
Function Market Makers"). Minimums and leg costs are not convex: they are settled over sets of
venues, all of them where there are few and by dropping one at a time where there are many. Every
candidate is re-priced in integers, and the best single venue is always among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ringside.units import from_units, price_against
from ringside.venues.base import Curve, Quote

PRICE_BITS = 44
"""The marginal price is bisected to a relative 2^-44; what is left over is divided in order."""
EXHAUSTIVE = 4
"""Up to this many venues every set of them is tried when minimums or leg costs matter."""


class SplitError(Exception):
    """The order cannot be routed; the message says why in a sentence."""


class ZeroSize(SplitError):
    """The order's size is zero."""


class NotEnoughCapacity(SplitError):
    """The venues together cannot take the order. `binding` are the limits by venue."""

    def __init__(self, message: str, binding: Mapping[str, int]) -> None:
        self.binding = dict(binding)
        super().__init__(message)


class NoFit(SplitError):
    """The order's size cannot be made up of what the venues take: minimums or lots are in the
    way."""


@dataclass(frozen=True, slots=True)
class RouteLeg:
    """A venue and what it would do with its part."""

    venue: str
    quote: Quote

    @property
    def size(self) -> int:
        """Signed, 1e18 base."""
        return self.quote.size


@dataclass(frozen=True, slots=True)
class Route:
    """How an order is filled. `leg_costs` (USD) is what the legs cost whatever their size;
    `best_single` is the cheapest venue able to take the whole order, `None` if none can, and
    `best_single_cost` its leg cost."""

    size: int
    legs: tuple[RouteLeg, ...]
    leg_costs: int
    best_single: RouteLeg | None
    best_single_cost: int

    @property
    def all_in(self) -> int:
        """USD paid (a buy) or received (a sell), venue fees included and leg costs not."""
        return sum(leg.quote.all_in for leg in self.legs)

    @property
    def fee(self) -> int:
        """USD of venue fees."""
        return sum(leg.quote.fee for leg in self.legs)

    @property
    def all_in_price(self) -> int:
        """USD per base, fees included; rounded up for a buy and down for a sell, against the
        caller."""
        return price_against(self.all_in, self.size)

    @property
    def cost(self) -> int:
        """What the route minimises: USD paid, or minus USD received, plus leg costs."""
        return _cost(self.legs, self.leg_costs)

    @property
    def saving(self) -> int | None:
        """USD saved against the best single venue, never negative; `None` if there is none."""
        if self.best_single is None:
            return None
        return _cost((self.best_single,), self.best_single_cost) - self.cost


@dataclass(frozen=True, slots=True)
class _Seat:
    """A venue as the solver sees it: its least and most, in whole lots."""

    curve: Curve
    least: int
    most: int
    leg_cost: int


def split(
    curves: Iterable[Curve],
    size: int,
    caps: Mapping[str, int] | None = None,
    leg_cost: int | Mapping[str, int] = 0,
) -> Route:
    """The cheapest way found to fill `size` (signed, 1e18 base) over `curves`, one per venue.

    `caps` are further limits on |size| by venue (room on margin, an order's own bounds); `leg_cost`
    is USD (1e18) per leg, for all or by venue. The legs add up to `size` exactly, keep to every
    cap, minimum and lot, and cost no more than the best single venue. The same input gives the same
    route.

    Raises:
        ZeroSize: `size` is zero.
        NotEnoughCapacity: the caps and capacities add up to less than |size|.
        NoFit: minimums or lots leave no way to make up |size|.
    """
    if size == 0:
        raise ZeroSize("The order's size is zero: there is nothing to route.")
    sign, amount = (1 if size > 0 else -1), abs(size)
    everything = list(curves)
    names = [curve.venue for curve in everything]
    if len(set(names)) < len(names):
        raise SplitError(f"A venue is listed twice: {', '.join(names)}.")
    limits = {c.venue: _limit(c, sign, caps) for c in everything}
    if sum(limits.values()) < amount:
        raise _short(everything, sign, amount, limits)
    seats = [
        _Seat(c, c.minimum(sign), limits[c.venue], _leg_cost(leg_cost, c.venue))
        for c in everything
        if limits[c.venue] >= c.minimum(sign)
    ]
    solver = _Solver(sign, amount)
    singles = [route for s in seats if (route := solver.single(s))]
    best = solver.best(seats)
    candidates = singles + ([best] if best else [])
    if not candidates:
        least = ", ".join(
            f"{s.curve.venue} takes {from_units(s.least):f} to {from_units(s.most):f}"
            for s in seats
        )
        raise NoFit(
            f"No set of venues makes up {from_units(amount):f} exactly: "
            f"{least or 'no venue takes its minimum'}."
        )
    chosen = min(candidates, key=lambda c: c.cost)  # The first of equals: fewest legs.
    single = min(singles, key=lambda c: c.cost) if singles else None
    return Route(
        size,
        chosen.legs,
        chosen.leg_costs,
        single.legs[0] if single else None,
        single.leg_costs if single else 0,
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    legs: tuple[RouteLeg, ...]
    leg_costs: int

    @property
    def cost(self) -> int:
        return _cost(self.legs, self.leg_costs)


class _Solver:
    """Splits one amount in one direction over given sets of seats."""

    def __init__(self, sign: int, amount: int) -> None:
        self.sign, self.amount = sign, amount

    def single(self, seat: _Seat) -> _Candidate | None:
        """The whole amount at one venue, if it takes it."""
        if not seat.least <= self.amount <= seat.most or self.amount % seat.curve.lot:
            return None
        return self._priced([seat], [self.amount])

    def best(self, seats: Sequence[_Seat]) -> _Candidate | None:
        """The best split found over sets of two venues and more."""
        relaxed = self._sizes([_Seat(s.curve, 0, s.most, 0) for s in seats])
        if relaxed is None:
            return self._search(seats)
        used = [s for s, size in zip(seats, relaxed, strict=True) if size]
        plain = not any(s.leg_cost for s in used) and all(
            size >= s.least for s, size in zip(seats, relaxed, strict=True) if size
        )
        if plain:
            return self._priced(used, [size for size in relaxed if size])
        return self._search(seats if len(seats) <= EXHAUSTIVE else used)

    def _search(self, seats: Sequence[_Seat]) -> _Candidate | None:
        if len(seats) <= EXHAUSTIVE:
            sets = [c for n in range(2, len(seats) + 1) for c in combinations(seats, n)]
            found = [route for chosen in sets if (route := self._over(chosen))]
            return min(found, key=lambda c: c.cost) if found else None
        best, active = self._over(seats), list(seats)
        while len(active) > 2:
            trials = [(self._over(active[:i] + active[i + 1 :]), i) for i in range(len(active))]
            feasible = [(route, i) for route, i in trials if route]
            if feasible:
                route, i = min(feasible, key=lambda trial: trial[0].cost)
                if best and route.cost >= best.cost:
                    break
                best = route
            elif best:
                break
            else:  # Still too many minimums: the largest goes first.
                i = max(range(len(active)), key=lambda k: active[k].least)
            del active[i]
        return best

    def _over(self, seats: Sequence[_Seat]) -> _Candidate | None:
        """The best split that uses every one of `seats`."""
        sizes = self._sizes(seats)
        return self._priced(seats, sizes) if sizes else None

    def _priced(self, seats: Sequence[_Seat], sizes: Sequence[int]) -> _Candidate:
        legs = tuple(
            RouteLeg(s.curve.venue, s.curve.quote(self.sign * size))
            for s, size in zip(seats, sizes, strict=True)
        )
        return _Candidate(legs, sum(s.leg_cost for s in seats))

    def _sizes(self, seats: Sequence[_Seat]) -> list[int] | None:
        """Sizes at one marginal price, each within its seat's least and most; `None` if
        impossible."""
        if not sum(s.least for s in seats) <= self.amount <= sum(s.most for s in seats):
            return None
        below, above = self._bracket(seats)
        rest = self.amount - sum(below)
        by_lot = sorted(range(len(seats)), key=lambda i: (-seats[i].curve.lot, i))
        for tops in (above, [s.most for s in seats]):
            for i in by_lot:  # Coarse lots first, so that the finest take the last units.
                more = min(tops[i] - below[i], rest)
                more -= more % seats[i].curve.lot
                if more > 0:
                    below[i] += more
                    rest -= more
        return None if rest else below

    def _bracket(self, seats: Sequence[_Seat]) -> tuple[list[int], list[int]]:
        """Sizes just below and at the marginal price that fills the amount."""
        sign = self.sign
        good = bad = (
            max(
                1,
                max(
                    s.curve.quote(sign * max(s.least, s.curve.minimum(sign))).all_in_price
                    for s in seats
                ),
            )
            if seats
            else 1
        )
        at = self._at
        while sum(at(seats, bad)) < self.amount and bad:
            good, bad = bad, (bad << 1 if sign > 0 else bad >> 1)
        if good == bad:  # The first guess was already worse than needed.
            while sum(at(seats, good)) >= self.amount:
                better = good >> 1 if sign > 0 else good << 1
                if not better or better.bit_length() > 512:
                    break
                good, bad = better, good
        while abs(bad - good) > max(1, bad >> PRICE_BITS):
            middle = (good + bad) >> 1
            if sum(at(seats, middle)) < self.amount:
                good = middle
            else:
                bad = middle
        below, above = at(seats, good), at(seats, bad)
        if sum(below) > self.amount:  # Only when the minimums alone fill it.
            below = [s.least for s in seats]
        return below, above

    def _at(self, seats: Sequence[_Seat], price: int) -> list[int]:
        return [max(s.least, min(s.most, s.curve.size_at(price, self.sign))) for s in seats]


def _cost(legs: Sequence[RouteLeg], leg_costs: int) -> int:
    paid = sum(leg.quote.all_in if leg.size > 0 else -leg.quote.all_in for leg in legs)
    return paid + leg_costs


def _limit(curve: Curve, sign: int, caps: Mapping[str, int] | None) -> int:
    most = curve.capacity(sign)
    if caps is not None and curve.venue in caps:
        most = min(most, max(caps[curve.venue], 0))
    most -= most % curve.lot
    return most if most >= curve.minimum(sign) else 0


def _leg_cost(leg_cost: int | Mapping[str, int], venue: str) -> int:
    return leg_cost if isinstance(leg_cost, int) else leg_cost.get(venue, 0)


def _short(
    curves: Sequence[Curve], sign: int, amount: int, limits: Mapping[str, int]
) -> NotEnoughCapacity:
    side = "buy" if sign > 0 else "sell"
    parts = [_says(c, limits[c.venue], c.capacity(sign)) for c in curves]
    return NotEnoughCapacity(
        f"The venues take {_number(sum(limits.values()))} of the {_number(amount)} to {side}: "
        f"{', '.join(parts) or 'there is no venue'}.",
        limits,
    )


def _says(curve: Curve, limit: int, capacity: int) -> str:
    if limit == capacity:
        return f"{curve.venue} has capacity for {_number(limit)}"
    return (
        f"{curve.venue} takes {_number(limit)} with this margin, of a capacity of "
        f"{_number(capacity)}"
    )


def _number(size: int) -> str:
    """A size as people read it: six decimals, rounded down, or all where those are nothing."""
    return f"{from_units(size // 10**12, 6) or from_units(size):,f}"
