"""What is nearly an order, and what a keeper makes of ten thousand of it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from bench import keeper_load as load
from bench.keeper_figures import bench
from ringside.store.book import counts
from ringside.store.database import Database

REQUESTS = 10_000
WARM = 1_000
CONNECTIONS = 250
"""Each from an address of its own: of one alone most would be held back, and prove nothing."""
SEED = 7
FLAT_MB = 30.0
"""By how much a process may have grown."""


def worse(body: dict[str, Any], rng: Random) -> bytes:
    """A body that would do but for one thing: its signature is of something else, one of its fields
    is nonsense, or it breaks off."""
    signature = bytearray.fromhex(body["signature"][2:])
    if rng.random() < 0.8:
        signature[:] = rng.randbytes(len(signature))
    signature[rng.randrange(len(signature))] ^= 1 << rng.randrange(8)
    (kind,) = body.keys() - {"signature"}
    told = json.loads(json.dumps({**body, "signature": "0x" + signature.hex()}))
    terms = told[kind]["terms"]
    where = rng.choice([told, told[kind], terms, terms["bounds"]])
    name = rng.choice(list(where))
    where[name] = rng.choice(
        [None, -1, 1e308, 10**80, "9" * 90, "", "0x", [], {}, True, "\ud800", [[[]]], where[name]]
    )
    text = json.dumps(told).encode()
    return text[: rng.randrange(len(text))] if rng.random() < 0.1 else text


def hostile(folder: Path) -> dict[str, float]:
    """Sends them to a keeper: none is taken, nothing is kept, its memory stays as it was, and an
    order that is in order is still taken."""
    rng = Random(SEED)
    with bench(folder / "hostile", 50) as at, at.running() as keeper:
        good = [at.site.body(at.site.waiting(owner, rng), owner.key) for owner in at.site.owners]
        bad = [worse(rng.choice(good), rng).decode() for _ in range(WARM + REQUESTS)]
        asked = {"port": keeper.port, "connections": CONNECTIONS}
        load.run("posted", bad[:WARM], folder, **asked)
        before = keeper.memory_mb
        codes = load.run("posted", bad[WARM:], folder, **asked)["codes"]
        grown = keeper.memory_mb - before
        assert codes.keys() <= {"400", "401", "422", "429"}, codes
        assert grown < FLAT_MB, f"it grew by {grown:.0f} MB"
        database = Database(f"sqlite:///{keeper.folder}/keeper.db")
        with database.read() as connection:
            assert not counts(connection), "something was kept"
        database.close()
        assert load.run("posted", [json.dumps(good[0])], folder, **asked)["codes"] == {"201": 1}
    held_back = codes.get("429", 0)
    return {"hostile_refused": REQUESTS - held_back, "hostile_growth_mb": grown}
