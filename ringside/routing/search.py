"""Branch and bound over what the relaxation leaves open: which venues take part, in which mode,
and, where lots are coarse, on which side of a lot.

A node is, by venue, the ways it still has. Its relaxation bounds whatever lies below it; where the
venues' sizes at the two prices around the top differ by more than the convex middle, that venue is
branched on. A node is done once no split below it can be cheaper than the best known by
`tolerance`; the least of the bounds of all that was set aside so is the bound of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import pairwise
from math import fsum, gcd, inf

import numpy as np

from ringside.routing import divide, kernel
from ringside.routing.dual import Point, Relaxation, State, Top
from ringside.routing.kernel import ROUNDING
from ringside.routing.narrow import narrowed
from ringside.routing.rounding import amounts, traded
from ringside.routing.ways import Choice, Way
from ringside.units import ONE

WORK = 100_000
"""Work after which the search gives up on proving more, a second or so: never by the clock, so
that it stops at the same place everywhere."""
EACH = 20
"""What a relaxation takes beside one unit of work a venue."""

EAGER = 1_500
"""Nodes times the square of the venues within which the search goes on for the last 250th of the
tolerance: where that is cheap (15 nodes of ten venues, none of fifty), nothing is left that a
plainer split could do better."""
STEPS = 4
"""In so many steps divisions are compared. What gets a node less far may do so at every node below
it, lot by lot, and is no better than what gets it nowhere."""
FINE = 1e-8
"""Lots below this share of the order are never branched on."""
RETRIES = 8
"""How often a split that takes too much margin is tried again with less, four times less each."""

Parts = list[tuple[Way, int]]
"""Ways with their sizes (|1e18|)."""


Part = tuple[float, State]
"""A part of a node, and what is known to bound it."""


Under = tuple[State, Relaxation]
"""A part of a node, and the relaxation that bounds it."""
Start = tuple[float, float, float]
"""Where a climb begins: the price, its first step, and μ."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state, what is known to bound it, the relaxation that bounds it further, and the top of
    that once it was climbed to."""

    bound: float
    state: State
    relaxation: Relaxation
    start: Start
    top: Top | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is searched: |size| (1e18) over `state`, one entry a venue; `margin` in USD 1e36, as
    size × margin per base gives it. A split within `tolerance` (USD) of the best is good enough;
    after so much `work` the search gives up."""

    size: int
    state: State
    most_venues: int | None
    margin: int | None
    margins: Sequence[int]
    tolerance: float
    work: int = WORK

    def fits(self, parts: Parts) -> bool:
        """Whether the rules over several venues are kept."""
        if self.most_venues is not None and len(parts) > self.most_venues:
            return False
        return self.over(parts) <= 0

    def over(self, parts: Parts) -> int:
        """How much more margin is taken than there is (USD 1e36)."""
        if self.margin is None:
            return 0
        return sum(self.margins[way.venue] * size for way, size in parts) - self.margin


class Search:
    """Looks for the cheapest parts; `run` once. `best` are they (`None`: nothing found), `cost`
    theirs in USD, `bound` what no split costs less than, `nodes` how many were looked at, `work`
    what that took, and `finished` whether it settled the matter."""

    def __init__(self, problem: Problem, relaxation: Relaxation) -> None:
        self.problem, self.relaxation = problem, relaxation
        self.best: Parts | None = None
        self.cost, self.bound = inf, inf
        self.nodes, self.work, self.finished = 0, 0, True
        # No split costs more than all that venues could take at once: a higher bound says that
        # there is none.
        self._dearest = 1.0 + self._most()
        self._pushed = 0  # Of equal bounds the earlier node goes first.
        self._tried: set[tuple[object, ...]] = set()
        self._heap: list[tuple[float, int, Node]] = []

    def _most(self) -> float:
        """What taking part at most costs, everywhere together (USD)."""
        every = [way for choice in self.problem.state for way in choice.ways]
        if not every:
            return 0.0
        known = self.relaxation.pool.ways[[way.row for way in every]]
        low = known[:, kernel.COST_LOW] + known[:, kernel.CARRY] * known[:, kernel.LOW]
        high = known[:, kernel.COST_HIGH] + known[:, kernel.CARRY] * known[:, kernel.HIGH]
        dearest: dict[int, float] = {}
        for way, cost in zip(every, np.maximum(low, high).tolist(), strict=True):
            dearest[way.venue] = max(dearest.get(way.venue, 0.0), cost)
        return fsum(dearest.values())

    def offer(self, parts: Parts) -> None:
        """Takes a split as the best if it keeps the rules and is cheaper."""
        ways, sizes = [way for way, _ in parts], [size / ONE for _, size in parts]
        cost = fsum(self.relaxation.pool.costs(ways, sizes))
        if cost < self.cost and self.problem.fits(parts):
            self.best, self.cost = parts, cost

    def run(self, price: float, step: float) -> None:
        """Searches from a first guess of the price."""
        self._push(Node(-inf, self.problem.state, self.relaxation, (price, step, 0.0)))
        while self._heap:
            bound, _, node = heappop(self._heap)
            if bound >= self._enough or self.work >= self.problem.work:
                self.finished = self.finished and bound >= self._enough
                self.bound = min(self.bound, bound)
                break
            self._look(node)
        if self.best is not None:
            # The exact cost may be less than the floats say.
            costs = [abs(way.cost(size / ONE)) for way, size in self.best]
            doubt = fsum(way.error for way, _ in self.best) + ROUNDING * fsum(costs)
            self.bound = min(self.bound, self.cost - doubt)

    @property
    def _enough(self) -> float:
        """The bound at which a node is done: nothing below it is cheaper, or nothing is there."""
        eager = self.nodes * len(self.problem.state) ** 2 <= EAGER
        tolerance = self.problem.tolerance / (250 if eager else 1)
        return min(self.cost - tolerance, self._dearest)

    def _push(self, node: Node) -> None:
        self._pushed += 1
        heappush(self._heap, (node.bound, self._pushed, node))

    def _climbed(self, node: Node) -> Node | None:
        """The node with its top; `None` where it holds no split."""
        if node.top is not None:
            return node
        possible = narrowed(node.state, self.problem.size, self.problem.most_venues)
        if possible is None:
            return None
        self.nodes += 1
        self.work += EACH + len(possible)
        top = node.relaxation.top(possible, *node.start, self._enough)
        return replace(node, bound=max(node.bound, top.value), state=possible, top=top)

    def _look(self, at: Node) -> None:
        """Looks for splits at a node, and divides it if the best is not good enough."""
        node = self._climbed(at)
        if node is None:
            return
        if node.bound < self._enough:
            self._round(node)
        if node.bound >= self._enough:
            self.bound = min(self.bound, node.bound)
            return
        parts = self._parts(node)
        if parts is None:
            # Nothing is left to tell apart; where no split is known, none is ruled out either.
            self.finished = self.finished and self.best is not None
            self.bound, parts = min(self.bound, node.bound), []
        for part in parts:
            self._push(part)

    def _round(self, node: Node) -> None:
        """Splits in integers near the relaxation's own: over the venues on either side of it, or
        some between, with one more where their lots cannot make up the size."""
        top, relaxation = node.top, node.relaxation
        assert top is not None
        supports = [(point, point.taking) for _, point in top.mix]
        for point, ways in supports + _between(top, self.problem.most_venues):
            if self.problem.size % (gcd(*(way.unit for way in ways)) or 1):
                ways = self._completed(point, ways)
            key = (
                relaxation.margin,
                *((way.venue, id(way.table), way.lo, way.hi) for way in ways),
            )
            if key in self._tried:
                continue
            self._tried.add(key)
            fixed = narrowed([Choice(False, (way,)) for way in ways], self.problem.size, None)
            if fixed is None:
                continue
            self._fill(fixed, point, relaxation)

    def _completed(self, point: Point, ways: list[Way]) -> list[Way]:
        """The ways with another venue's, in whose lots the size can be made up: whose taking part
        loses least. As many stay as may take part."""
        size, unit = self.problem.size, gcd(*(way.unit for way in ways))
        able = [
            (point.losses[i], i)
            for i, way in enumerate(point.ways)
            if not point.used[i] and size % gcd(unit, way.unit) == 0
        ]
        if not able:
            return ways
        most = self.problem.most_venues
        if most is not None and len(ways) >= most:
            losses = dict(zip(point.ways, point.losses, strict=True))
            ways = sorted(ways, key=lambda way: losses[way])[: most - 1]
        return [*ways, point.ways[min(able)[1]]]

    def _fill(self, fixed: State, point: Point, relaxation: Relaxation) -> None:
        """The best split over venues that all take part. Rounding may take more of the margin than
        there is: then it is tried again with less."""
        for turn in range(RETRIES):
            target = min(self.cost, self._dearest)
            self.work += EACH + len(fixed)
            best = relaxation.top(fixed, point.x, abs(point.x) * 1e-6, point.mu, target)
            if best.value >= target:
                return
            parts = amounts(best, self.problem.size)
            if parts is None:
                return
            self.offer(parts)
            if any(way.coarse for way, _ in parts):
                self.offer(traded(parts, best.best.mu))
            over = self.problem.over(parts)
            if over <= 0:
                return
            assert relaxation.margin is not None
            less = max(over / ONE / ONE, relaxation.margin * ROUNDING) * 4**turn
            relaxation = replace(relaxation, margin=relaxation.margin - less)

    def _reduced(self, state: State, top: Top, relaxation: Relaxation) -> State:
        """The state without what the relaxation's prices rule out: ways, or staying away, that
        would lift the bound to where it is enough."""
        point, slack = top.best, self._enough - top.best.value
        found = []
        for choice, best, loss in zip(state, point.ways, point.losses, strict=True):
            loss += point.toll
            closable = choice.closable
            least = min(loss, 0.0) if closable else loss
            if closable and -loss >= slack:
                closable = False
                self.bound = min(self.bound, point.value - loss)
            kept = []
            for way in choice.ways:
                more = loss - least
                if way is not best:
                    more = relaxation.loss(way, point) + point.toll - least
                if more < slack:
                    kept.append(way)
                else:
                    self.bound = min(self.bound, point.value + more)
            same = closable == choice.closable and len(kept) == len(choice.ways)
            found.append(choice if same else Choice(closable, tuple(kept)))
        return found

    def _parts(self, node: Node) -> list[Node] | None:
        """The node in parts, by what keeps the relaxation from being a split: sizes that the lots
        cannot make up, what many venues take together, jumps, coarse lots, in the end finer ones.
        Where several would do, the one that bounds its parts best. None are left where nothing
        below can be a split; `None` says that there is nothing more to tell apart."""
        top, relaxation = node.top, node.relaxation
        assert top is not None
        state = self._reduced(node.state, top, relaxation)
        x, mu = top.best.x, top.best.mu
        near = max(abs(x) * 1e-7, *(abs(point.x - x) for _, point in top.mix))

        def nodes(parts: Sequence[Part]) -> list[Node]:
            return [Node(max(node.bound, b), part, relaxation, (x, near, mu)) for b, part in parts]

        together = [
            Node(node.bound, part, under, (x, near, 0.0))
            for part, under in self._together(state, top, relaxation)
        ]
        finer = self._finer(state, top)
        if finer is not None and not together:
            return nodes(finer)
        jumps = nodes(_plain(divide.jumps(state, top)))
        divisions = [division for division in (together, jumps) if division]
        if not divisions and state != list(node.state):
            return nodes([(-inf, state)])
        lots = nodes(_plain(divide.lots(state, top, lambda way: way.coarse)))
        divisions += [lots] if lots else []
        if divisions:
            return self._better(node.bound, divisions)
        least = FINE * relaxation.size
        fine = self._stepped(state, top) or _plain(
            divide.lots(state, top, lambda way: way.step > least)
        )
        return nodes(fine) or None

    def _better(self, bound: float, divisions: list[list[Node]]) -> list[Node]:
        """The division whose parts' bounds get furthest from `bound` to where that is enough: the
        least of them, then the others; of equals the first. It is climbed for each part, once:
        they keep what was found."""
        if len(divisions) == 1:
            return divisions[0]
        enough = self._enough
        best: tuple[list[int], list[Node]] | None = None
        for division in divisions:
            climbed = [part for node in division if (part := self._climbed(node)) is not None]
            shares = [min((part.bound - bound) / (enough - bound), 1.0) for part in climbed]
            shares += [1.0] * (len(division) - len(climbed))
            steps = sorted(int(share * STEPS) for share in shares)
            if best is None or steps > best[0]:
                best = steps, climbed
            if steps[0] == STEPS:  # It cannot be better.
                break
        assert best is not None
        return best[1]

    def _together(self, state: State, top: Top, relaxation: Relaxation) -> list[Under]:
        """Two parts by what all venues take together whose lots are multiples of one: up to a whole
        number of those, or one more. Each is a limit that has a price of its own, as shared margin
        has, whose place it takes; so there is one such limit at a time, and none beside margin."""
        if relaxation.margin is not None:
            return []
        units = [choice.unit for choice in state]
        total, worth = self.problem.size, max(abs(top.best.x), 1.0)
        furthest, unit, count = FINE * relaxation.size, 0, 0
        for step in sorted(set(units), reverse=True):
            if step <= FINE * total:
                break
            # One venue by itself is branched on as such, and all together take the size.
            some = sum(bool(u) and u % step == 0 for u in units)
            if not 1 < some < sum(map(bool, units)):
                continue
            coarse = [i for i, u in enumerate(units) if u % step == 0]
            taken = fsum(w * point.sizes[i] for i in coarse for w, point in top.mix)
            lots = taken / (step / ONE)
            part = min(lots % 1.0, 1.0 - lots % 1.0)
            if part > 1e-6 and part * step / ONE > furthest:
                furthest, unit, count = part * step / ONE, step, int(lots)
        if not unit:
            return []
        found: list[Under] = []
        for sign, most in ((1, count * unit), (-1, (count + 1) * unit)):
            if sign < 0 and most > total:
                continue
            # Whoever is not of them takes nothing of the limit, whatever margin it takes.
            weighed = [
                choice.weighing(0.0 if choice.unit % unit else sign * worth) for choice in state
            ]
            found.append((weighed, replace(relaxation, margin=sign * worth * (most / ONE))))
        return found

    def _finer(self, state: State, top: Top) -> list[Part] | None:
        """Where the lots of those that take part cannot make up the size, one branch for each other
        venue that could help, without those before it; `None` where they can."""
        used = _taking([point for _, point in top.mix])
        unit = gcd(*(state[i].unit for i in used))
        if not unit or self.problem.size % unit == 0:
            return None
        units = sorted({choice.unit for choice in state if choice.ways})
        if all(coarse % fine == 0 for fine, coarse in pairwise(units)):
            # Where each is a multiple of the finer ones, one of those that divide the size it is.
            unit = next((u for u in units if self.problem.size % u), unit)
        return self._helped(state, top, unit, used)[:-1]

    def _stepped(self, state: State, top: Top) -> list[Part]:
        """Where all is settled but the steps: either whoever takes part with the finest lots is on
        the steps of the others, or one more venue has finer ones too."""
        used = _taking([top.best]) or _taking([point for _, point in top.mix])
        units = sorted(state[i].unit for i in used if state[i].ways)
        unit = gcd(*units[1:])
        branches = self._helped(state, top, unit, used) if units and unit > units[0] else []
        return branches if len(branches) > 1 else []

    def _helped(self, state: State, top: Top, unit: int, used: set[int]) -> list[Part]:
        """A branch for each venue that is not among `used` and whose lots are no multiple of
        `unit`, without those before it; and one without any of them."""
        point = top.best
        others = [
            (point.losses[i], i)
            for i, choice in enumerate(state)
            if choice.ways and i not in used and choice.closable and choice.unit % unit
        ]
        found: list[Part] = []
        for loss, i in sorted(others):
            if not state[i].ways:  # It offers the same as one before it.
                continue
            least = point.value + max(loss + point.toll, 0.0)
            found.append((least, [*state[:i], Choice(False, state[i].ways), *state[i + 1 :]]))
            like = {j for _, j in others if state[j].ways and state[j].like(state[i])}
            state = [Choice(True, ()) if j in like else choice for j, choice in enumerate(state)]
        return [*found, (-inf, state)]


def _plain(parts: Sequence[State]) -> list[Part]:
    """The parts, with nothing known to bound them."""
    return [(-inf, part) for part in parts]


def _taking(points: Sequence[Point]) -> set[int]:
    """Which venues take part at any of the points."""
    return {i for point in points for i, used in enumerate(point.used) if used}


def _between(top: Top, most_venues: int | None) -> list[tuple[Point, list[Way]]]:
    """Those that take part on every side of the top, with so many of the others as make up about
    the size, one fewer and one more: of many that offer much the same, only some are wanted."""
    sides = list(zip(*(p.used for _, p in top.mix), strict=True))
    others = [i for i, used in enumerate(sides) if True in used and False in used]
    if len(others) < 2:
        return []
    point = top.best
    ways = [way for way, used in zip(point.ways, sides, strict=True) if all(used)]
    wanted, some = fsum(divide.mean(top, i) for i in others), []
    for _, i in sorted((point.losses[i], i) for i in others):
        ways = [*ways, next(p.ways[i] for _, p in top.mix if p.used[i])]
        wanted -= max(p.sizes[i] for _, p in top.mix)
        some.append((point, ways))
        if wanted <= 0:
            break
    return [(p, w) for p, w in some[-2:] if most_venues is None or len(w) <= most_venues]
