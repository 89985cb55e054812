"""A market as it is after trades that are planned and not mined yet: what orders planned together
compete for is priced once.

In the direction of what is taken a further size costs what both cost together, less what the first
does. Notional and fee are differences of the venue's own integers, so any order cut in two costs,
in sum, exactly what it costs whole. Every venue here prices by where its market stands and not by
how it came there, so that is also what it will charge, but for

- rounding: the venue rounds each trade against the caller, so two may pay some of its units more
  than one (a ladder one wei each of notional and fee; a pool what its modes call their error);
- Synthetix, where both together turn the skew: it shares the fee by size and not by value. For a
  trade of s after b, which reach x beyond the turn at t, the difference is off by (taker − maker) ×
  price × min(b, t) × min(s, x) ÷ (2 × scale): too cheap for a purchase and too dear for a sale, the
  other way round where the maker's rate is the higher one. Where the skew is a hundredth of the
  scale that is less than a two-hundredth of what the rates differ by;
- GMX v2, which caps its impact and chooses its fee by the order: no module reads it from a chain.

In the other direction the untouched market is what a trade costs at most:

- a ladder's other side is not touched at all;
- a pool is left at a price further out, so what walks back first gives up what was bought dearer:
  ∫ of the marginal price over a stretch no worse, as it is monotone, less a fee that is a part of
  it below 1;
- the skew moves the price in favour of whoever lessens it, and the maker's rate, which then counts
  for a larger part, is the lower one. Where it is the higher one, the dearer of both is charged for
  all of it, which no place of the skew exceeds;
- GMX's imbalance weighs convexly, so it is the same.

Money to be gained by coming second is not counted on, as the first may never be mined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import ceil, floor
from typing import Protocol

from ringside.units import ONE
from ringside.venues.base import Curve, MarketState, Quote, capped, require_tradable
from ringside.venues.pieces import ROUNDING, Mode, Piece, cut


@dataclass(frozen=True, init=False)
class Taken:
    """A `Curve` after a trade of signed `size`; zero is none. Taken of what is taken already, both
    count: `bought` and `sold` (|1e18|) of the untouched `curve`, each direction by itself.

    Raises:
        BeyondCapacity, BelowMinimum: the curve would not have filled it; as `Curve.quote`.
    """

    curve: Curve
    bought: int
    sold: int
    _modes: dict[int, tuple[Mode, ...]] = field(compare=False, repr=False)
    _before: dict[int, Quote] = field(compare=False, repr=False)
    """What is taken, at what it costs, by direction."""

    def __init__(self, curve: Curve, size: int) -> None:
        bought, sold = max(size, 0), max(-size, 0)
        if isinstance(curve, Taken):
            bought, sold, curve = bought + curve.bought, sold + curve.sold, curve.curve
        for name, value in (
            *(("curve", curve), ("bought", bought), ("sold", sold)),
            *(("_modes", {}), ("_before", {})),
        ):
            object.__setattr__(self, name, value)
        for sign in (1, -1):
            if taken := self.taken(sign):
                self._before[sign] = self._base(sign).quote(sign * taken)

    def taken(self, sign: int) -> int:
        """|1e18| in that direction."""
        return self.bought if sign > 0 else self.sold

    def _base(self, sign: int) -> Curve:
        """What counts in that direction, from nothing on: the curve, or no cheaper one where the
        other direction was taken and that could make it dearer."""
        return self.curve.dearest() if self.taken(-sign) else self.curve

    def dearest(self) -> Curve:
        """As in `Curve`: it counts both directions already."""
        return self

    @property
    def venue(self) -> str:
        """The venue's name in the registry."""
        return self.curve.venue

    @property
    def market(self) -> str:
        """Ringside's name of the market."""
        return self.curve.market

    @property
    def lot(self) -> int:
        """As in `Curve`."""
        return self.curve.lot

    def minimum(self, sign: int) -> int:
        """As in `Curve`: the venue's own."""
        return self.curve.minimum(sign)

    def capacity(self, sign: int) -> int:
        """As in `Curve`: what is left."""
        left = self.curve.capacity(sign) - self.taken(sign)
        return left if left >= self.minimum(sign) else 0

    def quote(self, size: int) -> Quote:
        """As in `Curve`."""
        require_tradable(self, size)
        sign = 1 if size > 0 else -1
        before = self._before.get(sign)
        if before is None:
            return self._base(sign).quote(size)
        both = self._base(sign).quote(before.size + size)
        return Quote(size, both.notional - before.notional, both.fee - before.fee)

    def marginal_price(self, sign: int) -> int:
        """As in `Curve`: by the closed form, once something is taken."""
        sign, taken = (1 if sign > 0 else -1), self.taken(sign)
        modes = self._base(sign).modes(sign)
        if not taken or not modes:
            return self._base(sign).marginal_price(sign)
        least = taken + self.minimum(sign)
        mode = next((mode for mode in modes if least <= mode.most), modes[-1])
        price = _beyond(mode.pieces, taken / ONE)[0].price * (1 + sign * ROUNDING) * ONE
        return ceil(price) if sign > 0 else floor(price)

    def modes(self, sign: int) -> tuple[Mode, ...]:
        """As in `Curve`: the venue's, from what is taken on."""
        sign = 1 if sign > 0 else -1
        if sign not in self._modes:
            self._modes[sign] = tuple(self._closed(sign)) if self.capacity(sign) else ()
        return self._modes[sign]

    def _closed(self, sign: int) -> Iterable[Mode]:
        base, before = self._base(sign), self._before.get(sign)
        if before is None:
            yield from base.modes(sign)
            return
        taken, lot = abs(before.size), self.lot
        smallest = -(-self.minimum(sign) // lot) * lot
        for mode in base.modes(sign):
            least, most = max(mode.least - taken, smallest), mode.most - taken
            if least > most:
                continue
            costs = mode.cost(taken / ONE), before.all_in / ONE
            # Both ends of a difference are off, and so are floats of what is subtracted.
            error = 2 * mode.error + ROUNDING * sum(map(abs, costs))
            fixed = costs[0] - costs[1]
            if mode.least <= taken:
                fixed = 0.0  # The mode in which it was taken: it is off, and the error says so.
            pieces = cut(_beyond(mode.pieces, taken / ONE), most / ONE)
            yield Mode(least, most, pieces, fixed, error)


def _beyond(pieces: Sequence[Piece], taken: float) -> tuple[Piece, ...]:
    """What of the pieces lies beyond the first `taken` base: of the last, something always does."""
    for i, piece in enumerate(pieces):
        if taken < piece.size or i + 1 == len(pieces):
            break
        taken -= piece.size
    x = min(taken, piece.size)
    first = piece._replace(
        size=piece.size - x,
        price=piece.price_at(x),
        reserve=piece.reserve + x if piece.reserve else 0.0,
    )
    return (first, *pieces[i + 1 :])


@dataclass(frozen=True)
class TakenState(MarketState):
    """A market's state with a curve of which something is taken; `before` is the untouched one.
    Prices, funding and ratios are those that were read: the venues value positions by outside
    prices or averages. (Where Rage has too little history for its average, `room` counts with the
    price after the trades.)"""

    curve: Taken
    before: MarketState
    _kept: dict[int, list[MarketState]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def room(
        self,
        margin: int,
        sign: int,
        position: int = 0,
        open_notional: int | None = None,
        committed: int = 0,
        most: int | None = None,
    ) -> int:
        """As in `MarketState`: by the venue's own rule in every state that the market may then be
        in, whichever leaves least."""
        found = capped(self.curve.capacity(sign), most)
        for state in self._stands(sign):
            if not found:
                break
            found = min(found, state.room(margin, sign, position, open_notional, committed, found))
        found -= found % self.curve.lot
        return found if found >= self.curve.minimum(sign) else 0

    def takes(self, margin: int, size: int, position: int = 0, committed: int = 0) -> bool:
        """As in `MarketState`: in every state that the market may then be in."""
        fits = self.curve.minimum(size) <= abs(size) <= self.curve.capacity(size)
        if not fits or size % self.curve.lot:
            return False
        states = self._stands(1 if size > 0 else -1)
        return all(state.takes(margin, size, position, committed) for state in states)

    def _stands(self, sign: int) -> Sequence[MarketState]:
        """What the market may be in, by whose rules `room` in that direction is asked."""
        sign = 1 if sign > 0 else -1
        if sign not in self._kept:
            taken = self.curve
            curves = self.before.stands(taken.bought, taken.sold, sign, taken)
            self._kept[sign] = [replace(self.before, curve=curve) for curve in curves]
        return self._kept[sign]

    def liquidation_price(
        self, margin: int, position: int, open_notional: int | None = None, committed: int = 0
    ) -> int | None:
        """As in `MarketState`: no curve plays a part in it."""
        return self.before.liquidation_price(margin, position, open_notional, committed)


class Sized(Protocol):
    """A leg, as far as a market is concerned."""

    @property
    def venue(self) -> str:
        """The venue's name in the registry."""

    @property
    def size(self) -> int:
        """Signed, 1e18 base."""


def after(states: Mapping[str, MarketState], legs: Iterable[Sized]) -> dict[str, MarketState]:
    """One market's states, by venue, once planned legs are filled; a leg elsewhere is none of it.

    Raises:
        BeyondCapacity, BelowMinimum: a venue would not fill what it would have to.
    """
    found = dict(states)
    for leg in legs:
        if leg.size and leg.venue in found:
            found[leg.venue] = _after(found[leg.venue], leg.size)
    return found


def _after(state: MarketState, size: int) -> TakenState:
    before = state.before if isinstance(state, TakenState) else state
    names = (entry.name for entry in fields(MarketState) if entry.name != "curve")
    known = {name: getattr(state, name) for name in names}
    return TakenState(**known, curve=Taken(state.curve, size), before=before)
