"""From an order, an account and a snapshot to the legs of a fill. Pure: no chain is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ringside.chain.contracts import AccountView, SeatView
from ringside.orders import Order
from ringside.routing.split import Route, split
from ringside.units import ONE, from_units, price_against, usdc_to_usd
from ringside.venues.base import Curve, MarketState, Quote
from ringside.venues.pool import largest, smallest


class PlanError(Exception):
    """No fill of this order is possible now; the message says why in a sentence."""


class TooDear(PlanError):
    """Nothing on offer meets the order's price limit."""


class TooLittleMargin(PlanError):
    """The venues of a route ask for more margin than the order and the account have."""


@dataclass(frozen=True, slots=True)
class ChainLeg:
    """A leg as `IDesk.Leg`: the venue's id, signed size (1e18), margin in USDC (1e6)."""

    venue: str
    venue_id: int
    size: int
    margin: int

    @property
    def tuple(self) -> tuple[int, int, int]:
        return self.venue_id, self.size, self.margin


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fill would go: the route it was priced by, its legs, and the tip (USDC 1e6) it pays."""

    order: Order
    route: Route
    legs: tuple[ChainLeg, ...]
    tip: int

    @property
    def size(self) -> int:
        return self.route.size

    @property
    def total(self) -> int:
        """USD (1e18) paid for a purchase or received for a sale, fees and tip in it, as the Desk
        counts."""
        tip = usdc_to_usd(self.tip)
        return self.route.all_in + tip if self.size > 0 else self.route.all_in - tip

    @property
    def total_price(self) -> int:
        """USD per base (1e18) of `total`, rounded against the client."""
        return price_against(self.total, self.size)


def plan(
    order: Order,
    account: AccountView,
    states: Mapping[str, MarketState],
    venue_ids: Mapping[str, int],
    filled: int = 0,
    used_margin: int = 0,
    leg_cost: int = 0,
) -> Plan:
    """The best fill of all that is left of `order`.

    `filled` (1e18) and `used_margin` (USDC) are what earlier fills took. Margin: each leg gets what
    its venue's initial margin asks for, and what is then left of the order's share goes to the legs
    in proportion to their notional; a leg that only reduces gets none. `leg_cost` is USD (1e18) a
    leg costs the keeper, gas above all; what a venue charges per order comes on top.

    Raises:
        PlanError: nothing is left, no allowed venue answers, the margin does not reach, or the
        price limit
            is not met.
        SplitError: the venues cannot take the size; the message names what binds.
    """
    left = abs(order.size) - filled
    if left <= 0:
        raise PlanError("Nothing of the order is left to fill.")
    size = order.sign * left
    tip = order.tip - order.tip * filled // abs(order.size)
    margin = min(order.max_margin - used_margin, account.idle - tip)
    if margin < 0:
        raise PlanError(
            f"The account has {_usdc(account.idle)} USDC idle, less than the tip of {_usdc(tip)}."
        )
    allowed = {
        venue: state
        for venue, state in states.items()
        if order.venues >> venue_ids[venue] & 1 and (order.tickets or not state.delayed)
    }
    readable = {v: s for v, s in allowed.items() if _known(account.seats[v], order.market)}
    if not readable:
        raise PlanError("None of the venues that the order allows can be read.")

    caps = rooms(order, account, readable, margin)
    costs = {v: leg_cost + s.leg_cost for v, s in readable.items()}
    route = split((s.curve for s in readable.values()), size, caps, costs)
    if any(_worse(leg.quote, order.limit_price) for leg in route.legs):
        # The Desk holds every leg to the limit by itself, so no venue may take more than meets it.
        meets = {v: _within_limit(readable[v].curve, cap, order) for v, cap in caps.items()}
        if sum(meets.values()) < left:
            raise _too_dear(route.all_in_price, order)
        route = split((s.curve for s in readable.values()), size, meets, costs)
    try:
        legs = _with_margin(route, account, readable, venue_ids, margin)
    except TooLittleMargin:
        # A venue that takes the whole by itself fits the margin by its room, and may ask for less.
        if route.best_single is None or len(route.legs) == 1:
            raise
        alone, cost = (route.best_single,), route.best_single_cost
        route = replace(route, legs=alone, leg_costs=cost)
        legs = _with_margin(route, account, readable, venue_ids, margin)
    found = Plan(order, route, legs, tip)
    limit = order.limit_price * left
    if (found.total * ONE > limit) if size > 0 else (found.total * ONE < limit):
        raise _too_dear(found.total_price, order, tip)
    return found


def _worse(quote: Quote, limit_price: int) -> bool:
    """Whether the whole price is worse than the limit, as the Desk compares: unrounded."""
    total, limit = quote.all_in * ONE, limit_price * abs(quote.size)
    return total > limit if quote.size > 0 else total < limit


def _within_limit(curve: Curve, cap: int, order: Order) -> int:
    """The largest |size| up to `cap` whose whole price at this venue meets the order's limit."""
    least = curve.minimum(order.sign)

    def meets(amount: int) -> bool:
        amount -= amount % curve.lot
        quote = curve.quote(order.sign * max(amount, least))
        return not _worse(quote, order.limit_price)

    return largest(meets, cap) if cap >= least else 0


def _too_dear(price: int, order: Order, tip: int = 0) -> TooDear:
    return TooDear(
        f"The best price now, {from_units(price)} with fees and a tip of {_usdc(tip)} USDC, is "
        f"worse than the order's limit of {from_units(order.limit_price)}."
    )


def rooms(
    order: Order, account: AccountView, states: Mapping[str, MarketState], margin: int
) -> dict[str, int]:
    """The largest |size| (1e18) that each venue's own rules would let the account trade in the
    order's direction, if all of `margin` (USDC) went there; a reduce-only order's is at most the
    position."""
    found = {}
    for venue, state in states.items():
        seat = account.seats[venue]
        room = _room(seat, state, order.sign, margin)
        if order.bounds.reduce_only:
            held = seat.positions[state.market].size if state.market in seat.positions else 0
            room = min(room, max(-held * order.sign, 0))
        found[venue] = room
    return found


def _known(seat: SeatView, market: str) -> bool:
    """Whether what the account has at the venue is known: all of it, or that it has nothing."""
    return not seat.made or (seat.pocket_of(market) is not None and market in seat.positions)


def _room(seat: SeatView, state: MarketState, sign: int, margin: int) -> int:
    """As `MarketState.room`, for a seat that gets `margin` (USDC) more, less what it loses on its
    way into what the venue takes; a gain is not counted on."""
    held = seat.positions[state.market].size if state.market in seat.positions else 0
    pocket = seat.pocket_of(state.market)
    backing = pocket.backing if pocket else 0
    free = pocket.free if pocket else 0
    own = abs(held) * state.mark_price // ONE * state.initial_margin_ratio // ONE
    committed = max(backing - free - own, 0)
    arriving = usdc_to_usd(margin) * (ONE - max(state.conversion, 0)) // ONE
    return state.room(backing + arriving, sign, held, None, committed)


def _with_margin(
    route: Route,
    account: AccountView,
    states: Mapping[str, MarketState],
    venue_ids: Mapping[str, int],
    margin: int,
) -> tuple[ChainLeg, ...]:
    needs: dict[str, int] = {}
    weights: dict[str, int] = {}
    for leg in route.legs:
        seat, state = account.seats[leg.venue], states[leg.venue]
        held = seat.positions[state.market].size if state.market in seat.positions else 0
        if held * leg.size < 0 and abs(leg.size) <= abs(held):
            needs[leg.venue], weights[leg.venue] = 0, 0
            continue
        needs[leg.venue] = _need(seat, state, leg.size, margin)
        weights[leg.venue] = leg.quote.notional
    spare = margin - sum(needs.values())
    if spare < 0:
        raise TooLittleMargin(
            f"The venues ask for {_usdc(sum(needs.values()))} USDC of margin, and there are "
            f"{_usdc(margin)}: sign a larger maxMargin or deposit more."
        )
    whole = sum(weights.values())
    return tuple(
        ChainLeg(
            leg.venue,
            venue_ids[leg.venue],
            leg.size,
            needs[leg.venue] + (spare * weights[leg.venue] // whole if whole else 0),
        )
        for leg in route.legs
    )


def _need(seat: SeatView, state: MarketState, size: int, most: int) -> int:
    """The least USDC that lets the seat trade `size`, by the venue's own margin rule."""
    sign = 1 if size > 0 else -1
    if _room(seat, state, sign, 0) >= abs(size):
        return 0
    return smallest(lambda margin: _room(seat, state, sign, margin) >= abs(size), most)


def _usdc(amount: int) -> str:
    return f"{from_units(amount, 6):,}"


__all__ = ["ChainLeg", "Plan", "PlanError", "TooDear", "TooLittleMargin", "plan", "rooms"]
