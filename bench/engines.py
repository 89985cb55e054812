"""The outbox beside DBOS: how many lanes' plans a second each carries through its durable steps, on
SQLite and on PostgreSQL. `make engines`, as a table and in build/bench/engines.json.

A plan is one lane's transaction of one block: stored when it is signed, stored when it has ended.
In DBOS each is a workflow of two steps, eight at a time; in the outbox a block's eight go through
its three writes together. Neither sends anything. PostgreSQL runs without fsync for both, SQLite
with it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from bench import postgres
from devnet import ROOT
from ringside.store import outbox
from ringside.store.database import Database
from ringside.store.outbox import Attempt, Stage, Wanted

OUT = ROOT / "build" / "bench" / "engines.json"
PYTHON = ROOT / ".venv-engines" / "bin" / "python"
PLANS = 400
LANES = 8
BYTES = 1_024
"""Of a signed transaction."""


def by_dbos(url: str) -> float:
    """Plans a second, by a process of its own."""
    asked = json.dumps({"url": url, "plans": PLANS, "lanes": LANES, "bytes": BYTES})
    ended = subprocess.run(
        [PYTHON, "-m", "bench.engine_dbos"],
        cwd=ROOT,
        input=asked + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: float = json.loads(ended.stdout.splitlines()[-1])["per_second"]
    return found


def by_outbox(url: str) -> float:
    """Plans a second, as the engine and its lanes write them."""
    database = Database(url)
    database.migrate()
    lanes = [f"0x{lane:040x}" for lane in range(LANES)]
    begun = time.perf_counter()
    for block in range(PLANS // LANES):
        wanted = [
            Wanted(lane, "fill", (bytes([block % 256, i]) * 16,), "0x" + "11" * 20, b"", 10**6)
            for i, lane in enumerate(lanes)
        ]
        with database.write() as connection:
            numbers = outbox.plan(connection, wanted, time.time())
        with database.write() as connection:
            signed = []
            for lane, number in zip(lanes, numbers, strict=True):
                nonce = outbox.next_nonce(connection, lane, 0)
                digest = number.to_bytes(32, "big")
                raw = digest * (BYTES // 32)
                signed.append((number, nonce, Attempt(digest, raw, 1, 1, False, time.time())))
            outbox.sign(connection, signed)
        with database.write() as connection:
            for number in numbers:
                digest = number.to_bytes(32, "big")
                outbox.end(connection, number, Stage.MINED, time.time(), digest, block, 1)
    seconds = time.perf_counter() - begun
    database.close()
    return PLANS / seconds


def main() -> None:
    """Measures both on both."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="ringside-bench-") as folder:
        found["SQLite"] = {
            "outbox": by_outbox(f"sqlite:///{folder}/outbox.db"),
            "dbos": by_dbos(f"sqlite:///{Path(folder) / 'dbos.db'}"),
        }
    with postgres.running() as url:
        found["PostgreSQL"] = {"outbox": by_outbox(url), "dbos": by_dbos(url)}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    right = [Column(name, justify="right") for name in ("outbox", "DBOS", "outbox ÷ DBOS")]
    made = Table("plans a second", *right, title="Durable steps")
    for name, one in found.items():
        ratio = one["outbox"] / one["dbos"]
        made.add_row(name, f"{one['outbox']:,.0f}", f"{one['dbos']:,.0f}", f"{ratio:.1f}")
    Console().print(made)


if __name__ == "__main__":
    main()
