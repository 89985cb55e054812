"""Ringside: a prime broker for perpetual futures, built from a vault.

`Client` and `AsyncClient` talk to a keeper's API (docs/clients.md)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringside.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> Any:
    # Only when asked for: most of the package needs no HTTP.
    if name in __all__:
        from ringside import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
