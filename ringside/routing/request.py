"""What a policy works on: an order's offers and limits, with what is known beside the curves.

A request begins as plain best fill: `opening`, which rooms hold to what is there where an order
only reduces. What has accrued in funding plays no part in where to close, since no choice could be
made by it: it is owed at every venue whichever is closed, and a trade settles all of it at its own.
The funding to come does count, under a horizon. Policies tighten it (`ringside.routing.policies`),
and the solver is asked for what comes out:
`solve(r.size, r.offers, most_venues=r.most_venues, margin=r.margin)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ringside.routing.funding import Funding
from ringside.routing.problem import Offer
from ringside.units import MICRO_BPS, ONE
from ringside.venues.base import MarketState


class RequestError(ValueError):
    """The order and its policy leave nothing to route; the message says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Request:
    """An order of `size` (signed, 1e18 base) and what the solver may do with it.

    `funding` is what is known of each venue's, whether it is on offer or not. `margin` (USD 1e18)
    is what the legs share. `left_out` are the venues that a policy took out, and why. `shadow` is
    the part of each offer's `carry` (USD 1e18 per base) that ranks venues but is paid by nobody.
    """

    size: int
    offers: tuple[Offer, ...]
    funding: Mapping[str, Funding] = field(default_factory=dict)
    most_venues: int | None = None
    margin: int | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    shadow: Mapping[str, int] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        return 1 if self.size > 0 else -1

    @property
    def venues(self) -> tuple[str, ...]:
        """On offer."""
        return tuple(offer.curve.venue for offer in self.offers)

    def without(self, reasons: Mapping[str, str]) -> Request:
        """Less the venues named, each for its reason; those that are not on offer change nothing.

        Raises:
            RequestError: one of them has to take a part.
        """
        gone = {v: reasons[v] for v in self.venues if v in reasons}
        for offer in self.offers:
            if offer.required and offer.curve.venue in gone:
                raise RequestError(
                    f"{offer.curve.venue} has to take a part and cannot be left out: "
                    f"{gone[offer.curve.venue]}."
                )
        offers = tuple(offer for offer in self.offers if offer.curve.venue not in gone)
        shadow = {venue: paid for venue, paid in self.shadow.items() if venue not in gone}
        return replace(self, offers=offers, left_out={**self.left_out, **gone}, shadow=shadow)

    def with_carry(self, more: Mapping[str, int], *, shadow: bool = False) -> Request:
        """With USD (1e18) per base added to each venue's carry; `shadow` if nobody pays it."""
        offers = tuple(
            replace(offer, carry=offer.carry + more.get(offer.curve.venue, 0))
            for offer in self.offers
        )
        if not shadow:
            return replace(self, offers=offers)
        shadows = {v: self.shadow.get(v, 0) + more.get(v, 0) for v in self.venues}
        return replace(self, offers=offers, shadow=shadows)

    @property
    def for_entry(self) -> Request:
        """The same venues and limits, ranked by what the fill costs alone: the best fill that a
        horizon is held against."""
        return replace(self, offers=tuple(replace(o, carry=0) for o in self.offers), shadow={})


def opening(
    states: Mapping[str, MarketState],
    size: int,
    rooms: Mapping[str, int],
    leg_costs: Mapping[str, int] | None = None,
    *,
    margin: int | None = None,
    weeks: Mapping[str, int] | None = None,
) -> Request:
    """A request for best fill of `size` over `states`.

    `rooms` is the largest |size| by venue, `leg_costs` USD (1e18) by venue in place of what the
    venue itself charges an order, `margin` USD (1e18) to share, and `weeks` the mean funding of the
    past week (1e18 a day) where it is on record. Each base takes the venue's initial margin at its
    risk price, rounded up.
    """
    costs = leg_costs or {}
    offers = tuple(
        Offer(
            state.curve,
            most=rooms[venue],
            leg_cost=costs.get(venue, state.leg_cost),
            margin=-(-state.mark_price * state.initial_margin_ratio // ONE),
        )
        for venue, state in states.items()
    )
    return Request(size, offers, funding_of(states, weeks), margin=margin)


def funding_of(
    states: Mapping[str, MarketState], weeks: Mapping[str, int] | None = None
) -> dict[str, Funding]:
    """What the states tell of funding. A state without a velocity has none."""
    weeks = weeks or {}
    return {
        venue: Funding(
            state.funding_rate,
            state.index_price,
            weeks.get(venue),
            state.funding_velocity,
        )
        for venue, state in states.items()
    }


def given_up(size: int, paid: int, best: int) -> int:
    """How much more the entry of `size` costs than the best fill, in millionths of a basis point of
    the latter, rounded up: `paid` and `best` are USD (1e18) that each takes for a purchase or
    brings for a sale, fees and leg costs in it."""
    worse = paid - best if size > 0 else best - paid
    return -(-worse * MICRO_BPS // abs(best))
