"""`ringside keeper` as a process of its own: orders in over HTTP, signals, and SIGKILL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from house import signer
from story import Story

from ringside import wire
from ringside.orders import Order
from ringside.units import ONE

SIZE = 2 * ONE
COMMAND = sys.executable, "-c", "from ringside.cli.main import cli; cli()", "keeper"
START = 40
"""Seconds that the process may take to answer on a busy machine."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """The keeper over a folder, started and ended as often as one likes."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story, self.folder = story, folder
        self.port = free_port()
        (folder / "addresses.json").write_text(json.dumps(story.ringside.addresses))
        # A light key derivation: the test is not about scrypt.
        key = Account.encrypt(signer(4)._key.key, "secret", kdf="pbkdf2", iterations=2)
        (folder / "key.json").write_text(json.dumps(key))
        (folder / "password").write_text("secret\n")
        settings = {
            "rpc": [story.w3.provider.endpoint_uri],
            "addresses": str(folder / "addresses.json"),
            "since": story.w3.eth.block_number,
            "database": f"sqlite:///{folder}/keeper.db",
            "keys": [str(folder / "key.json")],
            "receipts": str(folder / "receipts"),
            "port": self.port,
            "admin_port": free_port(),
            "loss": "1000",
            "poll": 0.05,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        (folder / "ringside.toml").write_text("\n".join(lines) + "\n")
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "--config", "ringside.toml"],
                cwd=self.folder,
                env={**os.environ, "RINGSIDE_PASSWORD_FILE": str(self.folder / "password")},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START
        while time.monotonic() < until:
            assert self.process.poll() is None, (self.folder / "log").read_text()[-3_000:]
            try:
                self.http.get("/health")
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text()[-3_000:])

    def end(self, how: int) -> int:
        """Sends a signal, and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)

    def post(self, order: Order) -> Any:
        signature = "0x" + self.story.sign(order).hex()
        body = {"order": wire.message(order), "signature": signature}
        return self.http.post("/v1/orders", json=body)

    def spent(self, order: Order) -> bool:
        """Whether the order is filled, on the chain, in time."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.story.desk.functions.isSpent(order.account, order.nonce).call():
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def process(story: Story, tmp_path: Path) -> Iterator[Process]:
    made = Process(story, tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)
    made.http.close()


def held(story: Story) -> int:
    """What the client holds of ETH-USD over all venues."""
    return sum(
        s.positions["ETH-USD"].size for s in story.seats.values() if "ETH-USD" in s.positions
    )


def test_an_order_that_is_posted_is_filled_and_sigterm_ends_the_process_in_peace(process, story):
    process.start()
    order = story.order("ETH-USD", SIZE)
    assert process.post(order).status_code == 201
    assert process.spent(order)
    assert process.end(signal.SIGTERM) == 0
    assert held(story) == SIZE


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.2], ids=lambda s: f"{s * 1000:.0f}ms")
def test_killed_after_an_order_was_accepted_it_is_filled_once(process, story, after):
    process.start()
    orders = [story.order("ETH-USD", SIZE) for _ in range(3)]
    assert [process.post(order).status_code for order in orders] == [201] * 3
    time.sleep(after)
    process.end(signal.SIGKILL)
    process.start()
    assert all(process.spent(order) for order in orders)
    assert held(story) == 3 * SIZE


def test_a_setting_that_will_not_do_is_told_with_the_remedy(process):
    text = (process.folder / "ringside.toml").read_text()
    (process.folder / "ringside.toml").write_text(text + 'policy = "nonsense"\n')
    done = subprocess.run(
        [*COMMAND, "--config", "ringside.toml"],
        cwd=process.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "policy" in done.stderr
    assert "Traceback" not in done.stderr
