"""Which state an order is in, by what the chain says of it: one pure function. What the database
holds of it is a copy, and follows."""

from __future__ import annotations

from dataclasses import dataclass

from ringside.orders import Bundle, Order
from ringside.store.book import WITHDRAWN, Entry, State
from ringside.units import from_units


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an order. `filled` and `pending` are |1e18| of base; of a bundle, `filled`
    is how many steps are done and `pending` how many have open tickets. `done` says that the Desk
    has it as finished, `spent` that its nonce is (finished, or cancelled), `epoch` is its
    account's, `under_way` that a transaction for it is; `now` is the chain's time."""

    filled: int
    pending: int
    done: bool
    spent: bool
    epoch: int
    under_way: bool
    now: int


def state_of(entry: Entry, facts: Facts) -> tuple[State, str]:
    """The state, and the reason in words where there is one to tell. An order that only waits
    keeps the state and reason that it has."""
    whole = _whole(entry.request)
    if facts.done or (whole is not None and facts.filled >= whole):
        return State.FILLED, ""
    if facts.pending:
        return State.PENDING, "a ticket is open"
    if facts.under_way:
        return State.PENDING, "a transaction is under way"
    ended = _ended(entry.request, facts)
    if ended is not None:
        state, why = ended
        if not facts.filled:
            return state, why
        return State.PARTLY_FILLED, f"{_part(entry.request, facts.filled)} filled; {why}"
    if entry.withdrawn:
        return State.PARTLY_FILLED if facts.filled else State.CANCELLED, WITHDRAWN
    if entry.state is State.PENDING or entry.state.is_end:
        return State.WORKING, ""
    return entry.state, entry.reason


def _whole(request: Order | Bundle) -> int | None:
    if isinstance(request, Bundle):
        return len(request.steps)
    return None if request.closes_all else abs(request.size)


def _ended(request: Order | Bundle, facts: Facts) -> tuple[State, str] | None:
    if facts.spent:
        return State.CANCELLED, "its owner cancelled it"
    if request.epoch != facts.epoch:
        return State.CANCELLED, f"its owner raised the account's epoch to {facts.epoch}"
    if facts.now > request.deadline:
        return State.EXPIRED, "its deadline passed"
    return None


def _part(request: Order | Bundle, filled: int) -> str:
    if isinstance(request, Bundle):
        return f"{filled} of {len(request.steps)} steps"
    if request.closes_all:
        return from_units(filled).__format__("f")
    return f"{from_units(filled):f} of {from_units(abs(request.size)):f}"
