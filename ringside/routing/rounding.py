"""From the relaxation's sizes to integers that add up, on everybody's lots."""

from __future__ import annotations

from math import fsum, inf

import numpy as np

from ringside.routing import kernel
from ringside.routing.dual import Top
from ringside.routing.ways import Way
from ringside.units import ONE


def amounts(top: Top, size: int) -> list[tuple[Way, int]] | None:
    """Sizes near the relaxation's that add up to `size` (|1e18|), where every venue is in one way;
    `None` if none were found.

    Each is rounded down to its lots; what is left goes out in whole lots, the coarsest first and to
    whom most was taken from, and the finest take the rest.
    """
    ways = top.best.ways
    parts, short = [], []
    for i, way in enumerate(ways):
        wanted = fsum(weight * point.sizes[i] for weight, point in top.mix)
        part = way.lo + max(int((wanted - way.low) / way.step + 1e-9), 0) * way.lot
        full = all(point.sizes[i] >= way.high for _, point in top.mix)
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
    if rest and not _place(ways, parts, rest, top.best.mu):
        for i in order:  # Where hardly anybody has room: wherever there is some.
            more = min(ways[i].hi - parts[i], rest) // ways[i].lot * ways[i].lot
            parts[i] += more
            rest -= more
        if rest:
            return None
    return list(zip(ways, parts, strict=True))


def _place(ways: list[Way], parts: list[int], rest: int, mu: float) -> bool:
    """Puts what is left where it adds least, on one venue or, with a lot too many there, on two."""
    ups = [-(-rest // way.lot) * way.lot for way in ways]
    able = [i for i, way in enumerate(ways) if ups[i] <= way.hi - parts[i]]
    added = _changes(ways, parts, [(i, ups[i]) for i in able], mu)
    best: tuple[float, list[tuple[int, int]]] | None = None
    back: dict[int, list[tuple[float, int]]] = {}
    for i, cost in zip(able, added, strict=True):
        down = ups[i] - rest
        if not down:
            if best is None or cost < best[0]:
                best = cost, [(i, rest)]
            continue
        if down not in back:
            givers = [
                j
                for j, other in enumerate(ways)
                if down % other.lot == 0 and down <= parts[j] - other.lo
            ]
            saved = _changes(ways, parts, [(j, -down) for j in givers], mu)
            back[down] = sorted(zip(saved, givers, strict=True))
        for saving, j in back[down][:2]:
            if j != i and (best is None or cost + saving < best[0]):
                best = cost + saving, [(i, ups[i]), (j, -down)]
    if best is None:
        return False
    for i, by in best[1]:
        parts[i] += by
    return True


def traded(split: list[tuple[Way, int]], mu: float) -> list[tuple[Way, int]]:
    """The split once coarse lots have gone to and from whoever takes them best, as long as that is
    cheaper; where margin is worth `mu` a dollar."""
    ways, parts = [way for way, _ in split], [part for _, part in split]
    lots = sorted({way.lot for way in ways if way.coarse})
    if not lots:
        return split
    pool = ways[0].pool
    moves = kernel.trades(
        *(pool.ways, pool.tables, np.array([way.row for way in ways])),
        np.array([part / ONE for part in parts]),
        np.array([lot / ONE for lot in lots]),
        np.array([[lot % way.lot == 0 for way in ways] for lot in lots]),
        np.array([[lot == way.lot for way in ways] for lot in lots]),
        mu,
    )
    for i, j, k in moves.tolist():  # From j to i.
        lot = lots[k]
        if parts[i] + lot > ways[i].hi or parts[j] - lot < ways[j].lo:
            break  # By less than floats tell.
        parts[i] += lot
        parts[j] -= lot
    return list(zip(ways, parts, strict=True))


def _changes(
    ways: list[Way], parts: list[int], moves: list[tuple[int, int]], mu: float
) -> list[float]:
    """USD that each venue's part costs more when it changes by so much, its margin at `mu` a
    dollar: cheaper moves are no good where they take margin that is not there."""
    if not moves:
        return []
    some = [ways[i] for i, _ in moves]
    pool = some[0].pool
    after = pool.costs(some, [(parts[i] + by) / ONE for i, by in moves])
    before = pool.costs(some, [parts[i] / ONE for i, _ in moves])
    return [
        one - other + mu * way.margin * (by / ONE)
        for one, other, way, (_, by) in zip(after, before, some, moves, strict=True)
    ]
