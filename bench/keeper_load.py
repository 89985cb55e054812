"""Clients of a keeper, in a process of their own: `python -m bench.keeper_load`, told by a line of
JSON on standard input what to do, and answering with one on standard output.

Each connection is kept open and comes from a loopback address of its own, since the API counts its
rates by address.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from websockets.asyncio.client import connect

from devnet import ROOT


class Connection:
    """HTTP/1.1 to one place."""

    def __init__(self, port: int, number: int) -> None:
        self.port, self.source = port, f"127.0.{1 + number // 250}.{1 + number % 250}"

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.source, 0)
        )

    async def post(self, body: bytes) -> int:
        """Hands an order in; returns the status."""
        head = f"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = answer.lower().split(b"content-length:")[1].split(b"\r\n")[0]
        await self.reader.readexactly(int(length))
        return int(answer.split(b" ", 2)[1])


async def posted(told: dict[str, Any]) -> dict[str, Any]:
    """Posts every body, as fast as it goes or `rate` a second. Returns how many had which status,
    the seconds that all took, and each in the median (ms)."""
    bodies = Path(told["bodies"]).read_bytes().splitlines()
    connections = [Connection(told["port"], n) for n in range(told["connections"])]
    for one in connections:
        await one.open()
    codes: Counter[int] = Counter()
    took: list[float] = []
    queue: Iterator[tuple[int, bytes]] = enumerate(bodies).__iter__()
    rate, begun = told.get("rate"), time.monotonic()

    async def work(one: Connection) -> None:
        for i, body in queue:
            if rate and (early := begun + i / rate - time.monotonic()) > 0:
                await asyncio.sleep(early)
            sent = time.monotonic()
            codes[await one.post(body)] += 1
            took.append(time.monotonic() - sent)

    await asyncio.gather(*map(work, connections))
    seconds = time.monotonic() - begun
    return {"codes": dict(codes), "seconds": seconds, "median_ms": median(took) * 1_000}


async def followed(told: dict[str, Any]) -> dict[str, Any]:
    """Posts one order after the other, and waits for each until the node says that a transaction
    came into its pool. Returns the seconds from the first byte sent to that."""
    bodies = Path(told["bodies"]).read_bytes().splitlines()
    took: list[float] = []
    async with connect(told["node"].replace("http", "ws")) as node:
        ask = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe"}
        await node.send(json.dumps({**ask, "params": ["newPendingTransactions"]}))
        await node.recv()
        for i, body in enumerate(bodies):
            one = Connection(told["port"], i % 50)
            await one.open()
            # Not in step with the blocks.
            await asyncio.sleep(told["pause"] * (1 + i * 0.618 % 1))
            sent = time.monotonic()
            status = await one.post(body)
            if status != 201:
                raise RuntimeError(f"an order was refused with {status}")
            await asyncio.wait_for(node.recv(), 20)
            took.append(time.monotonic() - sent)
            one.writer.close()
    return {"took": took}


def run(what: str, bodies: list[str], folder: Path, **told: Any) -> dict[str, Any]:
    """Has `what` done by a process of its own, and returns what it answers."""
    with started(what, bodies, folder, **told) as process:
        return answer(process)


def started(what: str, bodies: list[str], folder: Path, **told: Any) -> subprocess.Popen[str]:
    """The process, at work."""
    place = folder / f"{what}-{time.monotonic_ns()}.jsonl"
    place.write_text("\n".join(bodies))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.keeper_load"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"what": what, "bodies": str(place), **told}) + "\n")
    process.stdin.close()
    return process


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says in the end.

    Raises:
        RuntimeError: it failed.
    """
    assert process.stdout is not None
    said = process.stdout.read()
    if process.wait():
        raise RuntimeError("the load generator failed; it says why above")
    found: dict[str, Any] = json.loads(said)
    return found


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    print(json.dumps(uvloop.run({"posted": posted, "followed": followed}[asked["what"]](asked))))
