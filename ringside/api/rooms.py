"""Whether a venue lets anything be traded with a margin, asked of it once for many orders.

Admission wants to know whether there is any room at all, and a venue's own rule takes some hundred
quotes to say how much. More margin never leaves less room: what one order has found holds for all
with as much margin or more, at the same block."""

from __future__ import annotations

from dataclasses import dataclass, field

from ringside.venues.base import MarketState, capped

_Key = tuple[int, int, int | None, int]
KNOWN = 10_000


@dataclass(frozen=True)
class Roomy(MarketState):
    """The state `inner`, whose `room` may be told too small but never as none where there is some,
    nor the other way about: for yes and no, not for sizes."""

    inner: MarketState = field(kw_only=True)
    some: dict[_Key, tuple[int, int]] = field(default_factory=dict, kw_only=True)
    """The least margin known to leave room, and how much."""
    none: dict[_Key, int] = field(default_factory=dict, kw_only=True)
    """The most margin known to leave none."""

    def room(
        self,
        margin: int,
        sign: int,
        position: int = 0,
        open_notional: int | None = None,
        committed: int = 0,
        most: int | None = None,
    ) -> int:
        """As `MarketState.room`, but never more than it."""
        key = sign, position, open_notional, committed
        least, room = self.some.get(key, (margin + 1, 0))
        if margin >= least:
            return capped(room, most)
        if margin <= self.none.get(key, -1):
            return 0
        found = self.inner.room(margin, sign, position, open_notional, committed)
        if len(self.some) + len(self.none) > KNOWN:
            self.some.clear()
            self.none.clear()
        if found:
            self.some[key] = margin, found
        else:
            self.none[key] = margin
        return capped(found, most)

    def liquidation_price(
        self, margin: int, position: int, open_notional: int | None = None, committed: int = 0
    ) -> int | None:
        return self.inner.liquidation_price(margin, position, open_notional, committed)


def roomy(state: MarketState) -> Roomy:
    """The state, for admission."""
    return Roomy(
        *(state.venue, state.market, state.block, state.mark_price, state.index_price),
        *(state.funding_rate, state.initial_margin_ratio, state.maintenance_margin_ratio),
        state.curve,
        delayed=state.delayed,
        leg_cost=state.leg_cost,
        conversion=state.conversion,
        funding_velocity=state.funding_velocity,
        dearest_fee=state.dearest_fee,
        inner=state,
    )
