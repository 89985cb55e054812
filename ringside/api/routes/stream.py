"""What happens to an owner's accounts, as it happens.

A client connects, sends one message, {"token": …, "accounts": […], "kinds": […]} (the last two if
it wants less than all), and is sent {"ready": true, "after": n} and then events in the order of
their numbers, {"seq", "at", "account", "order", "kind", "body"}, from the one after `?after=`. With
nothing to tell, {"heartbeat": n} says up to which number all was told. Nothing is kept for a
reader: who is slow reads on from the database, and who takes nothing for a while is dropped.

Closing codes: 4400 the message is no such message, 4401 the token opens nothing (any more), 4408 no
message came in time or the reader is too slow, 4429 too many streams, 4503 shutting down.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from ringside.accounts import owner_of
from ringside.api import metrics, sessions
from ringside.api.happenings import PAGE, Listener, of_owner
from ringside.api.logs import logger
from ringside.api.state import Running, running_of
from ringside.store.book import Event

router = APIRouter()
HELLO = 10.0
"""Seconds within which the first message must come."""
KINDS = frozenset({"order", "fill", "ticket", "account", "policy", "alert"})
MOST_SAID = 16
"""Messages that a client may send after its first; there is nothing to say."""


class _Closed(Exception):
    def __init__(self, code: int, why: str) -> None:
        self.code, self.why = code, why
        super().__init__(why)


@dataclass(frozen=True)
class _Asked:
    token: str
    owner: str
    accounts: frozenset[str]
    kinds: frozenset[str]


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """The events of the owner whose token comes first."""
    here = running_of(socket)
    await socket.accept()
    try:
        await _serve(here, socket)
    except _Closed as no:
        if no.code == 4408:
            metrics.DROPPED.inc()
        logger().info("stream closed", code=no.code, why=no.why)
        await _close(here, socket, no)
    except (WebSocketDisconnect, RuntimeError):
        pass  # Its reader has gone.
    except Exception:
        metrics.FAULTS.inc()
        logger().exception("a stream failed")
        await _close(here, socket, _Closed(1011, "a fault of the house"))


async def _serve(here: Running, socket: WebSocket) -> None:
    client = socket.client.host if socket.client else "unknown"
    if here.per_client.take(client):
        raise _Closed(4429, "too many requests of this address")
    if here.happenings.listening >= here.house.limits.streams:
        raise _Closed(4429, "too many streams are open")
    after = _number(socket.query_params.get("after"))
    asked = await _hello(here, socket)
    if here.happenings.listening_of(asked.owner) >= here.house.limits.streams_per_owner:
        raise _Closed(4429, "this owner has too many streams open")
    listener = here.happenings.listen(asked.owner)
    metrics.STREAMS.inc()
    said = asyncio.create_task(_hear(socket))
    told = asyncio.create_task(_tell(here, socket, asked, listener, after))
    try:
        await asyncio.wait({said, told}, return_when=asyncio.FIRST_COMPLETED)
        for task in (said, told):
            if task.done():
                task.result()
    finally:
        here.happenings.leave(listener)
        metrics.STREAMS.dec()
        for task in (said, told):
            task.cancel()
        await asyncio.gather(said, told, return_exceptions=True)


async def _hello(here: Running, socket: WebSocket) -> _Asked:
    try:
        first = await asyncio.wait_for(socket.receive_text(), HELLO)
    except asyncio.TimeoutError:
        raise _Closed(4408, "the first message must carry the token") from None
    except KeyError:  # Bytes, not text.
        raise _Closed(4400, "the first message must be JSON text") from None
    try:
        data = json.loads(first) if len(first) <= 16_384 else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("token"), str):
        raise _Closed(4400, 'the first message must be {"token": …}')
    accounts, kinds = (_names(data.get(name)) for name in ("accounts", "kinds"))
    if unknown := kinds - KINDS:
        raise _Closed(4400, f"there are no events of kind {min(unknown)[:40]}")
    token = data["token"]
    session = await here.threads.run(
        here.threads.database, lambda: sessions.session_of(here.house, token)
    )
    if session is None:
        raise _Closed(4401, "the token opens nothing")
    accounts = frozenset(map(str.lower, accounts))
    if any(one[:42] != session.owner or len(one) != 66 for one in accounts):
        raise _Closed(4401, "an account is another owner's")
    return _Asked(token, session.owner, accounts, kinds)


def _names(given: Any) -> frozenset[str]:
    if given is None:
        return frozenset()
    if (
        not isinstance(given, list)
        or len(given) > 64
        or not all(isinstance(one, str) for one in given)
    ):
        raise _Closed(4400, "accounts and kinds must be lists of at most 64 texts")
    return frozenset(given)


def _number(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise _Closed(4400, "after must be the number of an event")
    return int(given)


async def _hear(socket: WebSocket) -> None:
    """Waits for the reader to leave."""
    for _ in range(MOST_SAID):
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
    raise _Closed(4400, "there is nothing to say here")


async def _tell(
    here: Running, socket: WebSocket, asked: _Asked, listener: Listener, after: int | None
) -> None:
    """Tells what happens, from the events after a number, or from now on."""
    house = here.house
    session = partial(sessions.session_of, house, asked.token)
    cursor = here.happenings.newest if after is None else after
    await _send(here, socket, {"ready": True, "after": cursor})
    while True:
        listener.happened.clear()
        newest = here.happenings.newest
        read = partial(of_owner, house, asked.owner, cursor, asked.accounts, asked.kinds)
        found = await here.threads.run(here.threads.database, read)
        for event in found:
            await _send(here, socket, _shown(event))
            cursor = event.seq
        if len(found) == PAGE:
            continue
        cursor = max(cursor, newest)
        try:
            await asyncio.wait_for(listener.happened.wait(), house.limits.heartbeat)
        except asyncio.TimeoutError:
            await _send(here, socket, {"heartbeat": cursor})
        if not await here.threads.run(here.threads.database, session):
            raise _Closed(4401, "the session is over")
        if house.status.draining:
            raise _Closed(4503, "the keeper is shutting down")


async def _send(here: Running, socket: WebSocket, message: dict[str, Any]) -> None:
    text = json.dumps(message, separators=(",", ":"))
    try:
        await asyncio.wait_for(socket.send_text(text), here.house.limits.send)
    except asyncio.TimeoutError:
        raise _Closed(4408, "the reader is too slow") from None


async def _close(here: Running, socket: WebSocket, no: _Closed) -> None:
    with suppress(asyncio.TimeoutError, RuntimeError, WebSocketDisconnect):
        await asyncio.wait_for(socket.close(no.code, no.why), here.house.limits.send)


def _shown(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at,
        "account": "0x" + event.account.hex(),
        "owner": owner_of(event.account),
        "order": event.key and "0x" + event.key.hex(),
        "kind": event.kind,
        "body": dict(event.body),
    }
