"""Both ports are served beside the engine, and given back."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from served import Served
from story import Story

from ringside.api.serve import NotServed, Servers
from ringside.units import ONE


def test_both_ports_answer_until_they_are_stopped(story: Story, tmp_path: Path) -> None:
    made = Served(story, tmp_path)
    made.house.config.port = made.house.config.admin_port = 0
    servers = Servers(made.house)
    servers.start()
    port, admin = servers.ports
    with httpx.Client() as http:
        assert http.get(f"http://127.0.0.1:{port}/health").json() == {"status": "ok"}
        body = made.body(story.order("ETH-USD", ONE))
        assert http.post(f"http://127.0.0.1:{port}/v1/orders", json=body).status_code == 201
        assert "ringside_orders_accepted" in http.get(f"http://127.0.0.1:{admin}/metrics").text
        assert http.get(f"http://127.0.0.1:{port}/metrics").status_code == 404
    servers.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def test_a_port_that_is_taken_is_said(story: Story, tmp_path: Path) -> None:
    made = Served(story, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made.house.config.port, made.house.config.admin_port = taken.getsockname()[1], 0
        with pytest.raises(NotServed, match="cannot be listened on"):
            Servers(made.house).start()
