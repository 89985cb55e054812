"""What a client does when a server is gone, is busy, is another one, or means harm."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from eth_account import Account

from ringside import AsyncClient, Client, eip712
from ringside.client import (
    AuthenticationError,
    BadRequest,
    BadResponse,
    ExchangeNotAvailable,
    InvalidOrder,
    NetworkError,
    RateLimitExceeded,
)
from ringside.client.calls import Call
from ringside.client.signing import signed
from ringside.client.stream import FIRST, Tape
from ringside.orders import Domain, Order

OWNER = Account.from_key("11" * 32)
DESK = "0x" + "de" * 20
URL = "http://house.example"
NOW = 1_700_000_000
PRICES = {"mark_price": "2000", "index_price": "2000", "funding_rate": "0"}
MESSAGE = (
    "{site} wants you to sign in with your Ethereum account:\n{owner}\n\nSign in.\n\n"
    "URI: http://house.example\nVersion: 1\nChain ID: {chain}\nNonce: 0123456789abcdef\n"
    "Issued At: 2023-11-14T22:13:20Z\nExpiration Time: 2023-11-14T22:18:20Z"
)


class House:
    """A server that answers as the API does, but where a test says otherwise."""

    def __init__(self, **answers: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers, self.asked = answers, list[tuple[str, Any]]()
        self.site, self.owner, self.chain = "house.example", OWNER.address, 5
        domain = Domain(5, DESK).fields
        deployment = {"chain_id": 5, "desk": DESK, "domain": domain}
        self.deployment = {**deployment, "markets": ["ETH-USD"], "venue_ids": {"alpha": 0}}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        self.asked.append((path, json.loads(request.content) if request.content else None))
        name = path.split("/")[0]
        if path in ("session/challenge", "session"):
            name = path.replace("/", "_")
        if name in self.answers:
            return self.answers[name](request)
        return httpx.Response(200, json=getattr(self, "_" + name)(request))

    def _deployment(self, _: httpx.Request) -> Any:
        return self.deployment

    def _venues(self, _: httpx.Request) -> Any:
        market = {"market": "ETH-USD", **PRICES}
        alpha = {"venue": "alpha", "delayed": False, "quarantined": False, "markets": [market]}
        return {"block": 7, "at": NOW, "venues": [alpha]}

    def _session_challenge(self, _: httpx.Request) -> Any:
        text = MESSAGE.format(site=self.site, owner=self.owner, chain=self.chain)
        return {"message": text, "expires_at": 2**40}

    def _session(self, _: httpx.Request) -> Any:
        return {"token": "rs_token", "owner": self.owner, "expires_at": 2**40}

    def _accounts(self, _: httpx.Request) -> Any:
        return {"epoch": "3", "idle": "1", "equity": "1", "at": NOW, "seats": []}

    def _orders(self, request: httpx.Request) -> Any:
        message = json.loads(request.content)["order"]
        key = order_of(message).digest(Domain(5, DESK))
        return {"key": "0x" + key.hex(), "state": "received"}

    def client(self, **named: Any) -> Client:
        return Client(URL, OWNER, transport=httpx.MockTransport(self), **named)


def order_of(message: Any) -> Order:
    from ringside import wire

    return wire.order(message)


def buys(client: Client) -> Any:
    return client.create_limit_order("ETH-USD", "buy", 1, 2_000, {"tip": 0})


def failing(times: int, then: Callable[[httpx.Request], Any], how: Any) -> Any:
    left = [times]

    def answer(request: httpx.Request) -> httpx.Response:
        left[0] -= 1
        if left[0] >= 0:
            if isinstance(how, Exception):
                raise how
            return how
        return httpx.Response(200, json=then(request))

    return answer


# ---------------------------------------------------------------------- gone or busy


def test_nothing_that_answers_is_told_with_the_address() -> None:
    with pytest.raises(NetworkError, match=r"http://127\.0\.0\.1:1 does not answer"):
        Client("http://127.0.0.1:1").fetch_markets()


def test_an_order_that_may_have_been_lost_is_handed_in_again_as_it_was() -> None:
    house = House()
    house.answers["orders"] = failing(1, house._orders, httpx.ReadTimeout("slow"))
    assert buys(house.client())["status"] == "open"
    first, second = [body for path, body in house.asked if path == "orders"]
    assert first == second


def test_an_order_that_nobody_answered_for_can_be_asked_for_by_its_id() -> None:
    house = House()
    house.answers["orders"] = failing(9, house._orders, httpx.ReadTimeout("slow"))
    with pytest.raises(NetworkError, match=r"ask for it under its id, 0x[0-9a-f]{64}"):
        buys(house.client())


def busy(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "Later."}, headers=headers)


@pytest.mark.parametrize(
    "no", [busy(429, "too-many-requests", **{"Retry-After": "1"}), busy(503, "chain-unread")]
)
def test_a_house_that_is_busy_is_waited_for_within_patience(no: httpx.Response) -> None:
    house = House()
    house.answers["venues"] = failing(1, house._venues, no)
    assert house.client(patience=1.5).fetch_tickers()
    house.answers["venues"] = failing(1, house._venues, no)
    with pytest.raises((RateLimitExceeded, ExchangeNotAvailable), match="Later"):
        house.client(patience=0.5).fetch_tickers()


def test_a_house_that_takes_nothing_is_not_waited_for() -> None:
    house = House(orders=lambda _: busy(503, "paused"))
    with pytest.raises(ExchangeNotAvailable) as no:
        buys(house.client(patience=60))
    assert no.value.code == "paused"


def test_what_was_done_is_done_though_nobody_answers_the_goodbye() -> None:
    house = House()
    with house.client() as client:
        assert buys(client)["status"] == "open"
        house.answers["session"] = failing(1, house._session, httpx.ConnectError("gone"))


# ---------------------------------------------------------------------- another server


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(404, text="nothing"),
        httpx.Response(200, json=[1]),
        httpx.Response(301, headers={"Location": "http://elsewhere"}),
        httpx.Response(200, json={"hello": "world"}),
    ],
)
def test_another_server_is_told_from_the_api(answer: httpx.Response) -> None:
    with pytest.raises(BadResponse):
        House(deployment=lambda _: answer).client().fetch_markets()


@pytest.mark.parametrize(
    "answer",
    [{}, {"epoch": "1", "idle": "lots"}, {"epoch": "1", "idle": "1", "equity": "x", "at": 1}],
)
def test_an_answer_that_lacks_something_is_of_another_version(answer: Any) -> None:
    house = House(accounts=lambda _: httpx.Response(200, json=answer))
    with pytest.raises(BadResponse, match="are they of one version"):
        house.client().fetch_balance()


@pytest.mark.parametrize("url", ["house.example", "ftp://house.example", "", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="is no http:// or https:// address"):
        Client(url)


# ---------------------------------------------------------------------- what is signed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"site": "bank.example"}, "give the client site='bank.example'"),
        ({"owner": "0x" + "22" * 20}, "it was not signed"),
        ({"chain": 1}, "on chain 1, and this is"),
    ],
)
def test_a_sign_in_that_would_count_elsewhere_is_not_signed(
    changes: dict[str, Any], words: str
) -> None:
    house = House()
    vars(house).update(changes)
    with pytest.raises(AuthenticationError) as no:
        house.client().fetch_balance()
    assert words in str(no.value)
    assert "session" not in [path for path, _ in house.asked]


@pytest.mark.parametrize(
    "text",
    [
        "Send all my money to 0x1.",
        "",
        "I agree.\n" + MESSAGE.format(site="house.example", owner=OWNER.address, chain=5),
        MESSAGE.format(site="house.example", owner=OWNER.address, chain=5) + "\nResources:\n- all",
    ],
)
def test_what_is_no_sign_in_is_not_signed(text: str) -> None:
    house = House(session_challenge=lambda _: httpx.Response(200, json={"message": text}))
    with pytest.raises(AuthenticationError, match="is no sign-in: it was not signed"):
        house.client().fetch_balance()


def test_an_order_signed_otherwise_than_the_api_says_is_not_signed() -> None:
    house = House()
    house.deployment["domain"] = {**house.deployment["domain"], "version": "2"}
    with pytest.raises(BadResponse, match="take the client of the API's version"):
        buys(house.client())


def test_an_answer_about_another_order_is_not_believed() -> None:
    other = {"key": "0x" + "77" * 32, "state": "received"}
    house = House(orders=lambda _: httpx.Response(201, json=other))
    with pytest.raises(BadResponse, match="was signed"):
        buys(house.client())


def test_whatever_signs_in_whatever_form_signs_the_same() -> None:
    order = Order(OWNER_ACCOUNT, "ETH-USD", 1, 1, 0, 0, 1, 0, 0)
    domain = Domain(5, DESK)
    expected = eip712.sign(order, domain, OWNER.key)

    class Messages:
        """As Ape's accounts: one method, and a signature of r, s and v."""

        address = OWNER.address

        def sign_message(self, message: Any) -> Any:
            made = OWNER.sign_message(message).signature
            return type("Signature", (), {"encode_rsv": lambda _: bytes(made)})()

    class Bytes:
        address = OWNER.address

        def sign_message(self, message: Any) -> bytes:
            return bytes(OWNER.sign_message(message).signature)

    class Never:
        address = OWNER.address

        def sign_message(self, message: Any) -> None:
            return None

    for signer in (OWNER, Messages(), Bytes()):
        assert signed(signer, order, domain) == expected
    with pytest.raises(AuthenticationError, match="did not sign"):
        signed(Never(), order, domain)


OWNER_ACCOUNT = bytes.fromhex(OWNER.address[2:]) + bytes(12)


def test_no_key_is_in_what_a_client_says_of_itself() -> None:
    assert "11" * 8 not in repr(House().client())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), "needs one order at least"),
        (([{"symbol": "ETH-USD", "kind": "market"}],), "kind is not known"),
        ((["ETH-USD"],), "A bundle's order has symbol, type, side"),
        (([{"symbol": "ETH-USD"}], True, {"proportional": True}), "atomic or proportional"),
        (([{"symbol": "ETH-USD"}], True, {"timeInForce": "FOK"}), "give validFor"),
        (([{"symbol": "ETH-USD", "type": "market"}],), "side must be buy or sell, not None"),
    ],
)
def test_what_makes_no_bundle_is_refused_in_a_sentence(
    arguments: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(InvalidOrder) as no:
        House().client().create_bundle(*arguments)
    assert words in str(no.value)


# ---------------------------------------------------------------------- both clients


def test_every_method_is_on_both_clients_with_its_own_signature_and_words() -> None:
    names = [name for name, _ in inspect.getmembers(Client, lambda found: isinstance(found, Call))]
    assert {"create_order", "fetch_ticker", "fetch_my_trades", "quote"} <= set(names)
    for client in (Client(URL), AsyncClient(URL)):
        for name in names:
            method = getattr(client, name)
            assert method.__doc__
            assert "self" not in inspect.signature(method).parameters


def test_an_async_client_asks_for_several_things_at_once() -> None:
    house, under_way, most = House(), [0], [0]

    async def answer(request: httpx.Request) -> httpx.Response:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        await asyncio.sleep(0.01)
        under_way[0] -= 1
        return house(request)

    async def ask() -> Any:
        async with AsyncClient(URL, OWNER, transport=httpx.MockTransport(answer)) as client:
            return await asyncio.gather(*(client.fetch_ticker("ETH-USD") for _ in range(5)))

    assert [one["markPrice"] for one in asyncio.run(ask())] == [2_000] * 5
    assert most[0] == 5


def test_several_things_asked_for_at_once_open_one_session() -> None:
    house = House()

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.02)
        return house(request)

    async def ask() -> Any:
        async with AsyncClient(URL, OWNER, transport=httpx.MockTransport(answer)) as client:
            return await asyncio.gather(*(client.fetch_balance() for _ in range(5)))

    assert len(asyncio.run(ask())) == 5
    assert [path for path, _ in house.asked].count("session/challenge") == 1


def test_a_sign_in_that_was_given_up_does_not_stop_the_next() -> None:
    house, slow = House(), [True]

    async def answer(request: httpx.Request) -> httpx.Response:
        if slow[0] and request.url.path.endswith("challenge"):
            slow[0] = False
            await asyncio.sleep(60)
        return house(request)

    async def ask() -> Any:
        async with AsyncClient(URL, OWNER, transport=httpx.MockTransport(answer)) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.fetch_balance(), 0.1)
            return await asyncio.wait_for(client.fetch_balance(), 5)

    assert asyncio.run(ask())["USDC"]["free"] == 1


def test_the_package_brings_a_client_without_a_chain() -> None:
    script = "import sys; from ringside import Client; Client('http://x'); import sys; " + (
        "print(*sorted({'ape', 'web3', 'numba', 'fastapi', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
    with pytest.raises(AttributeError, match="no attribute 'Server'"):
        __import__("ringside").Server  # noqa: B018


# ---------------------------------------------------------------------- the stream


def tape(after: int | None = 3) -> Tape:
    return Tape(OWNER_ACCOUNT, ("order",), after)


def test_a_stream_is_taken_up_after_what_was_heard_last() -> None:
    one = tape(None)
    assert one.path() == "/v1/stream"
    assert one.heard('{"ready": true, "after": 4}') is None
    assert one.heard('{"seq": 9, "kind": "order"}') == {"seq": 9, "kind": "order"}
    assert one.path() == "/v1/stream?after=9"
    assert one.heard('{"heartbeat": 12}') is None
    assert one.path() == "/v1/stream?after=12"
    hello = json.loads(one.hello("rs_x"))
    assert hello["token"] == "rs_x"
    assert hello["accounts"] == ["0x" + OWNER_ACCOUNT.hex()]


def test_a_lost_stream_is_waited_for_longer_each_time_and_anew_once_it_was_back() -> None:
    one = tape()
    one.heard('{"ready": true, "after": 3}')
    waits = [one.lost(None, "gone") for _ in range(9)]
    assert waits[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert waits[-1] == waits[-2]
    one.heard('{"ready": true, "after": 3}')
    assert one.lost(4503, "shutting down") == FIRST


def test_a_stream_that_never_began_is_an_error() -> None:
    with pytest.raises(NetworkError, match="cannot be opened: refused"):
        tape().lost(None, "refused")
    with pytest.raises(RateLimitExceeded):
        tape().lost(4429, "too many streams are open")
    with pytest.raises(BadRequest):
        tape().lost(4400, "there are no events of kind secrets")


def test_a_session_that_is_over_is_opened_anew_once() -> None:
    one = tape()
    assert one.lost(4401, "the session is over") is None
    with pytest.raises(AuthenticationError):
        one.lost(4401, "an account is another owner's")


@pytest.mark.parametrize("text", ["nothing", "[]", b"\xff"])
def test_what_is_no_event_is_another_server(text: str | bytes) -> None:
    with pytest.raises(BadResponse):
        tape().heard(text)


def test_an_order_of_another_epoch_is_told_and_the_next_asks_for_it() -> None:
    house = House()
    house.answers["orders"] = failing(1, house._orders, busy(422, "wrong-epoch"))
    client = house.client()
    with pytest.raises(InvalidOrder):
        buys(client)
    assert buys(client)["info"]["message"]["epoch"] == "3"
    assert [path for path, _ in house.asked if path.startswith("accounts")] == [
        f"accounts/0x{OWNER_ACCOUNT.hex()}"
    ] * 2
