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
from dataclasses import dataclass, replace

from ringside.chain.contracts import AccountView
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
from ringside.keeper.margins import conversion, divide, is_known, need, rooms
from ringside.keeper.receipts.store import Receipt
from ringside.keeper.routes import (
    close_first,
    is_worse,
    opposed,
    quote_of,
    route,
    to_close,
    within_limit,
)
from ringside.keeper.routes import worst_of_ticket as worst_of
from ringside.orders import Order
from ringside.routing.problem import Route, RouteLeg, SplitError
from ringside.units import ONE, USDC_TO_USD, from_units, price_against, usdc_to_usd
from ringside.venues.base import MarketState, Quote, VenueError

HEADROOM = ONE // 1_000
"""How far a venue's price may move between a ticket and its fill: ten basis points. A guess, about
what an hour's volatility of five percent a day makes of half a minute, twice over."""


@dataclass(frozen=True, slots=True)
class ChainLeg:
    """A leg as `IOrders.Leg`: the venue's id, signed size (1e18), margin in USDC (1e6)."""

    venue: str
    venue_id: int
    size: int
    margin: int

    @property
    def tuple(self) -> tuple[int, int, int]:
        return self.venue_id, self.size, self.margin


@dataclass(frozen=True, slots=True)
class Plan:
    """How an order would be filled: the route it was priced by, the legs of one fill, and tickets.

    `tip` and `fee` (USDC 1e6) are what all of it pays the keeper and the protocol, `costs` (USD
    1e18) what tickets pay in deposits and exchange of margin. `worst_price` is the tightest limit
    (USD per base) under which every one of its transactions passes, headroom in it.
    `closes_by_ticket` says that the tickets go first: the fill may open once they are pending.
    `receipt` is the decision's, where the keeper writes one.
    """

    order: Order
    route: Route
    legs: tuple[ChainLeg, ...]
    tip: int
    tickets: tuple[ChainLeg, ...] = ()
    fee: int = 0
    costs: int = 0
    worst_price: int = 0
    closes_by_ticket: bool = False
    receipt: Receipt | None = None

    @property
    def size(self) -> int:
        return self.route.size

    @property
    def leg_count(self) -> int:
        return len(self.legs) + len(self.tickets)

    @property
    def transactions(self) -> tuple[tuple[ChainLeg, ...], ...]:
        """In the order in which they are sent: the legs of the fill together, each ticket alone.
        Where there is nothing to close, one without legs."""
        fill = (self.legs,) if self.legs or not self.tickets else ()
        tickets = tuple((leg,) for leg in self.tickets)
        return (*tickets, *fill) if self.closes_by_ticket else (*fill, *tickets)

    @property
    def total(self) -> int:
        """USD (1e18) paid for a purchase or received for a sale, with fees, tip and what tickets
        cost in it, as the Desk counts."""
        extra = usdc_to_usd(self.tip + self.fee) + self.costs
        return self.route.all_in + extra if self.size > 0 else self.route.all_in - extra

    @property
    def total_price(self) -> int:
        """USD per base (1e18) of `total`, rounded against the client; 0 where nothing trades."""
        return price_against(self.total, self.size) if self.size else 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is planned for: `amount` (|1e18|) of the order, with what it may use. `whole` is the
    order's size; for one to close all, what there is to close."""

    order: Order
    account: AccountView
    progress: Progress
    moment: Moment | None
    amount: int
    margin: int
    leg_cost: int
    headroom: int
    most_delayed: int
    whole: int

    def tip(self, used: int, amount: int, paid: int) -> int:
        """What a transaction for `amount` pays (USDC) after `used` is filled or pending and `paid`
        is paid or set aside; where all is closed, `used` counts from this plan on."""
        if self.order.closes_all:
            return max(self.order.tip - paid, 0) * amount // (self.whole - used)
        return max(self.order.tip * (used + amount) // self.whole - paid, 0)

    def share(self, used: int) -> int:
        """The margin (USDC) that may have left idle by then."""
        return 0 if self.order.closes_all else -(-self.order.max_margin * used // self.whole)

    def fee(self, amount: int) -> int:
        return self.moment.protocol_fee(amount) if self.moment else 0


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
) -> Plan:
    """The best way to fill all that is left of `order`, or what its conditions let be filled at
    `moment` (they are not looked at without one), or `most` (|1e18|).

    `leg_cost` is USD (1e18) a leg costs the keeper, gas above all; what a venue charges per order
    comes on top. Where there is a choice, no more than `most_delayed` (1e18 = all) of the order is
    opened at a venue that fills later: the keeper's own rule.

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
    asked = _asked(order, account, progress, moment, leg_cost, headroom, most_delayed, most, whole)
    if not usable:
        raise PlanError("None of the venues that the order allows can be read.")
    if order.closes_all:
        closing = {venue: size for venue, size in closing.items() if venue in usable}
        return _close_all(asked, closing, usable, venue_ids)

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
    if not found:
        raise refused[0]
    return min(found, key=lambda p: p.total * order.sign + leg_cost * p.leg_count)


def _asked(
    order: Order,
    account: AccountView,
    progress: Progress,
    moment: Moment | None,
    leg_cost: int,
    headroom: int,
    most_delayed: int,
    most: int | None,
    whole: int,
) -> _Asked:
    """
    Raises:
        PlanError: nothing may be filled now, or less than the order's least; or the tip is beyond
            what is idle.
    """
    left = amount = available(order, progress, moment)
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
    asked = _Asked(
        *(order, account, progress, moment, amount, 0, leg_cost, headroom, most_delayed), whole
    )
    used = 0 if order.closes_all else progress.used
    paid = asked.tip(used, amount, progress.tip) + asked.fee(amount)
    margin = min(asked.share(used + amount) - progress.margin, account.idle - paid)
    if account.idle < paid:
        raise PlanError(
            f"The account has {usdc(account.idle)} USDC idle, less than the tip of {usdc(paid)}."
        )
    return replace(asked, margin=max(margin, 0))


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
    asked: _Asked,
    states: Mapping[str, MarketState],
    allowed: Mapping[str, MarketState],
    against: Mapping[str, int],
    venue_ids: Mapping[str, int],
) -> Plan:
    """The best fill over exactly these venues."""
    order, account, left = asked.order, asked.account, asked.amount
    caps = rooms(order, account, states, asked.margin)
    opening = [v for v in states if v not in opposed(order, account, states)]
    if any(not state.delayed for state in states.values()):
        for venue in opening:
            if states[venue].delayed:
                caps[venue] = min(caps[venue], asked.whole * asked.most_delayed // ONE)
    forced = close_first(against, allowed, caps, left) if against else {}
    costs = {v: asked.leg_cost + s.leg_cost for v, s in states.items()}
    size = order.sign * left
    found = route(states, size, caps, costs, forced)
    if any(is_worse(leg.quote.all_in, leg.size, order.limit_price) for leg in found.legs):
        # The Desk holds every leg to the limit by itself, so no venue may take more than meets it.
        meets = {v: within_limit(states[v].curve, cap, order) for v, cap in caps.items()}
        if sum(meets.values()) < left or any(meets[v] < part for v, part in forced.items()):
            raise _too_dear(found.all_in_price, order)
        found = route(states, size, meets, costs, forced)
        if any(is_worse(leg.quote.all_in, leg.size, order.limit_price) for leg in found.legs):
            # A venue rounds against the client, so a smaller leg may miss by its last digit.
            raise _too_dear(found.all_in_price, order)
    try:
        return _made(asked, found, states, allowed, venue_ids)
    except TooLittleMargin:
        # A venue that takes the whole by itself fits the margin by its room, and may ask for less.
        if found.best_single is None or len(found.legs) == 1:
            raise
        alone, cost = (found.best_single,), found.best_single_cost
        alone_route = replace(found, legs=alone, leg_costs=cost)
        return _made(asked, alone_route, states, allowed, venue_ids)


def _made(
    asked: _Asked,
    found: Route,
    states: Mapping[str, MarketState],
    allowed: Mapping[str, MarketState],
    venue_ids: Mapping[str, int],
) -> Plan:
    """A route with its margins, as transactions that the Desk takes one by one.

    Raises:
        PlanError: one of them breaks what was signed; the message says which rule.
    """
    order, quotes = asked.order, {leg.venue: leg.quote for leg in found.legs}
    margins = divide(found, asked.account, states, asked.margin, asked.headroom)
    legs = [ChainLeg(v, venue_ids[v], quotes[v].size, margins[v][0]) for v in quotes]
    instant = tuple(leg for leg in legs if not states[leg.venue].delayed)
    tickets = tuple(leg for leg in legs if states[leg.venue].delayed)
    size_held = {v: asked.account.seats[v].positions for v in quotes}
    closing = any(
        order.market in size_held[leg.venue]
        and size_held[leg.venue][order.market].size * leg.size < 0
        for leg in tickets
    )
    made = Plan(order, found, instant, 0, tickets, closes_by_ticket=closing and bool(instant))
    most = (
        order.tickets.most - asked.progress.failures - asked.progress.open if order.tickets else 0
    )
    if len(tickets) > most:
        raise PlanError("The order allows fewer tickets than there would be.")

    progress, sent, tip, fee, costs = asked.progress, [], 0, 0, 0
    prices: list[int] = []
    used, spent, carried = 0 if order.closes_all else progress.used, progress.margin, 0
    for number, parts in enumerate(made.transactions, 1):
        amount = sum(abs(leg.size) for leg in parts)
        _require_least(asked, amount, last=number == len(made.transactions))
        mine = asked.tip(used, amount, progress.tip + tip)
        used += amount
        parts, carried = _within_share(parts, margins, asked.share(used) - spent, carried)
        spent += sum(leg.margin for leg in parts)
        extra = mine + asked.fee(amount)
        tip, fee = tip + mine, fee + asked.fee(amount)
        state, quote = states[parts[0].venue], quotes[parts[0].venue]
        if state.delayed:
            total = worst_of(state, quote, parts[0].margin, extra, asked.headroom)
            _require_bounds(asked, total - order.sign * usdc_to_usd(extra), total, quote, allowed)
            costs += state.leg_cost + conversion(state, parts[0].margin)
        else:
            total = sum(quotes[leg.venue].all_in for leg in parts)
            total += order.sign * usdc_to_usd(extra)
        if is_worse(total, order.sign * amount, order.limit_price):
            raise _too_dear(price_against(total, order.sign * amount), order, extra)
        prices.append(price_against(total, order.sign * amount))
        prices += [quotes[leg.venue].all_in_price for leg in parts if not state.delayed]
        sent.append(parts)
    _require_affordable(order, progress, costs)
    by_venue = {leg.venue: leg for parts in sent for leg in parts}
    return replace(
        made,
        legs=tuple(by_venue[leg.venue] for leg in instant),
        tickets=tuple(by_venue[leg.venue] for leg in tickets),
        tip=tip,
        fee=fee,
        costs=costs,
        worst_price=max(prices) if order.sign > 0 else min(prices),
    )


def _within_share(
    parts: tuple[ChainLeg, ...], margins: Mapping[str, tuple[int, int]], share: int, carried: int
) -> tuple[tuple[ChainLeg, ...], int]:
    """A transaction's legs with the margin that its share allows: what venues ask for, and of the
    rest, with what earlier transactions could not take along, as much as fits. What does not is for
    the next."""
    asked = sum(margins[leg.venue][1] for leg in parts)
    planned = sum(leg.margin for leg in parts)
    if asked > share:
        raise TooLittleMargin(
            f"{' and '.join(leg.venue for leg in parts)} ask for {usdc(asked)} USDC of margin, and "
            f"the share of that part of the order is {usdc(max(share, 0))}: sign a larger "
            "maxMargin."
        )
    spare, wanted = planned - asked, planned + carried - asked
    if not spare:  # Legs that only reduce take none along.
        return parts, carried
    given = min(wanted, share - asked)
    found = []
    for leg in parts:
        least = margins[leg.venue][1]
        found.append(replace(leg, margin=least + given * (leg.margin - least) // spare))
    return tuple(found), wanted - given


def _require_least(asked: _Asked, amount: int, last: bool) -> None:
    order, whole = asked.order, asked.whole
    completes = last and asked.progress.used + asked.amount == whole
    if amount < order.bounds.min_fill and not completes and not order.closes_all:
        raise PlanError(
            f"A part of {from_units(amount)} is less than the order's least fill of "
            f"{from_units(order.bounds.min_fill)}."
        )


def _require_bounds(
    asked: _Asked, legs: int, total: int, quote: Quote, allowed: Mapping[str, MarketState]
) -> None:
    """A ticket's bound is also what the oracle's band and best execution leave, the latter for the
    leg itself without tip and fee; the chain only finds out when nobody can fill it."""
    order, size = asked.order, quote.size
    bounds, moment = order.bounds, asked.moment
    if bounds.max_deviation and moment is not None:
        worst = moment.price * (ONE + order.sign * bounds.max_deviation) // ONE
        if is_worse(total, size, max(worst, 0)):
            raise _too_dear(price_against(total, size), order.with_(limit_price=max(worst, 0)))
    if not bounds.tolerance:
        return
    singles = [
        quoted.all_in
        for state in allowed.values()
        if not state.delayed and (quoted := quote_of(state, size)) is not None
    ]
    if singles:
        best = min(singles) if size > 0 else max(singles)
        limit = best * (ONE + order.sign * bounds.tolerance) // ONE
        if (legs > limit) if size > 0 else (legs < limit):
            raise TooDear("A venue that fills at once is better than a ticket would have to be.")


def _require_affordable(order: Order, progress: Progress, costs: int) -> None:
    """What failed tickets may cost in all covers those planned, as the Desk counts: rounded up."""
    if order.tickets is None or not costs:
        return
    cost = progress.cost + -(-costs // USDC_TO_USD)
    if cost > order.tickets.max_cost:
        raise PlanError(
            f"Tickets would cost {usdc(cost)} USDC if they failed, more than the "
            f"{usdc(order.tickets.max_cost)} that the order allows."
        )


def _close_all(
    asked: _Asked,
    closing: Mapping[str, int],
    usable: Mapping[str, MarketState],
    venue_ids: Mapping[str, int],
) -> Plan:
    """Every opposite position at the allowed venues, whole, without margin. A venue that would not
    let go of its own, or of more than the order's conditions allow now, holds up no other, unless
    all is to be closed at once."""
    order, left = asked.order, asked.amount
    legs, refusals = [], []
    for venue, size in closing.items():
        if size > left:
            refusals.append(
                PlanError(f"{venue} holds {from_units(size)}, and {from_units(left)} may go now.")
            )
            continue
        try:
            legs.append(_closing_leg(order, asked.account, usable[venue], size))
            left -= size
        except PlanError as refused:
            refusals.append(refused)
    if not legs:
        raise refusals[0] if refusals else PlanError("No venue can close anything of it now.")
    delayed = sum(usable[leg.venue].delayed for leg in legs)
    together = delayed == 0 or len(legs) == 1
    whole = abs(sum(leg.size for leg in legs)) == asked.whole
    if order.bounds.all_or_none and not (together and whole):
        raise refusals[0] if refusals else PlanError("Not all of it can be closed at once.")
    costs = sum(asked.leg_cost + usable[leg.venue].leg_cost for leg in legs)
    found = Route(sum(leg.size for leg in legs), tuple(legs), costs, None, 0)
    made = _made(replace(asked, margin=0), found, usable, usable, venue_ids)
    return replace(made, closes_by_ticket=False)


def _closing_leg(order: Order, account: AccountView, state: MarketState, size: int) -> RouteLeg:
    """
    Raises:
        PlanError: the venue would not close all of it.
    """
    if state.delayed and need(account.seats[state.venue], state, order.sign * size, 0):
        raise TooLittleMargin(
            f"{state.venue} wants more left in the pocket than closing would leave: post margin."
        )
    try:
        return RouteLeg(state.venue, state.curve.quote(order.sign * size))
    except VenueError as refused:
        raise PlanError(
            f"{state.venue} cannot close its {from_units(size)} now: {refused}."
        ) from None


def no_legs(order: Order) -> Plan:
    """How a step to close all is completed that finds nothing to close: without legs and tip."""
    return Plan(order, Route(0, (), 0, None, 0), (), 0)


def _too_dear(price: int, order: Order, extra: int = 0) -> TooDear:
    return TooDear(
        f"The best price now, {from_units(price)} with fees and a tip of {usdc(extra)} USDC, is "
        f"worse than the order's limit of {from_units(order.limit_price)}."
    )


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
