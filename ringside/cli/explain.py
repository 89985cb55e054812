"""What a person wants to see before signing: every venue by itself, the split, the saving, and the
proof of it. Pure but for `look`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from ringside.routing.compare import compare
from ringside.routing.funding import carry
from ringside.routing.policies import All, BestFill, Horizon, Policy, applied, parse
from ringside.routing.problem import Certificate, Route
from ringside.routing.request import Request, given_up, opening
from ringside.routing.solver import solve
from ringside.units import DAY, MICRO_BPS, ONE, price_against
from ringside.venues import load, snapshot
from ringside.venues.base import MarketState, Quote, VenueError
from ringside.venues.snapshot import require_fresh

if TYPE_CHECKING:
    from ringside.chain.contracts import Ringside

GAS = {"perp-v2": 923_877, "rage": 876_074, "synthetix": 1_583_913 + 175_301}
"""Gas of a fill at one venue that opens a position in a seat that is there; where fills come later,
of the ticket's commit and its settling (who executes it is paid by the venue). As `make bench`
accepted it."""
OTHER_GAS = 1_000_000
"""At a venue not measured."""
HOUR = 3_600
LOCAL_CHAIN = 31_337
"""A local chain's clock is its own, so a block there has no age."""
_SECONDS = {"h": 3_600, "d": DAY, "w": 7 * DAY}


class CannotQuote(Exception):
    """There is nothing to quote; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One market at one block, with what a leg's gas costs (USD 1e18) at every venue, and why any
    venue is missing."""

    market: str
    block: int
    timestamp: int
    states: Mapping[str, MarketState]
    gas: Mapping[str, int]
    failures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """What one venue does with a size (1e18): impact and fee in millionths of a basis point, the
    rest in USD (1e18). `funding` is what holding over the horizon pays by the forecast (negative:
    is received), `gas` what the leg costs whatever its size, the venue's own charge on an order in
    it. `total` is what is paid (a sale: received) with all of these, `price` that over the size.
    Where it cannot, `why` says so and the rest is zero."""

    venue: str
    later: bool
    size: int
    notional: int
    fee: int
    impact: int
    fee_rate: int
    funding: int
    gas: int
    total: int
    price: int
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A quote. `offers` are each venue's for the whole size, the best first, `legs` the split's by
    `policy`; `horizon` in seconds. `saving` (USD 1e18, and millionths of a basis point of the
    notional) is against the best single venue that the policy leaves, gas and funding in it; `None`
    where none takes it. `given_up` is what a horizon's entry costs beyond the best fill's, in
    millionths of a basis point; `None` without a horizon. `left_out` are the venues that the policy
    took out, and why."""

    market: str
    size: int
    block: int
    timestamp: int
    horizon: int
    offers: tuple[Offer, ...]
    legs: tuple[Offer, ...]
    notional: int
    fee: int
    funding: int
    gas: int
    total: int
    price: int
    policy: str
    best_single: str | None
    saving: int | None
    saving_rate: int | None
    given_up: int | None
    certificate: Certificate | None
    left_out: Mapping[str, str]
    failures: Mapping[str, str]


def seconds(horizon: str) -> int:
    """
    Raises:
        CannotQuote: it is not a whole number of hours, days or weeks.
    """
    found = re.fullmatch(r"(\d{1,4})([hdw])", horizon.strip().lower())
    if not found:
        raise CannotQuote(f"--horizon {horizon} is not a time: say 12h, 3d or 2w.")
    return int(found[1]) * _SECONDS[found[2]]


def look(ringside: Ringside, market: str, at_once: bool = False) -> Seen:
    """
    Raises:
        CannotQuote: there is no such market, no venue that can be read, or the node is not at the
            block of now.
    """
    w3, addresses = ringside.w3, ringside.addresses
    known = list(addresses["feeds"])
    if market not in known:
        raise CannotQuote(f"There is no market {market}: take {' or '.join(known)}.")
    wanted = [market] if market == "ETH-USD" else [market, "ETH-USD"]
    seen = snapshot(w3, load(w3, addresses, ringside.venue_ids, wanted))
    if w3.eth.chain_id != LOCAL_CHAIN:
        try:
            require_fresh(seen.block, int(time()))
        except VenueError as another:
            raise CannotQuote(str(another)) from None
    states = {v: s for v, s in seen.of(market).items() if not (at_once and s.delayed)}
    if not states:
        why = "; ".join(f"{v}: {no}" for (v, m), no in seen.failures.items() if m == market)
        raise CannotQuote(f"No venue can be read for {market}. {why}".strip())
    ether = next((s.index_price for s in seen.of("ETH-USD").values()), 0)
    gas_price = int(w3.eth.gas_price)
    gas = {v: GAS.get(v, OTHER_GAS) * gas_price * ether // ONE for v in states}
    failures = {v: why for (v, m), why in seen.failures.items() if m == market}
    return Seen(market, seen.block.number, seen.timestamp, states, gas, failures)


def explained(seen: Seen, size: int, horizon: int, policy: str = "best") -> Explained:
    """The quote for `size` (signed, 1e18) held for `horizon` seconds. Held for a time, the split is
    the cheapest with the funding of that time.

    Raises:
        CannotQuote: the horizon is said twice.
        PolicyError, FundingError, RequestError: the policy is none, or leaves nothing.
        SplitError: the venues cannot take it; the message says what binds.
    """
    rule, horizon = _ruled(policy, horizon)
    sign, states = (1 if size > 0 else -1), seen.states
    costs = {v: seen.gas[v] + state.leg_cost for v, state in states.items()}
    capacities = {v: s.curve.capacity(sign) for v, s in states.items()}
    asked = applied(rule, opening(states, size, capacities, costs))
    route, entry = _solved(asked), _solved(asked.for_entry) if horizon else None
    known = {v: f for v, f in asked.funding.items() if v not in asked.left_out}
    carries = carry(known, sign, horizon // HOUR) if horizon else {}

    def offer(venue: str, part: int, quote: Quote | None, why: str = "") -> Offer:
        held = -(-carries.get(venue, 0) * abs(part) // ONE)
        return _offer(states[venue], part, quote, costs[venue], held, why)

    offers = []
    for one in compare(states, size, capacities):
        why = asked.left_out.get(one.venue, one.why)
        offers.append(offer(one.venue, size, None if why else one.quote, why))
    offers.sort(key=lambda offer: (bool(offer.why), sign * offer.total, offer.venue))
    legs = tuple(offer(leg.venue, leg.size, leg.quote) for leg in route.legs)
    total, notional = sum(leg.total for leg in legs), sum(leg.notional for leg in legs)
    single = route.best_single.venue if route.best_single else None
    alone = next((one.total for one in offers if one.venue == single), 0)
    saving = sign * (alone - total) if single else None
    return Explained(
        seen.market,
        size,
        seen.block,
        seen.timestamp,
        horizon,
        tuple(offers),
        legs,
        notional,
        route.fee,
        sum(leg.funding for leg in legs),
        sum(leg.gas for leg in legs),
        total,
        price_against(total, size),
        str(rule),
        single,
        saving,
        None if saving is None else saving * MICRO_BPS // notional,
        None if entry is None else given_up(size, _entry(route), _entry(entry)),
        route.certificate,
        dict(asked.left_out),
        dict(seen.failures),
    )


def _ruled(policy: str, horizon: int) -> tuple[Policy, int]:
    """The policy with the horizon in it, and the horizon in seconds."""
    rule = parse(policy)
    rules = rule.policies if isinstance(rule, All) else (rule,)
    within = [one for one in rules if isinstance(one, Horizon)]
    if within and horizon:
        raise CannotQuote("The horizon is in the policy already: leave --horizon away.")
    if within:
        return rule, within[0].hours * HOUR
    if not horizon:
        return rule, 0
    held = f"horizon:{horizon // HOUR}h"
    plain = isinstance(rule, BestFill)
    return parse(held if plain else f"{held} + {rule}"), horizon


def _solved(asked: Request) -> Route:
    return solve(asked.size, asked.offers, most_venues=asked.most_venues, margin=asked.margin)


def _entry(route: Route) -> int:
    """USD (1e18) that a route takes or brings, leg costs in it."""
    return route.all_in + (route.leg_costs if route.size > 0 else -route.leg_costs)


def _offer(
    state: MarketState, size: int, quote: Quote | None, gas: int, funding: int, why: str = ""
) -> Offer:
    if quote is None:
        return Offer(state.venue, state.delayed, size, 0, 0, 0, 0, 0, 0, 0, 0, why)
    sign = 1 if size > 0 else -1
    first = state.curve.marginal_price(sign)
    total = quote.all_in + sign * (gas + funding)
    return Offer(
        state.venue,
        state.delayed,
        size,
        quote.notional,
        quote.fee,
        sign * (quote.all_in_price - first) * MICRO_BPS // first,
        quote.fee * MICRO_BPS // quote.notional,
        funding,
        gas,
        total,
        price_against(total, size),
        "",
    )
