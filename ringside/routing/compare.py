"""The venues side by side for one size: what a person looks at before signing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ringside.units import MICRO_BPS, ONE
from ringside.venues.base import MarketState, Quote, VenueError


@dataclass(frozen=True, slots=True)
class VenueQuote:
    """One venue's offer for a size. `quote` is `None` where the venue cannot take it whole; `why`
    says so.

    `impact` is how much worse the whole price is than the first unit's, and `fee` the fee over the
    notional: both in millionths of a basis point. `funding_per_day` is USD 1e18 that the position
    would pay a day at today's rate (negative: receive). `room` is the largest |size| (1e18) under
    the venue's own risk rules and limits with the margin that was asked for.
    """

    venue: str
    quote: Quote | None
    why: str
    impact: int
    fee: int
    funding_per_day: int
    room: int


def compare(
    states: Mapping[str, MarketState], size: int, rooms: Mapping[str, int]
) -> list[VenueQuote]:
    """Every venue's offer for `size` (signed, 1e18), the best first, those that cannot take it
    last."""
    found = [_offer(state, size, rooms[venue]) for venue, state in states.items()]
    return sorted(found, key=lambda v: (v.quote is None, _worse_first(v.quote), v.venue))


def _offer(state: MarketState, size: int, room: int) -> VenueQuote:
    sign = 1 if size > 0 else -1
    funding = size * state.index_price // ONE * state.funding_rate // ONE
    if abs(size) > room:
        why = "more than its room"
        return VenueQuote(state.venue, None, why, 0, 0, funding, room)
    try:
        quote = state.curve.quote(size)
    except VenueError as refused:
        return VenueQuote(state.venue, None, str(refused), 0, 0, funding, room)
    first = state.curve.marginal_price(sign)
    impact = sign * (quote.all_in_price - first) * MICRO_BPS // first
    fee = quote.fee * MICRO_BPS // quote.notional
    return VenueQuote(state.venue, quote, "", impact, fee, funding, room)


def _worse_first(quote: Quote | None) -> int:
    if quote is None:
        return 0
    return quote.all_in if quote.size > 0 else -quote.all_in
