"""A venue's ways to take part in an order: convex costs in floats, in the order's direction.

Everything is a cost: a purchase's USD are positive, a sale's negative, so that a marginal cost
never falls with the size. Only + − × ÷ and the square root are used (see `venues.pieces`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, isfinite
from typing import Any

import numpy as np

from ringside.routing import kernel
from ringside.routing.kernel import ROUNDING
from ringside.routing.problem import BadOffer
from ringside.units import ONE
from ringside.venues.pieces import Mode, Piece


class Table:
    """A mode's pieces with what they sum up to, as arrays for the kernel.

    Piece k covers the sizes starts[k] to starts[k + 1] (base), costs costs[k + 1] − costs[k] in all
    (USD), and its marginal cost goes from firsts[k] to lasts[k]; pieces[k] is its first marginal
    cost, by how much that rises per base, and its reserve.
    """

    __slots__ = ("arrays", "count", "likeness")

    def __init__(self, mode: Mode, sign: int, where: str) -> None:
        """
        Raises:
            BadOffer: a number is not one, a depth is negative or nothing, a price is not positive,
                marginal prices turn back, or the pieces end before the mode does.
        """
        given = np.array(mode.pieces, np.float64).reshape(len(mode.pieces), 4)
        *arrays, faulty = kernel.tabulated(given, float(sign))
        if faulty >= 0:
            raise BadOffer(f"{where} {_fault(mode.pieces[faulty], sign)}")
        at = float(arrays[0][-1])
        if at < mode.most / ONE * (1 - ROUNDING):
            raise BadOffer(f"{where} says it takes {mode.most / ONE} and prices only {at}.")
        self.arrays, self.count = tuple(arrays), len(given)
        self.likeness = given.tobytes()


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


class Pool:
    """All ways and tables of one order, as the kernel takes them. Branching makes new ways of old
    ones. The ways themselves are not kept: they keep the pool, and what keeps each other is left to
    the garbage collector, which takes as long as the search."""

    def __init__(self) -> None:
        self._count = 0
        self._ways = np.empty((64, kernel.COLUMNS))
        self._fresh: list[tuple[float, ...]] = []
        self._numbers: dict[int, int] = {}
        self._listed: list[Table] = []
        self._joined: tuple[Any, ...] | None = None

    def add(self, way: Way) -> int:
        """The row of a new way."""
        table = way.table
        number = self._numbers.get(id(table))
        if number is None:
            number = self._numbers[id(table)] = len(self._listed)
            self._listed.append(table)
            self._joined = None
        self._fresh.append(
            (
                *(way.low, way.high, 0.0, 0.0, 0.0, 0.0, way.carry, way.margin, way.fixed),
                *(way.step, way.coarse, way.error, number),
            )
        )
        self._count += 1
        return self._count - 1

    @property
    def ways(self) -> Any:
        """The ways' matrix."""
        if self._fresh:
            first, last = self._count - len(self._fresh), self._count
            while last > len(self._ways):
                self._ways = np.concatenate([self._ways, np.empty_like(self._ways)])
            self._ways[first:last] = self._fresh
            kernel.complete(self._ways, self.tables, first, last)
            self._fresh.clear()
        return self._ways

    @property
    def tables(self) -> tuple[Any, ...]:
        """The tables, one after the other."""
        if self._joined is None:
            counts = [table.count for table in self._listed]
            arrays = [table.arrays for table in self._listed]
            joined = (np.concatenate(some) for some in zip(*arrays, strict=True))
            self._joined = (np.cumsum([0, *counts]), *joined)
        return self._joined

    def costs(self, ways: Sequence[Way], sizes: Sequence[float]) -> list[float]:
        """USD of each way's size (base), as `Way.cost`."""
        if not ways:
            return []
        rows = np.array([way.row for way in ways], np.int64)
        found = kernel.costs(self.ways, self.tables, rows, np.array(sizes, np.float64))
        return list(found.tolist())


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
        "error",
        "fixed",
        "grain",
        "hi",
        "high",
        "lo",
        "lot",
        "low",
        "margin",
        "pool",
        "row",
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
        pool: Pool,
    ) -> None:
        self.venue, self.table, self.lo, self.hi, self.lot = venue, table, lo, hi, lot
        self.fixed, self.carry, self.margin = fixed, carry, margin
        self.grain, self.coarse, self.unit = grain, lot > grain, gcd(lot, lo)
        self.error = error
        self.low, self.high, self.step = lo / ONE, hi / ONE, lot / ONE
        self.pool = pool
        self.row = pool.add(self)

    def within(self, lo: int, hi: int, lot: int | None = None, margin: float | None = None) -> Way:
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
            self.margin if margin is None else margin,
            self.error,
            self.pool,
        )

    def weighing(self, margin: float) -> Way:
        """The same with that much margin per base."""
        return self if margin == self.margin else self.within(self.lo, self.hi, margin=margin)

    def like(self, other: Way) -> bool:
        """Whether two venues offer the same."""
        return (
            self.lo == other.lo
            and self.hi == other.hi
            and self.lot == other.lot
            and self.fixed == other.fixed
            and self.carry == other.carry
            and self.margin == other.margin
            and self.error == other.error
            and self.table.likeness == other.table.likeness
        )

    def cost(self, amount: float) -> float:
        """USD of `amount` base, all in it."""
        return self.pool.costs((self,), (amount,))[0]


class Choice:
    """What a venue may do: take part in one of `ways`, or nothing if that is `closable`.

    Every size (|1e18|) is a multiple of `unit`, and from `least` to `most` where it takes part; all
    three are 0 where there are no ways.
    """

    __slots__ = ("closable", "least", "most", "unit", "ways")

    def __init__(self, closable: bool, ways: tuple[Way, ...]) -> None:
        self.closable, self.ways = closable, ways
        if len(ways) == 1:
            (way,) = ways
            self.unit, self.least, self.most = way.unit, way.lo, way.hi
        else:
            self.unit = gcd(*(way.unit for way in ways))
            self.least = min((way.lo for way in ways), default=0)
            self.most = max((way.hi for way in ways), default=0)

    def weighing(self, margin: float) -> Choice:
        """The same with that much margin per base."""
        if all(way.margin == margin for way in self.ways):
            return self
        return Choice(self.closable, tuple(way.weighing(margin) for way in self.ways))

    def like(self, other: Choice) -> bool:
        """Whether two venues offer the same."""
        return len(self.ways) == len(other.ways) and all(
            way.like(same) for way, same in zip(self.ways, other.ways, strict=True)
        )
