"""What everybody may see."""

from __future__ import annotations

import pytest
from eth_account import Account
from served import Served

from ringside.keeper.receipts.store import Receipt
from ringside.units import ONE


def test_venues_and_their_funding_are_shown(served: Served) -> None:
    found = served.http.get("/v1/venues").json()["venues"]
    assert {one["venue"]: one["id"] for one in found} == dict(served.story.ringside.venue_ids)
    assert all({m["market"] for m in one["markets"]} == {"ETH-USD", "BTC-USD"} for one in found)


def test_a_markets_depth_grows_with_the_distance(served: Served) -> None:
    found = served.http.get("/v1/venues/perp-v2/ETH-USD").json()
    buys = [float(one["buy"]) for one in found["depth"]]
    assert [one["within_bps"] for one in found["depth"]] == [10, 50, 100]
    assert buys == sorted(buys)
    assert 0 < buys[-1] <= float(found["most_to_buy"])
    assert served.http.get("/v1/venues/perp-v2/DOGE-USD").status_code == 404
    assert served.http.get("/v1/venues/nowhere/ETH-USD").status_code == 404


def test_a_quote_is_split_over_the_venues(served: Served) -> None:
    found = served.http.get("/v1/quote", params={"market": "ETH-USD", "size": "20"}).json()
    assert sum(float(leg["size"]) for leg in found["legs"]) == 20
    assert float(found["saving"]) >= 0
    longer = served.http.get(
        "/v1/quote", params={"market": "ETH-USD", "size": "-3.5", "horizon": "3d"}
    ).json()
    assert longer["horizon"] == 3 * 86_400


@pytest.mark.parametrize(
    "asked",
    [
        {"market": "DOGE-USD", "size": "1"},
        {"market": "ETH-USD", "size": "0"},
        {"market": "ETH-USD", "size": "99999999999999"},
        {"market": "ETH-USD", "size": "1e9"},
        {"market": "ETH-USD", "size": "1", "horizon": "soon"},
        {"market": "ETH-USD", "size": "1", "policy": "whatever"},
        {"market": "ETH-USD"},
    ],
)
def test_what_cannot_be_quoted_is_said_with_the_reason(
    served: Served, asked: dict[str, str]
) -> None:
    found = served.http.get("/v1/quote", params=asked)
    assert found.status_code == 422
    assert found.json().keys() == {"code", "message"}


def test_a_receipt_is_given_byte_by_byte(served: Served) -> None:
    one = Receipt(1, b"\7" * 32, b'{"a": 1}')
    served.house.receipts.put(one)
    assert served.http.get("/v1/receipts/0x" + "07" * 32).content == one.document
    assert served.http.get("/v1/receipts/0x" + "08" * 32).status_code == 404


def test_a_client_in_any_language_can_sign_by_what_the_deployment_says(served: Served) -> None:
    told = served.http.get("/v1/deployment").json()
    order = served.story.order("ETH-USD", ONE)
    reachable = {n: told["types"][n] for n in ("EIP712Domain", "Order", "Terms", "Bounds")}
    reachable |= {n: told["types"][n] for n in ("Tickets", "Conditions")}
    typed = {
        "types": reachable,
        "primaryType": "Order",
        "domain": told["domain"],
        "message": order.values,
    }
    signature = bytes(Account.sign_typed_data(served.story.key, full_message=typed).signature)
    assert served.post(order, signature).status_code == 201
