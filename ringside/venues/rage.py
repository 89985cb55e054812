"""Rage Trade: a clearing house over a Uniswap v3 pool per market, quote in vQuote of 6 decimals.

The pool's own fee (0.05 %) is cancelled by inflating and deflating amounts; liquidity and protocol
fee are charged on the whole trade instead, rounded up by one unit (libraries/SwapMath.sol
`beforeSwap`, `afterSwap`). Nothing but the end of liquidity limits a trade: without a price limit a
larger one is filled in part, silently, at any price; with a limit and without `isPartialAllowed` it
reverts (`SlippageBeyondTolerance`). Trades below `minimumOrderNotional` revert
(`LowNotionalValue`).

Positions are valued at the pool's TWAP, which a trade does not move in its own block, or at the
oracle's where the two are further apart than the pool allows (libraries/Protocol.sol
`getTwapPricesWithDeviationCheck`). If the pool's history is too short for the TWAP, the venue takes
the current tick instead, which the trade does move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ringside.chain.abi import WORD, encode, signed, word
from ringside.chain.multicall import Block, Call, Read, aggregate, pinned
from ringside.units import BPS, DAY, ONE, PIPS, USDC_TO_USD, WEI_DECIMALS, mul_div_to_zero
from ringside.venues.base import Curve, Leg, MarketState, Stale, VenueError, capped
from ringside.venues.ledger import Fill, Ledger, Log, logs
from ringside.venues.pool import (
    PoolConfig,
    PoolCurve,
    PoolStale,
    largest,
    parse_pool,
    pool_call_count,
    pool_calls,
    smallest,
    unread_pool,
)
from ringside.venues.uniswap_v3 import Pool, Swap, sqrt_ratio_at_tick

if TYPE_CHECKING:
    from web3 import Web3

NAME = "rage"
POOL_FEE = 500
"""The pool's own fee (1e-6), which the venue cancels; its code fixes it."""
ERRORS = (
    "InvalidTransactionNotEnoughMargin(int256,int256)",
    "LowNotionalValue(uint256)",
    "PoolNotAllowedForTrade(uint32)",
    "SlippageBeyondTolerance()",
)
_CREATED = "AccountCreated(address,uint256)"
_CHANGED = "TokenPositionChanged(uint256,uint32,int256,int256,uint160,uint160)"
_FUNDING = "TokenPositionFundingPaymentRealized(uint256,uint32,int256,int256)"
_LIQUIDATED = "TokenPositionLiquidated(uint256,uint32,int256,int256,int256)"
_MARGIN = "MarginUpdated(uint256,uint32,int256,bool)"
_SWAP = "Swap((int256,int256,int256,uint256,uint256,uint160,uint160))"
_POOL_SWAP = "Swap(address,address,int256,int256,uint160,uint128,int24)"
Q128 = 1 << 128
QUOTE_DECIMALS = 6
_OBSERVE = "observe(uint32[])"


class DecimalsUnsupported(VenueError):
    """A virtual token with more than 18 decimals: sizes of 1e18 cannot state it."""


@dataclass(frozen=True, slots=True)
class Config:
    """A Rage market: contracts, what is known of its pool, and the virtual token's decimals."""

    market: str
    pool_id: int
    clearing_house: str
    lens: str
    wrapper: str
    decimals: int
    twap_duration: int
    pool: PoolConfig

    def __post_init__(self) -> None:
        if not 0 <= self.decimals <= WEI_DECIMALS:
            raise ValueError(f"{self.decimals} decimals are not from 0 to {WEI_DECIMALS}")


def load(w3: Web3, addresses: Mapping[str, Any], market: str) -> Config:
    """The market's configuration.

    Raises:
        DecimalsUnsupported: the virtual token has more than 18 decimals.
    """
    venue = addresses["venues"][NAME]
    where = venue["markets"][market]
    pool, lens, pool_id = where["vpool"], venue["lens"], int(where["pool_id"])
    spacing, fee, decimals, info = (
        data or b""
        for data in aggregate(
            w3,
            [
                Call(pool, encode("tickSpacing()")),
                Call(pool, encode("fee()")),
                Call(where["vtoken"], encode("decimals()")),
                Call(lens, encode("getPoolInfo(uint32)", pool_id)),
            ],
            pinned(w3),
        )
    )
    if word(decimals) > 18:
        raise DecimalsUnsupported(f"{market} at {NAME} has {word(decimals)} decimals")
    return Config(
        market,
        pool_id,
        venue["clearing_house"],
        lens,
        where["vpool_wrapper"],
        word(decimals),
        word(info, 6),
        unread_pool(pool, word(spacing), word(fee)),
    )


def calls(config: Config, block: Block) -> list[Read]:
    """What `parse` reads."""
    house, wrapper, pool_id = config.clearing_house, config.wrapper, config.pool_id
    return [
        *pool_calls(config.pool),
        Call(wrapper, encode("liquidityFeePips()")),
        Call(wrapper, encode("protocolFeePips()")),
        Call(wrapper, encode("getFundingRateAndVirtualPrice()")),
        Call(house, encode("getVirtualTwapPriceX128(uint32)", pool_id)),
        Call(house, encode("getRealTwapPriceX128(uint32)", pool_id)),
        Call(house, encode("paused()")),
        Call(config.lens, encode("getPoolInfo(uint32)", pool_id)),
        Call(config.lens, encode("getProtocolInfo()")),
        Call(
            config.pool.address,
            encode(_OBSERVE, WORD, 2, config.twap_duration, 0),
            optional=True,
        ),
    ]


def parse(config: Config, results: Sequence[bytes | None], block: Block) -> RageState:
    """The state at `block`; a trade is taken to run at the block's timestamp.

    Raises:
        Stale: the pool has new ticks, or the TWAP's length has changed.
    """
    count = pool_call_count(config.pool)
    try:
        pool = parse_pool(config.pool, results[:count])
    except PoolStale as stale:
        raise Stale(replace(config, pool=stale.config), str(stale)) from None
    *required, observed = results[count:]
    rest = [data for data in required if data is not None]
    liquidity_fee, protocol_fee, funding, virtual, real, paused, info, protocol = rest
    if word(info, 6) != config.twap_duration:
        raise Stale(replace(config, twap_duration=word(info, 6)), "another TWAP duration")
    scale = 10 ** (18 + config.decimals - QUOTE_DECIMALS)
    curve = RageCurve(
        config.market,
        pool,
        fee=word(liquidity_fee) + word(protocol_fee),
        decimals=config.decimals,
        minimum_notional=word(protocol, 12),
        is_open=bool(word(info, 7)) and not word(paused),
    )
    margin = MarginRules(
        virtual=word(virtual),
        real=word(real),
        deviation_bps=word(info, 5),
        follows_trade=config.twap_duration == 0 or observed is None,
        initial_bps=word(info, 3),
        maintenance_bps=word(info, 4),
        minimum=word(protocol, 10),
    )
    return RageState(
        NAME,
        config.market,
        block.number,
        margin.risk_price(margin.virtual) * scale >> 128,
        margin.real * scale >> 128,
        mul_div_to_zero(signed(funding) * DAY, ONE, Q128),
        margin.initial_bps * ONE // BPS,
        margin.maintenance_bps * ONE // BPS,
        curve,
        margin,
    )


def leg(size: int, margin: int) -> Leg:
    """A leg for Rage: `swapToken` with the amount in base (`isNotional` false)."""
    return Leg(NAME, size, margin)


class RageCurve(PoolCurve):
    """The exact cost of a trade at Rage. `fee` is liquidity and protocol fee together, in 1e-6;
    `minimum_notional` in vQuote (1e6)."""

    def __init__(
        self,
        market: str,
        pool: Pool,
        *,
        fee: int,
        decimals: int,
        minimum_notional: int,
        is_open: bool = True,
    ) -> None:
        scale = 10 ** (18 + decimals - QUOTE_DECIMALS)
        super().__init__(NAME, market, pool, scale, 10 ** (18 - decimals))
        self.fee, self.minimum_notional, self._open = fee, minimum_notional, is_open

    @property
    def open(self) -> bool:
        """Whether the pool is allowed for trade and the clearing house runs."""
        return self._open

    def walked(self, size: int) -> RageCurve:
        """The market with its pool where a trade of signed `size` leaves it."""
        swap = self.swap(size)
        active = sum(net for tick, net in self.pool.ticks if tick <= swap.tick)
        pool = replace(self.pool, sqrt_price=swap.sqrt_price, tick=swap.tick, liquidity=active)
        return RageCurve(
            self.market,
            pool,
            fee=self.fee,
            decimals=WEI_DECIMALS + 1 - len(str(self.lot)),
            minimum_notional=self.minimum_notional,
            is_open=self.open,
        )

    def limit(self, sign: int) -> None:
        """Rage sets none."""
        return

    def minimum(self, sign: int) -> int:
        """As in `Curve`: the smallest size whose vQuote, fees included, reaches
        `minimumOrderNotional` (ClearingHouse.sol `_swapToken`)."""
        sign = 1 if sign > 0 else -1
        if sign not in self._minimums:
            most = max(self.base_amount_down(self.ladder(sign).total, sign), 0)
            unit = max(self.marginal_price(sign) * self.lot, 1)
            near = self.minimum_notional * USDC_TO_USD * ONE // unit
            least = smallest(
                lambda base: self._vquote(base, sign) >= self.minimum_notional, most, near
            )
            self._minimums[sign] = least * self.lot
        return self._minimums[sign]

    def _vquote(self, base: int, sign: int) -> int:
        swap = self.ladder(sign).swap(self.pool_amount(base, sign))
        notional, fees = self._parts(swap, sign)
        return notional + fees if sign > 0 else notional - fees

    def pool_amount(self, base: int, sign: int) -> int:
        """A sell is inflated by the pool's fee (libraries/SwapMath.sol `inflate`); a buy is by
        exact output."""
        if sign > 0:
            return base
        return base + base * self.pool.fee // (PIPS - self.pool.fee) + 1

    def base_amount_down(self, amount: int, sign: int) -> int:
        """The inverse of `pool_amount`."""
        if sign > 0:
            return amount
        base = amount * (PIPS - self.pool.fee) // PIPS
        while base > 0 and self.pool_amount(base, sign) > amount:
            base -= 1
        while self.pool_amount(base + 1, sign) <= amount:
            base += 1
        return base

    def _parts(self, swap: Swap, sign: int) -> tuple[int, int]:
        """vQuote (1e6) before fees and the fees on it: a buy's input deflated, rounded down; the
        fees rounded down plus one (libraries/SwapMath.sol `deinflate`, `calculateFees`)."""
        quote = swap.quote * (PIPS - self.pool.fee) // PIPS if sign > 0 else swap.quote
        return quote, quote * self.fee // PIPS + 1

    def price(self, swap: Swap, sign: int) -> tuple[int, int]:
        """vQuote before fees, and the fees, in USD 1e18."""
        notional, fees = self._parts(swap, sign)
        return notional * USDC_TO_USD, fees * USDC_TO_USD

    def fee_factor(self, sign: int) -> tuple[int, int]:
        """1 + fee on a buy, 1 − fee on a sell."""
        return PIPS + sign * self.fee, PIPS


@dataclass(frozen=True, slots=True)
class MarginRules:
    """What Rage asks of an account. Prices are vQuote per token unit in Q128; `minimum` is in
    vQuote; `follows_trade`: the pool cannot give its TWAP, so that its current tick is the
    price."""

    virtual: int
    real: int
    deviation_bps: int
    follows_trade: bool
    initial_bps: int
    maintenance_bps: int
    minimum: int

    def risk_price(self, virtual: int) -> int:
        """The virtual price, or the real one where they are too far apart."""
        if abs(self.real - virtual) > self.real * self.deviation_bps // BPS:
            return self.real
        return virtual

    def after(self, swap: Swap) -> int:
        """The risk price once `swap` is done."""
        if not self.follows_trade:
            return self.risk_price(self.virtual)
        root = sqrt_ratio_at_tick(swap.tick)
        return self.risk_price(root * root >> 64)


@dataclass(frozen=True)
class RageState(MarketState):
    """A Rage market. Required margin is the largest of Σ long risk and Σ short risk over
    cross-margined pools: `committed` must say what other positions on the same side need."""

    rules: MarginRules

    def stands(self, bought: int, sold: int, sign: int, taken: Curve) -> Iterable[Curve]:
        """As in `MarketState`: the pool where what goes the same way leaves it."""
        curve, size = self.curve, bought if sign > 0 else -sold
        assert isinstance(curve, RageCurve)
        yield curve.walked(size) if size else curve

    def room(
        self,
        margin: int,
        sign: int,
        position: int = 0,
        open_notional: int | None = None,
        committed: int = 0,
        most: int | None = None,
    ) -> int:
        """As in `MarketState`: the account's value after the trade must reach the required initial
        margin (libraries/Account.sol `_checkIfMarginAvailable`)."""
        curve = self.curve
        assert isinstance(curve, RageCurve)
        held = self.at_mark(position, open_notional) // USDC_TO_USD + margin // USDC_TO_USD
        needed = -(-committed // USDC_TO_USD)
        step = 1 if sign > 0 else -1
        lots = largest(
            lambda n: self._accepts(curve, step * n, position // curve.lot, held, needed),
            capped(curve.capacity(sign), most) // curve.lot,
        )
        room = lots * curve.lot
        return room if room >= curve.minimum(sign) else 0

    def takes(self, margin: int, size: int, position: int = 0, committed: int = 0) -> bool:
        """As in `MarketState`."""
        curve = self.curve
        assert isinstance(curve, RageCurve)
        if size % curve.lot or not curve.minimum(size) <= abs(size) <= curve.capacity(size):
            return False
        held = self.at_mark(position, None) // USDC_TO_USD + margin // USDC_TO_USD
        needed = -(-committed // USDC_TO_USD)
        base, before = size // curve.lot, position // curve.lot
        return self._accepts(curve, base, before, held, needed)

    def _accepts(self, curve: RageCurve, base: int, position: int, held: int, needed: int) -> bool:
        """Whether a trade of `base` token units passes; `held` and `needed` are vQuote (1e6)."""
        sign = 1 if base > 0 else -1
        if abs(base) * curve.lot < curve.minimum(sign):
            return True
        quote = curve.quote(base * curve.lot)
        change = (-quote.all_in if base > 0 else quote.all_in) // USDC_TO_USD
        price = self.rules.after(curve.swap(base * curve.lot))
        value = mul_div_to_zero(position + base, price, Q128)
        required = abs(value) * self.rules.initial_bps // BPS + needed
        if position + base or needed:
            required = max(required, self.rules.minimum)
        return held + change + value >= required

    def liquidation_price(
        self, margin: int, position: int, open_notional: int | None = None, committed: int = 0
    ) -> int | None:
        """As in `MarketState`: value not above the larger of the maintenance requirement and
        `minRequiredMargin` (libraries/Account.sol `liquidateTokenPosition`)."""
        if not position:
            return None
        held = margin + self.at_mark(position, open_notional)
        free, floor = held - committed, held - self.rules.minimum * USDC_TO_USD
        ratio, size = self.maintenance_margin_ratio, abs(position)
        if position > 0:
            price = max(-(free * ONE * ONE // (size * (ONE - ratio))), -(floor * ONE // size))
        else:
            price = min(free * ONE * ONE // (size * (ONE + ratio)), floor * ONE // size)
        return price if price > 0 else None


def ledger(w3: Web3, addresses: Mapping[str, Any], seat: str, blocks: tuple[int, int]) -> Ledger:
    """What happened at `seat` in the blocks from the first to the last, by the venue's events.

    The notional is the pool's own (its Swap event, its fee taken off again as SwapMath.sol
    `deinflate` does), the fee the wrapper's; the clearing house's event ties both to the account. A
    liquidation's fee is the penalty. Everything is whole units of USDC, so nothing is rounded.
    """
    venue = addresses["venues"][NAME]
    house = venue["clearing_house"]
    markets = {m["pool_id"]: (name, m) for name, m in venue["markets"].items()}
    mine = {
        log.data for log in logs(w3, [house], [_CREATED], (0, blocks[1]), bytes.fromhex(seat[2:]))
    }
    parts = [m[key] for _, m in markets.values() for key in ("vpool_wrapper", "vpool")]
    found = logs(
        w3, [house, *parts], [_CHANGED, _FUNDING, _MARGIN, _LIQUIDATED, _SWAP, _POOL_SWAP], blocks
    )
    fills: list[Fill] = []
    funding: dict[str, int] = {}
    margin = 0
    latest: dict[str, Log] = {}
    for log in found:
        if log.name in (_SWAP, _POOL_SWAP):
            latest[log.address] = log
            continue
        if log.topics[0] not in mine:
            continue
        if log.name == _MARGIN:
            if not word(log.data, 1):  # Settling profit into margin moves nothing in or out.
                margin += signed(log.data)
            continue
        name, parts_of = markets[int.from_bytes(log.topics[1], "big")]
        if log.name == _FUNDING:
            funding[name] = funding.get(name, 0) - signed(log.data) * USDC_TO_USD
        elif log.name == _LIQUIDATED:
            penalty = (signed(log.data) + signed(log.data, 1)) * USDC_TO_USD
            fills[-1] = replace(fills[-1], penalty=penalty)
        else:
            swap = latest[parts_of["vpool_wrapper"].lower()]
            pool = latest[parts_of["vpool"].lower()]
            fee = (word(swap.data, 3) + word(swap.data, 4)) * USDC_TO_USD
            quote = signed(pool.data, 1)
            notional = -quote if quote < 0 else quote * (PIPS - POOL_FEE) // PIPS
            size = signed(log.data)
            fills.append(Fill(name, size, notional * USDC_TO_USD, fee, log.block, log.transaction))
    return Ledger(NAME, tuple(fills), funding, margin)
