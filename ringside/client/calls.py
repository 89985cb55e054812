"""One definition of every method, for both clients.

A method is a generator: it yields what is to be asked of the API (`Ask`), is sent the answer or
thrown the error, and returns its result. `Call` makes of it a plain method on a client that is
`Sync`, and one to be awaited on one that is `Async`; those two know nothing but how to ask.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from decimal import InvalidOperation
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import httpx

from ringside.client.errors import BadResponse, NetworkError, RingsideError, refusal
from ringside.units import UnitError

P = ParamSpec("P")
T = TypeVar("T")
Json = Any


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `body` is sent as JSON, `token` as the session's."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Json = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to wait."""

    seconds: float


Steps = Generator[Ask | Pause, Any, T]
"""What a method does, step by step; `T` is its result."""


def _request(ask: Ask) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {ask.token}"} if ask.token else {}
    body = {} if ask.body is None else {"json": ask.body}
    return {"params": dict(ask.query), "headers": headers, **body}


def _read(answer: httpx.Response) -> Json:
    """
    Raises:
        RingsideError: the API says no, or it is no answer of this API.
    """
    try:
        found = answer.json()
    except ValueError:
        found = None
    if answer.is_success and isinstance(found, dict):
        return found
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        told = answer.headers.get("retry-after", "")
        after = float(told) if told.isdigit() else None
        message = str(found.get("message", ""))
        raise refusal(answer.status_code, found["code"], message, after)
    if answer.status_code >= 500:
        raise refusal(answer.status_code, "unavailable", f"{answer.url.host} is not available now.")
    raise BadResponse(
        f"{answer.url} answered {answer.status_code} and not as Ringside's API does: give the "
        "API's own address.",
        "no-api",
        answer.status_code,
    )


def _unreachable(url: httpx.URL | str, no: httpx.HTTPError) -> NetworkError:
    why = str(no) or type(no).__name__
    return NetworkError(f"{url} does not answer ({why}): is the keeper running there?", "no-answer")


class Sync:
    """Asks, and waits for the answer."""

    _connection: httpx.Client

    def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    found = self._do(step)
                except RingsideError as no:
                    step = steps.throw(no)
                else:
                    step = steps.send(found)
        except StopIteration as done:
            result: T = done.value
            return result

    def _do(self, step: Ask | Pause) -> Json:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        try:
            answer = self._connection.request(step.method, step.path, **_request(step))
        except httpx.HTTPError as no:
            raise _unreachable(self._connection.base_url, no) from no
        return _read(answer)


class Async:
    """Asks, and lets others work until the answer comes."""

    _connection: httpx.AsyncClient

    async def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    found = await self._do(step)
                except RingsideError as no:
                    step = steps.throw(no)
                else:
                    step = steps.send(found)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _do(self, step: Ask | Pause) -> Json:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        try:
            answer = await self._connection.request(step.method, step.path, **_request(step))
        except httpx.HTTPError as no:
            raise _unreachable(self._connection.base_url, no) from no
        return _read(answer)


class Call(Generic[P, T]):
    """A method of both clients, defined by its steps."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self.steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, client: None, kind: type) -> Call[P, T]: ...
    @overload
    def __get__(self, client: Sync, kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Async, kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, kind: type) -> Any:
        if client is None:
            return self
        steps = MethodType(self.steps, client)

        @functools.wraps(steps)
        def method(*args: P.args, **named: P.kwargs) -> Any:
            return client._run(_understood(steps(*args, **named)))

        return method


def _understood(steps: Steps[T]) -> Steps[T]:
    """The same steps, where an answer without what it should have is no traceback.

    Raises:
        BadResponse: the API lacks a field, or has no number where one should be.
    """
    try:
        return (yield from steps)
    except (KeyError, InvalidOperation, UnitError) as no:
        raise BadResponse(
            f"The API's answer is not as this client knows it ({type(no).__name__}: {no}): are "
            "they of one version?",
            "other-version",
        ) from no
