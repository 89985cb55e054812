"""What the logs hold, and what they never do."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog
from served import Served

from ringside.api.logs import REFUSED, configure, logger, refuse_secrets
from ringside.units import ONE

KEY = "0x" + "ab" * 32


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure(out)
    yield out
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "field", ["signature", "token", "key", "private_key", "Authorization", "password", "mnemonic"]
)
def test_a_field_that_names_a_secret_is_refused(field: str) -> None:
    assert refuse_secrets(None, "info", {"event": "x", field: "anything"})[field] == REFUSED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("note", KEY),
        ("note", "it was 0x" + "cd" * 65),
        ("order", "0x" + "cd" * 65),
        ("note", "Bearer abcdefghijklmnop"),
        ("note", "rs_" + "A" * 43),
        ("note", bytes.fromhex(KEY[2:])),
        ("parts", {"inner": [KEY]}),
    ],
)
def test_what_looks_like_a_secret_is_refused_wherever_it_stands(field: str, value: object) -> None:
    told = str(refuse_secrets(None, "info", {"event": "x", field: value}))
    assert REFUSED in told
    assert KEY not in told
    assert "cd" * 65 not in told


def test_hashes_under_their_names_and_prose_stay() -> None:
    line = {"event": "order accepted", "order": KEY, "code": "expired", "count": 3}
    assert refuse_secrets(None, "info", dict(line)) == line


def test_every_line_about_an_order_has_its_hash_and_nobodys_signature(
    lines: io.StringIO, served: Served
) -> None:
    order, headers = served.story.order("ETH-USD", ONE), served.signed_in()
    late = served.story.order("ETH-USD", ONE, deadline=1)
    served.post(order)
    served.post(late)
    served.http.delete(f"/v1/orders/{served.key(order)}", headers=headers)
    logger().info("as it came", raw=served.body(order))
    text = lines.getvalue()
    told = [json.loads(line) for line in text.splitlines()]
    assert [one["orders"] for one in told if one["event"] == "orders accepted"] == [
        [served.key(order)]
    ]
    about = [one for one in told if one["event"].startswith("order ")]
    assert [one["order"] for one in about] == [served.key(late), served.key(order)]
    assert served.story.sign(order).hex() not in text
    assert headers["Authorization"].removeprefix("Bearer ") not in text
