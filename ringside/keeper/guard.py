"""What a keeper does under a standing policy: one pure function of what was read. Which pocket is
helped first and who gives is the keeper's choice within what was signed (`interfaces/IPolicies`):
the weakest first, out of idle if there is enough, else out of the strongest pocket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringside.policies import (
    IDLE,
    Health,
    Move,
    Policy,
    most_to_give,
    most_to_take,
)
from ringside.units import DAY, ONE, USDC, USDC_TO_USD, from_units

LEAST = USDC
"""No move takes less: it would help nobody and cost its gas."""
USE = ("bytes32", "uint96", "uint64", "uint40", "uint32", "bool")
"""`IPolicies.Use`, as the contract answers it."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a policy's nonce has seen, as `IPolicies.Use`; the amounts are those of `day`."""

    digest: bytes = bytes(32)
    moved: int = 0
    tipped: int = 0
    last: int = 0
    day: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A pocket as it was read: its health, what its venue lets go (USD 1e18), and what may be
    posted there by the venue's caps (USDC); or why it is not known. `busy` says that a ticket is
    pending there, which lets nothing in or out."""

    health: Health | None = None
    free: int = 0
    postable: int = 0
    why: str = ""
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """A pocket (its place in the policy) that is below the trigger, or cannot be watched, and why
    nothing is done for it: empty where the move is for it."""

    place: int
    health: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The move to be made, if any; and the pockets in need."""

    move: Move | None = None
    needs: tuple[Need, ...] = ()


def decide(policy: Policy, pockets: Sequence[Read], idle: int, use: Use, now: int) -> Decision:
    """What to do at block time `now`; `pockets` are read in the policy's order, `idle` is USDC."""
    weak = sorted(
        (read.health.health, place)
        for place, read in enumerate(pockets)
        if read.health is not None and read.health.health < policy.trigger
    )
    unknown = [
        Need(place, None, read.why) for place, read in enumerate(pockets) if read.health is None
    ]
    left = policy.max_per_day - (use.moved if use.day == now // DAY else 0)
    resting = use.last + policy.cooldown if use.last else 0
    needs: list[Need] = []
    chosen: Move | None = None
    for value, place in weak:
        if chosen is not None:
            needs.append(Need(place, value, "a weaker pocket goes first"))
            continue
        found: Move | str
        if now < resting:
            found = f"the policy's cooldown lasts until {resting}"
        elif pockets[place].busy:
            found = "a ticket is pending there, and its venue takes no margin meanwhile"
        else:
            found = _help(policy, pockets, idle, left, place)
        if isinstance(found, Move):
            chosen = _tipped(policy, pockets, found, use, now)
        needs.append(Need(place, value, "" if isinstance(found, Move) else found))
    if not weak and not unknown and policy.excess and now >= resting:
        chosen = _return(policy, pockets, left, use, now)
    return Decision(chosen, (*needs, *unknown))


def _help(policy: Policy, pockets: Sequence[Read], idle: int, left: int, place: int) -> Move | str:
    """Margin for a pocket; or why there is none."""
    to = pockets[place].health
    assert to is not None
    # In the middle of what counts: the price moves until it is mined.
    wanted = most_to_give(to, policy.target - policy.tolerance // 2)
    if left < min(wanted, LEAST):
        return "the day's amount of its policy is used up"
    if pockets[place].postable < min(wanted, LEAST):
        return "its venue's cap is reached: post as the owner, or reduce the position"
    sources = [(idle, IDLE)]
    sources += sorted(
        ((_spare(read, policy.floor), at) for at, read in enumerate(pockets) if at != place),
        reverse=True,
    )
    enough = [source for source in sources if source[0] >= wanted]
    most, source = enough[0] if enough else max(sources, key=lambda s: s[0])
    amount = min(wanted, left, most, pockets[place].postable)
    if amount < LEAST:
        return (
            f"idle has {from_units(idle, 6)} USDC and no other pocket of its policy has any to "
            "spare: deposit, or reduce the position"
        )
    return Move(source, place, amount)


def _return(policy: Policy, pockets: Sequence[Read], left: int, use: Use, now: int) -> Move | None:
    """Margin back to idle from the pocket that has the most to spare, above the excess."""
    least = max(policy.target, policy.floor) + policy.tolerance // 2
    spare = max(
        (
            (_spare(read, least), place)
            for place, read in enumerate(pockets)
            if read.health is not None and read.health.health > policy.excess
        ),
        default=(0, 0),
    )
    amount = min(spare[0], left)
    if amount < LEAST:
        return None
    return _tipped(policy, pockets, Move(spare[1], IDLE, amount), use, now)


def _spare(read: Read, floor: int) -> int:
    """USDC that a pocket can give: what keeps it above the floor, and what its venue lets go."""
    if read.health is None or read.busy:
        return 0
    return min(most_to_take(read.health, floor), max(read.free, 0) // USDC_TO_USD)


def _tipped(policy: Policy, pockets: Sequence[Read], move: Move, use: Use, now: int) -> Move:
    """The move, asking for its tip if it will count for one and the day's are not used up."""
    back = move.to == IDLE
    read = pockets[move.source if back else move.to].health
    assert read is not None
    equity = read.equity + (-1 if back else 1) * move.amount * USDC_TO_USD
    ends = max(equity, 0) * ONE // read.maintenance if read.maintenance else 2**256 - 1
    least = max(policy.target, policy.floor)
    counts = ends <= least + policy.tolerance if back else ends >= policy.target - policy.tolerance
    tipped = use.tipped if use.day == now // DAY else 0
    tip = min(policy.tip, max(policy.max_tip_per_day - tipped, 0)) if counts else 0
    return move._replace(tip=tip)
