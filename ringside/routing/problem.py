"""What a router is asked: what each venue offers to one order."""

from __future__ import annotations

from dataclasses import dataclass

from ringside.venues.base import Curve


@dataclass(frozen=True, slots=True)
class Offer:
    """What one venue offers to one order."""

    curve: Curve
    most: int | None = None
    """|1e18| besides the curve's own capacity: room on margin, the order's bounds, weights."""
    least: int = 0
    """|1e18| besides the curve's own minimum."""
    required: bool = False
    """Takes at least `least`, whatever it costs."""
    leg_cost: int = 0
    """USD 1e18 that a leg costs whatever its size."""
    carry: int = 0
    """USD 1e18 per base that holding costs over the horizon, in the order's direction; negative:
    is received."""
    margin: int = 0
    """USD 1e18 of the shared margin that one base takes."""
