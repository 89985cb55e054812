"""Whether it lives and can work, and what an operator may do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from served import Served

from ringside.api.admin import HEADER, create_admin
from ringside.units import ONE

LOCAL = {"base_url": "http://127.0.0.1:8601", "client": ("127.0.0.1", 5)}


@pytest.fixture
def admin(served: Served) -> Iterator[TestClient]:
    with TestClient(create_admin(served.house, served.running), **LOCAL) as client:
        client.headers[HEADER] = "1"
        yield client


def test_a_house_that_can_work_is_ready(served: Served) -> None:
    served.caught_up()
    found = served.http.get("/ready")
    assert (found.status_code, found.json()["ready"], found.json()["reasons"]) == (200, True, {})


@pytest.mark.parametrize("state", ["draining", "paused"])
def test_a_house_that_takes_no_orders_is_not_ready(served: Served, state: str) -> None:
    served.caught_up()
    served.house.status.draining = state == "draining"
    served.house.status.accepting = state != "paused"
    found = served.http.get("/ready")
    assert (found.status_code, list(found.json()["reasons"])) == (503, [state])


def test_a_house_whose_engine_stands_is_not_ready(served: Served) -> None:
    served.caught_up()
    served.house.needs_engine = True
    assert list(served.http.get("/ready").json()["reasons"]) == ["engine"]
    served.running.checked = (-1e9, {})
    served.house.status.turned_at = served.house.clock()
    assert served.http.get("/ready").status_code == 200


def test_an_operator_stops_and_resumes_the_taking_of_orders(
    served: Served, admin: TestClient
) -> None:
    admin.post("/pause")
    order = served.story.order("ETH-USD", ONE)
    assert served.post(order).json()["code"] == "paused"
    admin.post("/resume")
    assert served.post(order).status_code == 201
    admin.post("/drain")
    assert served.post(served.story.order("ETH-USD", ONE)).json()["code"] == "draining"
    assert admin.post("/resume").status_code == 409


def test_an_operator_lifts_a_quarantine(served: Served, admin: TestClient) -> None:
    for _ in range(3):
        served.house.quarantine.note(["rage"], True, b"")
    assert list(admin.get("/quarantine").json()["venues"]) == ["rage"]
    assert admin.delete("/quarantine/rage").json() == {"done": True}
    assert admin.get("/quarantine").json()["venues"] == {}
    assert admin.delete("/quarantine/nowhere").status_code == 404


def test_metrics_count_orders(served: Served, admin: TestClient) -> None:
    served.post(served.story.order("ETH-USD", ONE))
    told = admin.get("/metrics").text
    assert 'ringside_orders{state="received"} 1.0' in told
    assert "ringside_orders_accepted_total" in told


def test_a_page_in_a_browser_can_administrate_nothing(served: Served) -> None:
    app = create_admin(served.house, served.running)
    with TestClient(app, base_url="http://evil.example", client=("127.0.0.1", 5)) as client:
        assert client.get("/status").status_code == 403
    with TestClient(app, **LOCAL) as client:
        assert client.post("/drain").status_code == 403
    with TestClient(app, base_url="http://127.0.0.1:8601", client=("10.1.2.3", 5)) as client:
        assert client.get("/metrics").status_code == 403
    assert not served.house.status.draining
