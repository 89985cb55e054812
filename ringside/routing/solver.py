"""The cheapest way to fill an order over several venues, with a proof of how cheap that is.

The venues' curves in closed form (`Curve.modes`) are searched in floats (`search`); what is found
is re-priced in integers by the exact curves and set against the best single venue. Offers are
looked at in the order of their venues' names, and the search stops after so much work and never
by the clock: the same offers give the same route, bit by bit, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import floor, inf

import numpy as np

from ringside.routing import kernel
from ringside.routing.dual import Relaxation, Room
from ringside.routing.kernel import ROUNDING
from ringside.routing.problem import (
    BadOffer,
    Certificate,
    NotEnoughMargin,
    Offer,
    Route,
    RouteLeg,
    SplitError,
    TooFewVenues,
    Undecided,
    ZeroSize,
    carry_of,
    gap,
    number,
)
from ringside.routing.search import WORK, Parts, Problem, Search
from ringside.routing.sides import Side, no_fit, prepare, require_capacity, require_sense
from ringside.routing.ways import Choice, Pool, Way
from ringside.units import ONE, from_units

PROVED = 9e-7
"""How close to the best the search goes, as a fraction of the order's notional: 0.009 bps."""
ANY = 1e9
"""The same where any split will do."""


def solve(
    size: int,
    offers: Iterable[Offer],
    *,
    most_venues: int | None = None,
    margin: int | None = None,
) -> Route:
    """The cheapest split of `size` (signed, 1e18 base) over `offers`, one a venue, on at most
    `most_venues` of them, that takes at most `margin` (USD 1e18) where that is shared.

    The legs add up to `size` exactly, keep to every bound and lot, and cost no more than the best
    single venue. The certificate says how much cheaper any other split could be.

    Raises:
        ZeroSize: `size` is zero.
        BadOffer: an offer or a rule makes no sense; the message says which and why.
        NotEnoughCapacity, TooFewVenues, NotEnoughMargin, NoFit: no split keeps to the rules; the
            class and the message say which of them binds.
        Undecided: none was found, and the search stopped at its limit; or there is none, and that
            of the rule that binds stopped.
    """
    if size == 0:
        raise ZeroSize("The order's size is zero: there is nothing to route.")
    given = list(offers)
    require_sense(given, most_venues, margin)
    if most_venues is not None and most_venues >= len(given):
        most_venues = None  # No rule; and it may be larger than the kernel's numbers.
    sign, amount = (1 if size > 0 else -1), abs(size)
    sides = [Side(offer, sign) for offer in sorted(given, key=lambda o: o.curve.venue)]
    require_capacity(sides, sign, amount, most_venues)
    pool = Pool()
    prepare(sides, amount, pool, shared=margin is not None)
    found = _search(sides, amount, most_venues, margin, pool)
    if found.best is None and not found.finished:
        raise Undecided(
            f"No split of {from_units(amount):f} was found among {found.nodes:,} tries, and none "
            "was ruled out: its lots and minimums leave too many ways. Another size may do."
        )
    if found.best is None:
        raise _why_not(sides, amount, most_venues, margin, pool, WORK - found.work)
    order = {offer.curve.venue: i for i, offer in enumerate(given)}
    route = _priced(size, [(sides[way.venue], part) for way, part in found.best], order)
    single = _best_single(sides, size, margin, order, pool)
    if single is not None:
        if single.cost <= route.cost:
            route = single
        cost = single.leg_costs + single.carry
        route = replace(route, best_single=single.legs[0], best_single_cost=cost)
    return _certified(route, found)


def _search(
    sides: Sequence[Side],
    amount: int,
    most_venues: int | None,
    margin: int | None,
    pool: Pool,
    proved: float = PROVED,
    work: int = WORK,
) -> Search:
    """The search, done: to within `proved` of the best, or until so much work was."""
    state = [Choice(not side.offer.required, side.ways) for side in sides]
    every = [way for side in sides for way in side.ways]
    known = pool.ways[[way.row for way in every]] if every else np.empty((0, kernel.COLUMNS))
    worth = np.abs(known[:, kernel.COST_HIGH] / known[:, kernel.HIGH])
    notional = float(worth.min(initial=inf)) * amount / ONE if every else 0.0
    shared = None if margin is None else margin * ONE
    margins = [side.offer.margin for side in sides]
    problem = Problem(amount, state, most_venues, shared, margins, proved * notional, work)
    dollars = None if margin is None else margin / ONE
    tolerance = PROVED / 100 * notional
    room = Room(len(sides))
    search = Search(problem, Relaxation(amount / ONE, most_venues, dollars, tolerance, pool, room))
    if not every:
        return search
    singles = _singles(sides, amount)
    costs = pool.costs(singles, [amount / ONE] * len(singles))
    for _, i in sorted(zip(costs, range(len(singles)), strict=True)):
        search.offer([(singles[i], amount)])
        if search.best is not None:
            break
    if margin is not None and (parts := _leanest(sides, amount)):
        search.offer(parts)
    # The cheapest unit there is, and a basis point as the first step from there.
    first, whole = known[:, kernel.SLOPE_LOW], known[:, kernel.COST_LOW] / known[:, kernel.LOW]
    price = float((known[:, kernel.CARRY] + np.where(np.isinf(first), whole, first)).min())
    search.run(price, abs(price) * 1e-4)
    return search


def _singles(sides: Sequence[Side], amount: int) -> list[Way]:
    """The ways that take all of it, where no other venue must take part."""
    required = [side for side in sides if side.offer.required]
    able = sides if not required else required if len(required) == 1 else []
    return [
        way
        for side in able
        for way in side.ways
        if way.lo <= amount <= way.hi and amount % way.lot == 0
    ]


def _leanest(sides: Sequence[Side], amount: int) -> Parts:
    """A split that takes little of the shared margin, where it barely reaches; empty if the lots
    and minimums leave none."""
    parts: Parts = []
    for side in sorted(sides, key=lambda s: s.offer.margin):
        for way in reversed(side.ways):
            part = min(way.hi, amount) // way.lot * way.lot
            if part >= way.lo:
                parts.append((way, part))
                amount -= part
                break
    lacking = any(s.offer.required for s in sides) and len(parts) < len(sides)
    return [] if amount or lacking else parts


def _best_single(
    sides: Sequence[Side], size: int, margin: int | None, order: Mapping[str, int], pool: Pool
) -> Route | None:
    """The cheapest venue that takes it all. The exact curves are asked only where the closed forms
    leave it open."""
    amount = abs(size)
    within = [
        way
        for way in _singles(sides, amount)
        if margin is None or sides[way.venue].offer.margin * amount <= margin * ONE
    ]
    costs = pool.costs(within, [amount / ONE] * len(within))
    able = []
    for way, cost in zip(within, costs, strict=True):
        doubt = way.error + ROUNDING * abs(cost)
        able.append((cost - doubt, cost + doubt, sides[way.venue]))
    ceiling = min((high for _, high, _ in able), default=0.0)
    near = {side.venue: side for low, _, side in able if low <= ceiling}
    routes = [_priced(size, [(side, amount)], order) for side in near.values()]
    return min(routes, key=lambda route: route.cost, default=None)


def _priced(size: int, parts: Iterable[tuple[Side, int]], order: Mapping[str, int]) -> Route:
    """The parts at the exact curves, in the order in which the venues were offered."""
    sign, costs, carry = (1 if size > 0 else -1), 0, 0
    legs = []
    for side, part in sorted(parts, key=lambda p: order[p[0].venue]):
        legs.append(RouteLeg(side.venue, side.offer.curve.quote(sign * part)))
        costs += side.offer.leg_cost
        carry += carry_of(side.offer, part)
    return Route(size, tuple(legs), costs, None, 0, carry)


def _certified(route: Route, found: Search) -> Route:
    """
    Raises:
        BadOffer: the route costs less than any could: a venue's closed form is off by more than it
            says.
    """
    # The search bounds float costs from below; a leg's integers round by a few 1e-18 USD more.
    bound = floor(found.bound * ONE) - len(found.problem.state) * 8
    if bound > route.cost:
        raise BadOffer(
            f"The route costs {from_units(route.cost):f}, less than the least by the venues' "
            f"closed forms, {from_units(bound):f}: one of "
            f"{', '.join(leg.venue for leg in route.legs)} is off by more than it says."
        )
    method = "unfinished" if not found.finished else "dual" if found.nodes <= 1 else "search"
    proof = Certificate(bound, gap(route.cost, bound, route.legs), method)
    return replace(route, certificate=proof)


def _why_not(
    sides: Sequence[Side],
    amount: int,
    most_venues: int | None,
    margin: int | None,
    pool: Pool,
    work: int,
) -> SplitError:
    """The rule without which there would be a split, where so much work tells."""
    told = True

    def fits(most_venues: int | None, margin: int | None) -> bool:
        """Whether there is a split under these rules: not if none was found in time."""
        nonlocal told, work
        found = _search(sides, amount, most_venues, margin, pool, ANY, work)
        work -= found.work
        told = told and (found.best is not None or found.finished)
        return found.best is not None

    parts = f"{number(amount)} on at most {most_venues}" if most_venues else number(amount)
    if margin is not None and fits(most_venues, None):
        # Minimums and lots apart: that may be less than there is, and then says nothing.
        need = _least_margin(sides, amount)
        least = f", {number(need)} at the very least" if need > margin else ""
        return NotEnoughMargin(
            f"There are {number(margin)} USD of margin for all venues together, and filling "
            f"{parts} takes more{least}."
        )
    if most_venues is not None and fits(None, margin):
        return TooFewVenues(
            f"{number(amount)} can only be made up of what the venues take on more than "
            f"{most_venues} of them."
        )
    if margin is not None and most_venues is not None and fits(None, None):
        return NotEnoughMargin(
            f"{number(amount)} can only be made up of what the venues take on more than "
            f"{most_venues} of them, and that takes more margin than the {number(margin)} USD that "
            "there are for all venues together."
        )
    if told:
        return no_fit(sides, amount)
    rules = (
        [] if margin is None else [f"the {number(margin)} USD of margin for all venues together"]
    )
    rules += [f"the {most_venues} venues at most"] if most_venues else []
    return Undecided(
        f"No split of {number(amount)} keeps to every rule. Whether {' or '.join(rules)} is in the "
        "way, or the venues' minimums and lots by themselves, was not found within the search's "
        "limit: another size may do, or less strict a rule."
    )


def _least_margin(sides: Sequence[Side], amount: int) -> int:
    """USD (1e18) that the order would take where a base takes least, minimums apart."""
    need = 0
    for side in sorted(sides, key=lambda s: s.offer.margin):
        part = min(side.most, amount)
        need += side.offer.margin * part
        amount -= part
    return -(-need // ONE)
