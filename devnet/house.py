"""Everything on one machine: the local chain, a keeper with its API, and a client with money."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account
from web3 import Web3

from devnet import ROOT, DevnetError, hermes
from devnet.anvil import BLOCK_INTERVAL, connect, rpc
from devnet.artifacts import local_usdc
from devnet.chain import Chain

FOLDER = ROOT / "build" / "up"
KEEPERS = 4
"""Nonce lanes."""
COIN = 10**21
"""Wei that every key is given."""
MONEY = 1_000_000 * 10**6
"""USDC (1e6) that the client is given."""
START = 90.0
"""Seconds that the keeper may take to be ready on a slow machine."""


def keystore(path: Path, password: str) -> str:
    """A new key, encrypted into `path`; its address. Light to open: it is worth nothing."""
    made = Account.create()
    stored = Account.encrypt(made.key, password, kdf="pbkdf2", iterations=10)
    path.write_text(json.dumps(stored))
    path.chmod(0o600)
    return str(made.address)


def prepare(
    w3: Web3, addresses: dict[str, Any], rpc_url: str, port: int, prices: str, folder: Path
) -> str:
    """Writes keys, settings and addresses into the folder, gives out money; the client's address.
    What another run left there is deleted: its chain is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*"):
        if old.is_file():
            old.unlink()
    password = secrets.token_hex(16)
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password + "\n")
    keepers = [keystore(folder / f"keeper-{i}.json", password) for i in range(KEEPERS)]
    client = keystore(folder / "client.json", password)
    for address in (*keepers, client):
        rpc(w3, "anvil_setBalance", address, hex(COIN))
    chain = Chain(w3)
    chain.send(chain.at(local_usdc(), addresses["usdc"]), "mint", client, MONEY)
    (folder / "addresses.json").write_text(json.dumps(addresses, indent=2) + "\n")
    settings = {
        "rpc": [rpc_url],
        "addresses": "addresses.json",
        "since": w3.eth.block_number,
        "database": "sqlite:///keeper.db",
        "keys": [f"keeper-{i}.json" for i in range(KEEPERS)],
        "receipts": "receipts",
        "port": port,
        "admin_port": port + 1,
        "hermes": prices,
        # Gas on a local chain is nobody's money.
        "loss": "1000",
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (folder / "ringside.toml").write_text("\n".join(lines) + "\n")
    return client


@contextmanager
def running(
    w3: Web3, addresses: dict[str, Any], rpc_url: str, port: int, folder: Path = FOLDER
) -> Iterator[str]:
    """A keeper that is ready, for the length of a `with` block; the client's address. Its
    administration is at the port above.

    Raises:
        DevnetError: it did not start; with what it said.
    """
    with hermes.running(w3, addresses) as prices, blocks(rpc_url):
        client = prepare(w3, addresses, rpc_url, port, prices, folder)
        log = folder / "keeper.log"
        with log.open("wb") as told:
            process = subprocess.Popen(
                [sys.executable, "-c", "from ringside.cli.main import cli; cli()", "keeper"],
                cwd=folder,
                env={**os.environ, "RINGSIDE_PASSWORD_FILE": str(folder / "password")},
                stdout=told,
                stderr=told,
            )
        try:
            _await(process, f"http://127.0.0.1:{port}/ready", log)
            yield client
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def blocks(rpc_url: str) -> Iterator[None]:
    """An empty block now and then, so that time goes by on a chain that nobody else uses."""
    w3, ended = connect(rpc_url), threading.Event()

    def mine() -> None:
        while not ended.wait(BLOCK_INTERVAL):
            rpc(w3, "evm_mine")

    thread = threading.Thread(target=mine, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _await(process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            if httpx.get(ready, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise DevnetError(f"the keeper did not get ready:\n{log.read_text()[-2_000:]}")
