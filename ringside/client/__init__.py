"""A client of a keeper's API, for CCXT's users: `Client`, and `AsyncClient` whose methods are
awaited. Keys stay here: what is sent is signed. See docs/clients.md."""

from ringside.client.clients import AsyncClient, Client
from ringside.client.core import Core
from ringside.client.errors import (
    AuthenticationError,
    BadRequest,
    BadResponse,
    BadSymbol,
    CancelPending,
    ExchangeNotAvailable,
    InsufficientFunds,
    InvalidOrder,
    NetworkError,
    OrderNotFound,
    PermissionDenied,
    RateLimitExceeded,
    RingsideError,
)
from ringside.client.making import Defaults
from ringside.client.trading import Prepared

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "BadRequest",
    "BadResponse",
    "BadSymbol",
    "CancelPending",
    "Client",
    "Core",
    "Defaults",
    "ExchangeNotAvailable",
    "InsufficientFunds",
    "InvalidOrder",
    "NetworkError",
    "OrderNotFound",
    "PermissionDenied",
    "Prepared",
    "RateLimitExceeded",
    "RingsideError",
]
