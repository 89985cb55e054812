"""What a person wants to see before signing: every venue by itself, the split, the saving, and the
proof of it. Pure but for `look`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringside.routing import problem
from ringside.routing.compare import compare
from ringside.routing.problem import Certificate, Route
from ringside.routing.solver import solve
from ringside.units import BPS, DAY, ONE, price_against
from ringside.venues import load, snapshot
from ringside.venues.base import MarketState, Quote

if TYPE_CHECKING:
    from ringside.chain.contracts import Ringside

GAS = {"perp-v2": 912_843, "rage": 865_040, "synthetix": 1_576_143 + 174_159}
"""Gas of a fill at one venue that opens a position in a seat that is there; where fills come later,
of the ticket's commit and its settling (who executes it is paid by the venue). As `make bench`
accepted it."""
OTHER_GAS = 1_000_000
"""At a venue not measured."""
MICRO_BPS = BPS * 10**6
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
    rest in USD (1e18). `funding` is what holding over the horizon pays at today's rate (negative:
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
    """A quote. `offers` are each venue's for the whole size, the best first, `legs` the split's;
    `horizon` in seconds. `saving` (USD 1e18, and millionths of a basis point of the notional) is
    against the best single venue by the price of entry with gas, which the split is by; `None`
    where no venue alone takes it."""

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
    best_single: str | None
    saving: int | None
    saving_rate: int | None
    certificate: Certificate | None
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
        CannotQuote: there is no such market, or no venue that can be read.
    """
    w3, addresses = ringside.w3, ringside.addresses
    known = list(addresses["feeds"])
    if market not in known:
        raise CannotQuote(f"There is no market {market}: take {' or '.join(known)}.")
    wanted = [market] if market == "ETH-USD" else [market, "ETH-USD"]
    seen = snapshot(w3, load(w3, addresses, ringside.venue_ids, wanted))
    states = {v: s for v, s in seen.of(market).items() if not (at_once and s.delayed)}
    if not states:
        why = "; ".join(f"{v}: {no}" for (v, m), no in seen.failures.items() if m == market)
        raise CannotQuote(f"No venue can be read for {market}. {why}".strip())
    ether = next((s.index_price for s in seen.of("ETH-USD").values()), 0)
    gas_price = int(w3.eth.gas_price)
    gas = {v: GAS.get(v, OTHER_GAS) * gas_price * ether // ONE for v in states}
    failures = {v: why for (v, m), why in seen.failures.items() if m == market}
    return Seen(market, seen.block.number, seen.timestamp, states, gas, failures)


def explained(seen: Seen, size: int, horizon: int) -> Explained:
    """The quote for `size` (signed, 1e18) held for `horizon` seconds.

    Raises:
        SplitError: the venues cannot take it; the message says what binds.
    """
    costs = {v: seen.gas[v] + state.leg_cost for v, state in seen.states.items()}
    route = _routed(seen.states, size, costs)
    sign = 1 if size > 0 else -1
    capacities = {v: s.curve.capacity(sign) for v, s in seen.states.items()}
    offers = []
    for one in compare(seen.states, size, capacities):
        state = seen.states[one.venue]
        offers.append(_offer(state, size, one.quote, costs[one.venue], horizon, one.why))
    legs = tuple(
        _offer(seen.states[leg.venue], leg.size, leg.quote, costs[leg.venue], horizon)
        for leg in route.legs
    )
    offers.sort(key=lambda offer: (bool(offer.why), sign * offer.total, offer.venue))
    total, notional = sum(leg.total for leg in legs), sum(leg.notional for leg in legs)
    saving = route.saving
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
        route.best_single.venue if route.best_single else None,
        saving,
        None if saving is None else saving * MICRO_BPS // notional,
        route.certificate,
        dict(seen.failures),
    )


def _routed(states: Mapping[str, MarketState], size: int, costs: Mapping[str, int]) -> Route:
    """The one place where a quote is routed."""
    offers = (problem.Offer(state.curve, leg_cost=costs[v]) for v, state in states.items())
    return solve(size, offers)


def _offer(
    state: MarketState, size: int, quote: Quote | None, gas: int, horizon: int, why: str = ""
) -> Offer:
    if quote is None:
        return Offer(state.venue, state.delayed, size, 0, 0, 0, 0, 0, 0, 0, 0, why)
    sign = 1 if size > 0 else -1
    first = state.curve.marginal_price(sign)
    funding = _funding(state, size, horizon)
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


def _funding(state: MarketState, size: int, horizon: int) -> int:
    """USD (1e18) that a position would pay over the horizon if today's rate stayed, rounded up."""
    day = size * state.index_price * state.funding_rate
    return -(-day * horizon // (DAY * ONE * ONE))
