"""Accounts, seats and market states made up for tests."""

from dataclasses import dataclass

from ringside.accounts import account_id
from ringside.chain.views import AccountView, Pocket, Position, SeatView
from ringside.orders import Bounds, Order
from ringside.units import ONE, USDC
from ringside.venues.base import MarketState

OWNER = "0x" + "11" * 20
NOWHERE = "0x" + "00" * 20
MARKET = "ETH-USD"
MARK = 2_000 * ONE
INITIAL = ONE // 10
UNCAPPED = 10**12 * USDC


@dataclass(frozen=True)
class PlainState(MarketState):
    """A venue that asks for its initial margin ratio of the position at the mark."""

    def room(self, margin, sign, position=0, open_notional=None, committed=0, most=None):
        most = (margin - committed) * ONE // self.mark_price * ONE // self.initial_margin_ratio
        return max(0, min(most - position * sign, self.curve.capacity(sign)))

    def liquidation_price(self, margin, position, open_notional=None, committed=0):
        if not position:
            return None
        price = self.mark_price - (margin - committed) * ONE // position
        return price if price > 0 else None


def states_of(curves, funding_rate=0):
    """A state around each curve, by venue."""
    return {
        c.venue: PlainState(c.venue, MARKET, 1, MARK, MARK, funding_rate, INITIAL, INITIAL // 2, c)
        for c in curves
    }


def no_seat(venue, postable=UNCAPPED):
    """Where the account has nothing yet."""
    return SeatView(venue, NOWHERE, False, 0, postable, None, {})


def seat(venue, held=0, backing=0, market=MARKET, pending=0, isolated=False, postable=UNCAPPED):
    """A seat with `held` (1e18) and backing and free margin by its state's rule (USD 1e18)."""
    free = max(backing - abs(held) * MARK // ONE * INITIAL // ONE, 0)
    pocket = Pocket(backing, backing, free, 0, 0)
    positions = {market: Position(held, 0, MARK, MARK, 0)}
    shared, own = (None, {market: pocket}) if isolated else (pocket, {})
    waiting = {market: pending} if pending else {}
    return SeatView(venue, NOWHERE, True, 0, postable, shared, positions, isolated, own, waiting)


def unreadable(venue):
    """A seat whose venue does not answer."""
    return SeatView(venue, NOWHERE, True, 0, UNCAPPED, None, {})


def account(idle, *seats):
    """An account with `idle` USDC (1e6)."""
    return AccountView(OWNER, idle, 0, {s.venue: s for s in seats})


def order(
    size,
    margin=10**6 * USDC,
    tip=0,
    limit=None,
    venues=0b11,
    tickets=None,
    conditions=None,
    **bounds,
):
    """An order whose limit is met by any price unless it says otherwise."""
    if limit is None:
        limit = 10**40 if size > 0 else 0
    return Order(
        account_id(OWNER),
        MARKET,
        size,
        limit,
        margin,
        tip,
        venues,
        2**40,
        1,
        0,
        Bounds(**bounds),
        tickets,
        conditions,
    )
