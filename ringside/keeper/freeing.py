"""Margin that closing sets free, for what opens afterwards in the same transaction.

Nothing is freed while what is idle will do: it takes an operator's right to move margin, and gas.
Where it will not, as much is freed as the later legs or step are signed to take and find not there,
rather than the least that venues would open for: a client who signs more margin than that does not
want to be opened at the venue's own limit, and what stays behind at an empty seat backs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ringside.chain.views import AccountView, Pocket, Position, SeatView
from ringside.keeper.margins import held
from ringside.keeper.transactions import ChainLeg, Plan
from ringside.units import ONE, USDC_TO_USD, usdc_to_usd
from ringside.venues.base import MarketState, Quote


def freeable(seat: SeatView, state: MarketState, quote: Quote, headroom: int) -> int:
    """USDC that may go back to idle after `quote` at an instant venue: its equity then, less the
    price's moving by `headroom` (1e18) until then, rounded down; 0 where anything is still held,
    since the Desk frees nothing from a seat that is not empty in every market."""
    if state.delayed or seat.pocket is None or seat.pending:
        return 0
    at = seat.positions.get(state.market)
    if at is None or at.size + quote.size:
        return 0
    if any(p.size for market, p in seat.positions.items() if market != state.market):
        return 0
    left = seat.pocket.equity + gained(at, quote) - quote.notional * headroom // ONE
    return max(left // USDC_TO_USD - 1, 0)  # A venue may round a unit away on the way out.


def gained(at: Position, quote: Quote) -> int:
    """USD (1e18) by which a trade changes equity, fees in it, rounded down: what it pays or brings
    against the price that the venue values positions at. Negative as a rule."""
    sign = 1 if quote.size > 0 else -1
    return at.mark_price * quote.size // ONE - sign * quote.all_in


def with_freed(
    chosen: Plan,
    account: AccountView,
    states: Mapping[str, MarketState],
    needed: int,
    headroom: int,
    later: Sequence[Plan] = (),
) -> Plan:
    """`chosen` with up to `needed` (USDC) freed, beyond what it frees already, by legs that leave
    their seats empty; they go first. A seat that one of the `later` plans trades at keeps its
    margin. `account` is as before the plan."""
    busy = {leg.venue for plan in later for leg in (*plan.legs, *plan.tickets)}
    quotes = {leg.venue: leg.quote for leg in chosen.route.legs}
    legs = []
    for leg in chosen.legs:
        given = 0
        if leg.margin <= 0 and leg.venue not in busy:
            seat, state = account.seats[leg.venue], states[leg.venue]
            most = freeable(seat, state, quotes[leg.venue], headroom) + leg.margin
            given = max(min(most, needed), 0)
        needed -= given
        legs.append(replace(leg, margin=leg.margin - given))
    return replace(chosen, legs=tuple(sorted(legs, key=lambda leg: leg.margin >= 0)))


def after(account: AccountView, chosen: Plan, states: Mapping[str, MarketState]) -> AccountView:
    """The account once a plan's fill is done: positions and idle to the unit, margins by what was
    moved and what the trades cost. What they gained on the way counts where a seat is left empty,
    and else once it is read."""
    seats = dict(account.seats)
    quotes = {leg.venue: leg.quote for leg in chosen.route.legs}
    for leg in chosen.legs:
        seats[leg.venue] = _moved(seats[leg.venue], states[leg.venue], leg, quotes[leg.venue])
    idle = account.idle - chosen.tip - chosen.fee - sum(leg.margin for leg in chosen.legs)
    return replace(account, idle=idle, seats=seats)


def _moved(seat: SeatView, state: MarketState, leg: ChainLeg, quote: Quote) -> SeatView:
    market = state.market
    seat = replace(seat, postable=max(seat.postable - leg.margin, 0))
    at = seat.positions.get(market, Position(0, 0, state.mark_price, state.index_price, 0))
    now = replace(at, size=held(seat, market) + leg.size)
    positions = {**seat.positions, market: now}
    if seat.isolated or (seat.made and seat.pocket is None):
        return replace(seat, positions=positions)
    pocket = seat.pocket or Pocket(0, 0, 0, 0, 0)
    change = usdc_to_usd(leg.margin) + gained(at, quote)
    equity = pocket.equity + change
    if any(p.size for p in positions.values()):
        backing = min(pocket.backing + min(change, usdc_to_usd(leg.margin)), equity)
        # What others need stays committed: free margin changes by what this position needs.
        needs = [abs(p.size) * state.mark_price // ONE for p in (at, now)]
        needs = [need * state.initial_margin_ratio // ONE for need in needs]
        free = max(pocket.free + backing - pocket.backing + needs[0] - needs[1], 0)
    else:
        backing = free = max(equity, 0)
    pocket = replace(pocket, equity=equity, backing=backing, free=free)
    return replace(seat, positions=positions, pocket=pocket)
