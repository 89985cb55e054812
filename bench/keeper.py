"""What the keeper reaches: `python -m bench.keeper [figure …]`, as a table and in
build/bench/keeper.json.

Everything runs as it would: `ringside keeper` as a process, anvil, and clients in a process of
their own, all on this machine. Orders are signed beforehand.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from bench import keeper_figures as figures
from bench.keeper_hostile import hostile
from bench.keeper_scan import scan
from devnet import ROOT
from devnet.anvil import BLOCK_GAS_LIMIT

OUT = ROOT / "build" / "bench" / "keeper.json"
MEASURES = {
    "accept": figures.accept,
    "sent": figures.sent,
    "fills": figures.fills,
    "recovery": figures.recovery,
    "memory": figures.memory,
    "hostile": hostile,
    "scan": scan,
}
TARGETS = {
    "accept_per_second": "≥ 1,000",
    "sent_p50_ms": "< 50",
    "sent_p99_ms": "< 150",
    "fills_per_second": "≥ 25",
    "lost": "0",
    "twice": "0",
    "scan_seconds": "< 2",
    "scan_calls": "≤ 30",
    "recovery_seconds": "< 5",
    "memory_mb": "< 400",
    "kills": "200",
}


def run(out: Callable[[object], None], names: Sequence[str] = ()) -> None:
    """Measures what is named, everything by default; prints a table and adds to the file."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="ringside-bench-") as folder:
        for name in names or MEASURES:
            found.update(MEASURES[name](Path(folder)))
    merge(found)
    made = Table("figure", Column("measured", justify="right"), "target", title="The keeper")
    for name, value in found.items():
        made.add_row(name.replace("_", " "), f"{value:,.1f}", TARGETS.get(name, ""))
    out(made)
    out(
        f"Blocks of {BLOCK_GAS_LIMIT:,} gas every {figures.BLOCK_SECONDS} s, {figures.LANES} "
        "lanes, SQLite; clients in a process of their own on the same machine."
    )


def merge(found: Mapping[str, Any]) -> None:
    """Adds figures to those of the file."""
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    known |= {"block_seconds": figures.BLOCK_SECONDS, "block_gas_limit": BLOCK_GAS_LIMIT}
    known |= {name: round(value, 2) for name, value in found.items()}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    run(Console().print, sys.argv[1:])
