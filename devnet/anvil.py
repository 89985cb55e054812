"""Start and stop one anvil process on the loopback interface."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from devnet import ROOT, DevnetError

CHAIN_ID = 31337
GENESIS_TIME = 1_767_225_600
"""Seconds since 1970 of the first block (1 January 2026, UTC): fixed, so that builds repeat."""
BLOCK_INTERVAL = 2
"""Seconds from one block to the next, whatever the wall clock says."""
BLOCK_GAS_LIMIT = 100_000_000
HARDFORK = "cancun"
"""The fork the contracts are compiled for; also keeps a later anvil from changing gas prices."""
START_TIMEOUT = 10.0
"""Seconds a fresh anvil may take to answer."""
RPC_TIMEOUT = 120
"""Seconds one RPC request may take (loading a state on a busy machine is the longest)."""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def binary() -> Path:
    """The anvil of the lock file on Linux x86-64, the one machine it names a binary for;
    elsewhere the `anvil` on the path. (The npm launcher hides failures: not used.)"""
    system = platform.system().lower().replace("windows", "win32")
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    package = f"@foundry-rs/anvil-{system}-{machine}"
    name = "anvil.exe" if system == "win32" else "anvil"
    path = ROOT / "node_modules" / package / "bin" / name
    if path.is_file():
        return path
    own = shutil.which("anvil")
    if own is None:
        raise DevnetError(
            f"No anvil at node_modules/{package}/bin and none on the path: run `npm ci` in the "
            "checkout, or install Foundry's anvil 1.7 where npm has none for this machine."
        )
    return Path(own)


def connect(url: str) -> Web3:
    """A Web3 on `url`. Requests go over one kept-alive connection."""
    return Web3(HTTPProvider(url, request_kwargs={"timeout": RPC_TIMEOUT}))


def rpc(w3: Web3, method: str, *params: object) -> object:
    """One raw JSON-RPC call; raises DevnetError with the node's own message."""
    response = w3.provider.make_request(RPCEndpoint(method), list(params))
    if "error" in response:
        raise DevnetError(f"{method}: {response['error']}")
    return response["result"]


def start(port: int) -> tuple[subprocess.Popen[bytes], Web3]:
    """Start an empty chain on 127.0.0.1:`port` and wait until it answers."""
    command = [
        str(binary()),
        *("--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)),
        *("--timestamp", str(GENESIS_TIME), "--gas-limit", str(BLOCK_GAS_LIMIT)),
        *("--hardfork", HARDFORK, "--silent"),
        # No trace of past states is kept on disk: anvil can otherwise fill gigabytes in minutes.
        *("--prune-history", "1000"),
    ]
    with socket.socket() as probe:
        # An anvil that is there already would answer for the new one.
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise DevnetError(f"Port {port} is taken: end what listens there, or name another.")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    w3 = connect(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
            raise DevnetError(f"anvil did not start on port {port} (is it taken?): {said[:500]}")
        if w3.is_connected():
            rpc(w3, "anvil_setBlockTimestampInterval", BLOCK_INTERVAL)
            return process, w3
        time.sleep(0.02)
    stop(process)
    raise DevnetError(f"anvil on port {port} did not answer within {START_TIMEOUT:.0f} s.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the given anvil, and only that one."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(port: int) -> Iterator[Web3]:
    """An empty chain for the length of a `with` block."""
    process, w3 = start(port)
    try:
        yield w3
    finally:
        stop(process)
