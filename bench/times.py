"""How long a newcomer waits, with everything set up: `python -m bench.times`.

Whole processes by the wall clock, the median of a few runs; written to build/bench/times.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from devnet import state

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench" / "times.json"
RUNS = 3


def demo() -> float:
    """Seconds of `make demo`."""
    started = time.monotonic()
    subprocess.run(["make", "-s", "demo"], cwd=ROOT, check=True, capture_output=True)
    return time.monotonic() - started


def warm_start() -> float:
    """Seconds from starting the local chain to its saying that it is up."""
    command = [sys.executable, "-u", "-m", "devnet", "up", "--port", str(state.free_port())]
    started = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "is up" in line:
                    return time.monotonic() - started
        finally:
            process.terminate()
    raise RuntimeError("the local chain never said that it is up")


def run(say: Callable[..., None]) -> None:
    """Measures, prints and writes."""
    state.ensure()
    result = {
        "demo_warm_seconds": round(median(demo() for _ in range(RUNS)), 2),
        "devnet_warm_start_seconds": round(median(warm_start() for _ in range(RUNS)), 2),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    table = Table("what", "seconds", title="Times", title_justify="left")
    for what, seconds in result.items():
        table.add_row(what, f"{seconds:.2f}")
    say(table)


if __name__ == "__main__":
    run(Console().print)
