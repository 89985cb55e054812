"""Orders to close all: what they close, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ringside.chain.views import AccountView
from ringside.keeper.errors import NothingToClose, PlanError, TooLittleMargin
from ringside.keeper.margins import held, is_known, need
from ringside.keeper.routes import opposed
from ringside.keeper.transactions import Asked, Plan, in_transactions
from ringside.orders import Order
from ringside.routing.problem import Route, RouteLeg
from ringside.units import from_units
from ringside.venues.base import MarketState, VenueError


def to_close(
    order: Order, account: AccountView, states: Mapping[str, MarketState]
) -> dict[str, int]:
    """|position| (1e18) by venue that an order to close all has to close.

    Raises:
        NothingToClose: there is none, and none may come of a ticket.
        PlanError: there may be some that this order cannot reach; the message says where.
    """
    found = opposed(order, account, states)
    if found:
        return found
    for venue, state in states.items():
        seat = account.seats[venue]
        if not is_known(seat, order.market):
            raise PlanError(f"What the account holds at {venue} cannot be read.")
        if seat.pending.get(order.market):
            raise PlanError(f"A ticket is pending at {venue}: what it leaves is not known.")
        if state.delayed and held(seat, order.market) * order.sign < 0:
            raise PlanError(f"{venue} closes by ticket only, and the order signs none.")
    side = "long" if order.sign < 0 else "short"
    raise NothingToClose(f"There is no {side} to close at the venues that the order allows.")


def close_all(
    asked: Asked,
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
    made = in_transactions(replace(asked, margin=0), found, usable, usable, venue_ids)
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
