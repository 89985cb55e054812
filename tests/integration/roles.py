"""Who may call the registry besides its governor."""

from __future__ import annotations

from typing import Any

from eth_utils.crypto import keccak
from stage import Ringside, send

GUARDIAN = 1
"""The number of the guardian's role here."""


def appoint_guardian(ringside: Ringside) -> Any:
    """The governor lets the guardian pause and lower caps, at once and without a delay."""
    governor, guardian = ringside.actors["governor"], ringside.actors["guardian"]
    calls = "pause(uint8)", "pauseAll()", "lowerCaps(uint8,uint256,uint256)"
    stops = [keccak(text=call)[:4] for call in calls]
    terms = ringside.venues.address, stops, GUARDIAN
    send(ringside.access.setTargetFunctionRole, *terms, sender=governor)
    send(ringside.access.grantRole, GUARDIAN, guardian, 0, sender=governor)
    return guardian
