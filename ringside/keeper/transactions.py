"""A plan as the Desk takes it: one transaction after another, each held to what was signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ringside.chain.views import AccountView
from ringside.keeper.conditions import Moment, Progress
from ringside.keeper.errors import PlanError, TooDear, TooLittleMargin, usdc
from ringside.keeper.margins import conversion, divide
from ringside.keeper.receipts.store import Receipt
from ringside.keeper.routes import is_worse, quote_of, worst_of_ticket
from ringside.orders import Order
from ringside.routing.funding import Funding
from ringside.routing.policies import Policy
from ringside.routing.problem import Route
from ringside.units import ONE, USDC_TO_USD, from_units, price_against, usdc_to_usd
from ringside.venues.base import MarketState, Quote


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
    `receipt` is the decision's, where the keeper writes one. `given_up` is how much more the entry
    costs than the best fill under the same rules (millionths of a basis point of the latter), for
    what the policy counts beside it: funding to come, or margin.
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
    given_up: int = 0

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
class Asked:
    """What is planned for: `amount` (|1e18|) of the order, with what it may use. `whole` is the
    order's size; for one to close all, what there is to close. `policy` says how it is routed, and
    `funding` is what is known of every venue's; `freed` (USDC) is what closing adds to what is
    idle."""

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
    policy: Policy
    funding: Mapping[str, Funding]
    freed: int = 0

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


def in_transactions(
    asked: Asked,
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
        parts = tuple(_within_cap(leg, asked.account) for leg in parts)
        spent += sum(leg.margin for leg in parts)
        extra = mine + asked.fee(amount)
        tip, fee = tip + mine, fee + asked.fee(amount)
        state, quote = states[parts[0].venue], quotes[parts[0].venue]
        if state.delayed:
            total = worst_of_ticket(state, quote, parts[0].margin, extra, asked.headroom)
            _require_bounds(asked, total - order.sign * usdc_to_usd(extra), total, quote, allowed)
            costs += state.leg_cost + conversion(state, parts[0].margin)
        else:
            total = sum(quotes[leg.venue].all_in for leg in parts)
            _require_best(order, order.sign * amount, total, allowed, "the fill")
            total += order.sign * usdc_to_usd(extra)
        if is_worse(total, order.sign * amount, order.limit_price):
            raise too_dear(price_against(total, order.sign * amount), order, extra)
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


def _within_cap(leg: ChainLeg, account: AccountView) -> ChainLeg:
    """With no more margin than its venue's caps allow, which is no less than the venue asks for."""
    return replace(leg, margin=min(leg.margin, account.seats[leg.venue].postable))


def _require_least(asked: Asked, amount: int, last: bool) -> None:
    order, whole = asked.order, asked.whole
    completes = last and asked.progress.used + asked.amount == whole
    if amount < order.bounds.min_fill and not completes and not order.closes_all:
        raise PlanError(
            f"A part of {from_units(amount)} is less than the order's least fill of "
            f"{from_units(order.bounds.min_fill)}."
        )


def _require_bounds(
    asked: Asked, legs: int, total: int, quote: Quote, allowed: Mapping[str, MarketState]
) -> None:
    """A ticket's bound is also what the oracle's band and best execution leave, the latter for the
    leg itself without tip and fee; the chain only finds out when nobody can fill it."""
    order, size = asked.order, quote.size
    bounds, moment = order.bounds, asked.moment
    if bounds.max_deviation and moment is not None:
        worst = moment.price * (ONE + order.sign * bounds.max_deviation) // ONE
        if is_worse(total, size, max(worst, 0)):
            raise too_dear(price_against(total, size), order.with_(limit_price=max(worst, 0)))
    _require_best(order, size, legs, allowed, "a ticket")


def _require_best(
    order: Order, size: int, legs: int, allowed: Mapping[str, MarketState], what: str
) -> None:
    """What `size` costs at its legs (USD 1e18) is no worse than the order's tolerance allows
    beyond the best allowed venue that fills all of it at once, as the Desk asks."""
    if not order.bounds.tolerance:
        return
    singles = [
        quoted.all_in
        for state in allowed.values()
        if not state.delayed and (quoted := quote_of(state, size)) is not None
    ]
    if singles:
        best = min(singles) if size > 0 else max(singles)
        allowance = abs(best) * order.bounds.tolerance // ONE
        if (legs - best) * order.sign > allowance:
            raise TooDear(
                f"One venue alone fills at {from_units(price_against(best, size))}, {what} at "
                f"{from_units(price_against(legs, size))}: further from it than the tolerance that "
                "the order signs for best execution."
            )


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


def too_dear(price: int, order: Order, extra: int = 0) -> TooDear:
    return TooDear(
        f"The best price now, {from_units(price)} with fees and a tip of {usdc(extra)} USDC, is "
        f"worse than the order's limit of {from_units(order.limit_price)}."
    )
