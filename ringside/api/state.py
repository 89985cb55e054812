"""The running API: a house, and what works for its routes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ringside.accounts import owner_of
from ringside.api import sessions
from ringside.api.errors import Problem
from ringside.api.facts import Accounts, Reads
from ringside.api.happenings import Happenings
from ringside.api.house import House
from ringside.api.limits import Buckets
from ringside.api.logs import logger
from ringside.api.market import Market
from ringside.api.sessions import Session
from ringside.api.threads import Threads
from ringside.api.writer import Writer
from ringside.chain.multicall import Block


class Running:
    """Everything that the routes share. Made in the loop that serves them."""

    def __init__(self, house: House) -> None:
        self.house = house
        limits = house.limits
        self.threads = Threads()
        self.market = Market(house, self.threads)
        self.reads = Reads(house, self.market, self.threads)
        self.accounts = Accounts(house, self.market, self.reads)
        self.happenings = Happenings(house, self.threads, self.accounts.forget)
        self.writer = Writer(house.database, limits.group, limits.orders_waiting, self.stored)
        self.per_client = Buckets(limits.client_rate, limits.client_burst, limits.remembered)
        self.per_account = Buckets(limits.account_rate, limits.account_burst, limits.remembered)
        self.depths: dict[tuple[str, str], tuple[Block, list[tuple[int, int, int]]]] = {}
        """By venue and market, what fills near the mark, and at which block."""
        self.checked: tuple[float, dict[str, str]] = (-1.0, {})
        """When readiness was last looked at (monotonic seconds), and what was not ready."""

    def stored(self) -> None:
        """Something new is in the database."""
        self.house.wake()
        self.happenings.look()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Follows the market and the events and writes orders, while inside."""
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("market", self.market.follow()),
                ("events", self.happenings.follow()),
                ("writer", self.writer.run()),
            )
        ]
        for task in tasks:
            task.add_done_callback(_ended)
        self.tasks = tasks
        # What is there now stays: to look through all of it, again and again, for garbage takes
        # longer than the orders that come meanwhile.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            while not (self.writer.is_idle or tasks[-1].done()):
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.writer.close()
            gc.unfreeze()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (why := task.exception()) is not None:
        logger().error("a part of the API ended", part=task.get_name(), why=repr(why)[:500])


def running_of(connection: HTTPConnection) -> Running:
    found: Running = connection.app.state.running
    return found


Here = Annotated[Running, Depends(running_of)]


def client_of(connection: HTTPConnection) -> str:
    """The address that a request comes from."""
    return connection.client.host if connection.client else "unknown"


def bearer(connection: HTTPConnection) -> str:
    """The token that a request carries, empty if it carries none."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def session_of(connection: HTTPConnection) -> Session:
    """The session of a request.

    Raises:
        Problem: 401; there is none.
    """
    here, token = running_of(connection), bearer(connection)
    found = None
    if token:
        found = await here.threads.run(
            here.threads.database, lambda: sessions.session_of(here.house, token)
        )
    if found is None:
        raise Problem(
            401,
            "no-session",
            "This needs a session: sign the text of /v1/session/challenge, and send the token of "
            "/v1/session as `Authorization: Bearer …`.",
            {"WWW-Authenticate": "Bearer"},
        )
    return found


Signed = Annotated[Session, Depends(session_of)]


def require_own(session: Session, account: bytes) -> None:
    """
    Raises:
        Problem: 403; the account is another owner's.
    """
    if owner_of(account) != session.owner:
        raise Problem(403, "not-yours", "The account is another owner's: sign in as that owner.")
