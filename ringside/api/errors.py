"""Every error of the API is an object of a code, for programs, and a message, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response


class Error(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="For programs: words joined by hyphens; see the API's guide.")
    message: str = Field(description="For people: what is wrong, and what would help.")


class Problem(Exception):
    """A request that is not done: HTTP `status`, `code` and message as in `Error`."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        super().__init__(message)


class Json(Response):
    """JSON as short as it goes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


def answer(problem: Problem) -> Response:
    """The problem as it is sent."""
    body = {"code": problem.code, "message": problem.message}
    return Json(body, problem.status, problem.headers)


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, for a route's description."""
    return {status: {"model": Error, "description": _WORDS[status]} for status in statuses}


_WORDS = {
    400: "The request is not well formed.",
    401: "A session or a signature is missing or does not hold.",
    403: "It is another owner's.",
    404: "There is no such thing.",
    406: "There is no such form of it.",
    409: "It cannot be done as things are.",
    413: "The request is too large.",
    422: "The request is understood, and not taken; the code says why.",
    429: "Too many requests; Retry-After says for how long, in seconds.",
    500: "A fault of the house, logged under the id in the message.",
    503: "The house takes nothing now, or cannot read the chain.",
}
