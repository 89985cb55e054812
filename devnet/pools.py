"""Arithmetic of Uniswap v3 pools, on which both venues trade, and the makers' liquidity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal, localcontext
from math import isqrt

from web3 import Web3
from web3.contract import Contract

from devnet.artifacts import Artifact, hardhat

UNISWAP = "@uniswap/v3-core/artifacts/contracts"
Q96 = 1 << 96
PRECISION = 80
"""Decimal digits carried: far beyond the 160 bits of a square root price."""
TICK_BASE = Decimal("1.0001")

MARKET_DEPTH = {"ETH-USD": Decimal(1), "BTC-USD": Decimal("1.2")}
"""How deep a market is, as a multiple of what the bands of a venue say."""


@dataclass(frozen=True)
class Band:
    """Liquidity from `reach` ticks below the mark to as many above it.

    `depth` is liquidity times square root price in USD: an order worth `n` USD pays an average
    price worse by n / (sum of the depths it trades in).
    """

    reach: int
    depth: Decimal


def factory() -> Artifact:
    """The Uniswap v3 factory."""
    return hardhat(UNISWAP, "UniswapV3Factory")


def pool(w3: Web3, address: str) -> Contract:
    """The Uniswap v3 pool at `address`."""
    abi = hardhat(UNISWAP, "UniswapV3Pool").abi
    return w3.eth.contract(address=Web3.to_checksum_address(address), abi=abi)


def sqrt_price_x96(price: Decimal, base_decimals: int, quote_decimals: int) -> int:
    """Square root price of a pool of base (token0) and quote (token1), at `price` quote a base."""
    with localcontext(Context(prec=PRECISION)):
        raw = price.scaleb(quote_decimals - base_decimals) * Q96 * Q96
    return isqrt(int(raw))


def price_e18(sqrt_x96: int, base_decimals: int, quote_decimals: int) -> int:
    """Quote per base (1e18), rounded down."""
    shift: int = 10 ** (18 + base_decimals - quote_decimals)
    return sqrt_x96 * sqrt_x96 * shift // (Q96 * Q96)


def tick_of(sqrt_x96: int) -> int:
    """The tick a square root price lies in (exactly on a boundary it may be the one below)."""
    with localcontext(Context(prec=PRECISION)):
        ratio = (Decimal(sqrt_x96) / Q96) ** 2
        return int((ratio.ln() / TICK_BASE.ln()).to_integral_value(rounding="ROUND_FLOOR"))


def sqrt_at_tick(tick: int) -> Decimal:
    """Square root price (plain, not x96) at a tick."""
    with localcontext(Context(prec=PRECISION)):
        return (TICK_BASE**tick).sqrt()


def clamp_sqrt(target_x96: int, current_x96: int, ticks: int) -> int:
    """`target_x96`, but no further than `ticks` ticks from `current_x96`."""
    with localcontext(Context(prec=PRECISION)):
        ratio = sqrt_at_tick(ticks)
        low, high = int(current_x96 / ratio) + 1, int(current_x96 * ratio)
    return min(max(target_x96, low), high)


def reached(target_x96: int, current_x96: int) -> bool:
    """Whether two square root prices are within a tenth of a tick: not worth a trade."""
    return abs(target_x96 - current_x96) * 200_000 < target_x96


def edges(band: Band, sqrt_x96: int, spacing: int) -> tuple[int, int]:
    """Lower and upper tick of a band around the price, on the pool's grid."""
    centre = round(tick_of(sqrt_x96) / spacing) * spacing
    return centre - band.reach, centre + band.reach


def liquidity(depth: Decimal, sqrt_x96: int, quote_decimals: int) -> int:
    """Pool liquidity that has `depth` USD at this price."""
    with localcontext(Context(prec=PRECISION)):
        return int(depth.scaleb(quote_decimals) * Q96 / sqrt_x96)


def amounts(amount: int, sqrt_x96: int, lower: int, upper: int) -> tuple[int, int]:
    """Base and quote (raw units) that `amount` of liquidity holds between two ticks, rounded up."""
    with localcontext(Context(prec=PRECISION, rounding=ROUND_UP)):
        now = Decimal(sqrt_x96) / Q96
        low, high = sqrt_at_tick(lower), sqrt_at_tick(upper)
        now = min(max(now, low), high)
        base = amount * (high - now) / (now * high)
        quote = amount * (now - low)
        return int(base.to_integral_value()), int(quote.to_integral_value())


def plan(
    bands: Sequence[Band], market: str, sqrt_x96: int, spacing: int, quote_decimals: int
) -> list[tuple[int, int, int]]:
    """The maker's ranges: (lower tick, upper tick, liquidity)."""
    ranges = []
    for band in bands:
        lower, upper = edges(band, sqrt_x96, spacing)
        depth = band.depth * MARKET_DEPTH[market]
        ranges.append((lower, upper, liquidity(depth, sqrt_x96, quote_decimals)))
    return ranges
