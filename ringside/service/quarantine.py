"""Venues that keep refusing are left out for a while, so that others go on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ringside.venues import Snapshot

STRIKES = 3
"""Refusals in a row, of different orders or at different times, that put a venue out."""
TERM = 300.0
"""Seconds that it stays out."""


@dataclass
class Quarantine:
    """Counts refusals by venue. A refusal of several venues together counts against each; one that
    goes through clears them."""

    strikes: dict[str, int] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)

    def note(self, venues: Iterable[str], refused: bool, key: bytes) -> None:
        """Notes how a trial or a transaction over these venues went."""
        for venue in venues:
            if not refused:
                self.strikes.pop(venue, None)
                continue
            self.strikes[venue] = self.strikes.get(venue, 0) + 1
            if self.strikes[venue] >= STRIKES:
                self.until[venue] = time.monotonic() + TERM
                self.strikes.pop(venue)

    @property
    def out(self) -> set[str]:
        """Who is left out now."""
        now = time.monotonic()
        return {venue for venue, until in self.until.items() if until > now}

    def without(self, seen: Snapshot) -> Snapshot:
        """The snapshot without them."""
        out = self.out
        if not out:
            return seen
        gone = {key: "it refused fill after fill" for key in seen.states if key[0] in out}
        return replace(
            seen,
            states={key: state for key, state in seen.states.items() if key not in gone},
            readings={key: read for key, read in seen.readings.items() if key not in gone},
            failures={**seen.failures, **gone},
        )
