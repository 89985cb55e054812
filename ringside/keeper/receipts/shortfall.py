"""How far a fill fell short of the best there was, and how far short its signed bounds let it fall.

The optimum at a state is what this package's own solver would have filled of the same order there:
the same size, over the venues that the order allows and that fill at once, within their own rules
for the account's margin then. It counts no cost of a leg, since that is the keeper's; neither do
limit, conditions and tip bind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ringside.chain.contracts import Ringside
from ringside.chain.multicall import pinned
from ringside.keeper.decide import Request, Settings, View, decide
from ringside.keeper.look import Looker
from ringside.keeper.plan import Plan
from ringside.keeper.receipts.events import Fill
from ringside.orders import Bounds, Bundle, Mode, Order, Terms, market_id
from ringside.units import MICRO_BPS, ONE, price_against, usdc_to_usd

if TYPE_CHECKING:
    from web3 import Web3

"""Of one: millionths of a basis point."""
_ANY = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was filled against the optimum `where`: USD (1e18) and millionths of a basis point of
    the optimum, positive where the client got less than there was. `None`, and `why`, where that
    cannot be known."""

    where: str
    optimum: int | None
    legs: tuple[tuple[str, int], ...]
    usd: int | None
    micro_bps: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a signed bound allowed: the worst `price` (USD per base, 1e18), and how much worse than
    what was done (`done`) that is, in millionths of a basis point. No price: not asked for, or, as
    `note` says, not known."""

    name: str
    done: int
    price: int | None
    micro_bps: int | None
    note: str = ""


def freed(request: Request) -> Request:
    """The same order or bundle, bound by nothing but its venues, its size and its margin."""
    if isinstance(request, Order):
        return request.with_(**_loose(request))
    steps = tuple(replace(step, **_loose(step)) for step in request.steps)
    return request.with_(steps=steps)


def _loose(terms: Order | Terms) -> dict[str, Any]:
    kept = terms.bounds
    bounds = Bounds(reduce_only=kept.reduce_only, open_against=kept.open_against)
    limit = _ANY if terms.size > 0 else 0
    return {
        "limit_price": limit,
        "tip": 0,
        "bounds": bounds,
        "tickets": None,
        "conditions": None,
    }


def optima(
    looker: Looker, request: Request, fills: Sequence[tuple[Fill, int | None]], block: int | None
) -> list[Plan]:
    """The best fill of each, by step, at `block`. All of an atomic bundle are taken together, each
    on what the ones before leave.

    Raises:
        PlanError, SplitError: there was no fill of it then.
    """
    loose = freed(request)
    views: list[View] = []
    for fill, step in fills:
        order = loose if isinstance(loose, Order) else loose.order(step or 0)
        view = looker.look(order, fill.key, block)
        most = None if order.closes_all else abs(fill.size)
        views.append(replace(view, step=step, most=most))
    if isinstance(loose, Bundle) and loose.mode != Mode.ATOMIC:
        loose = loose.with_(mode=Mode.STEPWISE)
    return decide(loose, views, looker.ringside.venue_ids, Settings())


def shortfall(where: str, fill: Fill, best: Plan) -> Shortfall:
    """What was filled against a plan."""
    legs = tuple((leg.venue, leg.size) for leg in best.route.legs)
    if best.size != fill.size:
        why = "another size was to be filled then"
        return Shortfall(where, best.route.all_in, legs, None, None, why)
    sign = 1 if fill.size > 0 else -1
    usd = sign * (fill.quote - best.route.all_in)
    micro = usd * MICRO_BPS // best.route.all_in
    return Shortfall(where, best.route.all_in, legs, usd, micro)


def unknown(where: str, why: str) -> Shortfall:
    return Shortfall(where, None, (), None, None, why)


def bounds(ringside: Ringside, order: Order, fill: Fill, then: Web3) -> tuple[Bound, ...]:
    """What each bound of `order` allowed, oracle and best single venue as of the state behind
    `then`."""
    sign, extra = order.sign, usdc_to_usd(fill.tip + fill.fee)
    total = price_against(fill.quote + sign * extra, fill.size)
    legs = price_against(fill.quote, fill.size)
    return (
        _bound("limit price", total, order.limit_price, sign),
        _deviation(ringside, order, total, then),
        _tolerance(ringside, order, fill, legs, then),
    )


def _bound(name: str, done: int, price: int, sign: int, note: str = "") -> Bound:
    return Bound(name, done, price, sign * (price - done) * MICRO_BPS // done, note)


def _deviation(ringside: Ringside, order: Order, total: int, then: Web3) -> Bound:
    name, deviation = "deviation from the oracle", order.bounds.max_deviation
    if not deviation:
        return Bound(name, total, None, None, "not asked for")
    try:
        at = Ringside.at(then, ringside.addresses)
        moment = Looker(at).moments([order.with_(conditions=None)], pinned(then))[0]
    except Exception as no:  # Whatever the node refuses with, it is not known.
        return Bound(name, total, None, None, f"not known: {no}")
    price = max(moment.price * (ONE + order.sign * deviation) // ONE, 0)
    return _bound(name, total, price, order.sign)


def _tolerance(ringside: Ringside, order: Order, fill: Fill, legs: int, then: Web3) -> Bound:
    name, tolerance = "best execution", order.bounds.tolerance
    if not tolerance:
        return Bound(name, legs, None, None, "not asked for")
    try:
        quotes = Ringside.at(then, ringside.addresses).quotes.functions
        best, _ = quotes.best(market_id(order.market), order.venues, fill.size, True).call(
            {"gas": _ASK_GAS}
        )
    except Exception as no:
        return Bound(name, legs, None, None, f"not known: {no}")
    if not best:
        return Bound(name, legs, None, None, "no single venue would have filled all of it")
    allowed = best + order.sign * (best * tolerance // ONE)
    return _bound(name, legs, price_against(allowed, fill.size), order.sign)


_ASK_GAS = 30_000_000
"""What a node gives a call: Quotes asks every venue with a stipend of its own."""
