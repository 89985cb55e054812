"""The stream of an owner's events: what is said and heard, and when to try again. It knows no
socket, so that both clients read with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ringside.client.errors import (
    AuthenticationError,
    BadRequest,
    BadResponse,
    NetworkError,
    RateLimitExceeded,
    RingsideError,
)

FIRST, MOST = 0.25, 15.0
"""Seconds before a lost stream is taken up again; twice as many each time, up to the latter."""
_ERRORS: Mapping[int, type[RingsideError]] = {4400: BadRequest, 4429: RateLimitExceeded}
NO_SESSION = 4401


class Tape:
    """Where a reader of the stream is. `after` is the number of the last event that it was told of,
    None for what happens from now on."""

    def __init__(self, account: bytes, kinds: tuple[str, ...], after: int | None) -> None:
        self.account, self.kinds, self.after = account, kinds, after
        self.began = False
        self._wait = FIRST
        self._refused = False

    def path(self) -> str:
        return "/v1/stream" + ("" if self.after is None else f"?after={self.after}")

    def hello(self, token: str) -> str:
        """What is said first."""
        whose = ["0x" + self.account.hex()]
        return json.dumps({"token": token, "accounts": whose, "kinds": list(self.kinds)})

    def heard(self, text: str | bytes) -> dict[str, Any] | None:
        """The event in a message, None if it has none.

        Raises:
            BadResponse: it is no message of this API.
        """
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BadResponse("The stream says what is no message of Ringside's API.", "no-api")
        if "ready" in found:
            self.began, self._wait, self._refused = True, FIRST, False
            self.after = int(found["after"])
        elif "heartbeat" in found:
            self.after = int(found["heartbeat"])
        elif "seq" in found:
            self.after = int(found["seq"])
            return found
        return None

    def lost(self, code: int | None, why: str) -> float | None:
        """Seconds to wait before the stream is taken up again; None where a new session is to be
        opened first.

        Raises:
            RingsideError: there is no point in it, or it never began.
        """
        if code == NO_SESSION:
            if self._refused:
                raise AuthenticationError(f"The stream was refused: {why}.", "no-session")
            self._refused = True
            return None
        kind = None if code is None else _ERRORS.get(code)
        if kind is not None and not (kind is RateLimitExceeded and self.began):
            raise kind(f"The stream was refused: {why}.", "stream")
        if not self.began:
            raise NetworkError(f"The stream cannot be opened: {why}.", "no-answer")
        wait, self._wait = self._wait, min(2 * self._wait, MOST)
        return wait
