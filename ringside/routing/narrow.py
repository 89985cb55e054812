"""What sums and lots rule out by themselves, in integers: before any price is looked at."""

from __future__ import annotations

from math import gcd

from ringside.routing.dual import State
from ringside.routing.ways import Way


def narrowed(state: State, size: int, most_venues: int | None) -> State | None:
    """The state without what can make up `size` (|1e18|) in no way; `None` if nothing can.

    Out go venues without ways, and, of at most so many venues, those too small even beside the
    largest. Where all others come in coarser steps than a venue, it takes what is left of the size
    between two of those steps.
    """
    state = tuple(entry for entry in state if entry[1] or not entry[0])
    if any(not ways for _, ways in state):
        return None
    if most_venues is not None:
        within = _beside_the_largest(state, size, most_venues)
        if within is None:
            return None
        state = within
    stepped = _in_steps(state, size)
    if stepped is None:
        return None
    state = tuple(entry for entry in stepped if entry[1] or not entry[0])
    if any(not ways for _, ways in state):
        return None
    least = sum(min(way.lo for way in ways) for closable, ways in state if not closable)
    most = sum(sorted((_most(ways) for _, ways in state), reverse=True)[:most_venues])
    return state if least <= size <= most else None


def _most(ways: tuple[Way, ...]) -> int:
    return ways[0].hi if len(ways) == 1 else max(way.hi for way in ways)


def _beside_the_largest(state: State, size: int, most_venues: int) -> State | None:
    """Without venues that cannot be among so many that make up the size."""
    needed = [ways for closable, ways in state if not closable]
    room = most_venues - len(needed)
    if room < 0:
        return None
    reach = sum(_most(ways) for ways in needed)
    free = sorted((_most(ways) for closable, ways in state if closable), reverse=True)
    if reach >= size:
        return state if room else tuple(entry for entry in state if not entry[0])
    if not room:
        return None
    beside = reach + sum(free[: room - 1])
    return tuple(entry for entry in state if not entry[0] or beside + _most(entry[1]) >= size)


def _in_steps(state: State, size: int) -> State | None:
    """With every venue on the steps that all others leave it."""
    units = [unit_of(ways) for _, ways in state]
    finest = gcd(*units)
    if finest and size % finest:
        return None
    if units.count(finest) > 1:  # Whoever else takes part, one of these makes up the rest.
        return state
    after = [0] * (len(state) + 1)
    for i in range(len(state) - 1, -1, -1):
        after[i] = gcd(units[i], after[i + 1])
    before, found = 0, []
    for i, entry in enumerate(state):
        others = gcd(before, after[i + 1])
        before = gcd(before, units[i])
        if others % units[i] or others == units[i]:
            found.append(entry)
            continue
        closable, ways = entry
        # `others` is 0 where there is no other venue: then this one takes it all.
        rest = size % others if others else size
        stepped = tuple(way for old in ways if (way := _on(old, rest, others)) is not None)
        found.append((closable and not rest, stepped))
    return tuple(found)


def unit_of(ways: tuple[Way, ...]) -> int:
    """What divides every size that the ways take."""
    return ways[0].unit if len(ways) == 1 else gcd(*(way.unit for way in ways))


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
