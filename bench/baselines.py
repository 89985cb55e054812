"""What a route is held against: the usual ways to split an order, at the exact curves.

Each gives sizes by venue that add up, or nothing where it cannot fill the order. They are tried on
orders without minimums, lots or a limit on venues, which they know nothing of.
"""

from __future__ import annotations

from bench.instances import Instance
from ringside.routing.problem import Offer, carry_of

Split = dict[int, int]
"""|size| (1e18) by the number of the offer."""


def cost(at: Instance, split: Split | None) -> int | None:
    """USD (1e18) as `Route.cost` counts, `None` where there is no split."""
    if split is None:
        return None
    return sum(_cost(at.offers[i], part, at.size) for i, part in split.items() if part)


def most(offer: Offer, size: int) -> int:
    """What the offer takes of the order."""
    capacity = offer.curve.capacity(1 if size > 0 else -1)
    return capacity if offer.most is None else min(offer.most, capacity)


def single(at: Instance) -> Split | None:
    """All of it at the cheapest venue."""
    return _cheapest(at, [{i: abs(at.size)} for i in _able(at, abs(at.size))])


def greedy(at: Instance) -> Split | None:
    """A hundred slices, each to where it adds least, what a first leg costs in it."""
    slices = [abs(at.size) // 100] * 99
    slices.append(abs(at.size) - sum(slices))
    split: Split = dict.fromkeys(range(len(at.offers)), 0)
    spent = dict.fromkeys(split, 0)
    for part in slices:
        able = [
            (_cost(offer, split[i] + part, at.size) - spent[i], i)
            for i, offer in enumerate(at.offers)
            if split[i] + part <= most(offer, at.size)
        ]
        if not able:
            return None
        more, i = min(able)
        split[i] += part
        spent[i] += more
    return split


def equal(at: Instance) -> Split | None:
    """A third each at the three venues that are the best for a third."""
    third = abs(at.size) // 3
    rest = abs(at.size) - 2 * third
    best = sorted(_able(at, rest), key=lambda i: _cost(at.offers[i], third, at.size))[:3]
    return {i: rest if n == 0 else third for n, i in enumerate(best)} if len(best) == 3 else None


def sweep(at: Instance) -> Split | None:
    """All that the best top of book takes, then the next."""
    sign, left = (1 if at.size > 0 else -1), abs(at.size)
    split: Split = {}
    tops = [o.curve.marginal_price(sign) * sign + o.carry for o in at.offers]
    for i in sorted(range(len(tops)), key=tops.__getitem__):
        split[i] = min(left, most(at.offers[i], at.size))
        left -= split[i]
    return None if left else split


def grid(at: Instance, parts: int = 20) -> Split | None:
    """The best split in steps of 5 %, exactly, by dynamic programming."""
    unit = abs(at.size) // parts
    best: dict[int, tuple[int, Split]] = {0: (0, {})}
    last = abs(at.size) - unit * (parts - 1)  # What does not divide goes with the first unit.
    for i, offer in enumerate(at.offers):
        found = dict(best)
        for used, (spent, split) in best.items():
            for n in range(1, parts - used + 1):
                size = unit * n + (last - unit if not used else 0)
                if size > most(offer, at.size):
                    break
                total = spent + _cost(offer, size, at.size)
                if used + n not in found or total < found[used + n][0]:
                    found[used + n] = total, {**split, i: size}
        best = found
    return best[parts][1] if parts in best else None


BASELINES = {
    "best single": single,
    "greedy, 100 slices": greedy,
    "equal over best three": equal,
    "sweep": sweep,
    "5 % grid": grid,
}


def _cost(offer: Offer, part: int, size: int) -> int:
    if not part:
        return 0
    sign = 1 if size > 0 else -1
    paid = sign * offer.curve.quote(sign * part).all_in
    return paid + offer.leg_cost + carry_of(offer, part)


def _able(at: Instance, part: int) -> list[int]:
    return [i for i, offer in enumerate(at.offers) if 0 < part <= most(offer, at.size)]


def _cheapest(at: Instance, splits: list[Split]) -> Split | None:
    return min(splits, key=lambda split: cost(at, split) or 0, default=None)
