"""What every request goes through: its size, its rate, its errors, its line in the log."""

from __future__ import annotations

import re
import time
import uuid

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringside.api import metrics
from ringside.api.errors import Problem, answer
from ringside.api.logs import logger
from ringside.api.routes.orders import accept
from ringside.api.state import Running

FREE = frozenset({"/health", "/ready"})
"""Asked by machines, for ever: they cost nothing, and must not be refused in a flood."""
HOT = "/v1/orders"
_HASH = re.compile(r"/0x([0-9a-fA-F]{64})(?:/|$)")


def is_order(scope: Scope) -> bool:
    """Whether an order is handed in: the one request whose speed counts."""
    return bool(scope["path"] == HOT and scope["method"] == "POST")


class _Hot:
    path = HOT


class _TooLarge(HTTPException):
    """Of the framework's own kind, which it lets through where it reads a body itself."""

    def __init__(self) -> None:
        super().__init__(413, "The body is too large.", {"Connection": "close"})


class Gate:
    """An ASGI application in front of the routes."""

    def __init__(self, app: ASGIApp, running: Running) -> None:
        self.app, self.running = app, running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            await self._serve(scope, receive, told)
        except Problem as no:
            if not status:
                await answer(no)(scope, receive, told)
        except _TooLarge:
            if not status:
                await answer(self._too_large())(scope, receive, told)
        except ClientDisconnect:
            pass  # Whoever asked has gone: there is nobody to answer.
        except Exception:
            fault = uuid.uuid4().hex[:16]
            metrics.FAULTS.inc()
            logger().exception(
                "a request failed", id=fault, method=scope["method"], path=scope["path"][:200]
            )
            if not status:
                problem = Problem(500, "fault", f"A fault of the house; its id is {fault}.")
                await answer(problem)(scope, receive, told)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            metrics.REQUESTS.labels(scope["method"], route, status).inc()
            metrics.SECONDS.labels(route).observe(time.perf_counter() - started)
            if status >= 400 and status != 429 and route not in FREE:
                found = _HASH.search(scope["path"])
                about = {"order": "0x" + found[1].lower()} if found and "orders" in route else {}
                logger().info("request refused", route=route, status=status, **about)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in FREE:
            client = scope.get("client")
            self.running.per_client.require(client[0] if client else "unknown")
        most = self.running.house.limits.body
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value[:18]) > most):
                raise self._too_large()
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _TooLarge
            return message

        if is_order(scope):
            # Past the framework's own steps, which take as long as its work; it is described and
            # tested as every other.
            scope["route"] = _Hot
            response = await accept(Request(scope, counted), self.running)
            await response(scope, counted, send)
            return
        await self.app(scope, counted, send)

    def _too_large(self) -> Problem:
        most = self.running.house.limits.body
        return Problem(413, "too-large", f"A body may have {most} bytes.", {"Connection": "close"})


_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
