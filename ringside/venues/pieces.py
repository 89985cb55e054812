"""A curve in closed form, as the solver sees it: pieces of marginal price, in floats.

A solver evaluates a curve a thousand times for one order, so it does not ask the exact curve but
these pieces, and re-prices what it finds in integers. Only + − × ÷ and the square root are needed
to evaluate or invert them, which IEEE 754 rounds alike on every machine: the same snapshot gives
the same legs everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """`pieces` up to `most` base in all. The last is shortened to that; what rounding leaves
    missing goes to the largest, of which it is nothing, and not to a last one that may be dust."""
    found: list[Piece] = []
    left = most
    for piece in pieces:
        if left <= 0:
            break
        found.append(piece)
        left -= piece.size
    while found:
        last = len(found) - 1
        rest = _rest(found, last, most)
        if rest > found[last].size:
            largest = max(range(len(found)), key=lambda i: found[i].size)
            found[largest] = found[largest]._replace(size=_rest(found, largest, most))
            break
        if rest > 0:
            found[last] = found[last]._replace(size=rest)
            break
        found.pop()
    return tuple(found)


def _rest(pieces: Sequence[Piece], but: int, most: float) -> float:
    """What of `most` all pieces but one leave."""
    return fsum([most, *(-piece.size for i, piece in enumerate(pieces) if i != but)])


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
