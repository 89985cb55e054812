"""A venue's ways to take part in an order: convex costs in floats, in the order's direction.

Everything is a cost: a purchase's USD are positive, a sale's negative, so that a marginal cost
never falls with the size. Only + − × ÷ and the square root are used (see `venues.pieces`).
"""

from __future__ import annotations

from bisect import bisect_left
from math import gcd, inf, isfinite, sqrt

from ringside.routing.problem import BadOffer
from ringside.units import ONE
from ringside.venues.pieces import Mode, Piece

ROUNDING = 2.0**-40
"""Relative; what thousands of float operations in a row may be off by, several times over."""


class Table:
    """A mode's pieces with what they sum up to.

    Piece k covers the sizes starts[k] to starts[k + 1] (base), costs costs[k + 1] − costs[k] in all
    (USD), and its marginal cost goes from firsts[k] to lasts[k].
    """

    __slots__ = ("costs", "firsts", "lasts", "pieces", "starts")

    def __init__(self, mode: Mode, sign: int, where: str) -> None:
        """
        Raises:
            BadOffer: a number is not one, a depth is negative or nothing, a price is not positive,
                marginal prices turn back, or the pieces end before the mode does.
        """
        self.starts, self.costs = [0.0], [0.0]
        self.firsts: list[float] = []
        self.lasts: list[float] = []
        self.pieces: list[tuple[float, float, float]] = []
        at = spent = 0.0
        before = -inf
        for size, price, slope, reserve in mode.pieces:
            first, rise = sign * price, sign * slope
            if reserve:
                share = reserve / (reserve + size)
                last = first * share * share
                spent += first * size * share
            else:
                last = first + rise * size
                spent += size * (first + rise * size / 2)
            slack = price * ROUNDING
            # What is not a number is in no order, so that NaN fails here too.
            if not (
                0 < size < inf
                and 0 < price < inf
                and sign * last >= -slack
                and before - slack <= first <= last + slack
                and reserve * (reserve + size) >= 0
            ):
                raise BadOffer(f"{where} {_fault(Piece(size, price, slope, reserve), sign)}")
            at += size
            self.pieces.append((first, rise, reserve))
            self.firsts.append(first if first > before else before)
            before = last if last > first else first
            self.lasts.append(before)
            self.starts.append(at)
            self.costs.append(spent)
        if at < mode.most / ONE * (1 - ROUNDING):
            raise BadOffer(f"{where} says it takes {mode.most / ONE} and prices only {at}.")

    def cost(self, size: float) -> float:
        """USD of `size` base."""
        k = min(max(bisect_left(self.starts, size) - 1, 0), len(self.pieces) - 1)
        price, rise, reserve = self.pieces[k]
        x = size - self.starts[k]
        if reserve:
            return self.costs[k] + price * x * (reserve / (reserve + x))
        return self.costs[k] + x * (price + rise * x / 2)

    def at(self, marginal: float) -> tuple[float, float]:
        """The smallest size whose next unit costs `marginal` or more, and its cost."""
        k = bisect_left(self.firsts, marginal) - 1
        if k < 0:
            return 0.0, 0.0
        if marginal >= self.lasts[k]:
            return self.starts[k + 1], self.costs[k + 1]
        price, rise, reserve = self.pieces[k]
        if reserve:
            x = reserve * (sqrt(price / marginal) - 1)
            return self.starts[k] + x, self.costs[k] + price * x * (reserve / (reserve + x))
        x = (marginal - price) / rise
        return self.starts[k] + x, self.costs[k] + x * (price + rise * x / 2)

    def marginal(self, size: float, onwards: bool) -> float:
        """The marginal cost of the unit after `size` (`onwards`) or before it."""
        k = min(max(bisect_left(self.starts, size) - 1, 0), len(self.pieces) - 1)
        if onwards and size >= self.starts[k + 1]:
            if k + 1 == len(self.pieces):
                return inf
            k += 1
        price, rise, reserve = self.pieces[k]
        x = size - self.starts[k]
        if reserve:
            share = reserve / (reserve + x)
            return price * share * share
        return price + rise * x


def _fault(piece: Piece, sign: int) -> str:
    """What is wrong with a piece, in words."""
    size, price, slope, reserve = piece
    if not all(map(isfinite, piece)):
        return "has a piece with a number that is none (NaN or infinite)."
    if size <= 0:
        return f"has a depth of {size} at {price}: it must be positive."
    if price <= 0 or (not reserve and price + slope * size < 0):
        return f"has a price of {min(price, price + slope * size)}: it cannot be negative."
    if reserve and (reserve + size) * reserve <= 0:
        return f"has a piece of {size} out of a reserve of only {-reserve}."
    way = "falls as a purchase grows" if sign > 0 else "rises as a sale grows"
    return f"has a marginal price that {way}, near {price}."


class Way:
    """One way for a venue to take between `lo` and `hi` (|1e18|) of an order: its mode's convex
    cost, and what comes on top.

    `low` and `high` are the same in base. `fixed` (USD) is what it costs to take part, `carry` USD
    per base on top of the price, `margin` USD of the shared margin per base. Sizes go up from `lo`
    by `lot`; where that is `coarse`, above `grain` (|1e18|), sizes between two lots are no choice.
    `unit` divides every size.
    """

    __slots__ = (
        "carry",
        "coarse",
        "cost_high",
        "cost_low",
        "error",
        "fixed",
        "grain",
        "hi",
        "high",
        "lo",
        "lot",
        "low",
        "margin",
        "slope_high",
        "slope_low",
        "step",
        "table",
        "unit",
        "venue",
    )

    def __init__(
        self,
        venue: int,
        table: Table,
        lo: int,
        hi: int,
        lot: int,
        grain: float,
        fixed: float,
        carry: float,
        margin: float,
        error: float,
    ) -> None:
        self.venue, self.table, self.lo, self.hi, self.lot = venue, table, lo, hi, lot
        self.fixed, self.carry, self.margin = fixed, carry, margin
        self.grain, self.coarse, self.unit = grain, lot > grain, gcd(lot, lo)
        self.error = error
        self.low, self.high, self.step = lo / ONE, hi / ONE, lot / ONE
        self.cost_low, self.cost_high = fixed + table.cost(self.low), fixed + table.cost(self.high)
        # A way of one size has no marginal cost: whatever the price, it takes `low`.
        self.slope_low = table.marginal(self.low, True) if lo < hi else inf
        self.slope_high = table.marginal(self.high, False)

    def within(self, lo: int, hi: int, lot: int | None = None) -> Way:
        """The same between `lo` and `hi`, both on its lots."""
        return Way(
            self.venue,
            self.table,
            lo,
            hi,
            lot or self.lot,
            self.grain,
            self.fixed,
            self.carry,
            self.margin,
            self.error,
        )

    def weighing(self, margin: float) -> Way:
        """The same with that much margin per base."""
        way = self.within(self.lo, self.hi)
        way.margin = margin
        return way

    @property
    def likeness(self) -> tuple[object, ...]:
        """What is equal where two venues offer the same."""
        return (
            *(self.lo, self.hi, self.lot, self.fixed, self.carry, self.margin, self.error),
            *(self.table.starts, self.table.pieces),
        )

    def cost(self, amount: float) -> float:
        """USD of `amount` base, all in it."""
        return self.fixed + self.table.cost(amount) + self.carry * amount

    def at(self, price: float) -> tuple[float, float]:
        """Where every unit is worth `price` (carry and margin taken out of it), the size in base
        that loses least and what it loses: its cost less its worth."""
        if price <= self.slope_low:
            return self.low, self.cost_low - price * self.low
        if price >= self.slope_high:
            return self.high, self.cost_high - price * self.high
        size, cost = self.table.at(price)
        if not self.coarse:
            return size, self.fixed + cost - price * size
        below = self.low + (size - self.low) // self.step * self.step
        above = min(below + self.step, self.high)
        one = self.table.cost(below) - price * below
        two = self.table.cost(above) - price * above
        return (below, self.fixed + one) if one <= two else (above, self.fixed + two)
