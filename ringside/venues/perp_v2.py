"""Perpetual Protocol v2 (Curie): a clearing house over a Uniswap v3 pool per market.

The pool's own fee (1 %) is cancelled by scaling amounts; the market's exchange fee is charged
instead, step by step, by replaying the swap (Exchange.sol `_swap`, OrderBook.sol `replaySwap`,
lib/SwapMath.sol). A trade is refused when the pool's tick ends more than
`maxTickCrossedWithinBlock` from the tick recorded at least 15 s before (`EX_OPLAS`), or when the
mark ends outside the band around the index price, 10 % by default, unless it was further out before
(`EX_OPB`).

The recorded tick has no getter: it is read from Exchange's storage, whose layout is checked on
loading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import TYPE_CHECKING, Any

from ringside.chain.abi import address, encode, signed, word
from ringside.chain.multicall import Block, Call, Read, Slot, aggregate, pinned
from ringside.units import ONE, PIPS, USDC_TO_USD, mul_div_to_zero, usdc_to_usd
from ringside.venues.base import Leg, MarketState, Stale, VenueError, capped
from ringside.venues.ledger import Fill, Ledger, logs
from ringside.venues.pool import (
    PoolConfig,
    PoolCurve,
    PoolStale,
    largest,
    parse_pool,
    pool_call_count,
    pool_calls,
    unread_pool,
)
from ringside.venues.uniswap_v3 import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    Charge,
    Pool,
    Swap,
    fee_up,
    sqrt_ratio_at_tick,
)

if TYPE_CHECKING:
    from web3 import Web3

NAME = "perp-v2"
ERRORS = ()
"""It refuses with reasons in words, such as CH_NEFCI."""
_CHANGED = "PositionChanged(address,address,int256,int256,uint256,int256,int256,uint256)"
_FUNDING = "FundingPaymentSettled(address,address,int256)"
_LIQUIDATED = "PositionLiquidated(address,address,uint256,uint256,uint256,address)"
_DEPOSITED = "Deposited(address,address,uint256)"
_WITHDRAWN = "Withdrawn(address,address,uint256)"
_BAD_DEBT = "BadDebtSettled(address,uint256)"
DUST = 10
"""AccountBalance.sol `_DUST`: a position below 10 wei reads as none."""
PRICE_LIMIT_INTERVAL = 15
"""Exchange.sol `_PRICE_LIMIT_INTERVAL`, seconds: how long a recorded tick stands."""

# Exchange's storage: three mappings by base token, and a known address to check the layout by.
_ORDER_BOOK_SLOT = 205
_LAST_TICK_SLOT, _FIRST_TRADED_SLOT, _LAST_TICK_TIME_SLOT = 208, 209, 214


class LayoutUnknown(VenueError):
    """Exchange's storage is not laid out as curie-contract 2.8 does: its price limit cannot be
    read."""


@dataclass(frozen=True, slots=True)
class Config:
    """A Perp v2 market: contracts, and what is known of its pool. `first_traded` is 0 before any
    trade; `twap_interval` in seconds."""

    market: str
    base_token: str
    clearing_house: str
    exchange: str
    account_balance: str
    market_registry: str
    clearing_house_config: str
    pool: PoolConfig
    twap_interval: int
    first_traded: int

    def interval(self, block: Block) -> int:
        """Seconds of TWAP that funding looks back at `block` (Exchange.sol
        `_getFundingGrowthGlobalAndTwaps`)."""
        if (
            not 0 < self.first_traded <= block.timestamp
        ):  # Later only on a chain that was rolled back.
            return 0
        return min(self.twap_interval, block.timestamp - self.first_traded)


def load(w3: Web3, addresses: Mapping[str, Any], market: str) -> Config:
    """The market's configuration.

    Raises:
        LayoutUnknown: Exchange is not the version this module knows.
    """
    venue = addresses["venues"][NAME]
    where = venue["markets"][market]
    block = pinned(w3)
    pool, exchange, config = where["pool"], venue["exchange"], venue["clearing_house_config"]
    spacing, fee, book, stored, interval = (
        data or b""
        for data in aggregate(
            w3,
            [
                Call(pool, encode("tickSpacing()")),
                Call(pool, encode("fee()")),
                Call(exchange, encode("getOrderBook()")),
                Slot(exchange, _ORDER_BOOK_SLOT),
                Call(config, encode("getTwapInterval()")),
            ],
            block,
        )
    )
    if address(book) != address(stored):
        raise LayoutUnknown(
            f"Exchange at {exchange} keeps no order book in slot {_ORDER_BOOK_SLOT}"
        )
    return Config(
        market,
        where["base_token"],
        venue["clearing_house"],
        exchange,
        venue["account_balance"],
        venue["market_registry"],
        config,
        unread_pool(pool, word(spacing), word(fee)),
        word(interval),
        0,
    )


def _mapping_slot(key: str, slot: int) -> int:
    from ringside.keccak import keccak  # Only needed where a chain is at hand.

    data = int(key, 16).to_bytes(32, "big") + slot.to_bytes(32, "big")
    return int.from_bytes(keccak(data), "big")


def calls(config: Config, block: Block) -> list[Read]:
    """What `parse` reads."""
    base, interval = config.base_token, config.interval(block)
    rules = config.clearing_house_config
    return [
        *pool_calls(config.pool),
        Call(config.market_registry, encode("getMarketInfo(address)", base)),
        Call(config.exchange, encode("getMaxTickCrossedWithinBlock(address)", base)),
        Call(base, encode("getIndexPrice(uint256)", 0)),
        Call(base, encode("isOpen()")),
        Call(config.clearing_house, encode("paused()")),
        Call(config.account_balance, encode("getMarkPrice(address)", base)),
        Call(config.exchange, encode("getSqrtMarketTwapX96(address,uint32)", base, interval)),
        Call(base, encode("getIndexPrice(uint256)", interval)),
        Call(rules, encode("getImRatio()")),
        Call(rules, encode("getMmRatio()")),
        Call(rules, encode("getMaxFundingRate()")),
        Call(rules, encode("getTwapInterval()")),
        Slot(config.exchange, _mapping_slot(base, _LAST_TICK_SLOT)),
        Slot(config.exchange, _mapping_slot(base, _FIRST_TRADED_SLOT)),
        Slot(config.exchange, _mapping_slot(base, _LAST_TICK_TIME_SLOT)),
    ]


def parse(config: Config, results: Sequence[bytes | None], block: Block) -> PerpState:
    """The state at `block`; a trade is taken to run at the block's timestamp.

    Raises:
        Stale: the pool has new ticks, or the TWAP interval is another.
    """
    count = pool_call_count(config.pool)
    try:
        pool = parse_pool(config.pool, results[:count])
    except PoolStale as stale:
        raise Stale(replace(config, pool=stale.config), str(stale)) from None
    rest = [data for data in results[count:] if data is not None]
    info, max_ticks, index, is_open, paused, mark, sqrt_twap, index_twap = rest[:8]
    initial, maintenance, max_funding, twap_interval, last_tick, first_traded, last_time = rest[8:]
    known = (config.twap_interval, config.first_traded)
    if known != (word(twap_interval), word(first_traded)):
        newer = replace(config, twap_interval=word(twap_interval), first_traded=word(first_traded))
        raise Stale(newer, "another TWAP interval")
    recorded = int.from_bytes(last_tick[-3:], "big", signed=True)
    if block.timestamp >= word(last_time) + PRICE_LIMIT_INTERVAL:
        recorded = pool.tick
    curve = PerpCurve(
        config.market,
        pool,
        exchange_fee=word(info, 1),
        index_price=word(index),
        max_spread=word(info, 4),
        max_ticks=word(max_ticks),
        recorded_tick=recorded,
        is_open=bool(word(is_open)) and not word(paused),
    )
    rate = _funding_rate(price_18(word(sqrt_twap)), word(index_twap), word(max_funding))
    return PerpState(
        NAME,
        config.market,
        block.number,
        word(mark),
        word(index),
        rate,
        word(initial) * ONE // PIPS,
        word(maintenance) * ONE // PIPS,
        curve,
    )


def leg(size: int, margin: int) -> Leg:
    """A leg for Perp v2: `openPosition` by exact base, output on a buy and input on a sell."""
    return Leg(NAME, size, margin)


def price_18(sqrt_price: int) -> int:
    """A pool's √price as USD 1e18, rounded down twice (PerpMath.sol `formatSqrtPriceX96ToPriceX96`,
    `formatX96ToX10_18`)."""
    return (sqrt_price * sqrt_price >> 96) * ONE >> 96


def _funding_rate(market_twap: int, index_twap: int, max_rate: int) -> int:
    """(market − index) ÷ index a day, capped (Exchange.sol `_getDeltaTwapX96`), towards zero."""
    rate = mul_div_to_zero(market_twap - index_twap, ONE, index_twap)
    cap = max_rate * ONE // PIPS
    return max(-cap, min(cap, rate))


class PerpCurve(PoolCurve):
    """The exact cost of a taker's trade at Perp v2, for an account without a fee discount."""

    def __init__(
        self,
        market: str,
        pool: Pool,
        *,
        exchange_fee: int,
        index_price: int,
        max_spread: int,
        max_ticks: int,
        recorded_tick: int,
        is_open: bool = True,
    ) -> None:
        super().__init__(NAME, market, pool, ONE)
        self.exchange_fee, self.index_price, self.max_spread = exchange_fee, index_price, max_spread
        self.max_ticks, self.recorded_tick = max_ticks, recorded_tick
        self._open = is_open and max_ticks > 0

    @property
    def open(self) -> bool:
        """Whether the market is open, the clearing house runs and the price limit is set
        (`EX_MIP`)."""
        return self._open

    def minimum(self, sign: int) -> int:
        """As in `Curve`: less than the dust is taken but leaves no position."""
        return DUST

    @property
    def charge(self) -> Charge:
        """The exchange fee of one step (OrderBook.sol `replaySwap`): on a buy a pool's fee on the
        input, on a sell a part of the output, each rounded up."""
        fee = self.exchange_fee

        def step_fee(paid: int, got: int) -> int:
            return fee_up(paid, fee) if paid else -(-got * fee // PIPS)

        return step_fee

    def pool_amount(self, base: int, sign: int) -> int:
        """A sell is scaled up by the pool's fee, rounded up (lib/SwapMath.sol
        `calcScaledAmountForSwaps`); a buy is by exact output."""
        return base if sign > 0 else -(-base * PIPS // (PIPS - self.pool.fee))

    def base_amount_down(self, amount: int, sign: int) -> int:
        """The inverse of `pool_amount`."""
        return amount if sign > 0 else amount * (PIPS - self.pool.fee) // PIPS

    def price(self, swap: Swap, sign: int) -> tuple[int, int]:
        """Notional and fee as PositionChanged reports them: a buy's input less the pool's fee,
        rounded down; a sell's output (Exchange.sol `_swap`)."""
        if sign > 0:
            return swap.quote * (PIPS - self.pool.fee) // PIPS, swap.charge
        return swap.quote, swap.charge

    def fee_factor(self, sign: int) -> tuple[int, int]:
        """1 ÷ (1 − fee) on a buy, 1 − fee on a sell."""
        kept = PIPS - self.exchange_fee
        return (PIPS, kept) if sign > 0 else (kept, PIPS)

    def limit(self, sign: int) -> int:
        """The nearer of the two limits, ticks and band, as a √price that is still allowed."""
        if sign > 0:
            tick = min(self.recorded_tick + self.max_ticks, MAX_TICK - 1)
            by_tick = sqrt_ratio_at_tick(tick + 1) - 1
            return min(by_tick, self._band(sign), MAX_SQRT_RATIO - 1)
        tick = max(self.recorded_tick - self.max_ticks, MIN_TICK)
        by_tick = sqrt_ratio_at_tick(tick)
        if any(stop == tick for stop, _ in self.pool.boundaries(-1)):
            by_tick += 1  # A sell that reaches a boundary is past it: the pool's tick is one less.
        return max(by_tick, self._band(sign), MIN_SQRT_RATIO + 1)

    def _band(self, sign: int) -> int:
        """The furthest √price whose spread to the index, in whole 1e-6 towards zero, is within the
        band or no further out than now (Exchange.sol `_swap`, `_getPriceSpreadRatio`)."""
        index = self.index_price
        spread = mul_div_to_zero(price_18(self.pool.sqrt_price) - index, PIPS, index)
        allowed = max(self.max_spread, spread * sign)
        # |mark − index| × 1e6 < (allowed + 1) × index
        delta = -(-(allowed + 1) * index // PIPS) - 1
        if sign > 0:
            return self._sqrt_price_at_most(index + delta)
        return self._sqrt_price_at_most(index - delta - 1) + 1 if index > delta else MIN_SQRT_RATIO

    @staticmethod
    def _sqrt_price_at_most(price: int) -> int:
        """The largest √price whose `price_18` is not above `price`."""
        # price_18 ≤ p  ⟺  (s² >> 96) × 1e18 < (p + 1) << 96, and so on inwards.
        squared = -(-((price + 1) << 96) // ONE) << 96
        return isqrt(squared - 1)


@dataclass(frozen=True)
class PerpState(MarketState):
    """A Perp v2 market. Margin is the whole account's; room and liquidation price are for its only
    position unless `committed` says what the others need."""

    def room(
        self,
        margin: int,
        sign: int,
        position: int = 0,
        open_notional: int | None = None,
        committed: int = 0,
        most: int | None = None,
    ) -> int:
        """As in `MarketState`: Vault.sol `_getFreeCollateralByRatio` after the trade must not be
        negative."""
        held = self.at_mark(position, open_notional)
        step = 1 if sign > 0 else -1
        room = largest(
            lambda size: self._accepts(margin, step * size, position, held, committed),
            capped(self.curve.capacity(sign), most),
        )
        return room if room >= self.curve.minimum(sign) else 0

    def takes(self, margin: int, size: int, position: int = 0, committed: int = 0) -> bool:
        """As in `MarketState`."""
        fits = self.curve.minimum(size) <= abs(size) <= self.curve.capacity(size)
        held = self.at_mark(position, None)
        return fits and self._accepts(margin, size, position, held, committed)

    def _accepts(self, margin: int, size: int, position: int, held: int, committed: int) -> bool:
        if abs(size) < self.curve.minimum(size):
            return True
        quote = self.curve.quote(size)
        change = -quote.all_in if size > 0 else quote.all_in
        realised, ratio = 0, self.initial_margin_ratio
        if position * size < 0:  # Exchange.sol `_getPnlToBeRealized`
            closed = abs(size) * ONE // abs(position)
            if closed <= ONE:
                realised = change + mul_div_to_zero(held, closed, ONE)
            else:
                realised = held + mul_div_to_zero(change, ONE, closed)
            if abs(size) <= abs(position):
                ratio = self.maintenance_margin_ratio
        after, debt = position + size, held + change - realised
        value = mul_div_to_zero(after, self.mark_price, ONE)
        owed = max(-debt, 0) + max(-value, 0)  # AccountBalance.sol `getTotalDebtValue`
        collateral = margin + realised
        free = min(collateral, collateral + value + debt)
        return free >= owed * (ratio * PIPS // ONE) // PIPS + committed

    def liquidation_price(
        self, margin: int, position: int, open_notional: int | None = None, committed: int = 0
    ) -> int | None:
        """As in `MarketState`: account value below the maintenance ratio × |position value|
        (ClearingHouse.sol `_isLiquidatable`)."""
        if not position:
            return None
        equity = margin + self.at_mark(position, open_notional) - committed
        ratio = self.maintenance_margin_ratio
        if position > 0:
            price = -(equity * ONE * ONE // (position * (ONE - ratio)))
        else:
            price = equity * ONE * ONE // (-position * (ONE + ratio))
        return price if price > 0 else None


def ledger(w3: Web3, addresses: Mapping[str, Any], seat: str, blocks: tuple[int, int]) -> Ledger:
    """What happened at `seat` in the blocks from the first to the last, by the venue's events.

    A withdrawal settles what is owed (1e18) into the balance (1e6), rounded down, and forgets
    the rest (Vault.sol `_settleAndDecreaseBalance`): that rest is the rounding.
    """
    venue = addresses["venues"][NAME]
    markets = {int(m["base_token"], 16): name for name, m in venue["markets"].items()}
    found = logs(
        w3,
        [venue["clearing_house"], venue["vault"]],
        [_CHANGED, _FUNDING, _LIQUIDATED, _BAD_DEBT, _DEPOSITED, _WITHDRAWN],
        blocks,
    )
    fills: list[Fill] = []
    funding: dict[str, int] = {}
    roundings: list[int] = []
    margin = owed = 0
    for log in found:
        # The trader is the first indexed argument, but the second of the vault's events.
        at = 1 if log.name in (_DEPOSITED, _WITHDRAWN) else 0
        if int.from_bytes(log.topics[at], "big") != int(seat, 16):
            continue
        if log.name == _CHANGED:
            size, exchanged, fee, _, realised = (signed(log.data, i) for i in range(5))
            market = markets[int.from_bytes(log.topics[1], "big")]
            fills.append(Fill(market, size, abs(exchanged), fee, log.block, log.transaction))
            owed += realised
        elif log.name == _FUNDING:
            market, paid = markets[int.from_bytes(log.topics[1], "big")], signed(log.data)
            funding[market] = funding.get(market, 0) + paid
            owed -= paid
        elif log.name == _LIQUIDATED:
            penalty = word(log.data, 2)
            fills[-1] = replace(fills[-1], penalty=penalty)
            owed -= penalty
        elif log.name == _BAD_DEBT:  # Goes into the balance (1e6), not into what is owed.
            borne = usdc_to_usd(word(log.data))
            fills[-1] = replace(fills[-1], penalty=fills[-1].penalty - borne)
        elif log.name == _DEPOSITED:
            margin += word(log.data)
        else:
            margin -= word(log.data)
            roundings.append(owed % USDC_TO_USD)
            owed = 0
    return Ledger(NAME, tuple(fills), funding, margin, tuple(roundings))
