"""The two clients: the same methods (markets.py, trading.py, history.py), called or awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cached_property
from typing import Any

import httpx
from websockets.asyncio import client as async_sockets
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync import client as sync_sockets

from ringside.client import shapes
from ringside.client.calls import Async, Sync
from ringside.client.history import History
from ringside.client.stream import Tape


class Client(History, Sync):
    """A client of a keeper's API whose methods return what they found.

    It holds a connection: close it, or use it as a context. See `Core` for what it is made with.
    """

    @cached_property
    def _connection(self) -> httpx.Client:  # type: ignore[override]
        return httpx.Client(**self._http)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Signs out and hangs up."""
        try:
            self._run(self._sign_out())
        finally:
            self._connection.close()

    def watch_orders(
        self, symbol: str | None = None, after: int | None = None
    ) -> Iterator[shapes.Order]:
        """Every change of an order's state, as it happens, for ever; after event number `after`
        (`info["seq"]` of one seen before), or from now on. A lost connection is taken up again
        where it was lost."""
        wanted = self._run(self._symbol(symbol))
        for event in self.watch(("order",), after):
            if (found := shapes.told(event))["symbol"] == wanted or wanted is None:
                yield found

    def watch(self, kinds: Sequence[str] = (), after: int | None = None) -> Iterator[Any]:
        """The account's events as the API tells them, of some kinds (order, fill, ticket, account,
        margin, alert) or all; as `watch_orders`."""
        tape = Tape(self.account, tuple(kinds), after)
        while True:
            token = self._run(self._sign_in())
            try:
                with sync_sockets.connect(self._stream + tape.path()) as socket:
                    socket.send(tape.hello(token))
                    for text in socket:
                        if (event := tape.heard(text)) is not None:
                            yield event
                wait = tape.lost(socket.protocol.close_code, "it was closed")
            except (WebSocketException, OSError) as no:
                wait = tape.lost(*_why(no))
            if wait is None:
                self._token = ""
            else:
                time.sleep(wait)


class AsyncClient(History, Async):
    """A client of a keeper's API whose methods are awaited.

    It holds a connection: close it, or use it as a context. See `Core` for what it is made with.
    """

    @cached_property
    def _connection(self) -> httpx.AsyncClient:  # type: ignore[override]
        return httpx.AsyncClient(**self._http)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Signs out and hangs up."""
        try:
            await self._run(self._sign_out())
        finally:
            await self._connection.aclose()

    async def watch_orders(
        self, symbol: str | None = None, after: int | None = None
    ) -> AsyncIterator[shapes.Order]:
        """As `Client.watch_orders`."""
        wanted = await self._run(self._symbol(symbol))
        async for event in self.watch(("order",), after):
            if (found := shapes.told(event))["symbol"] == wanted or wanted is None:
                yield found

    async def watch(
        self, kinds: Sequence[str] = (), after: int | None = None
    ) -> AsyncIterator[Any]:
        """As `Client.watch`."""
        tape = Tape(self.account, tuple(kinds), after)
        while True:
            token = await self._run(self._sign_in())
            try:
                async with async_sockets.connect(self._stream + tape.path()) as socket:
                    await socket.send(tape.hello(token))
                    async for text in socket:
                        if (event := tape.heard(text)) is not None:
                            yield event
                wait = tape.lost(socket.close_code, "it was closed")
            except (WebSocketException, OSError) as no:
                wait = tape.lost(*_why(no))
            if wait is None:
                self._token = ""
            else:
                await asyncio.sleep(wait)


def _why(no: Exception) -> tuple[int | None, str]:
    """The closing code that the house gave, if it did, and what happened."""
    if isinstance(no, ConnectionClosed) and no.rcvd is not None:
        return no.rcvd.code, no.rcvd.reason
    return None, str(no) or type(no).__name__
