"""A curve in closed form, as the solver sees it: pieces of marginal price, in floats.

A solver evaluates a curve a thousand times for one order, so it does not ask the exact curve but
these pieces, and re-prices what it finds in integers. Only + − × ÷ and the square root are needed
to evaluate or invert them, which IEEE 754 rounds alike on every machine: the same snapshot gives
the same legs everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

ROUNDING = 2.0**-46
"""More than what floats lose, relative to the amount, when pieces are made and summed up."""


class Piece(NamedTuple):
    """The all-in marginal price over the next `size` base, at x base into the piece (0 ≤ x ≤ size),
    in USD per base.

    Where `reserve` is 0 it is linear: price + slope · x (a ladder's level has slope 0). Else it is
    a constant product's: price · (reserve ÷ (reserve + x))², with the reserve of base negative
    for a purchase, which takes from it, and positive for a sale, and `slope` 0.

    A purchase's price never falls along the pieces, a sale's never rises.
    """

    size: float
    price: float
    slope: float = 0.0
    reserve: float = 0.0

    def cost(self, x: float) -> float:
        """USD of the first `x` base of the piece."""
        if self.reserve:
            return self.price * x * self.reserve / (self.reserve + x)
        return x * (self.price + self.slope * x / 2)

    def price_at(self, x: float) -> float:
        """The marginal price at `x` base into the piece."""
        if self.reserve:
            share = self.reserve / (self.reserve + x)
            return self.price * share * share
        return self.price + self.slope * x


def cut(pieces: Iterable[Piece], most: float) -> tuple[Piece, ...]:
    """`pieces` up to `most` base in all; the last takes up what rounding adds or leaves missing."""
    found: list[Piece] = []
    left = most
    for piece in pieces:
        if left <= 0:
            break
        found.append(piece)
        left -= piece.size
    while found:
        rest = fsum([most, *(-piece.size for piece in found[:-1])])
        if rest > 0:
            found[-1] = found[-1]._replace(size=rest)
            break
        found.pop()
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which a venue prices a size. Most have one; where a whole order's fee jumps with
    its size (GMX v2: whether it ends more balanced), there is one for each side of the jump, and an
    order is in one of them.

    `least` and `most` bound |size| (1e18, in lots). The all-in cost of q is `fixed` (USD) plus what
    the pieces sum up to from 0 to q; `error` is the most, in USD, by which that may differ from the
    exact quote of any size in the mode.
    """

    least: int
    most: int
    pieces: tuple[Piece, ...]
    fixed: float = 0.0
    error: float = 0.0

    def cost(self, size: float) -> float:
        """The all-in cost (USD) of |size| in base, 0 ≤ size ≤ `most`."""
        costs, left = [self.fixed], size
        for piece in self.pieces:
            costs.append(piece.cost(min(piece.size, left)))
            left -= piece.size
            if left <= 0:
                break
        return fsum(costs)
