"""What the client raises: by kind, under CCXT's names, with the API's own code and words.

A message says what is wrong and what would help; `code` is for programs (docs/clients.md).
"""

from __future__ import annotations


class RingsideError(Exception):
    """Something that was asked for was not done. `code` is the API's, or the client's own; `status`
    is that of HTTP, 0 where nothing was asked of the API."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        self.code, self.status = code, status
        super().__init__(message)


class BadRequest(RingsideError):
    """What was asked for makes no sense to the API, or cannot be had as things are."""


class BadSymbol(BadRequest):
    """There is no such market."""


class BadResponse(RingsideError):
    """The answer is none of this API: another server, or another version."""


class AuthenticationError(RingsideError):
    """No signer, or its signature does not count for the account."""


class PermissionDenied(AuthenticationError):
    """The account is another owner's, or the Desk lacks a right at the vault."""


class InsufficientFunds(RingsideError):
    """The account has too little for the order."""


class InvalidOrder(RingsideError):
    """The order cannot be filled as it is."""


class CancelPending(InvalidOrder):
    """A transaction or ticket of the order is under way: only the chain can cancel it now."""


class OrderNotFound(InvalidOrder):
    """The owner has no such order."""


class NetworkError(RingsideError):
    """Nothing answered; ask again."""


class ExchangeNotAvailable(NetworkError):
    """The house takes nothing now, or cannot read the chain; ask again."""


class RateLimitExceeded(NetworkError):
    """Too many requests; ask again after `retry_after` seconds."""

    def __init__(
        self, message: str, code: str = "", status: int = 429, retry_after: float = 1.0
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, code, status)


_BY_CODE: dict[str, type[RingsideError]] = {
    "no-operator": PermissionDenied,
    "operator-expired": PermissionDenied,
    "no-right": PermissionDenied,
    "venue-not-granted": PermissionDenied,
    "pay-cap": PermissionDenied,
    "not-yours": PermissionDenied,
    "nothing-deposited": InsufficientFunds,
    "tip-beyond-idle": InsufficientFunds,
    "no-margin": InsufficientFunds,
    "unknown-market": BadSymbol,
    "no-market": BadSymbol,
    "no-order": OrderNotFound,
    "under-way": CancelPending,
    "malformed": BadRequest,
    "policy": BadRequest,
    "no-quote": BadRequest,
    "no-size": BadRequest,
    "address": BadRequest,
    "still-open": BadRequest,
}
_BY_STATUS: dict[int, type[RingsideError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    409: InvalidOrder,
    422: InvalidOrder,
}


def refusal(
    status: int, code: str, message: str, retry_after: float | None = None
) -> RingsideError:
    """The error for an answer of the API that is one."""
    if status == 429:
        return RateLimitExceeded(message, code, status, retry_after or 1.0)
    if status >= 500:
        return ExchangeNotAvailable(message, code, status)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, BadRequest)
    return kind(message, code, status)
