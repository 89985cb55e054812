"""What Hermes answers is taken as prices, or refused in words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ringside.service.hermes import LONGEST, Hermes, NoPrice


def answering(**told: Any) -> Hermes:
    made = Hermes("https://hermes.example", None)  # type: ignore[arg-type]
    made.close()
    transport = httpx.MockTransport(lambda _: httpx.Response(**{"status_code": 200, **told}))
    made._http = httpx.Client(base_url="https://hermes.example", transport=transport)
    return made


def test_signed_prices_are_taken_as_they_are():
    told = {"binary": {"encoding": "hex", "data": ["504e4155", "00ff"]}, "parsed": []}
    assert answering(json=told)._latest("0x01") == [b"PNAU", b"\x00\xff"]


@pytest.mark.parametrize(
    "told",
    [
        {"status_code": 404},
        {"status_code": 500, "json": {"binary": {"data": ["00"]}}},
        {"content": b"<html>"},
        {"json": []},
        {"json": {"binary": {"data": []}}},
        {"json": {"binary": {"data": ["0x00"]}}},
        {"json": {"binary": {"data": [7]}}},
        {"content": b"0" * (LONGEST + 1)},
    ],
)
def test_anything_else_is_no_price(told: dict[str, Any]):
    with pytest.raises(NoPrice, match="Hermes"):
        answering(**told)._latest("0x01")


def test_a_service_that_does_not_answer_gives_none():
    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too late")

    made = answering()
    made._http = httpx.Client(
        base_url="https://hermes.example", transport=httpx.MockTransport(silent)
    )
    with pytest.raises(NoPrice, match="gives no price"):
        made._latest("0x01")
