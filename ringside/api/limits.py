"""Token buckets: who asks too often waits."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from ringside.api.errors import Problem


class Buckets:
    """A bucket for each name: `rate` tokens a second flow in, up to `burst`. Of many names, those
    longest unused are forgotten: that fills their buckets."""

    def __init__(
        self,
        rate: float,
        burst: float,
        remembered: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate, self.burst, self.remembered, self.clock = rate, burst, remembered, clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, tokens: float = 1.0) -> float:
        """Takes `tokens` of the name's bucket. Returns 0, or the seconds until there would be
        enough; then nothing was taken."""
        now = self.clock()
        left, at = self._known.pop(name, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.rate)
        short = tokens - left
        self._known[name] = (left if short > 0 else left - tokens, now)
        if len(self._known) > self.remembered:
            self._known.popitem(last=False)
        return short / self.rate if short > 0 else 0.0

    def require(self, name: str, tokens: float = 1.0, whose: str = "this address") -> None:
        """
        Raises:
            Problem: 429; the bucket is empty.
        """
        if wait := self.take(name, tokens):
            seconds = str(max(1, math.ceil(wait)))
            raise Problem(
                429,
                "too-many-requests",
                f"Too many requests of {whose}: ask again in {seconds} s.",
                {"Retry-After": seconds},
            )

    def __len__(self) -> int:
        return len(self._known)
