"""How far a pocket of margin is from its liquidation, at the oracle's prices: exactly, as the
contract `Policies` reckons it, and in floats for many pockets, to find those worth a look."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringside.chain.views import SeatView
from ringside.policies import Health
from ringside.units import ONE

NO_NEED = 2**256 - 1
"""The health of a pocket that needs no maintenance."""


class Unknown(Exception):
    """A pocket's health cannot be told; the message says why, in words."""


class Basis(NamedTuple):
    """A pocket as the venue has it: equity and maintenance (USD 1e18) at its own mark prices, and
    by market the signed size (1e18) and that mark price (1e18)."""

    equity: int
    maintenance: int
    free: int
    held: Mapping[str, tuple[int, int]]


def basis(seat: SeatView, market: str, listed: Sequence[str]) -> Basis:
    """The pocket of `market` at a seat, which is all of the seat where its markets, `listed`, share
    their margin.

    Raises:
        Unknown: there is no seat yet, or it cannot be read.
    """
    if not seat.made:
        raise Unknown(f"the account has no seat at {seat.venue}")
    pocket = seat.pocket_of(market)
    names = [market] if seat.isolated else [n for n in listed if n in seat.positions]
    if pocket is None or any(name not in seat.positions for name in names):
        raise Unknown(f"{seat.venue} cannot be read")
    held = {
        name: (found.size, found.mark_price)
        for name in names
        if (found := seat.positions[name]).size
    }
    return Basis(pocket.equity, pocket.maintenance, pocket.free, held)


def health(pocket: Basis, prices: Mapping[str, int | None]) -> Health:
    """As `Policies.health`, to the last digit; `prices` are the oracle's (1e18), nothing where one
    is stale.

    Raises:
        Unknown: the price of something held is stale.
    """
    shift = at_mark = at_oracle = 0
    for name, (size, mark) in pocket.held.items():
        price = prices.get(name)
        if price is None:
            raise Unknown(f"the oracle's price of {name} is stale")
        shift += size * (price - mark)
        at_mark += abs(size) * mark
        at_oracle += abs(size) * price
    moved = abs(shift) // ONE
    equity = pocket.equity + (moved if shift > 0 else -moved)
    maintenance = pocket.maintenance
    if at_mark:
        maintenance = -(-maintenance * at_oracle // at_mark)
    if not maintenance:
        return Health(equity, 0, NO_NEED)
    return Health(equity, maintenance, max(equity, 0) * ONE // maintenance)


class Scan:
    """Pockets as they were last read, at whatever the prices are now. What accrues meanwhile is not
    in it: it finds what to read, and decides nothing."""

    def __init__(self, markets: Sequence[str]) -> None:
        self.markets = list(markets)
        self._rows: dict[Hashable, int] = {}
        self._free: list[int] = []
        self._equity = np.zeros(0)
        self._maintenance = np.zeros(0)
        self._sizes = np.zeros((0, len(markets)))
        self._marks = np.zeros((0, len(markets)))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, place: Hashable) -> bool:
        return place in self._rows

    def row(self, place: Hashable) -> int | None:
        """Where a pocket stands in `health`, `None` if it is not known."""
        return self._rows.get(place)

    def put(self, place: Hashable, pocket: Basis) -> int:
        """Notes a pocket, under whatever names it; returns its row."""
        row = self._rows.get(place)
        if row is None:
            if not self._free:
                self._grow()
            row = self._rows[place] = self._free.pop()
        self._equity[row] = pocket.equity / ONE
        self._maintenance[row] = pocket.maintenance / ONE
        for column, name in enumerate(self.markets):
            size, mark = pocket.held.get(name, (0, 0))
            self._sizes[row, column], self._marks[row, column] = size / ONE, mark / ONE
        return row

    def drop(self, place: Hashable) -> None:
        """Forgets a pocket."""
        row = self._rows.pop(place, None)
        if row is not None:
            self._equity[row], self._maintenance[row] = 0.0, 0.0
            self._sizes[row], self._marks[row] = 0.0, 0.0
            self._free.append(row)

    def health(self, prices: Mapping[str, int | None]) -> NDArray[np.float64]:
        """By row, 1 = at its liquidation, infinite where nothing is needed. A market whose price is
        stale counts at the venue's own."""
        now = np.array([(prices.get(name) or 0) / ONE for name in self.markets])
        at = np.where(now > 0, now, self._marks)
        notional = np.abs(self._sizes)
        equity = self._equity + (self._sizes * (at - self._marks)).sum(axis=1)
        before, after = (notional * self._marks).sum(axis=1), (notional * at).sum(axis=1)
        maintenance = self._maintenance * np.where(
            before > 0, after / np.where(before > 0, before, 1), 1
        )
        needed = maintenance > 0
        found = np.maximum(equity, 0) / np.where(needed, maintenance, 1)
        return np.where(needed, found, np.inf)

    def _grow(self) -> None:
        size = len(self._equity)
        more = max(size, 64)
        self._equity = np.concatenate([self._equity, np.zeros(more)])
        self._maintenance = np.concatenate([self._maintenance, np.zeros(more)])
        wide = np.zeros((more, len(self.markets)))
        self._sizes, self._marks = (np.concatenate([a, wide]) for a in (self._sizes, self._marks))
        self._free = list(range(size + more - 1, size - 1, -1))
