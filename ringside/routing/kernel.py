"""The relaxation's arithmetic, compiled: what each venue would take at a price, and the climb to
the price at which they take the order.

Only + − × ÷, the square root and comparisons, one after the other as they are written, without
fast-math: IEEE 754 rounds them alike on every machine, compiled or not, so that a receipt repeats.

Ways are rows of a matrix (columns below). A state is given by `rows` (the ways' row numbers, venue
by venue), `firsts` (where each venue's begin in it, and the end) and `closable` (whether it may
take nothing). Tables lie one after the other: those of way w have their pieces at offsets[t] to
offsets[t + 1], t its TABLE, and their starts and costs, one more each, from offsets[t] + t on.

Points go into slots: `scalars[slot]` is (x, value, slope, margin, toll), and a venue's place in a
slot says where in `rows` its best way is, its size (base), what it would lose (USD) and whether it
takes part.
"""

from __future__ import annotations

from math import floor, inf, sqrt
from typing import Any

import numpy as np
from numba import njit

LOW, HIGH, COST_LOW, COST_HIGH, SLOPE_LOW, SLOPE_HIGH = range(6)
CARRY, MARGIN, FIXED, STEP, COARSE, ERROR, TABLE = range(6, 13)
COLUMNS = 13
"""Of a way's row: as `Way` names them; COARSE is 0 or 1."""
X, VALUE, SLOPE, TAKEN, TOLL = range(5)
"""Of a slot's scalars."""
TURNS = 400
"""Steps of one climb; some ten are usual."""
FURTHEST = 1e12
"""Where a climb, still rising, gives up, in its first steps: nothing fits, or very little."""
ROUNDING = 2.0**-40
"""Relative; what thousands of float operations in a row may be off by, several times over."""
PLACES = 13
"""Slots: three climbs of best, below and above that are kept, and a climb's three and the point
just evaluated."""


def compiled(**options: Any) -> Any:
    """Compiles a function on its first call, and keeps it beside this file, in NUMBA_CACHE_DIR or
    in the user's cache; where none of them can be written to, every process compiles."""

    def made(function: Any) -> Any:
        try:
            return njit(cache=True, error_model="numpy", **options)(function)
        except RuntimeError:
            return njit(error_model="numpy", **options)(function)

    return made


@compiled(inline="always")
def _first_not_below(values, begin, end, x):  # type: ignore[no-untyped-def]
    """bisect_left of values[begin:end], as an index of values."""
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if values[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@compiled()
def tabulated(given, sign):  # type: ignore[no-untyped-def]
    """A table's arrays (starts, costs, firsts, lasts, pieces) of a mode's pieces in rows of size,
    price, slope and reserve, and which of them makes no sense, −1 if they all do."""
    count = len(given)
    starts, costs_ = np.zeros(count + 1), np.zeros(count + 1)
    firsts, lasts = np.empty(count), np.empty(count)
    pieces = np.empty((count, 3))
    at = spent = 0.0
    before = -inf
    for k in range(count):
        size, price, slope, reserve = given[k, 0], given[k, 1], given[k, 2], given[k, 3]
        first, rise = sign * price, sign * slope
        if reserve != 0.0:
            share = reserve / (reserve + size) if reserve + size != 0.0 else np.nan
            last = first * share * share
            spent += first * size * share
        else:
            last = first + rise * size
            spent += size * (first + rise * size / 2)
        slack = price * ROUNDING
        # What is not a number is in no order, so that NaN fails here too.
        if not (
            0 < size < inf
            and 0 < price < inf
            and sign * last >= -slack
            and before - slack <= first <= last + slack
            and reserve * (reserve + size) >= 0
        ):
            return starts, costs_, firsts, lasts, pieces, k
        at += size
        pieces[k, 0], pieces[k, 1], pieces[k, 2] = first, rise, reserve
        firsts[k] = first if first > before else before
        before = last if last > first else first
        lasts[k] = before
        starts[k + 1], costs_[k + 1] = at, spent
    return starts, costs_, firsts, lasts, pieces, -1


@compiled(inline="always")
def _cost(tables, table, size):  # type: ignore[no-untyped-def]
    """USD of `size` base in a table, as `Table.cost`."""
    offsets, starts, costs, _, _, pieces = tables
    begin, count = offsets[table], offsets[table + 1] - offsets[table]
    shifted = begin + table
    k = _first_not_below(starts, shifted, shifted + count + 1, size) - shifted - 1
    k = min(max(k, 0), count - 1)
    price, rise, reserve = pieces[begin + k, 0], pieces[begin + k, 1], pieces[begin + k, 2]
    x = size - starts[shifted + k]
    if reserve != 0.0:
        return costs[shifted + k] + price * x * (reserve / (reserve + x))
    return costs[shifted + k] + x * (price + rise * x / 2)


@compiled()
def _marginal(tables, table, size, onwards):  # type: ignore[no-untyped-def]
    """The marginal cost of the unit after `size` (`onwards`) or before it."""
    offsets, starts, _, _, _, pieces = tables
    begin, count = offsets[table], offsets[table + 1] - offsets[table]
    shifted = begin + table
    k = _first_not_below(starts, shifted, shifted + count + 1, size) - shifted - 1
    k = min(max(k, 0), count - 1)
    if onwards and size >= starts[shifted + k + 1]:
        if k + 1 == count:
            return inf
        k += 1
    price, rise, reserve = pieces[begin + k, 0], pieces[begin + k, 1], pieces[begin + k, 2]
    x = size - starts[shifted + k]
    if reserve != 0.0:
        share = reserve / (reserve + x)
        return price * share * share
    return price + rise * x


@compiled()
def complete(ways, tables, first, last):  # type: ignore[no-untyped-def]
    """Fills in the costs at both ends of the ways in these rows, and the marginal costs there."""
    for row in range(first, last):
        way = ways[row]
        table, low, high = int(way[TABLE]), way[LOW], way[HIGH]
        way[COST_LOW] = way[FIXED] + _cost(tables, table, low)
        way[COST_HIGH] = way[FIXED] + _cost(tables, table, high)
        # A way of one size has no marginal cost: whatever the price, it takes `low`.
        way[SLOPE_LOW] = _marginal(tables, table, low, True) if low < high else inf
        way[SLOPE_HIGH] = _marginal(tables, table, high, False)


@compiled()
def costs(ways, tables, rows, sizes):  # type: ignore[no-untyped-def]
    """USD of a size in each way, carry included."""
    found = np.empty(len(rows))
    for i in range(len(rows)):
        way = ways[rows[i]]
        cost = _cost(tables, int(way[TABLE]), sizes[i])
        found[i] = way[FIXED] + cost + way[CARRY] * sizes[i]
    return found


LEAST_GAIN = 1e-9
"""USD: what a lot's trading has to bring."""


@compiled()
def trades(ways, tables, rows, sizes, lots, takes, owns, mu):  # type: ignore[no-untyped-def]
    """Trades of whole lots that make a split cheaper, the best first, one after the other: rows of
    (who takes one, who gives it, which lot). `sizes` (base) are the split's; `takes[k, i]` says
    that the venue's lots divide lot k, `owns[k, i]` that it is its own, as one of two has to. A
    dollar of margin is worth `mu`."""
    count, kinds = len(rows), len(lots)
    found = np.empty((4 * count, 3), np.int64)
    number = 0
    sizes = sizes.copy()
    more, less = np.full((kinds, count), inf), np.full((kinds, count), inf)
    for i in range(count):
        _changed(ways, tables, rows, sizes, lots, takes, mu, more, less, i)
    for _ in range(4 * count):
        best, one, other, lot = -LEAST_GAIN, -1, -1, -1
        for k in range(kinds):
            for i in range(count):
                if more[k, i] == inf:
                    continue
                for j in range(count):
                    if i == j or not (owns[k, i] or owns[k, j]):
                        continue
                    gain = more[k, i] + less[k, j]
                    if gain < best:
                        best, one, other, lot = gain, i, j, k
        if one < 0:
            break
        found[number, 0], found[number, 1], found[number, 2] = one, other, lot
        number += 1
        sizes[one] += lots[lot]
        sizes[other] -= lots[lot]
        _changed(ways, tables, rows, sizes, lots, takes, mu, more, less, one)
        _changed(ways, tables, rows, sizes, lots, takes, mu, more, less, other)
    return found[:number]


@compiled()
def _changed(  # type: ignore[no-untyped-def]
    ways, tables, rows, sizes, lots, takes, mu, more, less, i
):
    """What it costs the venue to take one of each lot more, and one less."""
    row = rows[i]
    table, carry = int(ways[row, TABLE]), ways[row, CARRY] + mu * ways[row, MARGIN]
    before = _cost(tables, table, sizes[i])
    for k in range(len(lots)):
        more[k, i] = less[k, i] = inf
        if not takes[k, i]:
            continue
        up, down = sizes[i] + lots[k], sizes[i] - lots[k]
        if up <= ways[row, HIGH] + lots[k] * LEAST_GAIN:
            more[k, i] = _cost(tables, table, up) - before + carry * lots[k]
        if down >= ways[row, LOW] - lots[k] * LEAST_GAIN:
            less[k, i] = _cost(tables, table, down) - before - carry * lots[k]


@compiled(inline="always")
def _at_table(tables, table, marginal):  # type: ignore[no-untyped-def]
    """The smallest size whose next unit costs `marginal` or more, and its cost, as `Table.at`."""
    offsets, starts, costs, firsts, lasts, pieces = tables
    begin, end = offsets[table], offsets[table + 1]
    k = _first_not_below(firsts, begin, end, marginal) - 1
    shifted = k + table
    if k < begin:
        return 0.0, 0.0
    if marginal >= lasts[k]:
        return starts[shifted + 1], costs[shifted + 1]
    price, rise, reserve = pieces[k, 0], pieces[k, 1], pieces[k, 2]
    if reserve != 0.0:
        x = reserve * (sqrt(price / marginal) - 1)
        return starts[shifted] + x, costs[shifted] + price * x * (reserve / (reserve + x))
    x = (marginal - price) / rise
    return starts[shifted] + x, costs[shifted] + x * (price + rise * x / 2)


@compiled(inline="always")
def _at_way(ways, row, tables, price):  # type: ignore[no-untyped-def]
    """Where every unit is worth `price` (carry and margin taken out of it), the size in base that
    loses least and what it loses: its cost less its worth."""
    low, high = ways[row, LOW], ways[row, HIGH]
    if price <= ways[row, SLOPE_LOW]:
        return low, ways[row, COST_LOW] - price * low
    if price >= ways[row, SLOPE_HIGH]:
        return high, ways[row, COST_HIGH] - price * high
    table, fixed = int(ways[row, TABLE]), ways[row, FIXED]
    size, cost = _at_table(tables, table, price)
    if ways[row, COARSE] == 0.0:
        return size, fixed + cost - price * size
    step = ways[row, STEP]
    below = low + floor((size - low) / step) * step
    above = min(below + step, high)
    one = _cost(tables, table, below) - price * below
    two = _cost(tables, table, above) - price * above
    if one <= two:
        return below, fixed + one
    return above, fixed + two


@compiled()
def loss_of(ways, tables, row, price, mu):  # type: ignore[no-untyped-def]
    """What a way loses at a price per unit and one per dollar of margin (USD)."""
    worth = price - ways[row, CARRY] - mu * ways[row, MARGIN]
    return _at_way(ways, row, tables, worth)[1]


@compiled()
def at(state, ways, tables, rule, price, mu, slots, slot):  # type: ignore[no-untyped-def]
    """The relaxation at a price per unit and one per dollar of margin, into a slot. `rule` is
    (size in base, at most so many venues or 0, margin in USD, 1 where that is shared or 0)."""
    rows, firsts, closable = state
    scalars, best, sizes, losses, used = slots
    total, most, margin = rule[0], int(rule[1]), rule[2]
    count = len(firsts) - 1
    doubt, lost = 0.0, abs(mu * margin)
    taking = 0
    for i in range(count):
        least, place, much = inf, -1, 0.0
        for j in range(firsts[i], firsts[i + 1]):
            one = rows[j]
            worth = price - ways[one, CARRY] - mu * ways[one, MARGIN]
            size, loss = _at_way(ways, one, tables, worth)
            if loss < least:
                least, place, much = loss, j, size
        best[slot, i], sizes[slot, i], losses[slot, i] = place, much, least
        takes = least < 0 or not closable[i]
        used[slot, i] = takes
        error = ways[rows[place], ERROR]
        if takes:
            taking += 1
            lost += abs(least)
            doubt += error
        elif least < error:
            doubt += error - least
    toll = 0.0
    if most > 0 and taking > most:
        toll = _fewest(closable, losses[slot], used[slot], count, most, taking)
    value, left, taken = price * total - mu * margin, total, -margin
    for i in range(count):
        if used[slot, i]:
            value += losses[slot, i]
            left -= sizes[slot, i]
            taken += ways[rows[best[slot, i]], MARGIN] * sizes[slot, i]
        else:
            sizes[slot, i] = 0.0
    worth = 2 * abs(price) * (2 * total - left) + lost
    scalars[slot, X], scalars[slot, TOLL] = price, toll
    scalars[slot, VALUE] = value - doubt - ROUNDING * worth
    scalars[slot, SLOPE], scalars[slot, TAKEN] = left, taken


@compiled()
def _fewest(closable, losses, used, count, most, taking):  # type: ignore[no-untyped-def]
    """Leaves those that lose least of so many as may take part; of equals the earlier. Returns the
    toll that leaves just them: what the best of the others would gain."""
    room = most
    for i in range(count):
        if used[i] and not closable[i]:
            room -= 1
    room = max(room, 0)
    free = np.empty(taking, np.int64)
    number = 0
    for i in range(count):
        if used[i] and closable[i]:
            free[number] = i
            number += 1
    toll = 0.0
    for place in range(number):  # Selection: some ten of some fifty.
        if place > room:
            break
        least = place
        for other in range(place + 1, number):
            a, b = free[other], free[least]
            if losses[a] < losses[b] or (losses[a] == losses[b] and a < b):
                least = other
        free[place], free[least] = free[least], free[place]
        if place == room:
            toll = -losses[free[place]]
    for place in range(room, number):
        used[free[place]] = False
    return toll


@compiled()
def _copy(slots, source, to):  # type: ignore[no-untyped-def]
    scalars, best, sizes, losses, used = slots
    scalars[to] = scalars[source]
    for i in range(best.shape[1]):  # One by one is faster than row by row.
        best[to, i], sizes[to, i] = best[source, i], sizes[source, i]
        losses[to, i], used[to, i] = losses[source, i], used[source, i]


@compiled()
def along(  # type: ignore[no-untyped-def]
    state, ways, tables, rule, price, step, mu, target, tolerance, slots, base
):
    """Climbs to the highest point along the price at one μ: to within `tolerance`, or as soon as
    `target` is reached. The best point goes into slot `base`, the last below the top and above it
    into the next two. Returns whether there is one on each side: 0 where the top was met exactly
    (then all three are it), 1 otherwise; where a side is missing the best stands for it."""
    scalars = slots[0]
    best, below, above, now = base, base + 1, base + 2, base + 3
    furthest = step * FURTHEST
    has_below = has_above = False
    at(state, ways, tables, rule, price, mu, slots, now)
    _copy(slots, now, best)
    for turn in range(TURNS):
        if scalars[now, VALUE] > scalars[best, VALUE]:
            _copy(slots, now, best)
        if scalars[now, SLOPE] > 0:
            _copy(slots, now, below)
            has_below = True
        elif scalars[now, SLOPE] < 0:
            _copy(slots, now, above)
            has_above = True
        else:
            for place in (best, below, above):
                _copy(slots, now, place)
            return 0
        if scalars[best, VALUE] >= target:
            break
        if not has_below:
            if step > furthest:
                break
            x, step = scalars[now, X] - step, step * 4
        elif not has_above:
            if step > furthest:
                break
            x, step = scalars[now, X] + step, step * 4
        else:
            x = _between(scalars[below], scalars[above], scalars[best, VALUE], tolerance, turn)
            if x != x:
                break
        at(state, ways, tables, rule, x, mu, slots, now)
    if not has_below:
        _copy(slots, above if has_above else best, below)
    if not has_above:
        _copy(slots, below, above)
    return 1 if has_below and has_above else 0


@compiled()
def _between(below, above, known, tolerance, turn):  # type: ignore[no-untyped-def]
    """Where a concave function with these points on either side of its top is looked at next; not a
    number where that is near enough."""
    rise, apart = below[SLOPE] - above[SLOPE], above[X] - below[X]
    # Where the tangents meet is as high as the top can be.
    x = below[X] + (above[VALUE] - below[VALUE] - above[SLOPE] * apart) / rise
    if below[VALUE] + below[SLOPE] * (x - below[X]) - known <= tolerance:
        return np.nan
    if turn % 2:  # Where the slope would be nothing, were it linear.
        x = below[X] + apart * below[SLOPE] / rise
    if not below[X] < x < above[X]:
        x = below[X] + apart / 2
        if not below[X] < x < above[X]:
            return np.nan
    return x


MU, WEIGHT, SIDED = 0, 3, 4
"""Of a top's row, beside VALUE (1) and SLOPE (2): its μ, the weight of the point above, and whether
there is one on each side."""


@compiled()
def _top(  # type: ignore[no-untyped-def]
    state, ways, tables, rule, price, step, mu, target, tolerance, slots, base, tops, place
):
    """`along` at μ, and what it comes to into a row of `tops`: the slope is the margin taken beyond
    what there is."""
    sided = along(state, ways, tables, rule, price, step, mu, target, tolerance, slots, base)
    below, above = slots[0][base + 1], slots[0][base + 2]
    weight = below[SLOPE] / (below[SLOPE] - above[SLOPE]) if sided else 0.0
    tops[place, MU], tops[place, VALUE] = mu, slots[0][base, VALUE]
    tops[place, SLOPE] = (1 - weight) * below[TAKEN] + weight * above[TAKEN]
    if not sided:
        tops[place, SLOPE] = below[TAKEN]
    tops[place, WEIGHT], tops[place, SIDED] = weight, sided


@compiled()
def _keep(slots, tops, place):  # type: ignore[no-untyped-def]
    """Keeps the top just found (its points are from slot 9 on) in the place for best, below or
    above (0, 1, 2)."""
    for k in range(3):
        _copy(slots, 9 + k, 3 * place + k)
    tops[place] = tops[3]


@compiled()
def over(  # type: ignore[no-untyped-def]
    state, ways, tables, rule, price, step, mu, target, tolerance, slots, tops
):
    """The same climb over μ ≥ 0, each of whose points is a climb along the price. The best, the
    last below the top and the one above it are in rows 0, 1 and 2 of `tops`, their points (best,
    below and above) three slots each. Returns what `along` does."""
    floor_ = 0.0
    stride = max(mu / 16, 1e-4)
    furthest = stride * FURTHEST
    has_below = has_above = False
    x = mu
    for turn in range(TURNS):
        _top(state, ways, tables, rule, price, step, x, target, tolerance, slots, 9, tops, 3)
        moved, price = abs(slots[0][9, X] - price), slots[0][9, X]
        if turn and moved > 0:  # About as far as the price goes with μ.
            step = moved / 4
        if turn == 0 or tops[3, VALUE] > tops[0, VALUE]:
            _keep(slots, tops, 0)
        if tops[3, SLOPE] > 0:
            _keep(slots, tops, 1)
            has_below = True
        elif tops[3, SLOPE] < 0:
            _keep(slots, tops, 2)
            has_above = True
        else:
            for place in range(3):
                _keep(slots, tops, place)
            return 0
        if tops[0, VALUE] >= target:
            break
        if not has_below:
            if x <= floor_ or stride > furthest:
                break
            x, stride = max(x - stride, floor_), stride * 4
        elif not has_above:
            if stride > furthest:
                break
            x, stride = x + stride, stride * 4
        else:
            x = _between(tops[1], tops[2], tops[0, VALUE], tolerance, turn)
            if x != x:
                break
    return 1 if has_below and has_above else 0
