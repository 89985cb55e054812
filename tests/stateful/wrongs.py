"""The ways in which a fill can be wrong, each in one thing alone: what was signed, by whom, when,
and what the keeper makes of it. And by which error each is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from arena import FOREVER

from ringside.orders import Conditions, Order
from ringside.units import ONE

Leg = tuple[int, int, int]


@dataclass(frozen=True)
class Fill:
    """An order, the legs that a keeper fills it by, what it would cost or bring (1e18 USD, and
    `extra` of tip and fee in USDC), and whose key signs it. `signed` is the order that the
    signature is of, where it is another."""

    order: Order
    legs: tuple[Leg, ...]
    key: bytes
    strangers_key: bytes
    quote: int
    extra: int
    now: int
    signed: Order | None = None

    @property
    def size(self) -> int:
        return sum(size for _, size, _ in self.legs)

    def terms(self, **changes: Any) -> Fill:
        """The same fill of another order, signed as it is."""
        return replace(self, order=self.order.with_(**changes))

    def tampered(self, **changes: Any) -> Fill:
        """Another order under the old one's signature."""
        return replace(self, order=self.order.with_(**changes), signed=self.order)

    def bounds(self, **changes: Any) -> Fill:
        return self.terms(bounds=replace(self.order.bounds, **changes))


def worse_than_signed(fill: Fill) -> Fill | None:
    """By one unit of the signed price."""
    total = fill.quote * ONE + fill.order.sign * fill.extra * 10**30
    size = abs(fill.size)
    limit = -(-total // size) - 1 if fill.order.size > 0 else total // size + 1
    return fill.terms(limit_price=limit) if limit > 0 else None


def more_margin(fill: Fill) -> Fill | None:
    """One unit more than the filled part's share."""
    share = -(-fill.order.max_margin * abs(fill.size) // abs(fill.order.size))
    (venue, size, _), *rest = fill.legs
    taken = sum(margin for _, _, margin in rest)
    return replace(fill, legs=((venue, size, share - taken + 1), *rest))


def more_size(fill: Fill) -> Fill | None:
    (venue, size, margin), *rest = fill.legs
    left = fill.order.size - fill.size
    return replace(fill, legs=((venue, size + left + fill.order.sign, margin), *rest))


def other_way(fill: Fill) -> Fill | None:
    (venue, size, margin), *rest = fill.legs
    return replace(fill, legs=((venue, -size, margin), *rest))


def another_venue(fill: Fill) -> Fill | None:
    rest = fill.order.venues & ~(1 << fill.legs[0][0])
    return fill.terms(venues=rest or 1 << 60)


def opens(fill: Fill) -> Fill | None:
    """Whatever reduces is no wrong: told apart by the error, which then does not come."""
    return fill.bounds(reduce_only=True)


def a_part_of_a_whole(fill: Fill) -> Fill | None:
    return fill.bounds(all_or_none=True) if fill.size != fill.order.size else None


def less_than_least(fill: Fill) -> Fill | None:
    partly = fill.size != fill.order.size
    return fill.bounds(min_fill=abs(fill.size) + 1) if partly else None


def not_the_filler(fill: Fill) -> Fill | None:
    return fill.terms(conditions=Conditions(filler="0x" + "11" * 20, filler_until=FOREVER))


def beyond_its_slice(fill: Fill) -> Fill | None:
    start = fill.now - 100
    terms = Conditions(not_before=start, interval=1_000, slice=abs(fill.size) - 1)
    return fill.terms(conditions=terms)


def beyond_its_group(fill: Fill) -> Fill | None:
    return fill.terms(conditions=Conditions(group=2**60, group_size=abs(fill.size) - 1))


def not_triggered(fill: Fill) -> Fill | None:
    return fill.terms(conditions=Conditions(trigger_price=1, trigger_above=False))


WRONGS: dict[str, tuple[str, Callable[[Fill], Fill | None]]] = {
    "a larger size than signed": (
        "BadSignature",
        lambda fill: fill.tampered(size=fill.order.size * 2),
    ),
    "a looser limit than signed": (
        "BadSignature",
        lambda fill: fill.tampered(limit_price=fill.order.limit_price + fill.order.sign),
    ),
    "a higher tip than signed": (
        "BadSignature",
        lambda fill: fill.tampered(tip=fill.order.tip + 1),
    ),
    "more venues than signed": (
        "BadSignature",
        lambda fill: fill.tampered(venues=fill.order.venues | 1 << 62),
    ),
    "another account than signed": (
        "BadSignature",
        lambda fill: fill.tampered(account=b"\x11" * 32, epoch=0),
    ),
    "signed by somebody else": (
        "BadSignature",
        lambda fill: replace(fill, key=fill.strangers_key),
    ),
    "after the deadline": ("Expired", lambda fill: fill.terms(deadline=fill.now - 1)),
    "of another epoch": (
        "WrongEpoch",
        lambda fill: fill.terms(epoch=fill.order.epoch + 1),
    ),
    "a worse price": ("WorsePrice", worse_than_signed),
    "more margin": ("TooMuchMargin", more_margin),
    "more size": ("Overfilled", more_size),
    "the other way": ("BadLeg", other_way),
    "at another venue": ("VenueNotAllowed", another_venue),
    "opening what only reduces": ("NotReducing", opens),
    "a part of what is whole": ("BelowMinFill", a_part_of_a_whole),
    "less than the least": ("BelowMinFill", less_than_least),
    "too early": (
        "NotYet",
        lambda fill: fill.terms(conditions=Conditions(not_before=fill.now + 10_000)),
    ),
    "by another filler": ("NotFiller", not_the_filler),
    "before its trigger": ("NotTriggered", not_triggered),
    "beyond its slice": ("BeyondSlice", beyond_its_slice),
    "beyond its group": ("BeyondGroup", beyond_its_group),
    "too much leverage": ("LeverageTooHigh", lambda fill: fill.bounds(max_leverage=1)),
    "too little leverage": (
        "LeverageTooLow",
        lambda fill: fill.bounds(min_leverage=2**200),
    ),
}
ONLY_IF_IT_OPENS = {
    *("opening what only reduces", "too much leverage", "too little leverage"),
}
"""No wrong where every leg only reduces."""
ONLY_INSTANT = {"a worse price"}
"""A ticket's price is the venue's to keep."""


def loose(order: Order) -> Order:
    """That any price would do for."""
    return order.with_(limit_price=2**128 - 1 if order.size > 0 else 0)
