"""The states of a ticket, as they are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Where a ticket stood from this block on, and a word on it."""

    state: str
    block: int
    time: int
    note: str = ""
