"""The API as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ringside.api.errors import Problem, answer
from ringside.api.house import House
from ringside.api.middleware import Gate, is_order
from ringside.api.routes import accounts, health, markets, orders, policies, sessions, stream
from ringside.api.state import Running

ABOUT = """Signed orders in, and what became of them out. Numbers are decimal text; every error is
`{code, message}`. What is an owner's is shown to who signed in as that owner, and to nobody else.
Events come over the WebSocket `/v1/stream?after=<seq>`: send `{"token": …}` first."""


def create_app(house: House) -> FastAPI:
    """The API of a house. To be served by one process: it has one writer, and its limits are its
    own. `app.state.running` is what works inside, its `market` takes snapshots of the engine."""
    running = Running(house)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        async with running.working():
            yield

    app = _Gated(
        title="Ringside", version="1", description=ABOUT, lifespan=life, redirect_slashes=False
    )
    app.state.running = running
    for part in (orders, policies, accounts, markets, sessions, stream, health):
        app.include_router(part.router)
    add_handlers(app)
    app.add_middleware(Gate, running=running)
    app.hot = Gate(_nowhere, running)
    return app


class _Gated(FastAPI):
    """The one route whose speed counts is served in front of everything: the framework's wrappers
    around the gate do nothing that the gate does not, and take a twentieth of an order's time."""

    hot: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_hot = scope["type"] == "http" and is_order(scope)
        await (self.hot if is_hot else super().__call__)(scope, receive, send)


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("an order goes no further than the gate")


def add_handlers(app: FastAPI) -> None:
    """Errors, all in one form."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _problem(_request: Request, no: Exception) -> Response:
    assert isinstance(no, Problem)
    return answer(no)


async def _http(_request: Request, no: Exception) -> Response:
    assert isinstance(no, HTTPException)
    code = {404: "no-route", 405: "no-method", 400: "malformed", 413: "too-large"}.get(
        no.status_code, "refused"
    )
    return answer(Problem(no.status_code, code, str(no.detail), no.headers))


async def _invalid(_request: Request, no: Exception) -> Response:
    assert isinstance(no, RequestValidationError)
    first = no.errors()[0]
    where = ".".join(str(part)[:40] for part in first["loc"])
    if first["type"] == "json_invalid":
        return answer(Problem(400, "not-json", "The body must be JSON."))
    return answer(Problem(422, "malformed", f"{where}: {first['msg']}"[:500]))
