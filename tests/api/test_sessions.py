"""Signing in, and what nobody else may do."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from served import STRANGER_KEY, Served

from ringside.units import ONE


def signed(key: bytes, message: str) -> bytes:
    return bytes(Account.sign_message(encode_defunct(text=message), key).signature)


def test_an_owner_signs_in_and_out(served: Served) -> None:
    headers, account = served.signed_in(), "0x" + served.story.account.hex()
    assert served.http.get(f"/v1/accounts/{account}/orders", headers=headers).status_code == 200
    assert served.http.delete("/v1/session", headers=headers).json() == {"done": True}
    assert served.http.get(f"/v1/accounts/{account}/orders", headers=headers).status_code == 401


def test_a_challenge_opens_one_session(served: Served) -> None:
    message = served.challenge(served.story.client)
    signature = signed(served.story.key, message)
    assert served.session(message, signature).status_code == 201
    assert served.session(message, signature).status_code == 401


def test_a_strangers_signature_opens_nothing_and_uses_nothing_up(served: Served) -> None:
    message = served.challenge(served.story.client)
    assert served.session(message, signed(STRANGER_KEY, message)).status_code == 401
    assert served.session(message, signed(served.story.key, message)).status_code == 201


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Chain ID: 31337", "Chain ID: 1"),
        ("Version: 1", "Version: 2"),
        ("This moves no money", "This moves all money"),
        ("http://", "https://"),
        ("Nonce: ", "Nonce: 0"),
        ("Expiration Time: 2", "Expiration Time: 3"),
        ("Issued At: 2", "Issued At: 1"),
        ("wants you", " wants you"),
    ],
)
def test_a_text_that_is_not_the_houses_opens_nothing(served: Served, old: str, new: str) -> None:
    message = served.challenge(served.story.client)
    changed = message.replace(old, new)
    assert changed != message
    found = served.session(changed, signed(served.story.key, changed))
    assert (found.status_code, found.json()["code"]) == (401, "not-signed-in")


def test_a_late_signature_opens_nothing(served: Served) -> None:
    message, clock = served.challenge(served.story.client), served.house.clock
    served.house.clock = lambda: clock() + served.house.limits.challenge + 1
    assert served.session(message, signed(served.story.key, message)).status_code == 401


def test_a_session_ends_by_itself(served: Served) -> None:
    headers, clock = served.signed_in(), served.house.clock
    served.house.clock = lambda: clock() + served.house.limits.session + 1
    account = "0x" + served.story.account.hex()
    assert served.http.get(f"/v1/accounts/{account}/orders", headers=headers).status_code == 401


@pytest.mark.parametrize("token", ["x", "rs_", "rs_" + "A" * 43, "x" * 5_000, "rs_' OR 1=1 --"])
def test_a_made_up_token_opens_nothing(served: Served, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    found = served.http.get("/v1/orders/0x" + "11" * 32, headers=headers)
    assert (found.status_code, found.json()["code"]) == (401, "no-session")


def test_the_database_holds_no_token(served: Served) -> None:
    token = served.signed_in()["Authorization"].removeprefix("Bearer ")
    with served.house.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM sessions").all()
    assert len(rows) == 1
    assert token not in str(rows)


def test_another_owner_sees_nothing_of_an_account(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    served.post(order)
    stranger, account = served.signed_in(STRANGER_KEY), "0x" + served.story.account.hex()
    for path in ("", "/orders", "/fills", "/statement"):
        found = served.http.get(f"/v1/accounts/{account}{path}", headers=stranger)
        assert (found.status_code, found.json()["code"]) == (403, "not-yours")
    place = f"/v1/orders/{served.key(order)}"
    assert served.http.get(place, headers=stranger).status_code == 404
    assert served.http.delete(place, headers=stranger).status_code == 404
    mine = served.http.get(place, headers=served.signed_in())
    assert mine.json()["state"] == "received"
