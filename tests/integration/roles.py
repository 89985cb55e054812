"""Who may call the registry besides its governor."""

from __future__ import annotations

from typing import Any

from eth_utils.crypto import keccak
from stage import Ringside, send

GUARDIAN = 1
"""The number of the guardian's role here."""


def appoint_guardian(ringside: Ringside) -> Any:
    """The governor lets the guardian pause, at once and without a delay."""
    governor, guardian = ringside.actors["governor"], ringside.actors["guardian"]
    pauses = [keccak(text=call)[:4] for call in ("pause(uint8)", "pauseAll()")]
    terms = ringside.venues.address, pauses, GUARDIAN
    send(ringside.access.setTargetFunctionRole, *terms, sender=governor)
    send(ringside.access.grantRole, GUARDIAN, guardian, 0, sender=governor)
    return guardian
