"""Order-book venues: a ladder of price levels as it was read, and the exact curve over it.

An order takes the best levels first and pays each level's own price; the venue's fee is a fraction
of the notional, charged once on the whole, negative where the venue pays a rebate. What is wrong
with a reading is refused by name before anything is priced with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ringside.units import ONE, from_units
from ringside.venues.base import Quote, VenueError, require_tradable
from ringside.venues.pieces import ROUNDING, Mode, Piece, cut

Level = tuple[int, int]
"""A price (1e18 USD per base) and the size (1e18 base) that waits at it."""


class BadLadder(VenueError):
    """A reading that no order may be priced with; the classes below say why."""


class NotAnInteger(BadLadder):
    """A price, size, fee or time is NaN, a float or anything else but a whole number of units."""


class NoPrice(BadLadder):
    """A level's price is zero or negative."""


class NoDepth(BadLadder):
    """A level's size is zero or negative."""


class OffGrid(BadLadder):
    """A price is between ticks, a size between lots, or tick, lot, minimum or fee make no sense."""


class Unsorted(BadLadder):
    """Levels do not go from the best price to the worst, each price once."""


class Crossed(BadLadder):
    """The best bid is not below the best ask."""


class StaleLadder(BadLadder):
    """The reading is older than its greatest age."""


class FutureLadder(BadLadder):
    """The reading's time has not come yet."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A book as read at `time` (seconds), good until `max_age` seconds later.

    Bids descend and asks ascend. `lot` and `minimum` are 1e18 base, `tick` 1e18 USD; a venue whose
    sizes have d decimals has lots of 10^(18 − d) or more. `fee` is what an order that takes from
    the book pays (1e18 of notional; negative: is paid), above −1 and below 1.

    Raises:
        BadLadder: on construction, one of its kinds; the message says where.
    """

    venue: str
    market: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    time: int
    max_age: int
    fee: int = 0
    lot: int = 1
    tick: int = 1
    minimum: int = 1

    def __post_init__(self) -> None:
        where = f"{self.venue} {self.market}"
        for name in ("time", "max_age", "fee", "lot", "tick", "minimum"):
            _require_whole(getattr(self, name), f"{where}: {name}")
        if min(self.lot, self.tick, self.minimum) <= 0 or self.max_age < 0:
            raise OffGrid(f"{where}: lot, tick and minimum are positive, and no age is negative")
        if abs(self.fee) >= ONE:
            raise OffGrid(f"{where}: a fee of {from_units(self.fee):f} is not below the notional")
        for side, levels, sign in (("bid", self.bids, -1), ("ask", self.asks, 1)):
            self._check(f"{where}: {side}", levels, sign)
        if self.bids and self.asks and self.bids[0][0] >= self.asks[0][0]:
            best = f"{from_units(self.bids[0][0]):f} bid, {from_units(self.asks[0][0]):f} asked"
            raise Crossed(f"{where}: the book is crossed: {best}")

    def _check(self, where: str, levels: Sequence[Level], sign: int) -> None:
        before = None
        for i, (price, size) in enumerate(levels):
            _require_whole(price, f"{where} {i}'s price")
            _require_whole(size, f"{where} {i}'s size")
            if price <= 0:
                raise NoPrice(f"{where} {i} has a price of {from_units(price):f}")
            if size <= 0:
                raise NoDepth(f"{where} {i} has a depth of {from_units(size):f}")
            if price % self.tick or size % self.lot:
                raise OffGrid(
                    f"{where} {i}, {from_units(size):f} at {from_units(price):f}, is not on ticks "
                    f"of {from_units(self.tick):f} and lots of {from_units(self.lot):f}"
                )
            if before is not None and (price - before) * sign <= 0:
                raise Unsorted(f"{where} {i} is not beyond the one before it")
            before = price

    def curve(self, now: int) -> LadderCurve:
        """The cost of taking from the book at `now` (seconds).

        Raises:
            StaleLadder, FutureLadder: the reading is not of now.
        """
        _require_whole(now, f"{self.venue} {self.market}: now")
        if now < self.time:
            raise FutureLadder(
                f"{self.venue} {self.market}: read at {self.time}, which is "
                f"{self.time - now} s from now"
            )
        if now > self.time + self.max_age:
            raise StaleLadder(
                f"{self.venue} {self.market}: read {now - self.time} s ago, good for "
                f"{self.max_age} s"
            )
        return LadderCurve(self)


def _require_whole(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotAnInteger(f"{name} is {value!r}, a {type(value).__name__}, not a whole number")


@dataclass(frozen=True)
class LadderCurve:
    """A `Curve` over a ladder. The notional is rounded once and the fee once, to a wei, both
    against the caller."""

    ladder: Ladder

    @property
    def venue(self) -> str:
        """The venue's name in the registry."""
        return self.ladder.venue

    @property
    def market(self) -> str:
        """Ringside's name of the market."""
        return self.ladder.market

    @property
    def lot(self) -> int:
        """As in `Curve`."""
        return self.ladder.lot

    def _levels(self, sign: int) -> tuple[Level, ...]:
        return self.ladder.asks if sign > 0 else self.ladder.bids

    @cached_property
    def _depths(self) -> dict[int, list[int]]:
        """Σ size up to and with each level, by direction."""
        return {s: list(accumulate(size for _, size in self._levels(s))) for s in (1, -1)}

    @cached_property
    def _values(self) -> dict[int, list[int]]:
        """Σ price × size (1e36) before each level and after the last."""
        return {
            s: list(accumulate((p * size for p, size in self._levels(s)), initial=0))
            for s in (1, -1)
        }

    def minimum(self, sign: int) -> int:
        """As in `Curve`."""
        return -(-self.ladder.minimum // self.lot) * self.lot

    def capacity(self, sign: int) -> int:
        """As in `Curve`: all that the ladder shows."""
        depths = self._depths[1 if sign > 0 else -1]
        most = depths[-1] if depths else 0
        return most if most >= self.minimum(sign) else 0

    def quote(self, size: int) -> Quote:
        """As in `Curve`."""
        require_tradable(self, size)
        sign, amount = (1 if size > 0 else -1), abs(size)
        depths, levels = self._depths[sign], self._levels(sign)
        last = bisect_left(depths, amount)
        before = depths[last - 1] if last else 0
        value = self._values[sign][last] + levels[last][0] * (amount - before)
        notional = -(-value // ONE) if sign > 0 else value // ONE
        return Quote(size, notional, -(-notional * self.ladder.fee // ONE))

    def marginal_price(self, sign: int) -> int:
        """As in `Curve`.

        Raises:
            BeyondCapacity: the ladder is empty on that side.
        """
        levels = self._levels(sign)
        if not levels:
            require_tradable(self, self.lot if sign > 0 else -self.lot)
        total = levels[0][0] * self._factor(sign)
        return -(-total // ONE) if sign > 0 else total // ONE

    def _factor(self, sign: int) -> int:
        return ONE + (self.ladder.fee if sign > 0 else -self.ladder.fee)

    def dearest(self) -> LadderCurve:
        """As in `Curve`."""
        return self

    def modes(self, sign: int) -> tuple[Mode, ...]:
        """As in `Curve`: one mode, of a piece for every level."""
        return self._modes[1 if sign > 0 else -1]

    @cached_property
    def _modes(self) -> dict[int, tuple[Mode, ...]]:
        return {sign: self._closed(sign) if self.capacity(sign) else () for sign in (1, -1)}

    def _closed(self, sign: int) -> tuple[Mode, ...]:
        most, factor = self.capacity(sign), self._factor(sign)
        pieces = [Piece(size / ONE, price * factor / ONE**2) for price, size in self._levels(sign)]
        dearest = max(pieces[0].price, pieces[-1].price)
        error = 3 / ONE + ROUNDING * dearest * most / ONE
        return (Mode(self.minimum(sign), most, cut(pieces, most / ONE), error=error),)
