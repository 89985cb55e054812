"""Uniswap v3 swaps in exact integers: what a pool would do, to the wei, without asking it.

Written from the formulas of the Uniswap v3 Core whitepaper (section 6); which way each of them
rounds is what the core libraries TickMath, SqrtPriceMath and SwapMath document. A price is
√(token1/token0) in Q64.96; token 0 is the base and token 1 the quote; a *sell* moves the price
down.

A pool steps from one boundary to the next: an initialised tick, or the end of a word of 256 ticks
of its bitmap (a step never looks beyond one word, and every step rounds, so word ends count). Whole
steps do not depend on the amount swapped, so a `Ladder` adds them up once and finds a swap's last
step by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt, log

from ringside.units import PIPS

MIN_TICK, MAX_TICK = -887_272, 887_272
Q96 = 1 << 96
_UINT256 = 1 << 256


def _tick_factors() -> tuple[int, ...]:
    """1.0001^(−2^i ÷ 2) in Q128, to nearest, for i = 0 … 19: squared up from the root in 512
    bits."""
    bits = 512
    power = isqrt((10**4 << 2 * bits) // 10_001)
    factors = []
    for _ in range(20):
        factors.append((power + (1 << (bits - 129))) >> (bits - 128))
        power = power * power >> bits
    return tuple(factors)


_FACTORS = _tick_factors()


@lru_cache(maxsize=65_536)
def sqrt_ratio_at_tick(tick: int) -> int:
    """√1.0001^tick in Q64.96, rounded up (TickMath.getSqrtRatioAtTick).

    Raises:
        ValueError: the tick is outside ±887,272.
    """
    if not MIN_TICK <= tick <= MAX_TICK:
        raise ValueError(f"tick {tick} is outside ±{MAX_TICK}")
    ratio, rest, i = 1 << 128, abs(tick), 0
    while rest:
        if rest & 1:
            ratio = ratio * _FACTORS[i] >> 128
        rest >>= 1
        i += 1
    if tick > 0:
        ratio = (_UINT256 - 1) // ratio
    return -(-ratio >> 32)


MIN_SQRT_RATIO, MAX_SQRT_RATIO = sqrt_ratio_at_tick(MIN_TICK), sqrt_ratio_at_tick(MAX_TICK)


def tick_at_sqrt_ratio(sqrt_price: int) -> int:
    """The greatest tick whose ratio is not above `sqrt_price` (TickMath.getTickAtSqrtRatio).

    The logarithm only says where to look; the answer is settled in integers.
    """
    if not MIN_SQRT_RATIO <= sqrt_price < MAX_SQRT_RATIO:
        raise ValueError(f"√price {sqrt_price} is outside the pool's range")
    guess = int(2 * (log(sqrt_price) - 96 * log(2)) / log(1.0001))
    tick = min(max(guess, MIN_TICK), MAX_TICK - 1)
    while sqrt_ratio_at_tick(tick) > sqrt_price:
        tick -= 1
    while sqrt_ratio_at_tick(tick + 1) <= sqrt_price:
        tick += 1
    return tick


def amount0_up(low: int, high: int, liquidity: int) -> int:
    """Token 0 between two √prices, L(√b − √a) ÷ √a√b, rounded up at both divisions."""
    scaled = -(-(liquidity << 96) * (high - low) // high)
    return -(-scaled // low)


def amount0_down(low: int, high: int, liquidity: int) -> int:
    """Token 0 between two √prices, rounded down at both divisions."""
    return (liquidity << 96) * (high - low) // high // low


def amount1_up(low: int, high: int, liquidity: int) -> int:
    """Token 1 between two √prices, L(√b − √a), rounded up."""
    return -(-liquidity * (high - low) >> 96)


def amount1_down(low: int, high: int, liquidity: int) -> int:
    """Token 1 between two √prices, rounded down."""
    return liquidity * (high - low) >> 96


def sqrt_price_after_base_in(sqrt_price: int, liquidity: int, amount: int) -> int:
    """√price after `amount` of token 0 came in: L√P ÷ (L + Δ√P), rounded up."""
    if amount == 0:
        return sqrt_price
    numerator = liquidity << 96
    product = amount * sqrt_price
    if product < _UINT256 and numerator + product < _UINT256:
        return -(-numerator * sqrt_price // (numerator + product))
    return -(-numerator // (numerator // sqrt_price + amount))


def sqrt_price_after_base_out(sqrt_price: int, liquidity: int, amount: int) -> int:
    """√price after `amount` of token 0 went out: L√P ÷ (L − Δ√P), rounded up."""
    if amount == 0:
        return sqrt_price
    numerator = liquidity << 96
    return -(-numerator * sqrt_price // (numerator - amount * sqrt_price))


def fee_up(amount: int, fee: int) -> int:
    """The fee on an input `amount` stated without it: amount × fee ÷ (1e6 − fee), rounded up."""
    return -(-amount * fee // (PIPS - fee))


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool at one block.

    `ticks` are the initialised ticks, ascending, with their net liquidity; `fee` is in 1e-6;
    nothing is known outside [`known_low`, `known_high`].
    """

    sqrt_price: int
    tick: int
    liquidity: int
    spacing: int
    fee: int
    ticks: tuple[tuple[int, int], ...]
    known_low: int = MIN_TICK
    known_high: int = MAX_TICK

    def boundaries(self, sign: int) -> list[tuple[int, int | None]]:
        """Where a buy (+1) or a sell (−1) stops to look: ticks in its order, each with its net
        liquidity, or `None` at the mere end of a bitmap word
        (TickBitmap.nextInitializedTickWithinOneWord)."""
        span = self.spacing << 8
        stops: dict[int, int | None] = {}
        if sign > 0:
            end, last = min(self.known_high, MAX_TICK), self.spacing * 255
            stops |= {
                min(word * span + last, MAX_TICK): None
                for word in range(self.tick // span, end // span + 1)
            }
            stops |= dict(self.ticks)
            return [(t, stops[t]) for t in sorted(stops) if self.tick < t <= end]
        end = max(self.known_low, MIN_TICK)
        stops |= {
            max(word * span, MIN_TICK): None for word in range(end // span, self.tick // span + 1)
        }
        stops |= dict(self.ticks)
        return [(t, stops[t]) for t in sorted(stops, reverse=True) if end <= t <= self.tick]


@dataclass(frozen=True, slots=True)
class Swap:
    """What a swap did. `quote` is what went in, pool fee included (a buy), or came out (a sell);
    `charge` what the caller's own fee per step adds up to; then √price and tick afterwards."""

    quote: int
    charge: int
    sqrt_price: int
    tick: int


@dataclass(frozen=True, slots=True)
class Step:
    """A whole step of a ladder: its √prices and ticks at both ends and the liquidity between."""

    start: int
    end: int
    start_tick: int
    end_tick: int
    liquidity: int


Charge = Callable[[int, int], int]
"""A venue's own fee on one step, from token 1 in without fee and token 1 out (one of them 0)."""


class Ladder:
    """A pool's steps in one direction, up to `limit` (a √price) or the end of what is known.

    A buy is by exact output, a sell by exact input with the pool's fee included: in both the amount
    is of token 0. `total` is all that the steps hold.
    """

    def __init__(
        self, pool: Pool, sign: int, limit: int | None = None, charge: Charge | None = None
    ) -> None:
        self.pool, self.sign = pool, sign
        self._charge = charge
        self.steps: list[Step] = []
        self._after: list[int] = []  # Token 0 of all steps up to and with this one.
        self._before: list[tuple[int, int, int]] = [(0, 0, 0)]  # Token 0, quote, charge before it.
        price, tick, liquidity = pool.sqrt_price, pool.tick, pool.liquidity
        remaining = sum(1 for _, net in pool.boundaries(sign) if net is not None)
        for stop, net in pool.boundaries(sign):
            if not liquidity and not remaining:
                break
            if limit is not None and (price - limit) * sign > 0:
                break
            end = sqrt_ratio_at_tick(stop)
            step = Step(price, end, tick, stop if sign > 0 else stop - 1, liquidity)
            base, quote, charged = self._whole(step)
            self.steps.append(step)
            before = self._before[-1]
            self._before.append((before[0] + base, before[1] + quote, before[2] + charged))
            self._after.append(before[0] + base)
            if net is not None:
                liquidity += net * sign
                remaining -= 1
            price, tick = end, step.end_tick
        self._ends = [step.end * sign for step in self.steps]
        self.total = self._before[-1][0]

    def _whole(self, step: Step) -> tuple[int, int, int]:
        fee, liquidity = self.pool.fee, step.liquidity
        if self.sign > 0:
            base = amount0_down(step.start, step.end, liquidity)
            paid = amount1_up(step.start, step.end, liquidity)
            charge = self._charge(paid, 0) if self._charge else 0
            return base, paid + fee_up(paid, fee), charge
        base = amount0_up(step.end, step.start, liquidity)
        got = amount1_down(step.end, step.start, liquidity)
        return base + fee_up(base, fee), got, self._charge(0, got) if self._charge else 0

    def _partial(self, step: Step, amount: int) -> tuple[int, int, int]:
        """√price after, quote and charge of the last step, which `amount` does not fill."""
        fee, liquidity = self.pool.fee, step.liquidity
        if self.sign > 0:
            after = sqrt_price_after_base_out(step.start, liquidity, amount)
            paid = amount1_up(step.start, after, liquidity)
            charge = self._charge(paid, 0) if self._charge else 0
            return after, paid + fee_up(paid, fee), charge
        without_fee = amount * (PIPS - fee) // PIPS
        after = sqrt_price_after_base_in(step.start, liquidity, without_fee)
        got = amount1_down(after, step.start, liquidity)
        return after, got, self._charge(0, got) if self._charge else 0

    def price_after(self, amount: int) -> int:
        """√price after a swap of `amount` of token 0, 0 ≤ amount ≤ `total`."""
        if amount == 0:
            return self.pool.sqrt_price
        i = bisect_left(self._after, amount)
        step = self.steps[i]
        if self._after[i] == amount:
            return step.end
        rest = amount - self._before[i][0]
        if self.sign > 0:
            return sqrt_price_after_base_out(step.start, step.liquidity, rest)
        without_fee = rest * (PIPS - self.pool.fee) // PIPS
        return sqrt_price_after_base_in(step.start, step.liquidity, without_fee)

    def swap(self, amount: int) -> Swap:
        """The swap of `amount` of token 0.

        Raises:
            ValueError: `amount` is not in (0, `total`].
        """
        if not 0 < amount <= self.total:
            raise ValueError(f"{amount} is not in (0, {self.total}]")
        i = bisect_left(self._after, amount)
        step = self.steps[i]
        if self._after[i] == amount:
            _, quote, charge = self._before[i + 1]
            return Swap(quote, charge, step.end, step.end_tick)
        base, quote, charge = self._before[i]
        after, more, charged = self._partial(step, amount - base)
        tick = step.start_tick if after == step.start else tick_at_sqrt_ratio(after)
        return Swap(quote + more, charge + charged, after, tick)

    def up_to(self, amount: int) -> list[Step]:
        """The steps with liquidity that a swap of `amount` of token 0 enters."""
        last = bisect_left(self._after, amount)
        return [step for step in self.steps[: last + 1] if step.liquidity]

    def amount_within(self, limit: int) -> int:
        """The largest amount of token 0 that leaves the √price not beyond `limit`; exact.

        The √price is monotone in the amount, so the last step is bisected in integers.
        """
        if (self.pool.sqrt_price - limit) * self.sign > 0:
            return 0
        i = bisect_right(self._ends, limit * self.sign)  # The steps that end within the limit.
        if i == len(self.steps):
            return self.total
        low, high = self._before[i][0], self._after[i]
        near = low + self._estimate(self.steps[i], limit)
        # Nearly always the estimate is off by a few wei only: try a narrow bracket first.
        if low < near - 64 < high and self._within(near - 64, limit):
            low = near - 64
        if low < near + 64 < high and not self._within(near + 64, limit):
            high = near + 64
        while high - low > 1:
            middle = (low + high) >> 1
            if self._within(middle, limit):
                low = middle
            else:
                high = middle
        return low

    def _within(self, amount: int, limit: int) -> bool:
        return (self.price_after(amount) - limit) * self.sign <= 0

    def _estimate(self, step: Step, limit: int) -> int:
        low, high = sorted((step.start, limit))
        amount = amount0_down(low, high, step.liquidity)
        return amount if self.sign > 0 else amount + fee_up(amount, self.pool.fee)


def pool_of_ranges(
    sqrt_price: int, spacing: int, fee: int, ranges: Sequence[tuple[int, int, int]]
) -> Pool:
    """A pool made of liquidity ranges (lower tick, upper tick, liquidity), for tests and
    examples."""
    tick = tick_at_sqrt_ratio(sqrt_price)
    nets: dict[int, int] = {}
    liquidity = 0
    for lower, upper, amount in ranges:
        nets[lower] = nets.get(lower, 0) + amount
        nets[upper] = nets.get(upper, 0) - amount
        liquidity += amount if lower <= tick < upper else 0
    return Pool(sqrt_price, tick, liquidity, spacing, fee, tuple(sorted(nets.items())))
