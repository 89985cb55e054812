"""Offers as the solver takes them, and why some cannot be taken."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from math import isfinite

from ringside.routing.problem import (
    BadOffer,
    NoFit,
    NotEnoughCapacity,
    Offer,
    TooFewVenues,
    number,
)
from ringside.routing.ways import Pool, Table, Way
from ringside.units import ONE, from_units
from ringside.venues.pieces import Mode

COARSE = 1e-5
"""Lots above this share of the order are looked at one by one."""
DIGITS = 78
"""As many has the largest whole number of 256 bits: no money has more."""
LARGEST = 10**DIGITS
NAMES = "least", "leg cost", "carry", "margin", "most"
"""Of an offer's numbers, as its refusals say them."""
TABLES = 4_096
"""Modes whose tables are kept for the next order against the same snapshot."""


class Side:
    """An offer in the order's direction: how much it takes by whose limit, and its ways."""

    __slots__ = ("capacity", "least", "most", "offer", "sign", "ways")

    def __init__(self, offer: Offer, sign: int) -> None:
        curve = offer.curve
        lot = curve.lot
        self.offer, self.sign = offer, sign
        self.capacity = curve.capacity(sign)
        least = max(curve.minimum(sign), offer.least, lot)
        self.least = -(-least // lot) * lot
        most = self.capacity if offer.most is None else min(self.capacity, max(offer.most, 0))
        self.most = most - most % lot if most - most % lot >= self.least else 0
        if offer.required and not self.most:
            raise NotEnoughCapacity(
                f"{curve.venue} must take {number(self.least)} at least, and {says(self)}.",
                {curve.venue: self.most},
            )
        self.ways: tuple[Way, ...] = ()

    @property
    def venue(self) -> str:
        return self.offer.curve.venue

    @property
    def lot(self) -> int:
        return self.offer.curve.lot


_tables: OrderedDict[tuple[int, int], tuple[Mode, Table]] = OrderedDict()


def _table(mode: Mode, sign: int, where: str) -> Table:
    """The mode's table, kept while the mode is the same object: a snapshot's curves are asked a
    thousand times."""
    key = id(mode), sign
    known = _tables.get(key)
    if known is not None and known[0] is mode:
        return known[1]
    table = Table(mode, sign, where)
    _tables[key] = mode, table
    if len(_tables) > TABLES:
        _tables.popitem(last=False)
    return table


def prepare(sides: Sequence[Side], amount: int, pool: Pool, *, shared: bool) -> None:
    """Gives every side its ways, of one pool. Where no margin is `shared` they take none: venues
    that differ in that alone offer the same.

    Raises:
        BadOffer: a mode makes no sense.
    """
    for i, side in enumerate(sides):
        if not side.most:
            continue
        offer, curve, sign = side.offer, side.offer.curve, side.sign
        where = f"{curve.venue} {curve.market}"
        ways = []
        for mode in curve.modes(sign):
            if not (isfinite(mode.fixed) and isfinite(mode.error)) or mode.error < 0:
                raise BadOffer(f"{where} has a fixed cost or an error that is no number.")
            lo = -(-max(mode.least, side.least) // curve.lot) * curve.lot
            hi = min(mode.most, side.most, amount) // curve.lot * curve.lot
            if lo > hi:
                continue
            ways.append(
                Way(
                    venue=i,
                    table=_table(mode, sign, where),
                    lo=lo,
                    hi=hi,
                    lot=curve.lot,
                    grain=COARSE * amount,
                    fixed=sign * mode.fixed + offer.leg_cost / ONE,
                    carry=offer.carry / ONE,
                    margin=offer.margin / ONE if shared else 0.0,
                    error=mode.error,
                    pool=pool,
                )
            )
        side.ways = tuple(ways)


def require_sense(offers: Sequence[Offer], most_venues: int | None, margin: int | None) -> None:
    """
    Raises:
        BadOffer: a venue is there twice, or a bound is none.
    """
    for name, times in Counter(offer.curve.venue for offer in offers).items():
        if times > 1:
            raise BadOffer(f"{name} is listed twice: one offer a venue.")
    if most_venues is not None and most_venues < 1:
        raise BadOffer(f"At most {most_venues} venues leaves none: allow one at least.")
    if margin is not None:
        _require_whole("The order", "margin to share", margin)
        if margin < 0:
            raise BadOffer(f"The margin to share is {from_units(margin):f}: it cannot be negative.")
    for offer in offers:
        venue = offer.curve.venue
        most = 0 if offer.most is None else offer.most
        numbers = offer.least, offer.leg_cost, offer.carry, offer.margin, most
        for name, value in zip(NAMES, numbers, strict=True):
            _require_whole(venue, name, value)
        if min(offer.least, offer.leg_cost, offer.margin) < 0:
            named = {"least": offer.least, "leg cost": offer.leg_cost}
            named |= {"margin a base": offer.margin}
            name, value = next((n, v) for n, v in named.items() if v < 0)
            raise BadOffer(f"{venue} has a {name} of {from_units(value):f}: it is negative.")
        if offer.curve.lot <= 0:
            raise BadOffer(f"{venue} has lots of {offer.curve.lot}: they must be positive.")


def _require_whole(whose: str, name: str, value: object) -> None:
    if not isinstance(value, int):
        raise BadOffer(f"{whose} has a {name} of {value!r}: no integer.")
    if not -LARGEST < value < LARGEST:
        raise BadOffer(f"{whose} has a {name} of more than {DIGITS} digits.")


def require_capacity(
    sides: Sequence[Side], sign: int, amount: int, most_venues: int | None
) -> None:
    """
    Raises:
        NotEnoughCapacity: all venues together take less than the order.
        TooFewVenues: so many as may be used take less.
        NoFit: what venues are required to take is more than the order.
    """
    side = "buy" if sign > 0 else "sell"
    limits = {s.venue: s.most for s in sides}
    if sum(limits.values()) < amount:
        raise NotEnoughCapacity(
            f"The venues take {number(sum(limits.values()))} of the {number(amount)} to {side}: "
            f"{', '.join(says(s) for s in sides) or 'there is no venue'}.",
            limits,
        )
    required = [s for s in sides if s.offer.required]
    if sum(s.least for s in required) > amount:
        parts = ", ".join(f"{s.venue} {number(s.least)}" for s in required)
        raise NoFit(f"What must be taken is more than the {number(amount)} to {side}: {parts}.")
    if most_venues is None:
        return
    if len(required) > most_venues:
        raise TooFewVenues(
            f"{len(required)} venues must take part ({', '.join(s.venue for s in required)}), and "
            f"only {most_venues} may."
        )
    free = sorted((s.most for s in sides if not s.offer.required), reverse=True)
    reach = sum(s.most for s in required) + sum(free[: most_venues - len(required)])
    if reach < amount:
        raise TooFewVenues(
            f"On {_venues(most_venues)} at most, {number(reach)} of the {number(amount)} to {side} "
            f"can be filled: {', '.join(says(s) for s in sides)}."
        )


def no_fit(sides: Sequence[Side], amount: int) -> NoFit:
    """Minimums and lots are in the way."""
    parts = []
    for s in sides:
        if not s.most:
            continue
        lots = f" in lots of {from_units(s.lot):f}" if s.lot > 1 else ""
        parts.append(f"{s.venue} takes {from_units(s.least):f} to {from_units(s.most):f}{lots}")
    return NoFit(
        f"No set of venues makes up {from_units(amount):f} exactly: "
        f"{', '.join(parts) or 'no venue takes its minimum'}."
    )


def says(side: Side) -> str:
    """How much a venue takes, and by whose limit."""
    venue, most = side.venue, side.offer.most
    if side.most == side.capacity:
        return f"{venue} has capacity for {number(side.most)}"
    if not side.most and min(side.capacity, side.capacity if most is None else most) > 0:
        return f"{venue} takes {number(side.least)} at least, and has room for less"
    if most is None or most >= side.capacity:
        return f"{venue} takes {number(side.most)}, a whole number of its lots"
    return (
        f"{venue} takes {number(side.most)} with this margin, of a capacity of "
        f"{number(side.capacity)}"
    )


def _venues(count: int) -> str:
    return "one venue" if count == 1 else f"{count} venues"
