"""What happens is told as it happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from served import STRANGER_KEY, Served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ringside.units import ONE


def listen(
    served: Served, headers: dict[str, str], query: str = "", **more: Any
) -> ClientConnection:
    socket = connect(served.url.replace("http", "ws") + "/v1/stream" + query)
    token = headers["Authorization"].removeprefix("Bearer ")
    socket.send(json.dumps({"token": token, **more}))
    return socket


def heard(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=10))


def test_an_owner_is_told_of_its_orders(served: Served) -> None:
    with listen(served, served.signed_in()) as socket:
        assert heard(socket)["ready"] is True
        order = served.story.order("ETH-USD", ONE)
        served.post(order)
        told = heard(socket)
    assert (told["kind"], told["order"]) == ("order", served.key(order))
    assert told["body"]["state"] == "received"


def test_a_reader_resumes_after_the_last_event_it_saw(served: Served) -> None:
    headers = served.signed_in()
    orders = [served.story.order("ETH-USD", ONE) for _ in range(4)]
    for order in orders:
        served.post(order)
    with listen(served, headers, "?after=0") as socket:
        assert heard(socket) == {"ready": True, "after": 0}
        first = [heard(socket) for _ in range(2)]
    with listen(served, headers, f"?after={first[-1]['seq']}") as socket:
        heard(socket)
        rest = [heard(socket) for _ in range(2)]
    assert [one["order"] for one in first + rest] == list(map(served.key, orders))


def test_nobody_hears_of_another_owner(served: Served) -> None:
    with (
        listen(served, served.signed_in()) as mine,
        listen(served, served.signed_in(STRANGER_KEY), "?after=0") as strangers,
    ):
        heard(mine), heard(strangers)
        served.post(served.story.order("ETH-USD", ONE))
        assert heard(mine)["kind"] == "order"
        with pytest.raises(TimeoutError):
            strangers.recv(timeout=0.5)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", 4400),
        ("[]", 4400),
        ('{"token": 5}', 4400),
        ('{"token": "rs_wrong"}', 4401),
        ('{"token": "x", "kinds": ["secrets"]}', 4400),
        ('{"token": "x", "accounts": "all"}', 4400),
    ],
)
def test_a_reader_without_a_session_is_turned_away(served: Served, said: str, code: int) -> None:
    with connect(served.url.replace("http", "ws") + "/v1/stream") as socket:
        socket.send(said)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


def test_another_owners_account_is_not_told_of(served: Served) -> None:
    account = "0x" + served.story.account.hex()
    with (
        listen(served, served.signed_in(STRANGER_KEY), accounts=[account]) as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_a_reader_hears_no_more_once_it_signed_out(served: Served) -> None:
    headers = served.signed_in()
    with listen(served, headers) as socket:
        heard(socket)
        served.http.delete("/v1/session", headers=headers)
        served.post(served.story.order("ETH-USD", ONE))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
