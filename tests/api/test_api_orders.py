"""Orders are shown to their owners, and withdrawn by them."""

from __future__ import annotations

import time

from served import Served

from ringside import wire
from ringside.routing.policies import canonical, parse
from ringside.store import book
from ringside.store.book import State
from ringside.units import ONE

POLICY = canonical(parse("best"))


def test_an_owner_sees_the_order_as_it_was_signed(served: Served) -> None:
    order = served.story.order("ETH-USD", -2 * ONE)
    served.post(order, policy="best")
    found = served.http.get(f"/v1/orders/{served.key(order)}", headers=served.signed_in()).json()
    assert found["message"] == wire.message(order)
    assert (found["size"], found["filled"], found["market"]) == ("-2", "0", "ETH-USD")
    assert (found["state"], found["source"], found["policy"]) == ("received", "api", POLICY)


def test_orders_come_in_pages_the_newest_first(served: Served) -> None:
    orders = [served.story.order("ETH-USD", ONE) for _ in range(5)]
    for order in orders:
        assert served.post(order).status_code == 201
    place, headers = f"/v1/accounts/0x{served.story.account.hex()}/orders", served.signed_in()
    seen: list[str] = []
    before = ""
    while True:
        query: dict[str, str | int] = {"limit": 2, "before": before}
        page = served.http.get(place, params=query, headers=headers).json()
        seen += [one["key"] for one in page["orders"]]
        if page["next"] is None:
            break
        before = page["next"]
    assert seen == [served.key(order) for order in reversed(orders)]


def test_orders_are_told_apart_by_state(served: Served) -> None:
    order, other = (served.story.order("ETH-USD", ONE) for _ in range(2))
    served.post(order)
    served.post(other)
    headers = served.signed_in()
    served.http.delete(f"/v1/orders/{served.key(order)}", headers=headers)
    place = f"/v1/accounts/0x{served.story.account.hex()}/orders"

    def of(state: str) -> list[str]:
        found = served.http.get(place, params={"state": state}, headers=headers).json()
        return [one["key"] for one in found["orders"]]

    assert of("cancelled") == [served.key(order)]
    assert of("received") == [served.key(other)]
    assert served.http.get(place, params={"state": "lost"}, headers=headers).status_code == 422


def test_a_withdrawn_order_is_worked_no_more_and_says_how_to_cancel_it(served: Served) -> None:
    story, order = served.story, served.story.order("ETH-USD", ONE)
    served.post(order)
    place, headers = f"/v1/orders/{served.key(order)}", served.signed_in()
    found = served.http.delete(place, headers=headers).json()
    assert found["state"] == "cancelled"
    assert "valid until its nonce is cancelled on-chain" in found["reason"]
    told = found["on_chain"]
    assert story.desk.decode_function_input(told["data"])[1] == {
        "account": story.account,
        "nonce": order.nonce,
    }
    story.send({"from": story.client, "to": told["to"], "data": told["data"]})
    assert story.desk.functions.isSpent(story.account, order.nonce).call()


def test_an_order_under_way_is_not_withdrawn(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    served.post(order)
    with served.house.database.write() as connection:
        entry = book.by_key(connection, [bytes.fromhex(served.key(order)[2:])]).popitem()[1]
        book.move(connection, [book.Move(entry, State.PENDING)], time.time())
    place, headers = f"/v1/orders/{served.key(order)}", served.signed_in()
    found = served.http.delete(place, headers=headers)
    assert (found.status_code, found.json()["code"]) == (409, "under-way")


def test_a_withdrawn_order_handed_in_again_stays_withdrawn(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    served.post(order)
    served.http.delete(f"/v1/orders/{served.key(order)}", headers=served.signed_in())
    found = served.post(order)
    assert (found.status_code, found.json()["state"]) == (200, "cancelled")
