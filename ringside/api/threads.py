"""Work that would block the loop: in threads, so many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class Threads:
    """Limits of how many threads read the database, ask the chain, and calculate."""

    def __init__(self) -> None:
        self.database = anyio.CapacityLimiter(4)
        self.chain = anyio.CapacityLimiter(6)
        self.heavy = anyio.CapacityLimiter(2)
        self.watch = anyio.CapacityLimiter(4)
        """For what must not wait behind requests: the market, the events, readiness."""

    @staticmethod
    async def run(limiter: anyio.CapacityLimiter, call: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)
