"""Which venues an order goes to, and how much to each: the split, with what has to be closed first
and what each leg's own limit leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ringside.chain.views import AccountView
from ringside.keeper.errors import HeldElsewhere, PlanError
from ringside.keeper.margins import conversion, held
from ringside.orders import Order
from ringside.routing.funding import Funding
from ringside.routing.policies import Policy, applied
from ringside.routing.problem import Route
from ringside.routing.request import Request, RequestError, opening
from ringside.routing.solver import solve
from ringside.units import ONE, from_units, usdc_to_usd
from ringside.venues.base import Curve, MarketState, Quote, VenueError
from ringside.venues.pool import largest


def is_worse(total: int, size: int, limit_price: int) -> bool:
    """Whether a whole price (USD 1e18) is worse than the limit, as the Desk compares: unrounded."""
    limit = limit_price * abs(size)
    return total * ONE > limit if size > 0 else total * ONE < limit


def quote_of(state: MarketState, size: int) -> Quote | None:
    """What the venue alone would do with all of `size`, `None` if it would not."""
    try:
        return state.curve.quote(size)
    except VenueError:
        return None


def worst_of_ticket(
    state: MarketState, quote: Quote, margin: int, extra: int, headroom: int
) -> int:
    """USD (1e18) that a ticket's signed limit must allow if it is still to fill after the venue's
    price has moved against it by `headroom` (1e18): at the dearest fee that the seat leaves room
    for, with the venue's deposit, what its margin (USDC) loses on its way, and `extra` (USDC) for
    tip and fee. The seat works out the bound that counts from the signed limit alone."""
    sign = 1 if quote.size > 0 else -1
    moved = quote.notional * (ONE + sign * headroom) // ONE
    fee = max(quote.fee, -(-moved * state.dearest_fee // ONE))
    return moved + sign * (fee + state.leg_cost + conversion(state, margin) + usdc_to_usd(extra))


def within_limit(curve: Curve, cap: int, order: Order) -> int:
    """The largest |size| up to `cap` whose whole price at this venue meets the order's limit."""
    least = curve.minimum(order.sign)

    def meets(amount: int) -> bool:
        amount -= amount % curve.lot
        quote = curve.quote(order.sign * max(amount, least))
        return not is_worse(quote.all_in, quote.size, order.limit_price)

    return largest(meets, cap) if cap >= least else 0


def opposed(
    order: Order, account: AccountView, states: Mapping[str, MarketState]
) -> dict[str, int]:
    """|position| (1e18) at allowed venues that are against the order's direction, and that the
    Desk would want closed before anything is opened. A pending ticket is closing it already, and
    an order without tickets cannot close where only a ticket could."""
    return {
        venue: abs(size)
        for venue, state in states.items()
        if (order.tickets or not state.delayed)
        and (size := held(account.seats[venue], order.market)) * order.sign < 0
        and not account.seats[venue].pending.get(order.market)
    }


def close_first(
    against: Mapping[str, int],
    states: Mapping[str, MarketState],
    caps: dict[str, int],
    left: int,
) -> dict[str, int]:
    """What the route must close whole before the rest of it opens; changes `caps` where closing is
    all there is to do.

    Raises:
        HeldElsewhere: something opposite would stay open while the rest opens; the venue is named.
    """
    closing = {venue: min(caps.get(venue, 0), size) for venue, size in against.items()}
    if sum(closing.values()) >= left:
        caps.update({venue: closing.get(venue, 0) for venue in caps})
        return {}
    for venue, size in against.items():
        if closing[venue] < size:
            raise HeldElsewhere(
                f"{venue} holds {from_units(size)} the other way, which goes first, and only "
                f"{from_units(closing[venue])} of it can be closed there by this order now."
            )
        if states[venue].delayed:
            caps[venue] = size  # A ticket that also opened would have to wait for the others.
    return dict(against)


def request_of(
    states: Mapping[str, MarketState],
    size: int,
    caps: Mapping[str, int],
    costs: Mapping[str, int],
    forced: Mapping[str, int],
    funding: Mapping[str, Funding],
) -> Request:
    """What a policy is asked to tighten: `size` over `states`, of which `forced` venues take at
    least that much. `funding` is of every venue that is known, on offer or not.

    Raises:
        PlanError: a forced part is not what its venue takes.
    """
    for venue, part in forced.items():
        try:
            states[venue].curve.quote(part if size > 0 else -part)
        except VenueError as refused:
            raise PlanError(
                f"What must be closed first cannot be: {refused}. Sign openAgainst to leave it."
            ) from None
    plain = opening(states, size, caps, costs)
    offers = tuple(
        replace(offer, least=forced[venue], required=True) if venue in forced else offer
        for venue, offer in zip(states, plain.offers, strict=True)
    )
    return replace(plain, offers=offers, funding=funding)


def route(
    request: Request, policy: Policy, *, by_entry: bool = False, alone: bool = False
) -> Route:
    """The split that `policy` makes of `request`; `by_entry` leaves out what it counts beside the
    fill, and `alone` gives all of it to one venue.

    Raises:
        SplitError: as `solve`.
        PlanError: the policy leaves nothing to route, or not what has to be closed first.
    """
    try:
        asked = applied(policy, request)
    except RequestError as refused:
        raise PlanError(str(refused)) from None
    asked = asked.for_entry if by_entry else asked
    most = 1 if alone else asked.most_venues
    return solve(asked.size, asked.offers, most_venues=most, margin=asked.margin)
