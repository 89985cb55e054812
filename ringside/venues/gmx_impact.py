"""The exact cost of opening a position at GMX v2: the oracle's price, a power-law price impact and
a fee that depends on whether the order improves the balance. A curve only: no chain is read here.

With Φ(x) = factor × |x|^exponent of an imbalance x in USD, counted positive on the side that the
order adds to, an order's impact is Φ(before) − Φ(after). Factor and exponent are the positive pair
where the balance is on the other side, and the negative pair on the order's own; an order through
balance takes one of each (PricingUtils.sol, same-side and crossover; PositionPricingUtils.sol
`_getPriceImpactUsd`). A positive impact is capped at a factor of the order's size (MarketUtils.sol
`capPositiveImpactUsdByMaxPositionImpact`). A negative one is replaced by that against the virtual
inventory shared with like markets where that is worse (`getPriceImpactUsd`), and then it is also
the virtual balance that decides the fee. The fee is on the whole order, at the lower rate if the
imbalance ends smaller than it began: at twice the imbalance the cost jumps.

In GMX's own units, USD is 1e30, a factor 1e30, and a price 1e30 USD for one unit of the token. A
position grows by size × price in USD and by the size in tokens; since v2.2 its impact is kept apart
as a number of index tokens, to be settled when it closes. It is counted here at the price of now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ringside.units import ONE
from ringside.venues.base import Quote, VenueError, require_tradable
from ringside.venues.pieces import ROUNDING, Mode, Piece, cut
from ringside.venues.pool import largest
from ringside.venues.prb_math import power

FLOAT: int = 10**30
"""1.0 of a USD amount or a factor, as GMX counts them."""
TO_WEI = 10**12
"""GMX's units (1e30) in one of Ringside's (1e18)."""
TOLERANCE = 5e-4
"""USD by which a table of linear pieces aims to be off the power law at most: 0.0005 basis points
of $10,000."""
PIECES_AN_OCTAVE = 64
"""The most pieces while the imbalance doubles, whatever the tolerance would take."""


def execution_fee(gas: int, base: int, multiplier: int, gas_price: int, native_price: int) -> int:
    """USD (1e18, rounded up) that the keeper's execution costs, whatever the order's size: what a
    route counts as the leg's cost.

    `gas` is what the order is estimated to take, `base` the venue's amount on top with its part per
    oracle price, `multiplier` a factor (1e30) on `gas` (GasUtils.sol `adjustGasLimitForEstimate`);
    `gas_price` is in wei and `native_price` 1e18 USD per 1e18 wei.
    """
    return -(-(base + gas * multiplier // FLOAT) * gas_price * native_price // ONE)


@dataclass(frozen=True, slots=True)
class ImpactRules:
    """How a market prices imbalance, as configured; all 1e30.

    The venue itself keeps the positive factor, exponent and cap from exceeding the negative ones
    (MarketUtils.sol `getAdjustedPositionImpactFactors` and its like).

    Raises:
        VenueError: an exponent is below 1, with which more would cost less.
    """

    positive_factor: int
    negative_factor: int
    positive_exponent: int
    negative_exponent: int
    positive_cap: int
    negative_cap: int
    fee_improved: int
    fee_worsened: int

    def __post_init__(self) -> None:
        if min(self.positive_exponent, self.negative_exponent) < FLOAT:
            raise VenueError("A price impact's exponent is below 1: more would cost less a unit.")

    def law(self, imbalance: int) -> tuple[int, int]:
        """Factor and exponent at an imbalance, positive on the order's own side."""
        if imbalance > 0:
            return self.negative_factor, self.negative_exponent
        return (
            min(self.positive_factor, self.negative_factor),
            min(self.positive_exponent, self.negative_exponent),
        )

    @property
    def cap(self) -> int:
        """The most that an order's impact may be in its favour, of its size."""
        return min(self.positive_cap, self.negative_cap)

    def weight(self, imbalance: int) -> int:
        """Φ, in USD 1e30: nothing below a dollar, and powers of 18 decimals (Precision.sol
        `applyExponentFactor`, `applyFactor`)."""
        factor, exponent = self.law(imbalance)
        size = abs(imbalance)
        if size < FLOAT:
            return 0
        if exponent != FLOAT:
            size = power(size // TO_WEI, exponent // TO_WEI) * TO_WEI
        return size * factor // FLOAT

    def impact(self, before: int, after: int) -> int:
        """USD (1e30) in the order's favour of moving the imbalance from `before` to `after`."""
        return self.weight(before) - self.weight(after)

    def slope(self, imbalance: int) -> int:
        """Φ′ × 1e30, positive on the order's own side: exponent × Φ ÷ x."""
        if abs(imbalance) < FLOAT:
            return 0
        return self.law(imbalance)[1] * self.weight(imbalance) // imbalance


class Stretch(NamedTuple):
    """Sizes, in units of the token, that are priced alike: the balance that counts (USD 1e30,
    positive on the order's side) and the fee's rate."""

    least: int
    most: int
    balance: int
    rate: int


@dataclass(frozen=True)
class ImpactCurve:
    """A `Curve` over one GMX v2 market, for orders that open or add to a position without a
    referral's or a tier's discount. Closing has the same impact, but counts it against the
    position's own size in USD.

    Prices are 1e30 USD per unit of a token with `decimals` decimals: a purchase takes the highest
    and a sale the lowest. Open interest is in USD (1e30); `in_tokens` says that the market measures
    its balance in tokens at the middle price, as open interest is then stated. `virtual` is the
    virtual inventory in USD, positive where shorts outweigh, `None` if there is none. `room_long`
    and `room_short` are how much (USD 1e30) longs and shorts may still grow, by the least of open
    interest and reserves. `collateral_price` is 1e30 per unit; fees are charged in whole units.
    `least_usd` (1e30) is the smallest position there may be.
    """

    venue: str
    market: str
    price_min: int
    price_max: int
    decimals: int
    long_interest: int
    short_interest: int
    room_long: int
    room_short: int
    rules: ImpactRules
    virtual: int | None = None
    in_tokens: bool = False
    collateral_price: int = 10**24
    least_usd: int = FLOAT

    @property
    def lot(self) -> int:
        """As in `Curve`: one unit of the token."""
        return int(10 ** (18 - self.decimals))

    def price(self, sign: int) -> int:
        """The oracle's price (1e30) that an order in that direction takes."""
        return self.price_max if sign > 0 else self.price_min

    def _step(self, sign: int) -> int:
        """What one unit moves the balance by."""
        return (self.price_min + self.price_max) // 2 if self.in_tokens else self.price(sign)

    def _balances(self, sign: int) -> tuple[int, int | None]:
        """The market's imbalance and the virtual one, positive on the order's side."""
        own = self.long_interest - self.short_interest
        return sign * own, None if self.virtual is None else -sign * self.virtual

    def impact(self, size: int) -> tuple[int, bool]:
        """USD (1e30) in the order's favour, uncapped, and whether the balance improves."""
        sign = 1 if size > 0 else -1
        moved = abs(size) // self.lot * self._step(sign)
        balance, virtual = self._balances(sign)
        found = self.rules.impact(balance, balance + moved)
        if found < 0 and virtual is not None:
            worse = self.rules.impact(virtual, virtual + moved)
            if worse < found:
                found, balance = worse, virtual
        return found, abs(balance + moved) < abs(balance)

    def impact_amount(self, size: int) -> tuple[int, bool]:
        """The impact as the position keeps it, in units of the token, capped and rounded against
        the trader, and whether the balance improves (PositionUtils.sol
        `getExecutionPriceForIncrease`)."""
        found, improved = self.impact(size)
        usd = abs(size) // self.lot * self.price(1 if size > 0 else -1)
        found = min(found, usd * self.rules.cap // FLOAT)
        return found // (self.price_max if found > 0 else self.price_min), improved

    def execution_price(self, size: int) -> int:
        """What the venue holds against an order's acceptable price (1e30 per unit, down): size in
        USD ÷ (tokens ± impact in tokens)."""
        sign, tokens = (1 if size > 0 else -1), abs(size) // self.lot
        return tokens * self.price(sign) // (tokens + sign * self.impact_amount(size)[0])

    def minimum(self, sign: int) -> int:
        """As in `Curve`: the smallest position, opened by one order."""
        return max(-(-self.least_usd // self.price(1 if sign > 0 else -1)), 1) * self.lot

    def capacity(self, sign: int) -> int:
        """As in `Curve`: what the side may still grow by, as long as the impact leaves something
        of the order (`PriceImpactLargerThanOrderSize`)."""
        sign = 1 if sign > 0 else -1
        if sign not in self._capacities:
            room = self.room_long if sign > 0 else self.room_short
            most = largest(
                lambda n: self.impact_amount(sign * n * self.lot)[0] > -n,
                room // self.price(sign),
            )
            self._capacities[sign] = most * self.lot if most * self.lot >= self.minimum(sign) else 0
        return self._capacities[sign]

    def quote(self, size: int) -> Quote:
        """As in `Curve`: the notional is the position's growth in USD, its impact taken into it."""
        require_tradable(self, size)
        sign, tokens = (1 if size > 0 else -1), abs(size) // self.lot
        usd = tokens * self.price(sign)
        amount, improved = self.impact_amount(size)
        kept = amount * (self.price_max if amount > 0 else self.price_min)
        rate = self.rules.fee_improved if improved else self.rules.fee_worsened
        fee = usd * rate // FLOAT // self.collateral_price * self.collateral_price
        notional = -((kept - usd) // TO_WEI) if sign > 0 else (usd + kept) // TO_WEI
        return Quote(size, notional, -(-fee // TO_WEI))

    def marginal_price(self, sign: int) -> int:
        """As in `Curve`."""
        sign = 1 if sign > 0 else -1
        marginal = self._marginal(0, sign) * int(10**self.decimals)
        return -(-marginal // (TO_WEI * FLOAT)) if sign > 0 else marginal // (TO_WEI * FLOAT)

    def _marginal(self, units: int, sign: int) -> int:
        """The all-in price (1e60 per unit) of the next unit after `units`."""
        price, balance = self.price(sign), self._balances(sign)[0]
        rate = self.rules.fee_improved if balance < 0 else self.rules.fee_worsened
        there = Stretch(0, 0, balance, rate)  # If none is filled at all.
        there = next((s for s in self._stretches(sign) if units < s.most), there)
        burden = self.rules.slope(there.balance + (units + 1) * self._step(sign))
        burden *= self._step(sign)
        if there.balance == balance and units < self.capped(sign):
            burden = -self.rules.cap * price
        return price * (FLOAT + sign * there.rate) + sign * burden

    def dearest(self) -> ImpactCurve:
        """As in `Curve`."""
        return self

    def modes(self, sign: int) -> tuple[Mode, ...]:
        """As in `Curve`: one for each stretch of sizes between jumps. Where the impact turns
        negative and the virtual inventory's takes over, within some 1e-12 of the size the last
        digits of the powers decide: there a size may cost what the next mode says."""
        sign = 1 if sign > 0 else -1
        if sign not in self._modes:
            self._modes[sign] = tuple(self._closed(sign, s) for s in self._stretches(sign))
        return self._modes[sign]

    def _closed(self, sign: int, stretch: Stretch) -> Mode:
        """What a stretch of sizes costs, as if its balance and its rate counted from 0 on."""
        unit, table = 10**self.decimals, _Table(self, sign, stretch)
        plain = self.price(sign) * (FLOAT + sign * stretch.rate) * unit / FLOAT**2
        pieces, error = table.pieces(plain, sign)
        # The impact in whole units of the token, the fee in whole units of the collateral.
        error += (self.price_max + self.collateral_price) / FLOAT + 3 / ONE + table.dust()
        dearest = max(abs(price) for p in pieces for price in (p.price, p.price_at(p.size), plain))
        error += ROUNDING * dearest * stretch.most / unit
        least, most = stretch.least * self.lot, stretch.most * self.lot
        return Mode(least, most, cut(pieces, stretch.most / unit), error=error)

    def capped(self, sign: int) -> int:
        """Up to how many units the cap binds. The impact is concave: unless the cap binds from the
        first unit on, it never does."""
        if sign not in self._caps:
            balance, rules, step = self._balances(sign)[0], self.rules, self._step(sign)
            weight, allowed = self.weigh(balance), rules.cap * self.price(sign)
            self._caps[sign] = 0
            if -rules.slope(balance) * step > allowed:
                self._caps[sign] = largest(
                    lambda n: (weight - self.weigh(balance + n * step)) * FLOAT > allowed * n,
                    self.capacity(sign) // self.lot,
                )
        return self._caps[sign]

    def weigh(self, imbalance: int) -> int:
        """Φ, taken once at a place: the powers are what a table costs."""
        if imbalance not in self._weights:
            self._weights[imbalance] = self.rules.weight(imbalance)
        return self._weights[imbalance]

    @cached_property
    def _capacities(self) -> dict[int, int]:
        return {}

    @cached_property
    def _caps(self) -> dict[int, int]:
        return {}

    @cached_property
    def _weights(self) -> dict[int, int]:
        return {}

    @cached_property
    def _parts(self) -> dict[int, tuple[Stretch, ...]]:
        return {}

    @cached_property
    def _modes(self) -> dict[int, tuple[Mode, ...]]:
        return {}

    def _stretches(self, sign: int) -> tuple[Stretch, ...]:
        if sign not in self._parts:
            self._parts[sign] = tuple(self._made_stretches(sign)) if self.capacity(sign) else ()
        return self._parts[sign]

    def _made_stretches(self, sign: int) -> Iterator[Stretch]:
        """Φ is convex, so an imbalance further on the order's side never weighs less: the virtual
        one counts wherever it is that and the market's own impact is negative, and nowhere else."""
        least, most = self.minimum(sign) // self.lot, self.capacity(sign) // self.lot
        balance, virtual = self._balances(sign)
        step, turn = self._step(sign), most
        if virtual is not None and virtual > balance:
            weight = self.rules.weight(balance)
            turn = largest(lambda n: self.rules.weight(balance + n * step) <= weight, most)
        yield from self._by_fee(least, turn, balance, step)
        if virtual is not None and turn < most:
            yield from self._by_fee(max(least, turn + 1), most, virtual, step)

    def _by_fee(self, least: int, most: int, balance: int, step: int) -> Iterator[Stretch]:
        """A stretch cut where the balance no longer improves: at twice the imbalance."""
        rules = self.rules
        improved = (-2 * balance - 1) // step if balance < 0 else 0
        if rules.fee_improved == rules.fee_worsened:
            improved = 0
        if least <= min(improved, most):
            yield Stretch(least, min(improved, most), balance, rules.fee_improved)
        if max(least, improved + 1) <= most:
            yield Stretch(max(least, improved + 1), most, balance, rules.fee_worsened)


class _Table:
    """A mode's pieces: Φ over n units of the token, by linear marginal prices between knots.

    The burden of n units, minus the impact in USD, is met at every knot. Between two knots h apart
    it is a parabola, whose slope is the chord's of the marginal burden: off by at most
    h² × |Φ″(b) − Φ″(a)| ÷ 54 as Φ″ is monotone, and by nothing for exponents of 1 and 2.
    """

    def __init__(self, curve: ImpactCurve, sign: int, stretch: Stretch) -> None:
        self.rules, self.balance, self.most = curve.rules, stretch.balance, stretch.most
        self.step, self.usd, self.unit = (
            curve._step(sign),
            curve.price(sign),
            int(10**curve.decimals),
        )
        self._weight, self.start = curve.weigh, curve.weigh(stretch.balance)
        own = stretch.balance == curve._balances(sign)[0]
        self.capped = min(curve.capped(sign), stretch.most) if own else 0

    def _uncapped(self, units: int) -> int:
        return self._weight(self.balance + units * self.step) - self.start

    def _cap(self, units: int) -> int:
        return units * self.usd * self.rules.cap

    def _burden(self, units: int) -> int:
        return -(self._cap(units) // FLOAT) if units <= self.capped else self._uncapped(units)

    def knots(self) -> list[int]:
        """Units, ascending from 0 to all: the ends of the cap, the balance, and between them as
        many as keep to the tolerance."""
        even = min(max(-self.balance // self.step, self.capped), self.most)
        found = {0, self.capped, even, self.most}
        for side, (start, end) in ((-1, (self.capped, even)), (1, (even, self.most))):
            if start < end:
                ends = [abs(self.balance + n * self.step) for n in (start, end)]
                within = ((side * x - self.balance) // self.step for x in self._inner(side, *ends))
                found.update(n for n in within if start < n < end)
        return sorted(found)

    def _inner(self, side: int, *ends: int) -> Iterator[int]:
        """Imbalances between two of the same side, finer the more the power law bends there."""
        low, top = min(ends), max(ends)
        if self._exponent(side) in (FLOAT, 2 * FLOAT):
            return
        while top > max(low, FLOAT) and self._weight(side * top) > TOLERANCE * FLOAT:
            bottom = max(low, top // 2)
            width = (top - bottom) / FLOAT
            bend = max(self._bend(side * x) for x in (bottom, top))
            wanted, count = width * width * width * bend / (54 * TOLERANCE), 1
            while count < PIECES_AN_OCTAVE and count * count * count < wanted:
                count += 1
            yield from (top - (top - bottom) * i // count for i in range(1, count + 1))
            top = bottom

    def _second(self, imbalance: int) -> float:
        """Φ″, in USD per USD²."""
        exponent, x = self._exponent(imbalance) / FLOAT, imbalance / FLOAT
        return exponent * (exponent - 1) * (self._weight(imbalance) / FLOAT) / (x * x)

    def _bend(self, imbalance: int) -> float:
        """|Φ‴|."""
        exponent, x = self._exponent(imbalance) / FLOAT, abs(imbalance) / FLOAT
        return abs(self._second(imbalance) * (exponent - 2)) / x if x else 0.0

    def pieces(self, plain: float, sign: int) -> tuple[list[Piece], float]:
        """The all-in marginal price, `plain` without impact, and the most by which the table is
        off (USD)."""
        knots = self.knots()
        burdens = [self._burden(n) for n in knots]
        spans = list(zip(knots, knots[1:], burdens, burdens[1:], strict=False))
        sizes = [(b - a) / self.unit for a, b, _, _ in spans]
        means = [(to - at) * self.unit / ((b - a) * FLOAT) for a, b, at, to in spans]
        wanted = [self._half(a, b) for a, b, _, _ in spans]
        halves = list(wanted)
        for i in range(len(means) - 1):  # No piece may begin below where the one before it ends.
            left, right = means[i], means[i + 1]
            if left + halves[i] > right - halves[i + 1]:
                meet = min(max((left + halves[i] + right - halves[i + 1]) / 2, left), right)
                halves[i] = max(min(halves[i], meet - left), 0.0)
                halves[i + 1] = max(min(halves[i + 1], right - meet), 0.0)
        off = 0.0
        for (a, b, at, to), size, asked, half in zip(spans, sizes, wanted, halves, strict=True):
            # Both fall or rise all the way between the same ends, whatever the slope.
            parabola = self._curvature(a, b) + (asked - half) * size / 4
            off = max(off, min(parabola, abs(to - at) / FLOAT))
        made = [
            Piece(size, plain + sign * (mean - half), sign * 2 * half / size)
            for size, mean, half in zip(sizes, means, halves, strict=True)
        ]
        return made, off

    def _half(self, start: int, end: int) -> float:
        """Half of what the marginal burden (USD per base) rises by from `start` to `end`."""
        if end <= self.capped:
            return 0.0
        ends = [self.balance + n * self.step for n in (start, end)]
        if self._exponent(*ends) == FLOAT:
            return 0.0
        rise = self._slope(ends[1]) - self._slope(ends[0])
        return rise * self.step * self.unit / (2 * FLOAT * FLOAT)

    def _slope(self, imbalance: int) -> int:
        """Φ′ × 1e30."""
        return self._exponent(imbalance) * self._weight(imbalance) // imbalance if imbalance else 0

    def _exponent(self, *ends: int) -> int:
        """Of the side on which these imbalances are; the balance may be a unit off."""
        return self.rules.law(max(ends, key=abs))[1]

    def _curvature(self, start: int, end: int) -> float:
        """The bound of the class's description, USD."""
        low, high = (self.balance + n * self.step for n in (start, end))
        if end <= self.capped or self._exponent(low, high) in (FLOAT, 2 * FLOAT):
            return 0.0
        if min(abs(low), abs(high)) < FLOAT:
            return float("inf")
        width = (high - low) / FLOAT
        return width * width * abs(self._second(high) - self._second(low)) / 54

    def dust(self) -> float:
        """What powers of 18 decimals lose, and what is not counted below a dollar, USD."""
        weighed = self.start + self._weight(self.balance + self.most * self.step)
        return weighed / FLOAT * 2.0**-48 + self.rules.negative_factor / FLOAT
