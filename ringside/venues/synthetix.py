"""Synthetix Perps V2: delayed orders against the pool of all who hold Synthetix's debt.

An order is committed at the Chainlink price and filled seconds later, by anyone, at a Pyth price
published since; here it is priced as if it were filled at the Chainlink price of now. Committing
takes a deposit out of the margin (`leg_cost`), which goes to whoever fills or cancels. Margin is
sUSD, isolated per market, and counted as USD one for one; the way from USDC is a Uniswap v3 pool
(`conversion`). Positions are valued at the Chainlink price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ringside.chain.abi import address, encode, signed, word
from ringside.chain.multicall import Block, Call, Read, aggregate, pinned
from ringside.units import ONE, PIPS, USDC_TO_USD, mul_div_to_zero
from ringside.venues.base import Curve, Leg, MarketState, Stale, capped
from ringside.venues.ledger import Ledger
from ringside.venues.pool import largest
from ringside.venues.skew import SkewCurve, SkewRules
from ringside.venues.synthetix_ledger import read_ledger

if TYPE_CHECKING:
    from web3 import Web3

NAME = "synthetix"
ERRORS = ()
"""It refuses with reasons in words, such as "Insufficient margin"."""
HIGHEST_PRICE = 10**36
"""Where the search for a liquidation price ends: a quintillion dollars."""
# Positions in PerpsV2MarketSettings' `parameters`.
_TAKER, _MAKER, _LEVERAGE, _MOST, _VELOCITY, _SCALE, _OFFCHAIN_KEY, _PREMIUM, _BUFFER = (
    *(4, 5, 6, 7, 8, 9, 16),
    *(18, 19),
)
_GLOBALS = (
    *("minInitialMargin", "minKeeperFee", "maxKeeperFee"),
    *("keeperLiquidationFee", "liquidationFeeRatio"),
)
_RESOLVED = ("Exchanger", "SystemStatus")


@dataclass(frozen=True, slots=True)
class Config:
    """A market: its contracts, keys (bytes32), and the pool between USDC and sUSD with its fee
    (1e-6). The last three may be replaced by the venue and are checked every time."""

    market: str
    proxy: str
    settings: str
    resolver: str
    key: str
    asset: str
    pool: str
    pool_fee: int
    usdc_first: bool
    exchanger: str
    status: str
    offchain_key: str


def bytes32(text: str) -> str:
    """A name as the venue spells it on-chain: left-aligned, 0x-hex."""
    return "0x" + text.encode().ljust(32, b"\0").hex()


def load(w3: Web3, addresses: Mapping[str, Any], market: str) -> Config:
    """The market's configuration."""
    venue = addresses["venues"][NAME]
    where = venue["markets"][market]
    resolver, settings, key = venue["resolver"], venue["market_settings"], where["key"]
    asset, parameters, first, exchanger, status = (
        data or b""
        for data in aggregate(
            w3,
            [
                Call(where["market"], encode("baseAsset()")),
                Call(settings, encode("parameters(bytes32)", key)),
                Call(venue["susd_pool"], encode("token0()")),
                *(_resolve(resolver, name) for name in _RESOLVED),
            ],
            pinned(w3),
        )
    )
    return Config(
        market,
        where["market"],
        settings,
        resolver,
        key,
        "0x" + asset.hex(),
        venue["susd_pool"],
        int(venue["pool_fee"]),
        address(first) == addresses["usdc"].lower(),
        address(exchanger),
        address(status),
        f"0x{word(parameters, _OFFCHAIN_KEY):064x}",
    )


def _resolve(resolver: str, name: str) -> Call:
    return Call(resolver, encode("getAddress(bytes32)", bytes32(name)))


def calls(config: Config, block: Block) -> list[Read]:
    """What `parse` reads."""
    proxy, settings, status = config.proxy, config.settings, config.status
    suspended = "futuresMarketSuspension(bytes32)"
    volatility = encode("dynamicFeeRateForExchange(bytes32,bytes32)", bytes32("sUSD"), config.asset)
    return [
        Call(proxy, encode("assetPrice()")),
        Call(proxy, encode("marketSkew()")),
        Call(proxy, encode("marketSize()")),
        Call(proxy, encode("currentFundingRate()")),
        Call(settings, encode("parameters(bytes32)", config.key)),
        Call(config.exchanger, volatility),
        Call(config.pool, encode("slot0()")),
        *(Call(settings, encode(f"{name}()")) for name in _GLOBALS),
        *(_resolve(config.resolver, name) for name in _RESOLVED),
        Call(status, encode("systemSuspension()")),
        Call(status, encode("exchangeSuspension()")),
        Call(status, encode("futuresSuspension()")),
        Call(status, encode(suspended, config.key)),
        Call(status, encode(suspended, config.offchain_key)),
    ]


def parse(config: Config, results: Sequence[bytes | None], block: Block) -> SynthetixState:
    """The state at `block`; an order is taken to be filled there and then.

    Raises:
        Stale: the venue has replaced one of its contracts, or the key of its delayed orders.
    """
    answers = [data for data in results if data is not None]
    asset, skew, size, funding, parameters, volatility, slot0 = answers[:7]
    margin, least_fee, most_fee, liquidator_fee, fee_ratio = map(word, answers[7:12])
    exchanger, status = map(address, answers[12:14])
    offchain_key = f"0x{word(parameters, _OFFCHAIN_KEY):064x}"
    newer = replace(config, exchanger=exchanger, status=status, offchain_key=offchain_key)
    if newer != config:
        raise Stale(newer, "other contracts or another key")
    price, scale = word(asset), word(parameters, _SCALE)
    if not price:
        raise ValueError(f"{config.market} at {NAME} has no price")
    rules = SkewRules(
        scale=scale,
        max_leverage=word(parameters, _LEVERAGE),
        minimum_margin=margin,
        keeper_fee=least_fee,
        max_keeper_fee=most_fee,
        liquidator_fee=liquidator_fee,
        fee_ratio=fee_ratio,
        buffer_ratio=word(parameters, _BUFFER),
        premium_multiplier=word(parameters, _PREMIUM),
    )
    curve = SkewCurve(
        NAME,
        config.market,
        price,
        signed(skew),
        scale,
        taker=word(parameters, _TAKER),
        maker=word(parameters, _MAKER),
        market_size=word(size),
        most_a_side=word(parameters, _MOST),
        dynamic=word(volatility),
        is_open=not any((word(asset, 1), word(volatility, 1), *map(word, answers[14:]))),
    )
    return SynthetixState(
        NAME,
        config.market,
        block.number,
        price,
        price,
        signed(funding),
        -(-ONE * ONE // rules.max_leverage),
        rules.buffer_ratio + rules.fee_ratio,
        curve,
        rules,
        delayed=True,
        leg_cost=rules.keeper_fee,
        conversion=_conversion(word(slot0), config),
        funding_velocity=funding_velocity(curve.skew, scale, word(parameters, _VELOCITY)),
        dearest_fee=max(curve.taker, curve.maker) + curve.dynamic,
    )


def funding_velocity(skew: int, scale: int, most: int) -> int:
    """What a day adds to the daily rate at this skew: skew ÷ scale, within ±1, of `most` (1e18 a
    day per day), towards zero twice (PerpsV2MarketBase.sol `_currentFundingVelocity`)."""
    share = max(-ONE, min(ONE, mul_div_to_zero(skew, ONE, scale)))
    return mul_div_to_zero(share, most, ONE)


def _conversion(sqrt_price: int, config: Config) -> int:
    """1 − sUSD per USDC after the pool's fee, both worth a dollar, rounded up."""
    squared, kept = sqrt_price * sqrt_price, (PIPS - config.pool_fee) * ONE
    # The pool's price is token 1 in token 0, in units: (√price ÷ 2^96)².
    if config.usdc_first:
        return ONE - (squared * kept >> 192) // (PIPS * USDC_TO_USD)
    return ONE - (kept << 192) // (squared * PIPS * USDC_TO_USD)


def leg(size: int, margin: int) -> Leg:
    """A leg for Synthetix: `submitOffchainDelayedOrder` by exact base."""
    return Leg(NAME, size, margin)


@dataclass(frozen=True)
class SynthetixState(MarketState):
    """A Synthetix market. Margin is isolated, so `committed` plays no part. The ratios say how
    much a large position needs; `rules` also ask for amounts that do not depend on the size."""

    curve: SkewCurve
    rules: SkewRules

    def stands(self, bought: int, sold: int, sign: int, taken: Curve) -> Iterable[Curve]:
        """As in `MarketState`: the skew ends between these, in whichever order and however many of
        them are mined."""
        for move in sorted({0, bought, -sold}):
            size = self.curve.market_size + abs(move)
            yield replace(self.curve, skew=self.curve.skew + move, market_size=size)

    def room(
        self,
        margin: int,
        sign: int,
        position: int = 0,
        open_notional: int | None = None,
        committed: int = 0,
        most: int | None = None,
    ) -> int:
        """As in `MarketState`: what may be committed, and filled by a stranger at the price of
        now. A reduction that is refused may still be accepted if it closes the whole."""
        equity = margin + self.at_mark(position, open_notional) - self.rules.keeper_fee
        step, most = (1 if sign > 0 else -1), capped(self.curve.capacity(sign), most)

        def accepts(size: int) -> bool:
            if size < self.curve.minimum(sign):
                return True
            return self.rules.accepts(self.curve, step * size, position, equity)

        held = min(abs(position), most) if position * step < 0 else 0
        if accepts(held):
            room = held + largest(lambda more: accepts(held + more), most - held)
        else:
            room = largest(accepts, held)
        return room if room >= self.curve.minimum(sign) else 0

    def liquidation_price(
        self, margin: int, position: int, open_notional: int | None = None, committed: int = 0
    ) -> int | None:
        """As in `MarketState`: where `canLiquidate` turns true, to the unit."""
        equity = margin + self.at_mark(position, open_notional)

        def survives(price: int) -> bool:
            worth = equity + mul_div_to_zero(position, price, ONE)
            return not self.rules.can_liquidate(position, price, worth)

        if not position:
            return None
        if position < 0:
            price = largest(survives, HIGHEST_PRICE) + 1
        else:
            price = HIGHEST_PRICE - largest(lambda n: survives(HIGHEST_PRICE - n), HIGHEST_PRICE)
            price -= 1
        return price if 0 < price <= HIGHEST_PRICE else None


def ledger(w3: Web3, addresses: Mapping[str, Any], seat: str, blocks: tuple[int, int]) -> Ledger:
    """What happened at `seat` in the blocks from the first to the last, by the events of the
    markets, the tokens and the pool."""
    return read_ledger(w3, NAME, addresses, seat, blocks)
