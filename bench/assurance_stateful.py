"""The stateful tests at length: `make invariants N=20000 SEED=1`.

Tells how often each kind of call was made and went through, and writes `stateful_calls` and
`violations` to build/bench/assurance.json, which other checks add to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from bench.assurance import ROOT, merge

TOLD = ROOT / "build" / "bench" / "stateful.json"


def main(calls: str = "20000", seed: str = "1") -> int:
    """Runs the stories, tells of them, and notes how many calls there were."""
    TOLD.unlink(missing_ok=True)
    began = time.perf_counter()
    asked = {"RINGSIDE_STATEFUL_CALLS": calls, "RINGSIDE_STATEFUL_SEED": seed}
    asked["RINGSIDE_STATEFUL_TOLD"] = str(TOLD)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:ape_test", "tests/stateful"]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **asked}, check=False)
    if not TOLD.exists():
        return ended.returncode or 1
    told = json.loads(TOLD.read_text())
    merge({"stateful_calls": told["calls"], "stateful_violations": int(ended.returncode != 0)})
    print(f"{told['calls']} calls in {time.perf_counter() - began:.0f} s, seed {seed}")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
