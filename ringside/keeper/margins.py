"""How much each venue lets an account trade, and the margin that takes."""

from __future__ import annotations

from collections.abc import Mapping

from ringside.chain.views import AccountView, SeatView
from ringside.keeper.errors import TooLittleMargin, usdc
from ringside.orders import Order
from ringside.routing.problem import Route
from ringside.units import ONE, USDC_TO_USD, usdc_to_usd
from ringside.venues.base import MarketState
from ringside.venues.pool import smallest


def held(seat: SeatView, market: str) -> int:
    """The seat's signed position, 0 where there is none."""
    return seat.positions[market].size if market in seat.positions else 0


def is_known(seat: SeatView, market: str) -> bool:
    """Whether what the account has at the venue is known: all of it, or that it has nothing."""
    return not seat.made or (seat.pocket_of(market) is not None and market in seat.positions)


def rooms(
    order: Order, account: AccountView, states: Mapping[str, MarketState], margin: int, most: int
) -> dict[str, int]:
    """The largest |size| (1e18), `most` at the most, that each venue's own rules would let the
    account trade in the order's direction, if all of `margin` (USDC) went there, or what the
    venue's caps leave of it; a reduce-only order's is at most the position."""
    found = {}
    for venue, state in states.items():
        seat = account.seats[venue]
        room = room_of(seat, state, order.sign, min(margin, seat.postable), most)
        if order.bounds.reduce_only or order.closes_all:
            room = min(room, max(-held(seat, state.market) * order.sign, 0))
        found[venue] = room
    return found


def room_of(
    seat: SeatView, state: MarketState, sign: int, margin: int, most: int | None = None
) -> int:
    """As `MarketState.room`, for a seat that gets `margin` (USDC) more, less what it loses on its
    way into what the venue takes; a gain is not counted on."""
    backing, size, committed = _stake(seat, state)
    return state.room(backing + _arriving(state, margin), sign, size, None, committed, most)


def _stake(seat: SeatView, state: MarketState) -> tuple[int, int, int]:
    """What the account has behind its positions there, its position in the market, and the margin
    that its other positions need."""
    size = held(seat, state.market)
    pocket = seat.pocket_of(state.market)
    backing = pocket.backing if pocket else 0
    free = pocket.free if pocket else 0
    own = abs(size) * state.mark_price // ONE * state.initial_margin_ratio // ONE
    return backing, size, max(backing - free - own, 0)


def _arriving(state: MarketState, margin: int) -> int:
    """USD (1e18) that `margin` (USDC) is where it arrives."""
    return usdc_to_usd(margin) - conversion(state, margin)


def conversion(state: MarketState, margin: int) -> int:
    """USD (1e18) that `margin` (USDC) loses on its way to the venue, rounded up."""
    return -(-usdc_to_usd(margin) * max(state.conversion, 0) // ONE)


def divide(
    route: Route,
    account: AccountView,
    states: Mapping[str, MarketState],
    margin: int,
    headroom: int = 0,
) -> dict[str, tuple[int, int]]:
    """By venue, the margin (USDC) of a route's legs, and how much of it the venue asks for.

    Each gets what its venue asks for; what is left goes to those that open, in proportion to their
    notional, as far as their venues' caps let it. A leg that only reduces gets none, unless its
    venue would refuse it (one that fills later wants something left in the pocket, even of a
    position closed). Where there is enough, a leg filled later gets what it would lose if the price
    moved by `headroom` meanwhile.

    Raises:
        TooLittleMargin: the venues ask for more than `margin`.
    """
    needs, weights, reserves = {}, {}, {}
    for leg in route.legs:
        seat, state = account.seats[leg.venue], states[leg.venue]
        size = held(seat, state.market)
        reduces = size * leg.size < 0 and abs(leg.size) <= abs(size)
        free = reduces and not state.delayed
        most = min(margin, seat.postable)
        needs[leg.venue] = 0 if free else need(seat, state, leg.size, most)
        if most < needs[leg.venue] <= margin:
            raise TooLittleMargin(
                f"{leg.venue} asks for more than the {usdc(most)} USDC that may be posted there by "
                "its caps: allow other venues, or sign a smaller size."
            )
        weights[leg.venue] = 0 if reduces else leg.quote.notional
        moving = leg.quote.notional * headroom // ONE // USDC_TO_USD
        reserves[leg.venue] = 0 if reduces or not state.delayed else moving
    spare = margin - sum(needs.values())
    if spare < 0:
        raise TooLittleMargin(
            f"The venues ask for {usdc(sum(needs.values()))} USDC of margin, and there are "
            f"{usdc(margin)}: sign a larger maxMargin or deposit more."
        )
    if sum(reserves.values()) <= spare:
        spare -= sum(reserves.values())
    else:
        reserves = dict.fromkeys(reserves, 0)
    whole = sum(weights.values())
    found = {}
    for venue, asked in needs.items():
        more = spare * weights[venue] // whole if whole else 0
        given = min(asked + reserves[venue] + more, account.seats[venue].postable)
        found[venue] = (max(given, asked), asked)
    return found


def need(seat: SeatView, state: MarketState, size: int, most: int) -> int:
    """The least USDC that lets the seat trade `size`, by the venue's own margin rule."""
    backing, position, committed = _stake(seat, state)

    def takes(margin: int) -> bool:
        return state.takes(backing + _arriving(state, margin), size, position, committed)

    if takes(0):
        return 0
    near = abs(size) * state.mark_price // ONE * state.initial_margin_ratio // ONE // USDC_TO_USD
    return smallest(takes, most, near)
