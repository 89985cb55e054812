"""A picture of the marginal-cost curves, with the split marked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ringside.cli.explain import Explained
from ringside.units import ONE, from_units
from ringside.venues.base import MarketState

POINTS = 240
MARGIN = 1.15
"""How far beyond the whole order the curves are drawn."""


def marginal(state: MarketState, size: int, points: int = POINTS) -> list[tuple[float, float]]:
    """(|size| in base, all-in price in USD of the next unit there) up to |`size`|, or as far as the
    venue goes."""
    curve, sign = state.curve, 1 if size > 0 else -1
    most = min(abs(size), curve.capacity(sign))
    lots = max(most // points // curve.lot, 1) * curve.lot
    found, last, paid = [], 0, 0
    first = -(-curve.minimum(sign) // lots) * lots
    for amount in range(first, most + 1, lots):
        all_in = curve.quote(sign * amount).all_in
        if last:
            found.append(((amount + last) / 2 / ONE, (all_in - paid) / (amount - last)))
        last, paid = amount, all_in
    return found


def draw(states: Mapping[str, MarketState], told: Explained, place: Path) -> None:
    """Writes the picture."""
    import matplotlib  # Takes most of a second.

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.5), layout="constrained")
    size = int(told.size * MARGIN)
    parts = {leg.venue: leg.size for leg in told.legs}
    for venue, state in states.items():
        points = marginal(state, size)
        if not points:
            continue
        name = f"{venue}{' (fills later)' if state.delayed else ''}"
        (line,) = axes.plot(*zip(*points, strict=True), label=name, linewidth=1.8)
        if venue in parts:
            amount = abs(parts[venue]) / ONE
            price = min(points, key=lambda point: abs(point[0] - amount))[1]
            axes.plot([amount], [price], "o", color=line.get_color(), markersize=8)
            axes.axvline(amount, color=line.get_color(), linestyle=":", linewidth=1)
            axes.annotate(
                f"{amount:,.4g}",
                (amount, price),
                textcoords="offset points",
                xytext=(7, -14 if told.size > 0 else 9),
                color=line.get_color(),
            )
    side = "Buying" if told.size > 0 else "Selling"
    base = told.market.split("-")[0]
    axes.set_title(
        f"{side} {from_units(abs(told.size)):f} {base}: the next unit's price by venue, block "
        f"{told.block:,}"
    )
    axes.set_xlabel(f"size at the venue, {base} (dots: the split)")
    axes.set_ylabel("marginal price with fees, USD")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(visible=True, alpha=0.25)
    axes.legend()
    figure.savefig(place, dpi=130)
    pyplot.close(figure)
