"""What an order's conditions allow at a moment, said before the chain would say it."""

from __future__ import annotations

from dataclasses import dataclass

from ringside.keeper.errors import NotNow
from ringside.orders import Conditions, Order
from ringside.units import ONE, USDC_TO_USD, from_units


@dataclass(frozen=True, slots=True)
class Progress:
    """What an order has used so far, as `IOrders.Progress`. `used` includes what is `pending` in
    open tickets; money is USDC (1e6). `closing` are the venues (bits) where an order to close all
    still has something to close, `None` before its first fill."""

    used: int = 0
    margin: int = 0
    tip: int = 0
    pending: int = 0
    cost: int = 0
    failures: int = 0
    open: int = 0
    done: bool = False
    closing: int | None = None

    @property
    def filled(self) -> int:
        """1e18 base, without what is pending."""
        return self.used - self.pending

    @property
    def begun(self) -> bool:
        """Whether something was filled or tried: that latches a trigger."""
        return bool(self.used or self.failures)


@dataclass(frozen=True, slots=True)
class Moment:
    """A block as conditions see it: its time, the market's feed, the sequencer.

    `price` is the feed's (1e18, zero or less is no price) as of `updated_at`; `fee` the protocol's
    part (1e18) of notional. `up_since` is when the sequencer last came up, `None` while it is down,
    zero where there is none to watch. `slices` are the times and sizes of what was filled or tried
    under the order, `group_used` what the orders of its group have used.
    """

    time: int
    price: int
    updated_at: int
    heartbeat: int
    fee: int = 0
    up_since: int | None = 0
    grace: int = 0
    slices: tuple[tuple[int, int], ...] = ()
    group_used: int = 0

    def is_fresh(self, not_before: int = 0) -> bool:
        """Whether the Desk would take the feed's answer."""
        age = self.time - self.updated_at
        return self.price > 0 and 0 <= age <= self.heartbeat and self.updated_at >= not_before

    def protocol_fee(self, size: int) -> int:
        """USDC (1e6) that the protocol takes of a fill or ticket of |size|, rounded up."""
        notional = -(-self.price * size // ONE)
        return -(-notional * self.fee // (ONE * USDC_TO_USD))


def available(order: Order, progress: Progress, moment: Moment | None) -> int:
    """The largest |size| (1e18) that the order's conditions let be filled at `moment`, in one go.

    Raises:
        NotNow: nothing; the message says what is in the way, and for how long where that is known.
    """
    left = abs(order.size) - progress.used
    terms = order.conditions
    if terms is None or moment is None:
        return left
    if moment.time < terms.not_before:
        raise NotNow(
            f"The order may not be filled before {terms.not_before}: now is {moment.time}."
        )
    if terms.trigger_price and not progress.begun:
        _require_trigger(terms, moment)
    if terms.interval:
        left = min(left, _slice(terms, moment))
    if terms.group:
        rest = max(terms.group_size - moment.group_used, 0)
        if not rest:
            raise NotNow(
                f"The orders of group {terms.group} have filled or have pending all of "
                f"{from_units(terms.group_size)} together."
            )
        left = min(left, rest)
    return left


def _require_trigger(terms: Conditions, moment: Moment) -> None:
    if not moment.is_fresh(terms.not_before):
        raise NotNow(
            f"The oracle's answer, of {moment.updated_at}, cannot trigger the order: it is stale, "
            "older than the order, or no price."
        )
    price, trigger = moment.price, terms.trigger_price
    if not (price >= trigger if terms.trigger_above else price <= trigger):
        where = "above" if terms.trigger_above else "below"
        raise NotNow(
            f"The oracle's price, {from_units(price)}, is not yet at or {where} the order's "
            f"trigger of {from_units(trigger)}."
        )
    if moment.up_since is None or moment.time - moment.up_since < moment.grace:
        raise NotNow(
            f"The chain's sequencer is down, or was less than {moment.grace} seconds ago: no "
            "trigger fires."
        )


def _slice(terms: Conditions, moment: Moment) -> int:
    """As the Desk keeps it: one slice an interval, counted from 1, and missed ones as signed."""
    now, last, left = _interval(terms, moment.time), 0, 0
    for time, size in (*moment.slices, (moment.time, 0)):
        interval = _interval(terms, time)
        if interval > last:
            left = terms.slice * (1 + min(interval - last - 1, terms.catch_up))
            last = interval
        left -= size
    if left <= 0:
        opens = terms.not_before + now * terms.interval
        raise NotNow(f"This interval's slice is filled: the next one opens at {opens}.")
    return left


def _interval(terms: Conditions, time: int) -> int:
    return max(time - terms.not_before, 0) // terms.interval + 1
