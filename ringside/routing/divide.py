"""How a node is divided at one venue: where it jumps around the top, or takes a part of a lot.

Venues that offer the same are divided together, by how many of them do the one and how many the
other: which of them does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from math import fsum

from ringside.routing.dual import Point, State, Top
from ringside.routing.ways import Choice, Way
from ringside.units import ONE


def jumps(state: State, top: Top) -> list[State]:
    """Two parts at the venue that jumps furthest around the top, from nothing to something or from
    mode to mode; none where nobody jumps."""
    points = [point for _, point in top.mix]
    every = zip(*(point.sizes for point in points), strict=True)
    widest, found = 0.0, -1
    used: list[Way] = []
    for i, (choice, sizes) in enumerate(zip(state, every, strict=True)):
        jump = max(sizes) - min(sizes)
        if jump <= widest:
            continue
        ways = list(dict.fromkeys(point.ways[i] for point in points if point.used[i]))
        if any(way not in choice.ways for way in ways):
            continue
        if len(ways) > 1 or (choice.closable and not all(point.used[i] for point in points)):
            widest, found, used = jump, i, ways
    if found < 0:
        return []
    choice = state[found]
    if choice.closable and not all(point.used[found] for point in points):
        return _counted(state, found, top, _nothing, _something, lambda point, i: point.used[i])
    first = choice.ways.index(min(used, key=lambda way: (way.lo, way.hi)))

    def one(choice: Choice) -> Choice:
        return Choice(choice.closable, (choice.ways[first],))

    def others(choice: Choice) -> Choice:
        return Choice(False, _without(choice, first))

    def does(point: Point, i: int) -> bool:
        return point.used[i] and point.ways[i] is not state[i].ways[first]

    return _counted(state, found, top, one, others, does)


def lots(state: State, top: Top, wanted: Callable[[Way], bool]) -> list[State]:
    """Two parts at the venue whose size is furthest from whole lots, of those in a way that is
    `wanted`; none where all are whole."""
    furthest, found, last = 0.0, -1, 0
    for i, choice in enumerate(state):
        way = top.mix[0][1].ways[i]
        if way not in choice.ways or not wanted(way) or way.lo == way.hi:
            continue
        if not all(point.used[i] and point.ways[i] is way for _, point in top.mix):
            continue
        count = (mean(top, i) - way.low) / way.step
        part = min(count % 1.0, 1.0 - count % 1.0)
        if part >= 1e-6 and part * way.step > furthest:
            last = min(way.lo + int(count) * way.lot, way.hi - way.lot)
            furthest, found = part * way.step, i
    if found < 0:
        return []
    at = state[found].ways.index(top.mix[0][1].ways[found])

    def less(choice: Choice) -> Choice:
        way = choice.ways[at]
        return Choice(choice.closable, (way.within(way.lo, last), *_without(choice, at)))

    def more(choice: Choice) -> Choice:
        way = choice.ways[at]
        return Choice(False, (way.within(last + way.lot, way.hi),))

    def does(point: Point, i: int) -> bool:
        return point.ways[i] is state[i].ways[at] and point.sizes[i] * ONE > last

    return _counted(state, found, top, less, more, does)


def like(state: State, i: int) -> list[int]:
    """Venue i and those that offer the same."""
    return [
        j
        for j, choice in enumerate(state)
        if choice.closable == state[i].closable and choice.like(state[i])
    ]


def mean(top: Top, i: int) -> float:
    """A venue's size around the top, mixed (base)."""
    return fsum(w * point.sizes[i] for w, point in top.mix)


def _nothing(choice: Choice) -> None:
    return None


def _something(choice: Choice) -> Choice:
    return Choice(False, choice.ways)


def _without(choice: Choice, at: int) -> tuple[Way, ...]:
    return (*choice.ways[:at], *choice.ways[at + 1 :])


def _counted(
    state: State,
    i: int,
    top: Top,
    less: Callable[[Choice], Choice | None],
    more: Callable[[Choice], Choice],
    does: Callable[[Point, int], bool],
) -> list[State]:
    """Two parts: at most so many of venue i's like may do `more`, the others do `less` (`None`:
    nothing); or one more than that does. So many is what `does`, around the top, rounded down."""
    alike = like(state, i)
    count = int(fsum(w for j in alike for w, point in top.mix if does(point, j)) + 1e-9)
    count = min(count, len(alike) - 1)
    first, rest = set(alike[: count + 1]), set(alike[count:])
    few = [less(choice) if j in rest else choice for j, choice in enumerate(state)]
    many = [more(choice) if j in first else choice for j, choice in enumerate(state)]
    return [[choice for choice in few if choice is not None], many]
