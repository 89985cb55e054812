"""How much a venue fills near its mark."""

from __future__ import annotations

from ringside.venues.base import MarketState, VenueError

BPS = 10_000
STEPS = 40
"""Of the search: the answer is exact to a millionth of what the venue fills at the most."""


def within(state: MarketState, sign: int, bps: int) -> int:
    """The largest |size| (1e18) of the search's grid whose whole all-in price is within `bps` of
    the mark; 0 if no size's is."""
    curve, mark = state.curve, state.mark_price
    bound = mark * (BPS + sign * bps) // BPS
    lot = curve.lot
    low, high = -(-curve.minimum(sign) // lot), curve.capacity(sign) // lot

    def fits(lots: int) -> bool:
        try:
            price = curve.quote(sign * lots * lot).all_in_price
        except VenueError:
            return False
        return (bound - price) * sign >= 0

    if high < low or not fits(low):
        return 0
    grain = max((high - low) >> 20, 1)
    for _ in range(STEPS):
        if high - low <= grain:
            break
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low * lot
