"""Whatever is sent, the house stands, says no, and keeps nothing of it."""

from __future__ import annotations

import random
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import Served, strictly
from sqlalchemy import func, select
from story import Story

from bench.keeper_hostile import worse
from ringside.api.metrics import REGISTRY
from ringside.chain.signatures import ORDER
from ringside.store.schema import events, orders
from ringside.units import ONE

CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture
def described(served: Served) -> Any:
    return schemathesis.openapi.from_url(served.url + "/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_api_keeps_to_its_own_description(case: Any, served: Served) -> None:
    case.call_and_validate(
        headers={"Authorization": _session(served)["Authorization"]}, checks=CHECKS
    )


def _session(served: Served) -> dict[str, str]:
    known: dict[str, str] | None = getattr(served, "headers", None)
    if (
        known is None
        or served.http.get("/v1/orders/0x" + "1" * 64, headers=known).status_code == 401
    ):
        known = served.signed_in()
        served.headers = known  # type: ignore[attr-defined]
    return known


def _count(served: Served) -> int:
    with served.house.database.read() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar() or 0
            for table in (orders, events)
        )


def _worse(served: Served, rng: random.Random) -> bytes:
    return worse(served.body(served.story.order("ETH-USD", ONE, nonce=rng.getrandbits(64))), rng)


def test_two_thousand_malformed_orders_leave_nothing_behind(served: Served) -> None:
    rng = random.Random(7)
    for _ in range(2_000):
        found = served.http.post("/v1/orders", content=_worse(served, rng))
        assert found.status_code in (400, 401, 422), found.text
        assert found.json().keys() == {"code", "message"}
    assert _count(served) == 0
    assert served.post(served.story.order("ETH-USD", ONE)).status_code == 201


def test_a_signature_has_one_form(served: Served) -> None:
    """The other of the two points, and other ways to write v, are other texts for the same key."""
    order = served.story.order("ETH-USD", ONE)
    r, s, v = (lambda x: (x[:32], int.from_bytes(x[32:64], "big"), x[64]))(served.story.sign(order))
    high = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    plain = r + s.to_bytes(32, "big")
    for forged in (high, plain + bytes([v - 27]), plain, plain + bytes([v]) * 2, bytes(65), b""):
        assert served.post(order, forged).status_code == 401
    assert served.post(order).status_code == 201


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{" * 50_000, b'{"order":' * 5_000, b"\xff\xfe", b"1" * 60_000, b'"a"'],
)
def test_what_is_no_object_is_refused(served: Served, body: bytes) -> None:
    assert served.http.post("/v1/orders", content=body).status_code in (400, 422)


def test_a_body_that_is_too_large_is_not_read(served: Served) -> None:
    found = served.http.post("/v1/orders", content=b" " * (64 * 1024 + 1))
    assert (found.status_code, found.json()["code"]) == (413, "too-large")
    drops = (b" " * 1024 for _ in range(65))  # Nobody says how long it will be.
    assert served.http.post("/v1/session/challenge", content=drops).status_code == 413


def test_a_flood_of_one_address_is_held_back(story: Story, tmp_path: Any) -> None:
    limits = strictly(client_rate=5.0, client_burst=10.0)
    with Served(story, tmp_path, limits).open() as served:
        found = [served.http.get("/v1/venues") for _ in range(30)]
        codes = [one.status_code for one in found]
        assert codes[:10] == [200] * 10
        assert codes.count(429) >= 15
        held = next(one for one in found if one.status_code == 429)
        assert int(held.headers["retry-after"]) >= 1
        assert served.http.get("/health").status_code == 200


def test_a_flood_for_one_account_is_held_back(story: Story, tmp_path: Any) -> None:
    with Served(story, tmp_path, strictly(account_rate=1.0, account_burst=5.0)).open() as served:
        codes = [served.post(story.order("ETH-USD", ONE)).status_code for _ in range(10)]
        assert codes[:5] == [201] * 5
        assert codes[-1] == 429


def test_an_order_of_a_contract_is_asked_of_the_contract(served: Served) -> None:
    """Its owner has no code, so nothing says yes."""
    order = served.story.order("ETH-USD", ONE, account=b"\5" * 20 + bytes(12))
    found = served.post(order, b"\1" * 300)
    assert (found.status_code, found.json()["code"]) == (401, "bad-signature")


def test_a_fault_tells_its_id_and_nothing_else(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(served.running.market, "current", broken)
    found = served.http.get("/v1/venues")
    assert (found.status_code, found.json()["code"]) == (500, "fault")
    assert "secret" not in found.text


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault(served: Served) -> None:
    """Else anybody could have the operator called at night."""
    faults = REGISTRY.get_sample_value("ringside_faults_total")
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port), 10) as connection:
        connection.sendall(b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
    until = time.monotonic() + 10
    while not _left() and time.monotonic() < until:
        time.sleep(0.01)
    assert _left(), "the request is still being served"
    assert REGISTRY.get_sample_value("ringside_faults_total") == faults


def _left() -> bool:
    """Whether a request ended that was answered with nothing."""
    labels = {"method": "POST", "route": "/v1/orders", "status": "0"}
    return bool(REGISTRY.get_sample_value("ringside_http_requests_total", labels))
