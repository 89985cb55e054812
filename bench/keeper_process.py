"""`ringside keeper` as a process of its own, over a folder: started, asked, killed, and again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account

from devnet import ROOT
from devnet.state import free_port

COMMAND = sys.executable, "-c", "from ringside.cli.main import cli; cli()", "keeper"
START = 60.0
"""Seconds that the process may take to answer on a busy machine."""
SECRET = "secret"


class Process:
    """One keeper. `keys` are its lanes' private keys; `settings` go over the defaults here."""

    def __init__(self, folder: Path, keys: Sequence[bytes], settings: Mapping[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "password").write_text(SECRET + "\n")
        files = []
        for i, key in enumerate(keys):
            files.append(str(folder / f"key{i}.json"))
            # A light key derivation: nothing here is about scrypt.
            stored = Account.encrypt(key, SECRET, kdf="pbkdf2", iterations=2)
            Path(files[-1]).write_text(json.dumps(stored))
        chosen = {
            "database": f"sqlite:///{folder}/keeper.db",
            "keys": files,
            "receipts": str(folder / "receipts"),
            "port": free_port(),
            "admin_port": free_port(),
            "loss": "1000",
            "poll": 0.05,
            **settings,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in chosen.items()]
        (folder / "ringside.toml").write_text("\n".join(lines) + "\n")
        self.port: int = chosen["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def spawn(self) -> None:
        """Starts the process; does not wait for it."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "--config", "ringside.toml"],
                cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "RINGSIDE_PASSWORD_FILE": str(self.folder / "password"),
                },
                stdout=log,
                stderr=log,
            )

    def start(self, place: str = "/health") -> float:
        """Starts it, and waits until `place` answers 200; returns the seconds that took."""
        begun = time.monotonic()
        self.spawn()
        while time.monotonic() < begun + START:
            assert self.runs, self.log[-3_000:]
            try:
                if self.http.get(place).status_code == 200:
                    return time.monotonic() - begun
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{place} does not answer 200: {self.log[-3_000:]}")

    def end(self, how: int = signal.SIGTERM) -> int:
        """Sends a signal, and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)

    def close(self) -> None:
        """Leaves nothing running."""
        if self.runs:
            self.end(signal.SIGKILL)
        self.http.close()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def memory_mb(self) -> float:
        """What of the process is in memory now (MB of 10^6 bytes)."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(kilobytes.split()[1]) * 1_024 / 10**6
