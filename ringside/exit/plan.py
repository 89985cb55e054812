"""What is to be done so that an account ends up in its owner's wallet. Pure: the same state, choice
and past give the same plan.

A plan is made anew after every step, from what the chain says then; so it also continues what an
earlier exit began. Its first steps are ready; the others wait, or follow from those before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ringside.chain.contracts import Refused
from ringside.exit.reasons import explain
from ringside.exit.state import RESERVE_LIFE, Seat, Spot, State
from ringside.units import ONE, USDC_TO_USD, from_units

ANY = 2**256 - 1
"""A limit that every price of a purchase meets; and, to `pull`, all that is free."""
DUST = 10 * ONE
"""USD (1e18) of notional below which a position that cannot be closed keeps no margin back."""
MOST_COMMITS = 2
"""Orders in one run at a venue that fills later: each one that fails costs its deposit."""


class Kind(Enum):
    """What a step does."""

    EPOCH = "raise the epoch"
    REVOKE = "revoke an operator"
    SETTLE = "settle the ticket"
    EXPIRE = "drop the ticket"
    CANCEL = "drop the order at the venue"
    COMMIT = "order the close"
    CLOSE = "close"
    EXECUTE = "execute the close"
    PULL = "pull the margin"
    PULL_IN_KIND = "pull the margin in kind"
    SWEEP = "sweep"
    RECLAIM = "take back what is set aside"
    WITHDRAW = "withdraw"


Key = tuple[Kind, int, str]
"""A step's identity within a run: kind, venue (-1 for none), market or token."""
NOWHERE = -1
NOTHING = Refused("nothing is free")
"""What a pull that would bring nothing is put aside with."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction.

    `amount` is a position, an amount or an epoch; `limit` a price (1e18). A step that is not
    `ready` can be taken from `until` on, or, where that is zero, follows from a step before it.
    """

    kind: Kind
    reason: str
    venue: int = NOWHERE
    name: str = ""
    market: str = ""
    amount: int = 0
    limit: int = 0
    ready: bool = True
    until: int = 0
    shared: bool = False
    """It concerns the whole seat: the market only names the pocket."""

    @property
    def key(self) -> Key:
        """Its identity within a run."""
        return self.kind, self.venue, self.market

    @property
    def where(self) -> str:
        """Venue and market, in words."""
        return self.name if self.shared else f"{self.name} {self.market}".strip()


@dataclass(frozen=True, slots=True)
class Left:
    """Something that could not be brought home, why not, and what helps."""

    where: str
    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the owner decides. Ratios are 1e18.

    `slippage`: how much worse than the oracle's price a close may be. `max_loss`: how much of the
    margin the way back to USDC may cost. `strip`: take free margin out from under positions that
    could not be closed. `prices`: whether there is somebody to bring Pyth prices. `tokens` are
    looked for in the seats too; `revoke` are operators to revoke. `patience`: seconds to wait.
    """

    slippage: int = ONE // 10
    any_price: bool = False
    max_loss: int = ONE // 50
    in_kind: bool = False
    strip: bool = False
    prices: bool = False
    tokens: tuple[str, ...] = ()
    revoke: tuple[str, ...] = ()
    patience: int = 180


@dataclass(frozen=True, slots=True)
class Past:
    """What happened in this run. `refused` are steps not to be tried again before `retry`, if that
    says when; `commits` counts orders by (venue, market)."""

    epoch_raised: bool = False
    refused: Mapping[Key, Refused] = field(default_factory=dict)
    retry: Mapping[Key, int] = field(default_factory=dict)
    commits: Mapping[tuple[int, str], int] = field(default_factory=dict)


def plan(state: State, choice: Choice, past: Past | None = None) -> tuple[Step, ...]:
    """All that is to be done, in its order; empty when nothing is left, or nothing more can be
    done."""
    past = past or Past()
    made = _Plan(state, choice, past)
    steps = [s for s in made.steps() if s.key not in past.refused or s.key in past.retry]
    if not steps:
        return ()
    first = []
    if not past.epoch_raised:
        reason = "ends every order signed so far: no keeper can open anything any more"
        first.append(Step(Kind.EPOCH, reason, amount=state.epoch + 1))
    first += [
        Step(Kind.REVOKE, "holds rights over the account", market=who) for who in state.operators
    ]
    first = [step for step in first if step.key not in past.refused]
    if state.idle or any(step.kind is not Kind.SWEEP for step in steps):
        reason = "all that is idle by then, to the wallet"
        ready = state.idle > 0
        last = Step(Kind.WITHDRAW, reason, amount=state.idle, ready=ready)
        steps = [step for step in steps if step.kind is not Kind.WITHDRAW]
        if last.key not in past.refused:
            steps.append(last)
    return tuple(first + steps)


def bound(size: int, price: int | None, choice: Choice) -> int | None:
    """The worst price to close `size` at; None where there is nothing to hold it against."""
    if choice.any_price:
        return 0 if size > 0 else ANY
    if price is None:
        return None
    return price * (ONE - choice.slippage if size > 0 else ONE + choice.slippage) // ONE


class _Plan:
    """The plan in the making."""

    def __init__(self, state: State, choice: Choice, past: Past) -> None:
        self.state, self.choice, self.past = state, choice, past

    def steps(self) -> Iterator[Step]:
        seats = self.state.seats
        closing = {seat.venue: list(self._closing(seat)) for seat in seats}
        found = [step for steps in closing.values() for step in steps]
        yield from (step for step in found if step.ready)
        yield from (step for step in found if not step.ready)
        for seat in seats:
            pulls = list(self._pulls(seat, closing[seat.venue]))
            yield from pulls
            yield from self._sweeps(seat)
        yield from self._reclaims()
        if self.state.idle:
            yield Step(Kind.WITHDRAW, "")

    def _step(self, kind: Kind, seat: Seat, market: str, reason: str, **more: int) -> Step:
        """A step, not ready before the time at which what was refused may pass."""
        again = self.past.retry.get((kind, seat.venue, market))
        if again is not None:
            more |= {"ready": self.state.now >= again, "until": again}
        return Step(kind, reason, seat.venue, seat.name, market, **more)  # type: ignore[arg-type]

    def _refused(self, kind: Kind, seat: Seat, market: str) -> bool:
        key = (kind, seat.venue, market)
        return key in self.past.refused and key not in self.past.retry

    def _open(self, *steps: Step) -> list[Step]:
        """Those that have not been refused for good."""
        return [s for s in steps if s.key not in self.past.refused or s.key in self.past.retry]

    # ---------------------------------------------------------------- closing

    def _closing(self, seat: Seat) -> Iterator[Step]:
        for spot in seat.spots:
            yield from self._open(
                *(self._later(seat, spot) if seat.delayed else self._now(seat, spot))
            )

    def _now(self, seat: Seat, spot: Spot) -> Iterator[Step]:
        if not spot.size:
            return
        limit = bound(spot.size, spot.price, self.choice)
        if limit is not None:
            reason = f"{_position(spot.size)}, {_limit(spot.size, limit)}"
            market = spot.market
            yield self._step(Kind.CLOSE, seat, market, reason, amount=spot.size, limit=limit)

    def _later(self, seat: Seat, spot: Spot) -> Iterator[Step]:
        """At a venue that fills later: whatever ticket there is first."""
        rest, ready = spot.size, spot.ticket is None
        if spot.ticket is not None:
            steps = list(self._ticket(seat, spot))
            yield from steps
            if rest and spot.order and any(step.kind is Kind.EXECUTE for step in steps):
                rest += spot.order.size
        if not rest or spot.flagged:
            return
        if self.past.commits.get((seat.venue, spot.market), 0) >= MOST_COMMITS:
            return
        limit = bound(rest, spot.price, self.choice)
        if limit is None:
            return
        commit = self._step(
            Kind.COMMIT,
            seat,
            spot.market,
            f"{_position(rest)}, {_limit(rest, limit)}; the venue fills later",
            **{"amount": rest, "limit": limit, "ready": ready},
        )
        if not self._open(commit):
            return
        yield commit
        who = "with a Pyth price that is younger than the order"
        if not self.choice.prices:
            who = "by anybody who brings a Pyth price: this exit was given none"
        yield self._step(Kind.EXECUTE, seat, spot.market, who, ready=False)
        yield self._step(Kind.SETTLE, seat, spot.market, "once it is filled", ready=False)

    def _ticket(self, seat: Seat, spot: Spot) -> Iterator[Step]:
        now, order, market = self.state.now, spot.order, spot.market
        if order is None:
            resolved = "the venue has filled or dropped it"
            unknown = "the venue does not say what became of it"
            known = spot.order_known
            yield self._step(Kind.SETTLE, seat, market, resolved if known else unknown)
            if not known:
                yield self._step(Kind.EXPIRE, seat, market, unknown)
            return
        closes = spot.size is not None and order.size * spot.size < 0
        closes = closes and abs(order.size) <= abs(spot.size or 0)
        refused = self._refused(Kind.EXECUTE, seat, market)
        if closes and self.choice.prices and not refused and now <= order.last:
            reason = f"it closes {from_units(abs(order.size)):f}; takes a Pyth price"
            ready = now >= order.executable
            until = 0 if ready else order.executable
            yield self._step(Kind.EXECUTE, seat, market, reason, ready=ready, until=until)
            yield self._step(Kind.SETTLE, seat, market, "once it is filled", ready=False)
            return
        reason = "its time has passed: the deposit comes back"
        if now < order.droppable:
            reason = f"pending at the venue for {order.droppable - now} s more, unless it is filled"
            yield self._step(Kind.EXPIRE, seat, market, reason, ready=False, until=order.droppable)
        elif not self._refused(Kind.EXPIRE, seat, market):
            yield self._step(Kind.EXPIRE, seat, market, reason)
        else:
            reason = "as any stranger may, whom the venue pays the deposit"
            yield self._step(Kind.CANCEL, seat, market, reason)
            yield self._step(Kind.SETTLE, seat, market, "once it is dropped", ready=False)

    # ------------------------------------------------------------------ money

    def _pulls(self, seat: Seat, closing: list[Step]) -> Iterator[Step]:
        for spots, equity, free in pockets(seat):
            market = spots[0].market
            if any(spot.flagged for spot in spots):
                continue
            still = [s for s in closing if any(s.market == spot.market for spot in spots)]
            if not still and (free is not None and free < USDC_TO_USD):
                continue
            if equity is not None and equity < USDC_TO_USD:
                continue
            if not still and held(spots) and not self.choice.strip:
                continue
            reason, ready = "all that is free", not still
            amount = (free or 0) // USDC_TO_USD
            if not self._refused(Kind.PULL, seat, market):
                more = {"amount": amount, "ready": ready, "shared": not seat.isolated}
                yield self._step(Kind.PULL, seat, market, reason, **more)
            elif self.choice.in_kind and not self._refused(Kind.PULL_IN_KIND, seat, market):
                reason = "all that is free, in whatever the venue pays"
                more = {"amount": amount, "ready": ready, "shared": not seat.isolated}
                yield self._step(Kind.PULL_IN_KIND, seat, market, reason, **more)

    def _sweeps(self, seat: Seat) -> Iterator[Step]:
        for token, amount in seat.resting:
            reason = "rests in the seat, outside the venue"
            yield from self._open(Step(Kind.SWEEP, reason, seat.venue, seat.name, token, amount))

    def _reclaims(self) -> Iterator[Step]:
        for seat in self.state.seats:
            for spot in seat.spots:
                ticket = spot.ticket
                if ticket is None or not ticket.aside or not self._stuck(seat, spot):
                    continue
                if self.state.now >= ticket.since + RESERVE_LIFE:
                    reason = "nobody could settle the ticket for a day"
                    amount = ticket.aside
                    yield self._step(Kind.RECLAIM, seat, spot.market, reason, amount=amount)

    def _stuck(self, seat: Seat, spot: Spot) -> bool:
        """Whether all that ends a ticket has been refused."""
        last = Kind.EXPIRE
        if spot.order_known:
            last = Kind.CANCEL if spot.order else Kind.SETTLE
        return self._refused(last, seat, spot.market)


def pockets(seat: Seat) -> Iterator[tuple[tuple[Spot, ...], int | None, int | None]]:
    """Where margin counts: spots, equity, free."""
    if seat.isolated:
        for spot in seat.spots:
            yield (spot,), spot.equity, spot.free
    elif seat.spots:
        yield seat.spots, seat.equity, seat.free


def held(spots: tuple[Spot, ...]) -> bool:
    """Whether there is a ticket, or a position that is worth closing later."""
    for spot in spots:
        if spot.ticket is not None or spot.size is None:
            return True
        if spot.size and (spot.price is None or abs(spot.size) * spot.price // ONE >= DUST):
            return True
    return False


# ------------------------------------------------------------- what is left over


def left(state: State, choice: Choice, past: Past) -> tuple[Left, ...]:
    """What the account still has, and why."""
    found: list[Left] = []
    for seat in state.seats:
        for spot in seat.spots:
            found += _left_open(state, seat, spot, choice, past)
        for spots, equity, free in pockets(seat):
            found += _left_margin(seat, spots, equity, free, choice, past)
        for token, amount in seat.resting:
            if no := past.refused.get((Kind.SWEEP, seat.venue, token)):
                known = explain(no)
                found.append(Left(seat.name, f"{amount} of {token}", known.why, known.remedy))
    if state.reserved:
        until = max(
            (s.ticket.since + RESERVE_LIFE for at in state.seats for s in at.spots if s.ticket),
            default=state.now,
        )
        why = f"set aside for open tickets; the owner's again in {max(until - state.now, 0)} s"
        what = f"{from_units(state.reserved, 6):f} USDC"
        found.append(Left("the vault", what, why, "run the exit again then"))
    if state.idle:
        no = past.refused.get((Kind.WITHDRAW, NOWHERE, ""))
        known = explain(no or Refused("not withdrawn yet"))
        what = f"{from_units(state.idle, 6):f} USDC idle"
        found.append(Left("the vault", what, known.why, known.remedy))
    return tuple(found)


def _left_open(state: State, seat: Seat, spot: Spot, choice: Choice, past: Past) -> Iterator[Left]:
    where = f"{seat.name} {spot.market}"
    asked = (Kind.CLOSE, Kind.EXECUTE, Kind.COMMIT, Kind.CANCEL, Kind.EXPIRE, Kind.SETTLE)
    refusals = [past.refused.get((kind, seat.venue, spot.market)) for kind in asked]
    no = next((refusal for refusal in refusals if refusal), None)
    if spot.ticket is not None:
        why, remedy = "the venue has not resolved it", "run the exit again later"
        if spot.order and state.now < spot.order.droppable:
            why = f"pending at the venue for {spot.order.droppable - state.now} s more"
        elif no:
            why, remedy = explain(no).why, explain(no).remedy
        yield Left(where, f"ticket {spot.ticket.number}", why, remedy)
    if spot.size == 0:
        return
    what = "a position that cannot be read" if spot.size is None else _position(spot.size)
    if spot.flagged:
        known = explain(Refused("Position flagged"))
        yield Left(where, what, known.why, known.remedy)
    elif no:
        known = explain(no)
        yield Left(where, what, known.why + _worth(seat, spot), known.remedy)
    elif spot.size and bound(spot.size, spot.price, choice) is None:
        why = "neither oracle nor venue has a price to hold the close against"
        yield Left(where, what, why, "run it again with --at-any-price")
    elif past.commits.get((seat.venue, spot.market), 0) >= MOST_COMMITS:
        why = "nobody brought a Pyth price for its orders within the venue's window"
        yield Left(where, what, why, _BRING)
    else:
        why = "an order is pending" if spot.ticket else "there was no time left to close it"
        yield Left(
            where, what, why + _worth(seat, spot), "run the exit again, with more --patience"
        )


_BRING = (
    "bring one: Pyth's update for the market's feed, published two seconds or more after it, "
    "to `executeOffchainDelayedOrder` of the market for the seat; or run the exit again"
)


def _worth(seat: Seat, spot: Spot) -> str:
    """Where the venue may liquidate, that is said."""
    pocket = spot if seat.isolated else seat
    if pocket.equity is None or pocket.equity > pocket.maintenance:
        return ""
    return (
        f"; the venue counts the margin behind it as {from_units(pocket.equity):,.2f} USD "
        f"and may be liquidated below {from_units(pocket.maintenance):,.2f}"
    )


def _left_margin(
    seat: Seat,
    spots: tuple[Spot, ...],
    equity: int | None,
    free: int | None,
    choice: Choice,
    past: Past,
) -> Iterator[Left]:
    market = spots[0].market
    where = f"{seat.name} {market}" if seat.isolated else seat.name
    nos = (past.refused.get((k, seat.venue, market)) for k in (Kind.PULL_IN_KIND, Kind.PULL))
    no = next((refusal for refusal in nos if refusal), None)
    if equity is not None and equity < ONE // 100:
        return
    worth = "unknown margin" if equity is None else f"{from_units(equity):,.2f} USD of margin"
    if no is NOTHING and equity is None:
        return
    if no:
        known = explain(no, pulling=True)
        yield Left(where, worth, known.why, known.remedy)
    elif held(spots) and free and not choice.strip:
        free_too = f"{from_units(free):,.2f} USD of free margin"
        why = "it keeps what is still open there from being liquidated"
        yield Left(where, free_too, why, "run it again with --strip to take it all the same")


def _position(size: int) -> str:
    return f"{'long' if size > 0 else 'short'} {from_units(abs(size)):f}"


def _limit(size: int, limit: int) -> str:
    if limit in (0, ANY):
        return "at any price"
    return f"at {'least' if size > 0 else 'most'} {from_units(limit):,.2f}"
