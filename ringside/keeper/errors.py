"""Why no fill is possible now, each in a sentence."""

from __future__ import annotations

from ringside.units import USDC_DECIMALS, from_units


class PlanError(Exception):
    """No fill of this order is possible now; the message says why in a sentence."""


class TooDear(PlanError):
    """Nothing on offer meets the order's price limit."""


class TooLittleMargin(PlanError):
    """The venues of a route ask for more margin than the order and the account have."""


class NotNow(PlanError):
    """The order's own conditions are not met: its time, its trigger, its schedule, its group."""


class NothingToClose(PlanError):
    """The account holds nothing that an order to close all would close."""


class HeldElsewhere(PlanError):
    """The order would open while allowed venues hold the opposite position, which goes first."""


def usdc(amount: int) -> str:
    """USDC (1e6) as people read it."""
    return f"{from_units(amount, USDC_DECIMALS):,}"
