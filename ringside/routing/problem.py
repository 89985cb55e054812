"""An order to be routed: what venues offer, what a route is, and why there may be none.

Minimise Σ leg cost + all-in cost(q) + carry · q over venues with Σ q = |size|, where a venue takes
nothing or, on its lots, between its least and its most; at most so many venues; and together no
more margin than is shared between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringside.units import MICRO_BPS, ONE, from_units, price_against
from ringside.venues.base import Curve, Quote


class SplitError(Exception):
    """The order cannot be routed; the message says why in a sentence."""


class ZeroSize(SplitError):
    """The order's size is zero."""


class BadOffer(SplitError):
    """What a venue is said to offer makes no sense; the message names the venue and the fault."""


class NotEnoughCapacity(SplitError):
    """The venues together cannot take the order. `binding` are the limits by venue."""

    def __init__(self, message: str, binding: Mapping[str, int]) -> None:
        self.binding = dict(binding)
        super().__init__(message)


class TooFewVenues(SplitError):
    """So many venues as are allowed cannot take the order, and more could."""


class NotEnoughMargin(SplitError):
    """Every way to fill the order takes more of the shared margin than there is."""


class Undecided(SplitError):
    """The search stopped at its limit without a split, and without a proof that there is none; or
    with one, and without knowing which rule is in the way."""


class NoFit(SplitError):
    """The order's size cannot be made up of what the venues take: minimums or lots are in the
    way."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one venue offers to one order.

    `most` and `least` (|1e18|) narrow the curve's own capacity and minimum. A `required` venue
    takes at least its least, whatever that costs. `leg_cost` is USD (1e18) that a leg costs
    whatever its size; `carry` USD (1e18) per base that holding costs over the horizon, negative if
    it is received; `margin` USD (1e18) of the shared margin that one base takes.
    """

    curve: Curve
    most: int | None = None
    least: int = 0
    required: bool = False
    leg_cost: int = 0
    carry: int = 0
    margin: int = 0


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
class Certificate:
    """How good a route is, proved: no split costs less than `bound` (USD 1e18, as `Route.cost`
    counts, rounded down), so the route costs at most `gap` more than the best there is (in
    millionths of a basis point of its notional, rounded up).

    `method` says what gave the bound: "dual" where one price per unit was enough, "search" where
    branches were ruled out one by one, "unfinished" where the search stopped at its limit; the gap
    is true of each.
    """

    bound: int
    gap: int
    method: str


@dataclass(frozen=True, slots=True)
class Route:
    """How an order is filled. `leg_costs` (USD 1e18) is what the legs cost whatever their size and
    `carry` what holding them costs; `best_single` is the cheapest venue able to take the whole
    order under the same rules, `None` if none can, and `best_single_cost` its leg cost and carry.
    There is no certificate where nothing was there to choose.
    """

    size: int
    legs: tuple[RouteLeg, ...]
    leg_costs: int
    best_single: RouteLeg | None
    best_single_cost: int
    carry: int = 0
    certificate: Certificate | None = None

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
        """What the route minimises: USD paid, or minus USD received, plus leg costs and carry."""
        return paid(self.legs) + self.leg_costs + self.carry

    @property
    def saving(self) -> int | None:
        """USD saved against the best single venue, never negative; `None` if there is none."""
        if self.best_single is None:
            return None
        return paid((self.best_single,)) + self.best_single_cost - self.cost


def paid(legs: Sequence[RouteLeg]) -> int:
    """USD (1e18) paid, or minus USD received, venue fees included."""
    return sum(leg.quote.all_in if leg.size > 0 else -leg.quote.all_in for leg in legs)


def carry_of(offer: Offer, amount: int) -> int:
    """USD (1e18) that holding |amount| costs, rounded up."""
    return -(-offer.carry * amount // ONE)


def gap(cost: int, bound: int, legs: Sequence[RouteLeg]) -> int:
    """cost − bound in millionths of a basis point of the legs' notional, rounded up."""
    notional = abs(sum(leg.quote.notional for leg in legs))
    return -((bound - cost) * MICRO_BPS // max(notional, 1))


def number(size: int) -> str:
    """A size as people read it: six decimals, rounded down, or all where those are nothing."""
    return f"{from_units(size // 10**12, 6) or from_units(size):,f}"
