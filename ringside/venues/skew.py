"""The exact cost of a trade at the oracle's price shifted by the market's skew: Synthetix.

The price is P × (1 + skew ÷ scale), averaged over the skew before and after (PerpsV2MarketBase.sol
`_fillPrice`). What lessens the skew pays the maker's rate, what adds to it the taker's, and a trade
across zero each on its part (`_orderFee`); the rate for volatility comes on top of both. Every
division is truncated towards zero, as SignedSafeDecimalMath.sol does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ringside.units import ONE, mul_div_to_zero
from ringside.venues.base import Quote, require_tradable
from ringside.venues.pieces import ROUNDING, Mode, Piece, cut


@dataclass(frozen=True)
class SkewCurve:
    """A `Curve` over one market's skew. Rates are 1e18 of notional, sizes 1e18 base.

    `market_size` is Σ |position| and `most_a_side` the most that longs or shorts may come to. The
    curve is convex as long as the taker's rate is not below the maker's; if it is, the curve has
    two modes, which meet where the skew turns.
    """

    venue: str
    market: str
    price: int
    skew: int
    scale: int
    taker: int
    maker: int
    market_size: int
    most_a_side: int
    dynamic: int = 0
    is_open: bool = True
    lot: int = 1

    def minimum(self, sign: int) -> int:
        """As in `Curve`: the venue takes a wei, but less than this exchanges nothing."""
        return 2 * ONE // self.price + 1

    def capacity(self, sign: int) -> int:
        """As in `Curve`, for an account without a position: its side must not grow too large
        (PerpsV2MarketBase.sol `_orderSizeTooLarge`), nor a sale bring the price to zero."""
        if not self.is_open:
            return 0
        sign = 1 if sign > 0 else -1
        # (market size + size ± (skew ± size)) ÷ 2, rounded down, is the side afterwards.
        most = (2 * self.most_a_side + 1 - self.market_size - sign * self.skew) // 2
        if sign < 0:
            most = min(most, self.scale + self.skew)
        return most if most >= self.minimum(sign) else 0

    def fill_price(self, size: int) -> int:
        """USD per base (1e18), before the fee, at which signed `size` would trade."""
        ends = (self._price_at(self.skew), self._price_at(self.skew + size))
        return mul_div_to_zero(sum(ends), 1, 2)

    def _price_at(self, skew: int) -> int:
        premium = mul_div_to_zero(skew, ONE, self.scale)
        return self.price + mul_div_to_zero(self.price, premium, ONE)

    def fee(self, size: int) -> int:
        """USD (1e18) charged for signed `size`."""
        before, after = self.skew, self.skew + size
        notional = abs(size) * self.fill_price(size) // ONE
        fee = notional * self.dynamic // ONE
        if before * after >= 0:  # Zero is on either side.
            rate = self.taker if before * size >= 0 else self.maker
            return fee + notional * rate // ONE
        taken = abs(after) * ONE // abs(size)
        fee += notional * taken // ONE * self.taker // ONE
        return fee + notional * (ONE - taken) // ONE * self.maker // ONE

    def quote(self, size: int) -> Quote:
        """As in `Curve`."""
        require_tradable(self, size)
        return Quote(size, abs(size) * self.fill_price(size) // ONE, self.fee(size))

    def marginal_price(self, sign: int) -> int:
        """As in `Curve`."""
        sign = 1 if sign > 0 else -1
        taken = self.skew * sign >= 0
        factor = ONE + sign * (self.dynamic + (self.taker if taken else self.maker))
        total, by = self.price * (self.scale + self.skew) * factor, self.scale * ONE
        return -(-total // by) if sign > 0 else total // by

    def dearest(self) -> SkewCurve:
        """As in `Curve`: trades the other way may leave more to be charged at the maker's rate."""
        return replace(self, taker=self.maker) if self.maker > self.taker else self

    def modes(self, sign: int) -> tuple[Mode, ...]:
        """As in `Curve`; exact but for rounding."""
        sign = 1 if sign > 0 else -1
        if sign not in self._modes:
            self._modes[sign] = self._closed(sign) if self.capacity(sign) else ()
        return self._modes[sign]

    @cached_property
    def _modes(self) -> dict[int, tuple[Mode, ...]]:
        return {}

    def _closed(self, sign: int) -> tuple[Mode, ...]:
        """With T the size at which the skew turns, all beyond it costs size × average price ×
        (1 + taker) − T × (taker − maker) × average price: linear at the margin, as the average
        price is linear in the size, and continuous at T."""
        least, most = self.minimum(sign), self.capacity(sign)
        turn, by = max(-self.skew * sign, 0), self.scale * ONE
        taker, maker = (ONE + sign * (self.dynamic + rate) for rate in (self.taker, self.maker))
        first = maker if turn else taker
        step = Piece(
            min(turn or most, most) / ONE,
            self.price * (self.scale + self.skew) * first / (by * ONE),
            sign * self.price * first / by,
        )
        # The premium is cut to 1e-18 at both ends and the price to a wei, then the notional, the
        # shares of both rates and the fees.
        dust = (2 * most * (self.price // ONE + 4) // ONE + 10) / ONE
        error = dust + ROUNDING * max(step.price, step.price_at(step.size)) * most / ONE
        if not 0 < turn < most:
            return (Mode(least, most, (step,), error=error),)
        saved = turn * (self.taker - self.maker)
        price = self.price * (2 * self.scale * taker - saved) / (2 * by * ONE)
        beyond = Piece((most - turn) / ONE, price, sign * self.price * taker / by)
        error += ROUNDING * beyond.price_at(beyond.size) * most / ONE
        if self.taker >= self.maker:
            return (Mode(least, most, cut((step, beyond), most / ONE), error=error),)
        flat = Piece(turn / ONE, price)
        fixed = step.cost(step.size) - flat.cost(flat.size)
        before = (Mode(least, turn, (step,), error=error),) if least <= turn else ()
        beyond_turn = cut((flat, beyond), most / ONE)
        return (*before, Mode(max(least, turn), most, beyond_turn, fixed, error))


@dataclass(frozen=True, slots=True)
class SkewRules:
    """What a position must be backed by. Amounts are USD 1e18, ratios 1e18; `keeper_fee` is both
    what every order pays and the least a liquidation does."""

    scale: int
    max_leverage: int
    minimum_margin: int
    keeper_fee: int
    max_keeper_fee: int
    liquidator_fee: int
    fee_ratio: int
    buffer_ratio: int
    premium_multiplier: int

    def required(self, size: int, price: int) -> int:
        """The margin at or below which a position is liquidated, were it left without its premium
        (PerpsV2MarketBase.sol `_liquidationMargin`): not zero for no position at all."""
        notional = abs(size) * price // ONE
        fee = max(min(notional * self.fee_ratio // ONE, self.max_keeper_fee), self.keeper_fee)
        return notional * self.buffer_ratio // ONE + fee + self.liquidator_fee

    def premium(self, size: int, price: int) -> int:
        """What closing the position would shift the price by (`_liquidationPremium`)."""
        notional, share = abs(size) * price // ONE, abs(size) * ONE // self.scale
        return share * notional // ONE * self.premium_multiplier // ONE

    def demanded(self, size: int, price: int) -> int:
        """Both: margin must be more than this."""
        return self.required(size, price) + self.premium(size, price)

    def can_liquidate(self, size: int, price: int, equity: int) -> bool:
        """Whether a position worth `equity` at `price` may be flagged (`_canLiquidate`)."""
        left = max(equity - self.premium(size, price), 0)
        return bool(size) and left <= self.required(size, price)

    def accepts(self, curve: SkewCurve, size: int, position: int, equity: int) -> bool:
        """Whether `size` may be submitted now and could be filled at the price of now by someone
        else (`_postTradeDetails`, `_updatePositionMargin`).

        `equity` is what the account had if its position were worth nothing, the order's deposit
        taken out: margin plus quote balance. The side's limit is the curve's.
        """
        price, fill = curve.price, curve.fill_price(size)
        backing = equity + mul_div_to_zero(position, fill, ONE)
        left, after = backing - curve.fee(size), position + size
        if backing <= 0:
            return False
        if position:
            worth = equity + mul_div_to_zero(position, price, ONE)
            if self.can_liquidate(position, price, worth):
                return False
            if backing <= self.demanded(position, fill) or left <= self.required(position, fill):
                return False
        if not (position * after >= 0 and abs(after) < abs(position)):
            if backing < self.minimum_margin:
                return False
            if abs(position) * fill // ONE * ONE // backing > self.max_leverage:
                return False
        if left <= self.demanded(after, price):
            return False
        return abs(after) * fill // ONE * ONE // backing <= self.max_leverage + ONE // 100
