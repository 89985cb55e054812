"""From the relaxation's sizes to integers that add up, on everybody's lots."""

from __future__ import annotations

from math import fsum, inf

from ringside.routing.dual import Top
from ringside.routing.ways import Way
from ringside.units import ONE


def amounts(top: Top, size: int) -> list[tuple[Way, int]] | None:
    """Sizes near the relaxation's that add up to `size` (|1e18|), where every venue is in one way;
    `None` if none were found.

    Each is rounded down to its lots; what is left goes out in whole lots, the coarsest first and to
    whom most was taken from, and the finest take the rest.
    """
    ways = [pick[0] for pick in top.best.picks]
    parts, short = [], []
    for i, way in enumerate(ways):
        wanted = fsum(weight * point.picks[i][1] for weight, point in top.mix)
        part = way.lo + max(int((wanted - way.low) / way.step + 1e-9), 0) * way.lot
        full = all(point.picks[i][1] >= way.high for _, point in top.mix)
        part = way.hi if full else min(part, way.hi)
        parts.append(part)
        # Whoever is full stays so: what is too much is taken from others.
        short.append(inf if full else wanted - part / ONE)
    rest = size - sum(parts)
    order = sorted(range(len(ways)), key=lambda i: (-ways[i].lot, -short[i], i))
    for i in reversed(order):
        if rest >= 0:
            break
        lot = ways[i].lot
        less = min(parts[i] - ways[i].lo, -(rest // lot) * lot)
        parts[i] -= less
        rest += less
    for i in order:
        way = ways[i]
        if rest >= way.lot and short[i] > 0 and parts[i] < way.hi:
            # A part of a level is filled lot by lot; a coarse lot is rounded up.
            more = min(way.hi - parts[i], rest - rest % way.lot)
            more = min(more, -(-int(short[i] * ONE) // way.lot) * way.lot)
            parts[i] += more
            rest -= more
    if rest and not _place(ways, parts, rest):
        for i in order:  # Where hardly anybody has room: wherever there is some.
            more = min(ways[i].hi - parts[i], rest) // ways[i].lot * ways[i].lot
            parts[i] += more
            rest -= more
        if rest:
            return None
    return list(zip(ways, parts, strict=True))


def _place(ways: list[Way], parts: list[int], rest: int) -> bool:
    """Puts what is left where it adds least, on one venue or, with a lot too many there, on two."""
    best: tuple[float, list[tuple[int, int]]] | None = None
    for i, way in enumerate(ways):
        up = -(-rest // way.lot) * way.lot
        if up > way.hi - parts[i]:
            continue
        cost = _change(way, parts[i], up)
        if up == rest:
            if best is None or cost < best[0]:
                best = cost, [(i, up)]
            continue
        for j, other in enumerate(ways):
            down = up - rest
            if j != i and down % other.lot == 0 and down <= parts[j] - other.lo:
                both = cost + _change(other, parts[j], -down)
                if best is None or both < best[0]:
                    best = both, [(i, up), (j, -down)]
    if best is None:
        return False
    for i, by in best[1]:
        parts[i] += by
    return True


def traded(split: list[tuple[Way, int]]) -> list[tuple[Way, int]]:
    """The split once coarse lots have gone to and from whoever takes them best, as long as that is
    cheaper; whatever margin that takes."""
    ways, parts = [way for way, _ in split], [part for _, part in split]
    for _ in range(4 * len(ways)):
        best, move = 0.0, None
        for i, way in enumerate(ways):
            if not way.coarse:
                continue
            for by in (way.lot, -way.lot):
                if not way.lo <= parts[i] + by <= way.hi:
                    continue
                gain = _change(way, parts[i], by)
                for j, other in enumerate(ways):
                    if j == i or by % other.lot or not other.lo <= parts[j] - by <= other.hi:
                        continue
                    both = gain + _change(other, parts[j], -by)
                    if both < best - 1e-9:
                        best, move = both, (i, j, by)
        if move is None:
            break
        i, j, by = move
        parts[i] += by
        parts[j] -= by
    return list(zip(ways, parts, strict=True))


def _change(way: Way, part: int, by: int) -> float:
    """USD that the venue's part costs more when it changes by `by`."""
    return way.cost((part + by) / ONE) - way.cost(part / ONE)
