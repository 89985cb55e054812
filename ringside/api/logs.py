"""Structured logs: one JSON object a line, with the order's hash on every line about an order, and
never a key, a signature or a token."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, TextIO, cast

import structlog

REFUSED = "refused: a secret has no place in a log"
_SECRETS = re.compile(
    r"signature|token|secret|password|passphrase|private|mnemonic|authorization|cookie|bearer"
    r"|keystore|^key$|^sig$|^raw$|^seed$|_key$",
    re.IGNORECASE,
)
_HASHES = frozenset(
    {"order", "orders", "account", "tx", "hash", "receipt", "block", "parent", "digest"}
)
"""Fields that may hold 32 bytes in hex; in others they might be a key."""
_SHORTEST = 20
"""Characters that a secret has at least."""
_LONG = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{128,}")
_KEY = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_BEARER = re.compile(r"bearer\s+\S{8,}|rs_[A-Za-z0-9_-]{20,}", re.IGNORECASE)

EventDict = MutableMapping[str, Any]


def refuse_secrets(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """Takes out of a line what is, or looks like, a key, a signature or a token. Prose and hashes
    under their own names stay."""
    return {name: _clean(name, value) for name, value in line.items()}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRETS.search(name) is not None


def _clean(name: str, value: Any) -> Any:
    if _is_secret(name):
        return REFUSED
    if isinstance(value, (bytes, bytearray)):
        value = "0x" + bytes(value).hex()
    if isinstance(value, dict):
        return {str(inner): _clean(str(inner), item) for inner, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(name, item) for item in value]
    if not isinstance(value, str) or len(value) < _SHORTEST:
        return value
    if len(value) == 66 and name in _HASHES and value.startswith("0x"):
        return value
    value = _BEARER.sub(REFUSED, _LONG.sub(REFUSED, value))
    return value if name in _HASHES else _KEY.sub(REFUSED, value)


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Sends the logs of this process to `stream`, standard error by default."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            refuse_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger as it is configured now; bound once, since an order has few microseconds."""
    config = structlog.get_config()["logger_factory"]
    if _bound.get("factory") is not config:
        _bound["factory"] = config
        _bound["logger"] = structlog.get_logger().bind()
    return cast("structlog.typing.FilteringBoundLogger", _bound["logger"])


_bound: dict[str, Any] = {}
