"""The client, against the API as it is served."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from served import STRANGER_KEY, Served, strictly

from ringside import AsyncClient, Client
from ringside.client import (
    AuthenticationError,
    BadSymbol,
    InsufficientFunds,
    InvalidOrder,
    OrderNotFound,
)
from ringside.units import ONE, from_units

SITE = "127.0.0.1:0"
"""What the served house calls itself: its settings name no port."""
ETH = "ETH/USD:USDC"


class Awaited:
    """An AsyncClient whose methods are called as a Client's: every test is of both."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = AsyncClient(*args, **named)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if not callable(found):
            return found

        def called(*args: Any, **named: Any) -> Any:
            made = found(*args, **named)
            return self.loop.run_until_complete(made) if inspect.isawaitable(made) else made

        return called

    def first(self, events: Any) -> Any:
        return self.loop.run_until_complete(anext(events))

    def close(self) -> None:
        self.loop.run_until_complete(self.client.close())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class Plain(Client):
    def first(self, events: Any) -> Any:
        return next(events)


Opens = Callable[..., Any]


@pytest.fixture(params=[Plain, Awaited])
def opens(served: Served, request: pytest.FixtureRequest) -> Iterator[Opens]:
    """Makes clients of the served house, of either kind."""
    made: list[Any] = []

    def one(key: bytes | None = None, **named: Any) -> Any:
        signer = Account.from_key(key or served.story.key)
        made.append(request.param(served.url, signer, **{"site": SITE, **named}))
        return made[-1]

    yield one
    for client in made:
        client.close()


@pytest.fixture
def client(opens: Opens) -> Any:
    """The story's client."""
    return opens()


def test_markets_have_both_names(client: Any) -> None:
    found = {one["symbol"]: one for one in client.fetch_markets()}
    assert found[ETH]["id"] == "ETH-USD"
    assert found[ETH]["active"]
    assert {"perp-v2", "rage"} <= set(found[ETH]["venues"])


def test_an_order_is_signed_here_and_known_there(client: Any, served: Served) -> None:
    made = client.create_order(ETH, "limit", "buy", "1.5", "2200", {"tip": "1"})
    assert (made["status"], made["price"], made["amount"]) == ("open", 2200, Decimal("1.5"))
    found = client.fetch_order(made["id"])
    assert (found["symbol"], found["side"], found["remaining"]) == (ETH, "buy", Decimal("1.5"))
    assert found["info"]["message"]["terms"]["tip"] == "1000000"
    assert served.woken == 1
    assert [one["id"] for one in client.fetch_open_orders()] == [made["id"]]
    assert [one["id"] for one in client.fetch_orders("ETH-USD")] == [made["id"]]
    assert client.fetch_orders("BTC-USD") == []
