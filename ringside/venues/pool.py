"""What venues built on a Uniswap v3 pool share: reading the pool, and a curve over it.

The pool's initialised ticks are known from loading. Every reading takes slot0, the liquidity, the
bitmap words of a window, and the net liquidity of the known ticks, and is believed only if it adds
up: every bit that is set is a known tick, Σ net liquidity up to the current tick is the pool's
liquidity, and Σ over all is zero. Otherwise the configuration is renewed and the same block is read
again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ringside.chain.abi import encode, signed, word
from ringside.chain.multicall import Call
from ringside.units import ONE
from ringside.venues.base import Quote, require_tradable
from ringside.venues.pieces import ROUNDING, Mode, Piece, cut
from ringside.venues.uniswap_v3 import MAX_TICK, MIN_TICK, Q96, Charge, Ladder, Pool, Step, Swap

WINDOW = 32
"""Words read to either side of the price at most; 32 words are a factor of 3,600 in price at
spacing 10."""


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """A pool and what is known of its ticks. `words` are the bitmap words read every time,
    contiguous."""

    address: str
    spacing: int
    fee: int
    ticks: tuple[int, ...]
    words: tuple[int, ...]

    @property
    def every_word(self) -> tuple[int, ...]:
        """All words in which a tick of this spacing can be."""
        return tuple(range(MIN_TICK // self.spacing >> 8, (MAX_TICK // self.spacing >> 8) + 1))

    @property
    def span(self) -> int:
        """Ticks in a word."""
        return self.spacing << 8


class PoolStale(Exception):
    """The pool has changed in a way the configuration does not cover; `config` does."""

    def __init__(self, config: PoolConfig, reason: str) -> None:
        self.config = config
        super().__init__(reason)


def unread_pool(address: str, spacing: int, fee: int) -> PoolConfig:
    """A pool of which nothing is known yet: its first reading scans the whole bitmap."""
    blank = PoolConfig(address, spacing, fee, (), ())
    return replace(blank, words=blank.every_word)


def pool_calls(config: PoolConfig) -> list[Call]:
    """The calls `parse_pool` expects the answers of."""
    to = config.address
    return [
        Call(to, encode("slot0()")),
        Call(to, encode("liquidity()")),
        *(Call(to, encode("tickBitmap(int16)", w)) for w in config.words),
        *(Call(to, encode("ticks(int24)", tick)) for tick in config.ticks),
    ]


def pool_call_count(config: PoolConfig) -> int:
    """How many answers belong to the pool."""
    return 2 + len(config.words) + len(config.ticks)


def parse_pool(config: PoolConfig, results: Sequence[bytes | None]) -> Pool:
    """The pool, from the answers to `pool_calls`.

    Raises:
        PoolStale: a tick not known is initialised, the price left the window, the sums disagree, or
            the words are not one after the other: what is in a hole nobody would see.
    """
    words, every = config.words, config.every_word
    if not words or words != tuple(range(words[0], words[-1] + 1)):
        raise PoolStale(replace(config, words=every), "words are left out")
    answers = [data for data in results if data is not None]
    sqrt_price, tick = word(answers[0]), signed(answers[0], 1)
    liquidity = word(answers[1])
    maps = dict(zip(config.words, (word(a) for a in answers[2:]), strict=False))
    nets = {
        t: signed(data, 1)
        for t, data in zip(config.ticks, answers[2 + len(config.words) :], strict=True)
        if word(data, 7)
    }
    found = {((w << 8) + bit) * config.spacing for w, bits in maps.items() for bit in _bits(bits)}
    ticks = tuple(sorted(found | set(nets)))
    window = _window(config, ticks, tick, liquidity)
    if not found <= set(config.ticks):
        raise PoolStale(replace(config, ticks=ticks, words=window), "a new tick")
    active = sum(net for t, net in nets.items() if t <= tick)
    if active != liquidity or sum(nets.values()) != 0:
        raise PoolStale(replace(config, words=every), "ticks and liquidity disagree")
    if not _covers(config, ticks, tick, liquidity):
        raise PoolStale(replace(config, words=window), "the price left the window")
    if config.words == every and len(window) < len(every):
        raise PoolStale(replace(config, words=window), "the whole scan is done")
    return Pool(
        sqrt_price,
        tick,
        liquidity,
        config.spacing,
        config.fee,
        tuple(sorted(nets.items())),
        config.words[0] * config.span,
        config.words[-1] * config.span + 255 * config.spacing,
    )


def _bits(bits: int) -> list[int]:
    return [i for i in range(bits.bit_length()) if bits >> i & 1]


def _window(config: PoolConfig, ticks: Sequence[int], tick: int, liquidity: int) -> tuple[int, ...]:
    """The words from one below the lowest to one above the highest tick, price included; at most
    `WINDOW` to either side of the price, unless it stands where there is no liquidity at all."""
    every = config.every_word
    if len(every) <= 2 * WINDOW:
        return every
    at = tick // config.span
    reach = WINDOW if liquidity else len(every)
    low = max(min([*ticks, tick]) // config.span - 1, at - reach, every[0])
    high = min(max([*ticks, tick]) // config.span + 1, at + reach, every[-1])
    return tuple(range(low, high + 1))


def _covers(config: PoolConfig, ticks: Sequence[int], tick: int, liquidity: int) -> bool:
    """Whether the words read still hold the price with a word to spare on both sides, and without
    liquidity also every tick."""
    words, every, at = config.words, config.every_word, tick // config.span
    needed = [at - 1, at + 1]
    if not liquidity:
        needed += [t // config.span for t in ticks]
    return all(words[0] <= min(max(word, every[0]), every[-1]) <= words[-1] for word in needed)


class PoolCurve(ABC):
    """A cost curve over one pool: a `Curve`. A venue says how it scales amounts and what it
    charges.

    `scale` turns (√price ÷ 2^96)² into USD 1e18 per base; `lot` is one unit of the pool's base
    token.
    """

    def __init__(self, venue: str, market: str, pool: Pool, scale: int, lot: int = 1) -> None:
        self.venue, self.market, self.pool = venue, market, pool
        self.scale, self.lot = scale, lot
        self._capacities: dict[int, int] = {}
        self._minimums: dict[int, int] = {}
        self._modes: dict[int, tuple[Mode, ...]] = {}

    @abstractmethod
    def limit(self, sign: int) -> int | None:
        """The furthest √price a trade may end at, `None` if the venue sets no limit."""

    @abstractmethod
    def pool_amount(self, base: int, sign: int) -> int:
        """The amount the venue has its pool swap for `base` token units."""

    @abstractmethod
    def base_amount_down(self, amount: int, sign: int) -> int:
        """The most token units whose `pool_amount` is not above `amount`."""

    @abstractmethod
    def price(self, swap: Swap, sign: int) -> tuple[int, int]:
        """Notional and fee, USD 1e18, of a swap."""

    @abstractmethod
    def fee_factor(self, sign: int) -> tuple[int, int]:
        """All-in price per unit of pool price at the margin, as numerator and denominator."""

    @abstractmethod
    def minimum(self, sign: int) -> int:
        """As in `Curve`."""

    @property
    def open(self) -> bool:
        """Whether the venue trades this market at all now."""
        return True

    @property
    def charge(self) -> Charge | None:
        """What the venue charges on each step, if it charges by step."""
        return None

    @cached_property
    def _ladders(self) -> dict[int, Ladder]:
        return {s: Ladder(self.pool, s, self.limit(s), self.charge) for s in (1, -1)}

    def ladder(self, sign: int) -> Ladder:
        """The pool's steps in that direction."""
        return self._ladders[1 if sign > 0 else -1]

    def capacity(self, sign: int) -> int:
        """As in `Curve`."""
        sign = 1 if sign > 0 else -1
        if sign not in self._capacities:
            self._capacities[sign] = self._capacity(sign) if self.open else 0
        return self._capacities[sign]

    def _capacity(self, sign: int) -> int:
        ladder, limit = self.ladder(sign), self.limit(sign)
        amount = ladder.total if limit is None else ladder.amount_within(limit)
        size = max(self.base_amount_down(amount, sign), 0) * self.lot
        return size if size >= self.minimum(sign) else 0

    def swap(self, size: int) -> Swap:
        """What the pool does for `size`, which is taken to be within capacity and lots."""
        sign = 1 if size > 0 else -1
        return self.ladder(sign).swap(self.pool_amount(abs(size) // self.lot, sign))

    def quote(self, size: int) -> Quote:
        """As in `Curve`."""
        require_tradable(self, size)
        return Quote(size, *self.price(self.swap(size), 1 if size > 0 else -1))

    def dearest(self) -> PoolCurve:
        """As in `Curve`."""
        return self

    def modes(self, sign: int) -> tuple[Mode, ...]:
        """As in `Curve`: one mode, of a constant product for every stretch of equal liquidity."""
        sign = 1 if sign > 0 else -1
        if sign not in self._modes:
            self._modes[sign] = self._closed(sign) if self.capacity(sign) else ()
        return self._modes[sign]

    def _closed(self, sign: int) -> tuple[Mode, ...]:
        least, most = self.minimum(sign), self.capacity(sign)
        used = self.ladder(sign).up_to(self.pool_amount(most // self.lot, sign))
        stretches: list[Step] = []
        for step in used:
            if step.start == step.end:
                continue  # The price is at a tick, which is crossed without taking anything.
            last = stretches[-1] if stretches else None
            if last and (last.liquidity, last.end) == (step.liquidity, step.start):
                stretches[-1] = replace(last, end=step.end)  # A mere end of a bitmap word.
            else:
                stretches.append(step)
        pieces = cut((self._piece(step, sign) for step in stretches), most / ONE)
        # A step rounds its base twice and its quote, the pool's fee and the venue's once each; so
        # do the venue's scaling before and its fee after. A √price is a whole number of 2^-96.
        dearest = max(pieces[0].price, pieces[-1].price_at(pieces[-1].size))
        quote_unit, base_unit = self.scale * self.lot / ONE**2, dearest * self.lot / ONE
        units = 4 * (len(used) + 2) + max(step.liquidity for step in used) / Q96
        error = units * (quote_unit + base_unit) + ROUNDING * dearest * most / ONE
        return (Mode(least, most, pieces, error=error),)

    def _piece(self, step: Step, sign: int) -> Piece:
        """A step in floats. The base that the pool holds between a √price and infinity is L ÷ √P,
        of which a purchase takes and to which a sale adds."""
        numerator, denominator = self.fee_factor(sign)
        start, end, unit = step.start, step.end, (step.liquidity << 96) * self.lot
        return Piece(
            size=unit * abs(end - start) / (start * end * ONE),
            price=start * start * self.scale * numerator / ((denominator * ONE) << 192),
            reserve=-sign * unit / (start * ONE),
        )

    def marginal_price(self, sign: int) -> int:
        """The all-in price (1e18) of the first unit, rounded against the caller."""
        numerator, denominator = self.fee_factor(sign)
        squared = self.pool.sqrt_price**2 * self.scale * numerator
        by = denominator << 192
        return -(-squared // by) if sign > 0 else squared // by


def smallest(accepted: Callable[[int], bool], high: int, near: int = 0) -> int:
    """The smallest n in [1, high] that a monotone test accepts; high + 1 if it accepts none. It is
    looked for from `near` on in steps that grow, where that is given: it may be anything."""
    low, top = 0, high + 1
    if low < near < top:
        step = max(near >> 20, 1)
        if accepted(near):
            top = near
            while top - step > low and accepted(top - step):
                top, step = top - step, 4 * step
            low = max(low, top - step)
        else:
            low = near
            while low + step < top and not accepted(low + step):
                low, step = low + step, 4 * step
            top = min(top, low + step)
    while top - low > 1:
        middle = (low + top) >> 1
        if accepted(middle):
            top = middle
        else:
            low = middle
    return top


def largest(accepted: Callable[[int], bool], high: int) -> int:
    """The largest n in [0, high] that a monotone test accepts; 0 is taken to be accepted."""
    if high <= 0 or accepted(high):
        return max(high, 0)
    low, top = 0, high
    while top - low > 1:
        middle = (low + top) >> 1
        if accepted(middle):
            low = middle
        else:
            top = middle
    return low
