"""Which orders are worth planning at a block. To plan one takes the node's view of its account and
a search over the venues; most of a thousand resting limits and stops need neither to be told apart.

What is said to wait could not be filled; what is not may still turn out not to be.
"""

from __future__ import annotations

from collections.abc import Mapping

from ringside.orders import Order
from ringside.units import BPS, from_units
from ringside.venues.base import MarketState

SLACK_BPS = 50
"""How far beyond its limit a venue's first unit may be for an order to be planned still: where a
curve is not convex (Synthetix with a maker's rate above the taker's, GMX) the whole may be cheaper
than its first unit, by what its rates differ."""


def waits(
    order: Order,
    states: Mapping[str, MarketState],
    venue_ids: Mapping[str, int],
    oracle: int | None,
    now: int,
    begun: bool,
) -> str:
    """Why nothing of the order can be filled at block time `now`, in words that stay the same while
    it is so; empty if something may. `states` are its market's, by venue; `oracle` is the feed's
    price (1e18), `None` where it is stale; `begun` whether the order may have been tried before,
    which latches a trigger."""
    terms = order.conditions
    if terms is not None and now < terms.not_before:
        return f"may not be filled before {terms.not_before}"
    if terms is not None and terms.trigger_price and not begun:
        if oracle is None:
            return "the oracle's answer is stale, and triggers nothing"
        above = terms.trigger_above
        if oracle < terms.trigger_price if above else oracle > terms.trigger_price:
            where = "above" if above else "below"
            return f"waits for the oracle's price to be {where} {from_units(terms.trigger_price)}"
    if order.closes_all:
        return ""
    return _limit(order, [s for v, s in states.items() if order.venues >> venue_ids[v] & 1])


def _limit(order: Order, states: list[MarketState]) -> str:
    sign = order.sign
    prices = [s.curve.marginal_price(sign) for s in states if s.curve.capacity(sign)]
    if not prices:
        return ""  # Why, the planner says.
    if sign > 0:
        far = min(prices) * (BPS - SLACK_BPS) > order.limit_price * BPS
    else:
        far = max(prices) * (BPS + SLACK_BPS) < order.limit_price * BPS
    return f"no venue is near its limit of {from_units(order.limit_price)}" if far else ""
