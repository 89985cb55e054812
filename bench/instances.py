"""Random orders with random venues, and venues whose curves are made up: deterministic by seed.

The venues are book ladders, linear impact with a step from maker to taker, constant-product ranges,
and fees that jump with the whole size (two modes); with gaps in their liquidity, rebates, minimums,
lots from 1e-18 base to $1,000 and costs per leg. What is not random is named in `instance`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from math import exp, log

from ringside.routing.problem import Offer
from ringside.units import ONE
from ringside.venues.base import Quote, require_tradable
from ringside.venues.pieces import Mode, Piece

BPS = 10_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a made-up curve in integers (1e18): `price` at its start, and either how much
    that moves against the caller per base, or the reserve of base that it is taken from."""

    size: int
    price: int
    slope: int = 0
    reserve: int = 0

    def paid(self, amount: int, sign: int) -> int:
        """USD for `amount` of it, before fees."""
        if self.reserve:  # p · R · x ÷ (R ∓ x)
            return self.price * self.reserve // ONE * amount // (self.reserve - sign * amount)
        return amount * (2 * self.price + sign * self.slope * amount // ONE) // (2 * ONE)


@dataclass(frozen=True)
class MadeUp:
    """A venue whose curve is `stretches`, one after the other, the same both ways around a price.

    `fee` is in 1e18 of notional. From `turn` on (|1e18|) the whole size pays `late_fee` instead.
    """

    venue: str
    stretches: tuple[Stretch, ...]
    sign: int
    fee: int = 0
    lot: int = 1
    least: int = 1
    turn: int | None = None
    late_fee: int = 0
    market: str = "ETH-USD"
    _whole: int = field(default=0, compare=False)
    _modes: tuple[Mode, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        whole = sum(stretch.size for stretch in self.stretches)
        object.__setattr__(self, "_whole", whole - whole % self.lot)
        object.__setattr__(self, "_modes", self._closed())

    def minimum(self, sign: int) -> int:
        return max(self.least, self.lot)

    def capacity(self, sign: int) -> int:
        return self._whole if sign == self.sign else 0

    def quote(self, size: int) -> Quote:
        require_tradable(self, size)
        left, notional = abs(size), 0
        for stretch in self.stretches:
            part = min(left, stretch.size)
            notional += stretch.paid(part, self.sign)
            left -= part
            if not left:
                break
        late = self.turn is not None and abs(size) >= self.turn
        return Quote(size, notional, notional * (self.late_fee if late else self.fee) // ONE)

    def marginal_price(self, sign: int) -> int:
        return self.stretches[0].price * (ONE + sign * self.fee) // ONE

    def modes(self, sign: int) -> tuple[Mode, ...]:
        return self._modes if sign == self.sign else ()

    def _closed(self) -> tuple[Mode, ...]:
        least, most = self.minimum(self.sign), self.capacity(self.sign)
        if self.turn is None:
            return (self._mode(least, most, self.fee),)
        before = self._mode(least, min(most, self.turn - 1), self.fee)
        return before, self._mode(max(least, self.turn), most, self.late_fee)

    def _mode(self, least: int, most: int, fee: int) -> Mode:
        sign, factor = self.sign, 1 + self.sign * fee / ONE
        pieces = tuple(
            Piece(
                s.size / ONE,
                s.price / ONE * factor,
                sign * s.slope / ONE * factor,
                -sign * s.reserve / ONE,
            )
            for s in self.stretches
        )
        worth = sum(p.size * p.price for p in pieces)
        return Mode(least, most, pieces, error=1e-13 * worth + 1e-16 * len(pieces))


@dataclass(frozen=True)
class Instance:
    """One order and what it is offered."""

    size: int
    offers: tuple[Offer, ...]
    most_venues: int | None = None
    margin: int | None = None

    @property
    def rules(self) -> dict[str, int | None]:
        return {"most_venues": self.most_venues, "margin": self.margin}


def stretches(
    rng: random.Random, kind: str, price: float, sign: int, depth: float
) -> list[Stretch]:
    """A curve of `depth` USD in all, from `price` on."""
    made: list[Stretch] = []
    base, at = depth / price, price

    def add(size: float, slope: float = 0.0, reserve: float = 0.0) -> None:
        made.append(
            Stretch(int(size * ONE) + 1, int(at * ONE), int(slope * ONE), int(reserve * ONE))
        )

    if kind == "ladder":
        count = rng.choice([5, 20, 20, 40])
        shares = [exp(rng.gauss(0, 1)) * (1 + k) for k in range(count)]
        tick = price * exp(rng.uniform(log(1e-6), log(5e-5)))
        for share in shares:
            add(base * share / sum(shares))
            at += sign * tick * rng.choice([1, 1, 1, 2, 5])
            if rng.random() < 0.02:  # A gap without liquidity.
                at += sign * price * rng.uniform(0.0005, 0.01)
    elif kind == "linear":
        impact = price * exp(rng.uniform(log(2e-4), log(2e-2))) / base
        first = base * rng.choice([0, 0, rng.random() / 4])
        if first:  # The maker's part.
            add(first, impact)
            at += sign * (impact * first + price * rng.uniform(0.0001, 0.0006))
        add(base - first, impact)
    else:
        deep = base * exp(rng.uniform(log(20), log(2_000)))
        for _ in range(rng.choice([1, 3, 8])):
            part = base / 8
            add(part, reserve=deep)
            at *= (deep / (deep - sign * part)) ** 2
            deep = (deep - sign * part) * rng.uniform(0.5, 2)
    return made


def venue(rng: random.Random, name: str, price: float, sign: int, notional: float) -> Offer:
    """One venue for an order of about that notional (USD)."""
    kind = rng.choice(["ladder", "ladder", "ladder", "linear", "product"])
    depth = notional * exp(rng.uniform(log(0.05), log(20)))
    start = price * (1 + rng.gauss(0, 1.5e-4) + sign * exp(rng.uniform(log(2e-6), log(2e-4))))
    fee = int(rng.choice([0, 2, 2.5, 3.5, 5, 5, 10]) * ONE / BPS)
    lot = lot_of(rng, price)
    made = MadeUp(name, tuple(stretches(rng, kind, start, sign, depth)), sign, fee, lot)
    least = int(rng.choice([0, 0, 5, 10, 100, 1_000]) / price * ONE)
    turn, late = None, 0
    if rng.random() < 0.1:
        turn = max(made.capacity(sign) // rng.choice([2, 4, 10]), lot) // lot * lot + lot
        late = max(fee + int(rng.choice([-2, 2]) * ONE / BPS), 0)
    made = replace(made, least=-(-max(least, 1) // lot) * lot, turn=turn, late_fee=late)
    cost = rng.choice([0.0, exp(rng.uniform(log(0.01), log(5)))])
    carry = price * rng.choice([0.0, 0.0, rng.gauss(0, 3e-4)])
    if rng.random() < 0.03:
        carry = -price * rng.uniform(0.0005, 0.005)  # It pays for being used: 5 to 50 bps.
    return Offer(
        made,
        most=None if rng.random() < 0.7 else int(made.capacity(sign) * rng.random()),
        leg_cost=int(cost * ONE),
        carry=int(carry * ONE),
    )


def lot_of(rng: random.Random, price: float) -> int:
    """Of six to eighteen decimals, or worth $1 to $1,000."""
    if rng.random() < 0.5:
        return int(10 ** (18 - rng.randint(6, 18)))
    worth = rng.choice([1, 10, 100, 1_000]) / price
    return int(10 ** max(round(log(worth * ONE) / log(10)), 0))


def instance(
    seed: int,
    venues: int,
    notional: float | None = None,
    shared: bool = False,
    plain: bool = False,
) -> Instance:
    """An order of `notional` USD ($10k to $10M, log-uniform, if it is not said) over so many
    venues; with margin that is shared and scarce, or plain: without minimums, lots and rules."""
    rng = random.Random(f"{seed} {venues} {notional} {shared}")
    price = rng.choice([1.5, 150.0, 3_000.0, 60_000.0]) * rng.uniform(0.8, 1.25)
    worth = notional or exp(rng.uniform(log(1e4), log(1e7)))
    sign = rng.choice([1, -1])
    offers = [venue(rng, f"venue-{i:02}", price, sign, worth) for i in range(venues)]
    if rng.random() < 0.15:  # Equal venues.
        for i in rng.sample(range(venues), rng.randint(1, venues)):
            offers[i] = replace(offers[0], curve=replace(offers[0].curve, venue=f"venue-{i:02}"))
    if plain:
        offers = [_plain(offer) for offer in offers]
        return Instance(sign * int(worth / price * ONE), tuple(offers))
    lots = [offer.curve.lot for offer in offers]
    grain = rng.choice([min(lots), max(lots), max(lots), 10 ** max(18 - 4, 0)])
    size = max(int(worth / price * ONE) // grain, 1) * grain
    chance = rng.random()
    if chance < 0.02:  # One lot of a venue's.
        i = rng.randrange(venues)
        curve = offers[i].curve
        assert isinstance(curve, MadeUp)
        offers[i] = replace(offers[i], curve=replace(curve, lot=size, least=size))
    elif chance < 0.03:
        size = sum(offer.curve.capacity(sign) for offer in offers) + max(lots)
    if rng.random() < 0.05:
        i = rng.randrange(venues)
        least = min(size // 4, offers[i].curve.capacity(sign) // 2)
        least -= least % offers[i].curve.lot
        offers[i] = replace(offers[i], least=least, required=least > 0)
    most = rng.choice([None, None, None, rng.randint(1, min(venues, 8))])
    # Named whether it is shared or not, as an order's own request does.
    offers = [replace(o, margin=int(price / rng.choice([3, 5, 10, 20, 50]) * ONE)) for o in offers]
    if not shared:
        return Instance(sign * size, tuple(offers), most)
    dearest = max(offer.margin for offer in offers) * size // ONE
    return Instance(sign * size, tuple(offers), most, int(dearest * rng.uniform(0.1, 0.7)))


def _plain(offer: Offer) -> Offer:
    assert isinstance(offer.curve, MadeUp)
    curve = replace(offer.curve, lot=1, least=1, turn=None)
    return replace(offer, curve=curve, carry=max(offer.carry, -(10**3) * ONE // 10**4))
