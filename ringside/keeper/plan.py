"""From an order, an account and a snapshot to the transactions that fill it. Pure: no chain is
touched.

Legs at venues that fill at once go into one fill. A leg at a venue that fills later is a ticket, in
a transaction of its own, and is taken only if the order signs what tickets may do. The signed limit
holds for each transaction by itself, tip and fee in it, and a ticket's also has to pay the venue's
deposit, the exchange of its margin and the dearest fee there is. On top of that a plan leaves room
for the price to move by `HEADROOM` until the venue fills; what is really refused beyond that is up
to the bound that the seat hands the venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from ringside.chain.views import AccountView
from ringside.keeper.closing import close_all, to_close
from ringside.keeper.conditions import Moment, Progress, available
from ringside.keeper.errors import (
    HeldElsewhere,
    NothingToClose,
    NotNow,
    PlanError,
    TooDear,
    TooLittleMargin,
    usdc,
)
from ringside.keeper.freeing import freeable, with_freed
from ringside.keeper.margins import is_known, rooms
from ringside.keeper.routes import (
    close_first,
    is_worse,
    opposed,
    quote_of,
    request_of,
    route,
    within_limit,
)
from ringside.keeper.transactions import Asked, ChainLeg, Plan, in_transactions, too_dear
from ringside.orders import Order
from ringside.routing.policies import BestFill, Policy
from ringside.routing.problem import Route, SplitError
from ringside.routing.request import funding_of, given_up
from ringside.units import ONE, from_units
from ringside.venues.base import MarketState

BEST = BestFill()
HEADROOM = ONE // 1_000
"""How far a venue's price may move between a ticket and its fill: ten basis points. A guess, about
what an hour's volatility of five percent a day makes of half a minute, twice over."""


def plan(
    order: Order,
    account: AccountView,
    states: Mapping[str, MarketState],
    venue_ids: Mapping[str, int],
    progress: Progress | None = None,
    moment: Moment | None = None,
    *,
    leg_cost: int = 0,
    headroom: int = HEADROOM,
    most_delayed: int = ONE,
    most: int | None = None,
    policy: Policy = BEST,
) -> Plan:
    """The best way to fill all that is left of `order`, or what its conditions let be filled at
    `moment` (they are not looked at without one), or `most` (|1e18|).

    `leg_cost` is USD (1e18) a leg costs the keeper, gas above all; what a venue charges per order
    comes on top. Where there is a choice, no more than `most_delayed` (1e18 = all) of the order is
    opened at a venue that fills later: the keeper's own rule.

    `policy` routes it. What is signed comes first: where what a policy counts beside the fill
    (funding to come, margin) leads to a plan that breaks the order's limit or its best execution,
    which know of entry costs alone, the plan is the best fill within the policy's other rules. An
    order to close all says itself what goes where, so no policy has a part in it.

    Raises:
        PlanError: nothing is left, no allowed venue answers, the margin does not reach, the price
            limit is not met, the conditions are not, or something is to be closed first.
        SplitError: the venues cannot take the size; the message names what binds.
    """
    progress = progress or Progress()
    allowed = {v: s for v, s in states.items() if order.venues >> venue_ids[v] & 1}
    if progress.done or progress.used >= abs(order.size):
        raise PlanError("Nothing of the order is left to fill.")
    closing: Mapping[str, int] = {}
    if order.closes_all:
        if progress.closing is not None:
            allowed = {v: s for v, s in allowed.items() if progress.closing >> venue_ids[v] & 1}
        closing = to_close(order, account, allowed)
    usable = {v: s for v, s in allowed.items() if _usable(s, order, account, progress)}
    whole = sum(closing.values()) or abs(order.size)
    asked = Asked(
        *(order, account, progress, moment, 0, 0, leg_cost, headroom, most_delayed, whole),
        *(policy, funding_of(states)),
    )
    asked = _bounded(asked, most)
    if not usable:
        raise PlanError("None of the venues that the order allows can be read.")
    if order.closes_all:
        closing = {venue: size for venue, size in closing.items() if venue in usable}
        return close_all(asked, closing, usable, venue_ids)

    against = {}
    if not (order.bounds.open_against or order.bounds.reduce_only):
        against = opposed(order, account, allowed)
    found: list[Plan] = []
    refused: list[PlanError | SplitError] = []
    for chosen in _choices(order, usable):
        try:
            found.append(_over(asked, chosen, allowed, against, venue_ids))
        except (PlanError, SplitError) as why:
            refused.append(why)
    if not found and sum(against.values()) < asked.amount:
        for chosen in _choices(order, usable):
            with suppress(PlanError, SplitError):
                found.append(_freeing(asked, chosen, allowed, against, venue_ids))
    if not found:
        raise refused[0]
    return min(found, key=lambda p: p.total * order.sign + leg_cost * p.leg_count + p.route.carry)


def _bounded(asked: Asked, most: int | None) -> Asked:
    """With the size that may be filled now and the margin that it may use.

    Raises:
        PlanError: nothing may be filled now, or less than the order's least; or the tip is beyond
            what is idle.
    """
    order, account, progress, whole = asked.order, asked.account, asked.progress, asked.whole
    left = amount = available(order, progress, asked.moment)
    if most is not None:
        amount = min(left, most)
    short = amount < whole - progress.used
    if order.bounds.all_or_none and amount < whole and not order.closes_all:
        raise PlanError("The order is filled whole or not at all, and not all of it can be now.")
    if amount <= 0 or (short and amount < order.bounds.min_fill and not order.closes_all):
        raise PlanError(
            f"Only {from_units(amount)} may be filled now, less than the order's least fill of "
            f"{from_units(order.bounds.min_fill)}."
        )
    if order.closes_all:
        amount = min(amount, whole)
    used = 0 if order.closes_all else progress.used
    paid = asked.tip(used, amount, progress.tip) + asked.fee(amount)
    margin = min(asked.share(used + amount) - progress.margin, account.idle + asked.freed - paid)
    if account.idle < paid:
        raise PlanError(
            f"The account has {usdc(account.idle)} USDC idle, less than the tip of {usdc(paid)}."
        )
    return replace(asked, amount=amount, margin=max(margin, 0))


def _usable(state: MarketState, order: Order, account: AccountView, progress: Progress) -> bool:
    seat = account.seats[state.venue]
    if not is_known(seat, order.market):
        return False
    if not state.delayed:
        return True
    terms = order.tickets
    # What only reduces takes no margin, and exchanges none.
    reduces = order.closes_all or order.bounds.reduce_only
    return (
        terms is not None
        and not seat.pending.get(order.market)
        and progress.failures + progress.open < terms.most
        and (reduces or state.conversion <= terms.max_loss)
    )


def _choices(order: Order, usable: Mapping[str, MarketState]) -> list[Mapping[str, MarketState]]:
    """Sets of venues to plan over: all, and those that fill at once alone. What is filled whole or
    not at all is one transaction: the latter, or one ticket."""
    instant = {v: s for v, s in usable.items() if not s.delayed}
    delayed = [{v: s} for v, s in usable.items() if s.delayed]
    first = [instant] if instant else []
    if order.bounds.all_or_none or not instant:
        return [*first, *delayed]
    return [usable, *first] if delayed else [*first]


def _over(
    asked: Asked,
    states: Mapping[str, MarketState],
    allowed: Mapping[str, MarketState],
    against: Mapping[str, int],
    venue_ids: Mapping[str, int],
    emptied: Mapping[str, int] | None = None,
) -> Plan:
    """The best fill over exactly these venues, of which `emptied` do no more than close."""
    order, account, left = asked.order, asked.account, asked.amount
    caps = rooms(order, account, states, asked.margin, left)
    for venue, size in (emptied or {}).items():
        caps[venue] = min(caps[venue], size)
    opening = [v for v in states if v not in opposed(order, account, states)]
    if any(not state.delayed for state in states.values()):
        for venue in opening:
            if states[venue].delayed:
                caps[venue] = min(caps[venue], asked.whole * asked.most_delayed // ONE)
    forced = close_first(against, allowed, caps, left) if against else {}
    costs = {v: asked.leg_cost + s.leg_cost for v, s in states.items()}

    def routed(caps: Mapping[str, int], by_entry: bool, alone: bool = False) -> Route:
        request = request_of(states, order.sign * left, caps, costs, forced, asked.funding)
        return route(request, asked.policy, by_entry=by_entry, alone=alone)

    def made(by_entry: bool) -> Plan:
        nonlocal forced
        found, within = routed(caps, by_entry), caps
        if whole := _crumbled(found, states, against):
            # What stays of a position must not be too small for its venue to ever close.
            before, forced = forced, {**forced, **whole}
            exact = {v: min(cap, whole.get(v, cap)) for v, cap in caps.items()}
            try:
                found, within = routed(exact, by_entry), exact
            except (PlanError, SplitError):
                forced = before
        if _misses(found, order):
            # The Desk holds every leg to the limit by itself: no venue may take more than meets it.
            within = {v: within_limit(states[v].curve, cap, order) for v, cap in within.items()}
            if sum(within.values()) < left or any(within[v] < part for v, part in forced.items()):
                raise too_dear(found.all_in_price, order)
            found = routed(within, by_entry)
            if _misses(found, order):
                # A venue rounds against the client, so a smaller leg may miss by its last digit.
                raise too_dear(found.all_in_price, order)
        try:
            chosen = in_transactions(asked, found, states, allowed, venue_ids)
        except TooLittleMargin:
            # A venue that takes the whole by itself fits the margin by its room, and may ask for
            # less.
            if found.best_single is None or len(found.legs) == 1:
                raise
            found = routed(within, by_entry, alone=True)
            chosen = in_transactions(asked, found, states, allowed, venue_ids)
        if not found.carry:
            return chosen
        return replace(chosen, given_up=_given_up(found, routed(within, by_entry=True)))

    try:
        return made(by_entry=False)
    except PlanError:
        if asked.policy == BEST:
            raise
        return made(by_entry=True)


def _freeing(
    asked: Asked,
    states: Mapping[str, MarketState],
    allowed: Mapping[str, MarketState],
    against: Mapping[str, int],
    venue_ids: Mapping[str, int],
) -> Plan:
    """As `_over`, with the margin of seats that are closed and left empty for what opens elsewhere.

    Raises:
        PlanError: none can be freed.
    """
    order, account = asked.order, asked.account
    emptied, most = {}, 0
    for venue, size in against.items():
        quote = quote_of(states[venue], order.sign * size) if venue in states else None
        if quote and (more := freeable(account.seats[venue], states[venue], quote, asked.headroom)):
            emptied[venue] = size
            most += more
    if not emptied:
        raise TooLittleMargin("Nothing that is closed sets margin free.")
    richer = _bounded(replace(asked, freed=most), asked.amount)
    chosen = _over(richer, states, allowed, against, venue_ids, emptied)
    taken = sum(leg.margin for leg in (*chosen.legs, *chosen.tickets))
    needed = taken + chosen.tip + chosen.fee - account.idle
    return with_freed(chosen, account, states, needed, asked.headroom)


def _crumbled(
    found: Route, states: Mapping[str, MarketState], against: Mapping[str, int]
) -> dict[str, int]:
    """The positions (|1e18|) that a route closes but for less than their venue trades, or turns by
    less than that."""
    sizes = {leg.venue: leg.size for leg in found.legs if leg.venue in against}
    rests = {venue: abs(against[venue] - abs(size)) for venue, size in sizes.items()}
    return {
        venue: against[venue]
        for venue, size in sizes.items()
        if 0 < rests[venue] < states[venue].curve.minimum(size)
    }


def _misses(found: Route, order: Order) -> bool:
    """Whether one of the legs is beyond the order's limit."""
    return any(is_worse(leg.quote.all_in, leg.size, order.limit_price) for leg in found.legs)


def _given_up(found: Route, best: Route) -> int:
    """As `Plan.given_up`: what `found` enters at against `best`, each with its leg costs."""
    sign = 1 if found.size > 0 else -1
    entries = [r.all_in + sign * r.leg_costs for r in (found, best)]
    return max(given_up(found.size, *entries), 0)


__all__ = [
    "HEADROOM",
    "ChainLeg",
    "HeldElsewhere",
    "Moment",
    "NotNow",
    "NothingToClose",
    "Plan",
    "PlanError",
    "Progress",
    "TooDear",
    "TooLittleMargin",
    "plan",
    "rooms",
]
