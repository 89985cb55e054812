"""An order from its being handed in to its fill, by way of the API alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from house import House
from served import Served
from story import Story
from websockets.sync.client import connect

from ringside.units import ONE


def test_an_order_is_handed_in_filled_and_told_of(story: Story, tmp_path: Path) -> None:
    keeper = House(story, tmp_path)
    with Served(story, tmp_path, database=keeper.database).open() as served:
        headers = served.signed_in()
        order = story.order("ETH-USD", 2 * ONE)
        with connect(served.url.replace("http", "ws") + "/v1/stream?after=0") as socket:
            socket.send(json.dumps({"token": headers["Authorization"].split()[1]}))
            assert served.post(order).status_code == 201
            keeper.turn(3)
            told = _until_filled(socket)
        kinds = [one["kind"] for one in told]
        states = [one["body"]["state"] for one in told if one["kind"] == "order"]
        assert states[0] == "received"
        assert states[-2:] == ["pending", "filled"]
        assert "fill" in kinds
        assert [one["seq"] for one in told] == sorted(one["seq"] for one in told)

        place = f"/v1/orders/{served.key(order)}"
        found = served.http.get(place, headers=headers).json()
        assert (found["state"], found["filled"]) == ("filled", "2")
        account = f"/v1/accounts/0x{story.account.hex()}"
        (fill,) = served.http.get(f"{account}/fills", headers=headers).json()["fills"]
        assert (fill["order"], fill["size"], fill["tip"]) == (served.key(order), "2", "1")
        receipt = served.http.get(f"/v1/receipts/{fill['receipt']}")
        assert "0x" + keccak(receipt.content).hex() == fill["receipt"]
        served.caught_up()
        seats = served.http.get(account, headers=headers).json()["seats"]
        held = sum(float(p["size"]) for seat in seats for p in seat["positions"])
        assert held == 2
        assert served.post(order).json()["state"] == "filled"
    keeper.engine.lanes.close()


def _until_filled(socket: Any) -> list[Any]:
    found: list[Any] = []
    while not (found and found[-1]["body"].get("state") == "filled"):
        one = json.loads(socket.recv(timeout=20))
        if "seq" in one:
            found.append(one)
    return found
