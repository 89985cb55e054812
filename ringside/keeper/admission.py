"""Whether an order is taken at all: what the chain would refuse for as long as nothing is signed
anew or deposited is said at once, with what to do about it. Pure: no chain is touched.

What may come about by itself (a price, a trigger, a turn of the schedule, a venue that answers
again) is no reason, and what cannot be known is held against nobody. The codes:

    expired, wrong-epoch, nonce-spent, nonce-taken, unknown-market, unknown-venues,
    no-operator, operator-expired, no-right, venue-not-granted, pay-cap,
    nothing-deposited, tip-beyond-idle, no-margin, limit-price, stop-beyond-liquidation,
    nothing-to-reduce, never-open, schedule, group
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ringside.accounts import Right
from ringside.chain.views import AccountView
from ringside.keeper.conditions import Moment
from ringside.keeper.errors import usdc
from ringside.keeper.margins import held, is_known, room_of
from ringside.orders import Bundle, Conditions, Order
from ringside.units import ONE, from_units, usdc_to_usd
from ringside.venues.base import MarketState

INSANE = ONE // 2
"""How much worse than the oracle's price (1e18) a limit may be. Who wants any price signs one that
is, and no order was ever meant to be filled at half or at one and a half times the price: it is a
wrong unit or a wrong market."""
AMPLE = 4
"""So many times the plain requirement of the whole order is enough to open some of it: the venue's
own rule need not be asked."""


class Rejected(Exception):
    """The order is not taken: `code` for programs, and a sentence that names the remedy."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the account lets the Desk do, as `IVault.Operator`: `pay_cap` USDC (1e6) a day, `venues`
    a set of bits, `expiry` the last second."""

    rights: Right
    expiry: int
    pay_cap: int
    venues: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one block, which is of `time`: the Desk knows no other clock.

    `digest` is the request's own; `spent` whether its nonce is, and `bound` the digest that was
    filled first under it; `used` what of an order by itself is filled or pending (|1e18|), zero
    where that is not known. `states` are by market and venue: a market that is listed nowhere is
    missing, a venue that cannot be read now is missing in its markets. `moments` are each market's,
    with the group's use in it if the order has a group. `venue_ids` are all that there are.
    """

    time: int
    digest: bytes
    account: AccountView
    spent: bool
    bound: bytes | None
    grant: Grant
    states: Mapping[str, Mapping[str, MarketState]]
    moments: Mapping[str, Moment]
    venue_ids: Mapping[str, int]
    used: int = 0


def admit(request: Order | Bundle, facts: Facts) -> None:
    """Takes an order, or a bundle: of its steps only the first is held against what the account has
    now, since the ones before change that for the others.

    Raises:
        Rejected: it cannot be filled as it is signed; the first reason found.
    """
    _require_frame(request, facts)
    if isinstance(request, Order):
        _require_terms(request, facts)
        _require_account(request, facts)
        return
    for step in range(len(request.steps)):
        order = request.order(step)
        try:
            _require_terms(order, facts)
            if not step:
                _require_account(order, facts)
        except Rejected as no:
            raise Rejected(no.code, f"Step {step} of the bundle: {no}") from None


# ---------------------------------------------------------------------- the frame


def _require_frame(request: Order | Bundle, facts: Facts) -> None:
    """What is signed once, for all steps."""
    if facts.time > request.deadline:
        raise Rejected(
            "expired",
            f"The deadline, {request.deadline}, passed {facts.time - request.deadline} seconds "
            f"before the chain's time of {facts.time}: sign a later one, in Unix seconds.",
        )
    epoch = facts.account.epoch
    if request.epoch != epoch:
        why = "was cancelled with all of its epoch" if request.epoch < epoch else "is too early"
        raise Rejected(
            "wrong-epoch",
            f"The order is of epoch {request.epoch} and {why}: the account's is {epoch}. Sign it "
            "with that one.",
        )
    if facts.spent:
        raise Rejected(
            "nonce-spent",
            f"Nonce {request.nonce} is spent: its order was filled to the end or cancelled. Sign "
            "another nonce.",
        )
    if facts.bound is not None and facts.bound != facts.digest:
        raise Rejected(
            "nonce-taken",
            f"Nonce {request.nonce} belongs to order 0x{facts.bound.hex()}, which was filled in "
            "part: cancel that one, or sign another nonce.",
        )


# ---------------------------------------------------------------------- the terms


def _require_terms(order: Order, facts: Facts) -> None:
    """What an order says by itself, whatever the account holds."""
    if order.market not in facts.states:
        raise Rejected(
            "unknown-market",
            f"There is no market {order.market}: there are {_named(facts.states)}.",
        )
    if not _allowed(order, facts):
        ids = ", ".join(f"{name} ({number})" for name, number in facts.venue_ids.items())
        raise Rejected(
            "unknown-venues",
            f"The order allows no venue that there is: set the bit of one or more of {ids}.",
        )
    _require_rights(order, facts)
    _require_limit(order, facts)
    if order.conditions is not None:
        _require_window(order, order.conditions, facts)
        _require_group(order, order.conditions, facts)


def _allowed(order: Order, facts: Facts) -> list[str]:
    """The venues that there are and that the order allows."""
    return [name for name, number in facts.venue_ids.items() if order.venues >> number & 1]


def require_rights(
    grant: Grant, time: int, needed: Right, who: str, what: str, wanted: str
) -> None:
    """What the account lets `who` do, a contract that `what` is signed for; `wanted` are the rights
    that such a contract is granted as a rule, in words.

    Raises:
        Rejected: no-operator, operator-expired or no-right.
    """
    if not grant.rights:
        raise Rejected(
            "no-operator",
            f"{who} is not an operator of this account: grant it {wanted} with setOperator at the "
            "vault.",
        )
    if grant.expiry < time:
        raise Rejected(
            "operator-expired",
            f"{who}'s rights ended at {grant.expiry}, and the chain's time is {time}: grant them "
            "anew with setOperator at the vault.",
        )
    if lacking := needed & ~grant.rights:
        names = " and ".join(right.name or "" for right in Right if right & lacking)
        raise Rejected(
            "no-right",
            f"{who} lacks the right to {names} for this account, which {what} takes: grant it with "
            "setOperator at the vault.",
        )


def _require_rights(order: Order, facts: Facts) -> None:
    grant = facts.grant
    moment, moves = facts.moments.get(order.market), _may_open(order) and order.max_margin
    pays = order.tip or (moment is not None and moment.fee)
    needed = Right.TRADE | (Right.PAY if pays else 0) | (Right.MOVE if moves else 0)
    require_rights(grant, facts.time, needed, "The Desk", "the order", "TRADE, MOVE and PAY")
    missing = [name for name in _allowed(order, facts) if not _is_set(grant, facts, name)]
    if missing:
        raise Rejected(
            "venue-not-granted",
            f"The order allows {_named(missing)}, where the Desk may not act for this account: "
            "grant it there with setOperator at the vault, or sign without.",
        )
    scheduled = order.conditions is not None and order.conditions.interval
    tip = _tip(order, facts)
    if tip > grant.pay_cap and not scheduled:
        raise Rejected(
            "pay-cap",
            f"The tip of {usdc(tip)} USDC is more than the {usdc(grant.pay_cap)} that the "
            "Desk may pay for this account in a day: sign a smaller tip, or raise the cap with "
            "setOperator at the vault.",
        )


def _is_set(grant: Grant, facts: Facts, venue: str) -> bool:
    return bool(grant.venues >> facts.venue_ids[venue] & 1)


def _require_limit(order: Order, facts: Facts) -> None:
    """A stop waits for another price, so its limit is held against whichever is worse."""
    moment, terms = facts.moments.get(order.market), order.conditions
    if moment is None or not moment.is_fresh():
        return
    price, limit, what = moment.price, order.limit_price, "the oracle's price"
    trigger = terms.trigger_price if terms else 0
    if trigger and (trigger - price) * order.sign > 0:
        price, what = trigger, "the order's trigger"
    if order.sign > 0:
        insane = limit * ONE > price * (ONE + INSANE)
    else:
        insane = limit * ONE < price * (ONE - INSANE)
    if insane:
        where, kind = ("above", "purchase") if order.sign > 0 else ("below", "sale")
        raise Rejected(
            "limit-price",
            f"The {kind}'s limit of {from_units(limit):f} USD ({limit}) is more than "
            f"{from_units(INSANE * 100):f} % {where} {what} of {from_units(price):f} USD "
            f"({price}): prices are signed in 1e18 USD per base. Sign the limit that is meant.",
        )


def _require_window(order: Order, terms: Conditions, facts: Facts) -> None:
    if terms.not_before > order.deadline:
        raise Rejected(
            "never-open",
            f"The order may not be filled before {terms.not_before}, and its deadline is "
            f"{order.deadline}: sign a later deadline.",
        )
    if not terms.interval or order.closes_all:
        return
    size, now = _left(order, facts), max(facts.time, terms.not_before)
    first, last = ((t - terms.not_before) // terms.interval for t in (now, order.deadline))
    caught = min(first, terms.catch_up)
    slices = last - first + 1 + caught
    if slices * terms.slice < size:
        missed = f" and {caught} missed that may be caught up" if caught else ""
        raise Rejected(
            "schedule",
            f"The schedule cannot finish: from {now} to the deadline at {order.deadline} there are "
            f"{slices - caught} intervals of {terms.interval} seconds{missed}, {slices} × "
            f"{_size(terms.slice)} = {_size(slices * terms.slice)} of {_size(size)}. Sign a later "
            "deadline, a larger slice or a shorter interval.",
        )
    most = terms.slice * (1 + terms.catch_up)
    if (least := _least(order, facts)) > most:
        raise Rejected(
            "schedule",
            f"The schedule never lets more than {_size(most)} be filled at once, a slice of "
            f"{_size(terms.slice)} and {terms.catch_up} to catch up, and the order is filled by "
            f"{_size(least)} at least: sign larger slices or a smaller least fill.",
        )


def _require_group(order: Order, terms: Conditions, facts: Facts) -> None:
    if not terms.group or order.closes_all:
        return
    moment = facts.moments.get(order.market)
    left = terms.group_size - (moment.group_used if moment else 0)
    if left <= 0:
        raise Rejected(
            "group",
            f"The orders of group {terms.group} have filled or have pending all of "
            f"{_size(terms.group_size)} together: sign another group, or a larger group size.",
        )
    if (least := _least(order, facts)) > left:
        raise Rejected(
            "group",
            f"Group {terms.group} leaves {_size(left)} of {_size(terms.group_size)} to fill, and "
            f"the order is filled by {_size(least)} at least: sign a larger group size or a "
            "smaller least fill.",
        )


def _least(order: Order, facts: Facts) -> int:
    """The least (|1e18|) that the next fill takes of the order."""
    left = _left(order, facts)
    return left if order.bounds.all_or_none else min(order.bounds.min_fill, left)


def _left(order: Order, facts: Facts) -> int:
    """What (|1e18|) is to be filled still: of an order that was begun, nobody knows how far, it may
    be next to nothing."""
    begun = facts.bound is not None and not facts.used
    return 0 if begun else max(abs(order.size) - facts.used, 0)


def _tip(order: Order, facts: Facts) -> int:
    """USDC (1e6) that is to be paid for what is left, at least: in proportion to it."""
    return order.tip * _left(order, facts) // abs(order.size)


# ---------------------------------------------------------------------- the account


def _require_account(order: Order, facts: Facts) -> None:
    """What the account must have for the order to be filled at all."""
    account = facts.account
    if not account.idle and not any(seat.made for seat in account.seats.values()):
        raise Rejected(
            "nothing-deposited",
            "Nothing was deposited to this account: deposit USDC at the vault, which can be signed "
            "for in the same go as the Desk's rights.",
        )
    tip = _tip(order, facts)
    if tip > account.idle:
        raise Rejected(
            "tip-beyond-idle",
            f"The tip of {usdc(tip)} USDC is more than the {usdc(account.idle)} idle: sign a "
            "smaller tip or deposit more.",
        )
    states = {
        name: state
        for name in _allowed(order, facts)
        if (state := facts.states[order.market].get(name)) is not None
    }
    all_known = all(_is_told(order, facts, name) for name in _allowed(order, facts))
    if _may_open(order):
        if all_known:
            _require_margin(order, facts, states)
        return
    if all_known and not _reducible(order, facts, states):
        side = "short to buy back" if order.sign > 0 else "long to sell"
        raise Rejected(
            "nothing-to-reduce",
            f"The order only reduces, and at the venues that it allows ({_named(states)}) the "
            f"account has no {side} in {order.market}: allow the venue that holds it, or sign it "
            "once there is one.",
        )
    _require_stop(order, facts, states)


def _may_open(order: Order) -> bool:
    return not (order.bounds.reduce_only or order.closes_all)


def _is_told(order: Order, facts: Facts, venue: str) -> bool:
    """Whether both the venue's market and what the account has there are known."""
    seat = facts.account.seats.get(venue)
    return venue in facts.states[order.market] and seat is not None and is_known(seat, order.market)


def _reducible(order: Order, facts: Facts, states: Mapping[str, MarketState]) -> bool:
    """Whether a position is there that the order lessens, or may come of a ticket."""
    seats = [facts.account.seats[name] for name in states]
    return any(
        held(seat, order.market) * order.sign < 0 or seat.pending.get(order.market)
        for seat in seats
    )


def _require_margin(order: Order, facts: Facts, states: Mapping[str, MarketState]) -> None:
    """Some venue lets something be traded with what the order may move there."""
    account = facts.account
    if _reducible(order, facts, states):
        return  # What closes takes no margin, and may set some free.
    rest = account.idle - _tip(order, facts)
    margin = min(order.max_margin, rest)
    if any(
        _is_ample(order, facts, state, min(margin, account.seats[name].postable))
        or room_of(
            *(account.seats[name], state, order.sign),
            min(margin, account.seats[name].postable),
        )
        for name, state in states.items()
    ):
        return
    raise Rejected(
        "no-margin",
        f"With {usdc(margin)} USDC, the lesser of the maxMargin of {usdc(order.max_margin)} and "
        f"what is idle after the tip, {usdc(rest)}, and with what is free at "
        f"{_named(states)}, no venue lets anything be opened: sign a larger maxMargin or deposit "
        "more; or the venues' caps are reached.",
    )


def _is_ample(order: Order, facts: Facts, state: MarketState, margin: int) -> bool:
    """Whether there is far more than the order needs, so that the venue's rule, some hundred
    quotes, need not be asked. A venue's least margin is some ten dollars."""
    if facts.account.seats[state.venue].made or not state.curve.capacity(order.sign):
        return False
    plain = abs(order.size) * state.mark_price // ONE * state.initial_margin_ratio // ONE
    return usdc_to_usd(margin) >= max(AMPLE * plain, 1_000 * ONE)


def _require_stop(order: Order, facts: Facts, states: Mapping[str, MarketState]) -> None:
    """What is to stop a loss must come before the venue's liquidation."""
    terms, moment = order.conditions, facts.moments.get(order.market)
    # A purchase above and a sale below are stops; the other two take a profit.
    if terms is None or not terms.trigger_price or terms.trigger_above != (order.sign > 0):
        return
    if moment is not None and moment.is_fresh() and _is_met(terms, moment):
        return
    for name, size, price in _liquidations(order, facts, states):
        if (terms.trigger_price - price) * order.sign >= 0:
            raise Rejected(
                "stop-beyond-liquidation",
                f"The stop's trigger of {from_units(terms.trigger_price):f} USD comes no sooner "
                f"than the liquidation of the {_size(size)} at {name}, at "
                f"{from_units(price):f} USD: sign a trigger "
                f"{'below' if order.sign > 0 else 'above'} that, or post margin there.",
            )


def _is_met(terms: Conditions, moment: Moment) -> bool:
    price, trigger = moment.price, terms.trigger_price
    return price >= trigger if terms.trigger_above else price <= trigger


def _liquidations(
    order: Order, facts: Facts, states: Mapping[str, MarketState]
) -> Iterator[tuple[str, int, int]]:
    """The positions that the order lessens, signed, and where their venues may liquidate them."""
    for name, state in states.items():
        if not _is_told(order, facts, name):
            continue
        seat = facts.account.seats[name]
        size, pocket = held(seat, order.market), seat.pocket_of(order.market)
        if size * order.sign >= 0 or pocket is None:
            continue
        own = abs(size) * state.mark_price // ONE * state.maintenance_margin_ratio // ONE
        # The pocket's other positions need what is left of its maintenance; its equity has this
        # one's profit in it, as if it were entered at the mark.
        committed = max(pocket.maintenance - own, 0)
        price = state.liquidation_price(pocket.equity, size, None, committed)
        if price is not None:
            yield name, size, price


def _named(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(names) or "none"


def _size(size: int) -> str:
    return f"{from_units(size):f}"
