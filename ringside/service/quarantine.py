"""Venues that keep refusing are left out for a while, so that others go on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ringside.venues import Snapshot

STRIKES = 3
"""Accounts whose fills a venue refuses in a row that put it out: one account's own trouble with a
venue is not everybody's."""
TERM = 300.0
"""Seconds that it stays out."""


@dataclass
class Quarantine:
    """Counts refusals by venue, by whose fill it was. A refusal of several venues together counts
    against each, but puts out only one of them: where the others then refuse without it, it was
    not that one, and it is back. A fill that goes through clears its venues."""

    strikes: dict[str, set[bytes]] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    suspected: dict[str, set[str]] = field(default_factory=dict)
    """Venues that are out for what others may have refused, and which."""

    def passed(self, venues: Iterable[str]) -> None:
        """A fill over these venues would go through."""
        for venue in venues:
            self.strikes.pop(venue, None)

    def refused(self, venues: Iterable[str], account: bytes) -> None:
        """A venue among these refused a fill of the account's, for reasons of its own."""
        together = set(venues)
        if together & self.out:  # Which may have been why.
            return
        for venue in together:
            self.strikes.setdefault(venue, set()).add(account)
        worst = max(sorted(together), key=lambda venue: len(self.strikes[venue]))
        if len(self.strikes[worst]) < STRIKES:
            return
        self.until[worst] = time.monotonic() + TERM
        self.passed(together)
        if len(together) > 1:
            self.suspected[worst] = together - {worst}
            return
        for venue in [v for v, others in self.suspected.items() if worst in others]:
            del self.suspected[venue]
            self.until.pop(venue, None)

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
