"""Pools and curves made up for tests."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from ringside.units import ONE
from ringside.venues.base import BelowMinimum, BeyondCapacity, Quote
from ringside.venues.perp_v2 import PerpCurve
from ringside.venues.pieces import Mode, Piece
from ringside.venues.rage import RageCurve
from ringside.venues.skew import SkewCurve
from ringside.venues.uniswap_v3 import Pool, pool_of_ranges, sqrt_ratio_at_tick

TICK = 76_012  # ETH at about $2,000, both tokens with 18 decimals.


@dataclass(frozen=True)
class LinearCurve:
    """Marginal price linear in size: p × (1 ± size ÷ depth), plus a fee in basis points."""

    venue: str
    price: int = 2_000 * ONE
    depth: int = 10_000 * ONE
    fee_bps: int = 5
    most: int = 1_000 * ONE
    least: int = 1
    lot: int = 1
    market: str = "ETH-USD"

    def minimum(self, sign: int) -> int:
        return max(self.least, self.lot)

    def capacity(self, sign: int) -> int:
        return self.most

    def quote(self, size: int) -> Quote:
        sign, amount = (1 if size > 0 else -1), abs(size)
        if amount > self.most:
            raise BeyondCapacity(self.venue)
        if amount < self.minimum(sign) or amount % self.lot:
            raise BelowMinimum(self.venue)
        # Twice the average of the marginal prices at both ends, over 2.
        notional = self.price * amount * (2 * self.depth + sign * amount) // (2 * self.depth * ONE)
        return Quote(size, notional, -(-notional * self.fee_bps // 10_000))

    def dearest(self) -> LinearCurve:
        return self

    def marginal_price(self, sign: int) -> int:
        scaled = self.price * (10_000 + sign * self.fee_bps)
        return -(-scaled // 10_000) if sign > 0 else scaled // 10_000

    def modes(self, sign: int) -> tuple[Mode, ...]:
        factor = (1 + sign * self.fee_bps / 10_000) * self.price / ONE
        depth, most = self.depth / ONE, self.most / ONE
        pieces = (Piece(most, factor, sign * factor / depth),)
        return (Mode(self.minimum(sign), self.most, pieces, error=1e-13 * most * factor),)


@st.composite
def pools(draw: st.DrawFn, spacing: int = 200, fee: int = 10_000, tick: int = TICK) -> Pool:
    """A pool of one to four ranges around a price, somewhere between two ticks."""
    at = tick + draw(st.integers(-400, 400))
    low, high = sqrt_ratio_at_tick(at), sqrt_ratio_at_tick(at + 1)
    price = draw(st.integers(low, high - 1))
    ranges = []
    for _ in range(draw(st.integers(1, 4))):
        lower = (at - draw(st.integers(-300, 6_000))) // spacing * spacing
        upper = lower + spacing * draw(st.integers(1, 8_000 // spacing))
        ranges.append((lower, upper, draw(st.integers(10**17, 10**25))))
    return pool_of_ranges(price, spacing, fee, ranges)


@st.composite
def perp_curves(draw: st.DrawFn) -> PerpCurve:
    """A Perp v2 market over such a pool, the index within 5 % of its price."""
    pool = draw(pools())
    price = pool.sqrt_price**2 * ONE >> 192
    return PerpCurve(
        "ETH-USD",
        pool,
        exchange_fee=draw(st.sampled_from([500, 1_000, 3_000])),
        index_price=price * draw(st.integers(95, 105)) // 100,
        max_spread=100_000,
        max_ticks=draw(st.integers(50, 1_000)),
        recorded_tick=pool.tick + draw(st.integers(-40, 40)),
    )


@st.composite
def rage_curves(draw: st.DrawFn) -> RageCurve:
    """A Rage market over a pool whose quote has 6 decimals."""
    return RageCurve(
        "ETH-USD",
        draw(pools(spacing=10, fee=500, tick=-200_312)),
        fee=draw(st.sampled_from([800, 1_500])),
        decimals=draw(st.sampled_from([18, 18, 12])),
        minimum_notional=10**4,
    )


@st.composite
def skew_curves(draw: st.DrawFn) -> SkewCurve:
    """A Synthetix market that leans either way, the taker's rate no less than the maker's."""
    scale = draw(st.integers(10_000, 5_000_000)) * ONE
    skew = draw(st.integers(-(scale // 10), scale // 10))
    maker = draw(st.sampled_from([0, 10**12, 2 * 10**14]))
    size = abs(skew) + draw(st.integers(0, scale // 10))
    return SkewCurve(
        "synthetix",
        "ETH-USD",
        price=2_000 * ONE + draw(st.integers(-(10**20), 10**20)),
        skew=skew,
        scale=scale,
        taker=maker + draw(st.sampled_from([0, 4 * 10**14, 10**15])),
        maker=maker,
        market_size=size,
        most_a_side=size + draw(st.integers(scale // 1_000, scale // 20)),
        dynamic=draw(st.sampled_from([0, 0, 10**15])),
    )
