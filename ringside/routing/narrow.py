"""What sums and lots rule out by themselves, in integers: before any price is looked at."""

from __future__ import annotations

from math import gcd

from ringside.routing.dual import State
from ringside.routing.ways import Choice, Way


def narrowed(state: State, size: int, most_venues: int | None) -> State | None:
    """The state without what can make up `size` (|1e18|) in no way; `None` if nothing can.

    Out go venues without ways, and, of at most so many venues, those too small even beside the
    largest. Where all others come in coarser steps than a venue, it takes what is left of the size
    between two of those steps.
    """
    within = _with_ways(state)
    if within is not None and most_venues is not None:
        within = _beside_the_largest(within, size, most_venues)
    stepped = None if within is None else _in_steps(within, size)
    possible = None if stepped is None else _with_ways(stepped)
    if possible is None:
        return None
    least = sum([choice.least for choice in possible if not choice.closable])
    most = [choice.most for choice in possible]
    if most_venues is not None and len(most) > most_venues:
        most = sorted(most)[-most_venues:]
    return possible if least <= size <= sum(most) else None


def _with_ways(state: State) -> State | None:
    """Without venues that can do nothing but stay away; `None` if one can do nothing at all."""
    if all(choice.ways for choice in state):
        return state
    if not all(choice.ways or choice.closable for choice in state):
        return None
    return [choice for choice in state if choice.ways]


def _beside_the_largest(state: State, size: int, most_venues: int) -> State | None:
    """Without venues that cannot be among so many that make up the size."""
    needed = [choice for choice in state if not choice.closable]
    room = most_venues - len(needed)
    if room < 0:
        return None
    reach = sum([choice.most for choice in needed])
    if reach >= size:
        return state if room else needed
    if not room:
        return None
    free = sorted([choice.most for choice in state if choice.closable], reverse=True)
    beside = reach + sum(free[: room - 1])
    return [choice for choice in state if not choice.closable or beside + choice.most >= size]


def _in_steps(state: State, size: int) -> State | None:
    """With every venue on the steps that all others leave it."""
    units = [choice.unit for choice in state]
    finest = gcd(*units)
    if finest and size % finest:
        return None
    if units.count(finest) > 1:  # Whoever else takes part, one of these makes up the rest.
        return state
    after = [0] * (len(state) + 1)
    for i in range(len(state) - 1, -1, -1):
        after[i] = gcd(units[i], after[i + 1])
    before, found = 0, []
    for i, choice in enumerate(state):
        others = gcd(before, after[i + 1])
        before = gcd(before, units[i])
        if others % units[i] or others == units[i]:
            found.append(choice)
            continue
        # `others` is 0 where there is no other venue: then this one takes it all.
        rest = size % others if others else size
        stepped = tuple(way for old in choice.ways if (way := _on(old, rest, others)) is not None)
        found.append(Choice(choice.closable and not rest, stepped))
    return found


def _on(way: Way, rest: int, step: int) -> Way | None:
    """The way on rest, rest + step, rest + 2 · step and so on."""
    if (rest - way.lo) % way.lot:
        return None
    if not step:
        return way.within(rest, rest) if way.lo <= rest <= way.hi else None
    if step % way.lot:
        return way
    lo = way.lo + (rest - way.lo) % step
    hi = way.hi - (way.hi - rest) % step
    if lo > hi:
        return None
    return way if (lo, hi, step) == (way.lo, way.hi, way.lot) else way.within(lo, hi, step)
