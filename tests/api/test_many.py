"""Many at once: orders are stored in groups, accounts read together, slow readers dropped."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
from served import Served, strictly
from sqlalchemy import func, select
from story import Story

from devnet.artifacts import compiled
from ringside.accounts import Right, account_id
from ringside.store import book
from ringside.store.schema import orders
from ringside.units import ONE, USDC


def at_once(served: Served, bodies: list[Any]) -> list[httpx.Response]:
    async def post() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=served.url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(client.post("/v1/orders", json=b) for b in bodies))

    return asyncio.run(post())


def test_what_arrives_together_is_stored_together(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    bodies = [served.body(replace(order, nonce=100 + n)) for n in range(40)]
    before = served.running.writer.groups
    with ThreadPoolExecutor(1) as other:
        with served.house.database.write():  # Nobody else can write meanwhile.
            posted = other.submit(at_once, served, bodies)
            until = time.monotonic() + 20
            while served.running.writer.waiting < 30 and time.monotonic() < until:
                time.sleep(0.01)
        assert [one.status_code for one in posted.result()] == [201] * 40
    assert served.running.writer.groups - before <= 11
    with served.house.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(orders)).scalar() == 40


def test_the_same_order_from_many_is_new_once(served: Served) -> None:
    body = served.body(served.story.order("ETH-USD", ONE))
    codes = sorted(one.status_code for one in at_once(served, [body] * 40))
    assert codes == [200] * 39 + [201]


def test_of_many_orders_with_one_nonce_one_is_taken(served: Served) -> None:
    bodies = [served.body(served.story.order("ETH-USD", n * ONE, nonce=5)) for n in range(1, 21)]
    codes = sorted(one.status_code for one in at_once(served, bodies))
    assert codes == [201] + [409] * 19


def test_many_accounts_are_read_in_few_requests(served: Served) -> None:
    story = served.story
    accounts = [account_id(story.client, f"n{i}") for i in range(40)]
    bodies = [served.body(story.order("ETH-USD", ONE, account=one)) for one in accounts]
    found = at_once(served, bodies)
    assert {one.json()["code"] for one in found} == {"no-operator"}
    assert served.running.reads.rounds < 40


def test_a_contract_signs_as_its_code_says(served: Served) -> None:
    story = served.story
    wallet = story.chain.deploy(compiled("ContractWallet"), story.client)
    order = story.order("ETH-USD", ONE, account=account_id(wallet.address))
    found = served.post(order)  # Signed by the wallet's key.
    assert (found.status_code, found.json()["code"]) == (422, "no-operator")
    for mood in range(1, 5):
        story.chain.send(wallet, "setMood", mood, role=3)
        assert served.post(order).status_code == 401


def test_an_order_follows_the_grant_of_rights(served: Served) -> None:
    story, account = served.story, account_id(served.story.client, "new")
    order = story.order("ETH-USD", ONE, account=account)
    assert served.post(order).json()["code"] == "no-operator"
    rights = int(Right.TRADE | Right.MOVE | Right.PAY)
    grant = (story.desk.address, rights, 2**40 - 1, 2**64 - 1, 2**128 - 1)
    story.own("setOperator", account, grant)
    story.own("deposit", account, 5_000 * USDC)
    served.caught_up()
    assert served.post(order).status_code == 201


def test_a_reader_that_takes_nothing_is_dropped(story: Story, tmp_path: Any) -> None:
    with Served(story, tmp_path, strictly(send=1.0)).open() as served:
        with served.house.database.write() as connection:
            for n in range(15_000):
                body = {"filler": "x" * 900, "n": n}
                book.tell(connection, story.account, "alert", body, 1.0)
        token = served.signed_in()["Authorization"].removeprefix("Bearer ")
        host, port = served.url.removeprefix("http://").split(":")
        slow = socket.create_connection((host, int(port)))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.sendall(
            b"GET /v1/stream?after=0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += slow.recv(1)
        first = json.dumps({"token": token}).encode()
        frame = bytes([0x81, 0x80 | len(first)]) + bytes(4) + first
        slow.sendall(frame)
        until = time.monotonic() + 5
        while not served.running.happenings.listening and time.monotonic() < until:
            time.sleep(0.01)
        assert served.running.happenings.listening == 1
        until = time.monotonic() + 30
        while served.running.happenings.listening and time.monotonic() < until:
            time.sleep(0.05)
        assert served.running.happenings.listening == 0
        slow.close()


def test_what_is_known_of_an_account_is_good_until_it_refuses(served: Served) -> None:
    story = served.story
    assert served.post(story.order("ETH-USD", ONE)).status_code == 201
    reads = served.running.reads.rounds
    story.chain.advance(2)
    served.caught_up()
    # The next orders' nonces are read; the account, a block later, is not.
    assert served.post(story.order("ETH-USD", ONE)).status_code == 201
    assert served.running.reads.rounds <= reads + 1
    story.own("withdraw", story.account, 200_000 * USDC, story.client)
    served.caught_up()
    refused = served.post(story.order("ETH-USD", ONE, tip=300_000 * USDC))
    assert refused.status_code == 422
