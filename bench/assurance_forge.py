"""Calls by volume: `python -m bench.assurance_forge [calls]` runs forge's invariants until as many
were made, and adds `forge_calls` and `violations` to build/bench/assurance.json."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from bench.assurance import ROOT, merge

DEPTH = 500
"""Calls of one run, as foundry.toml says."""


def run(calls: int) -> int:
    """Returns forge's exit code."""
    (forge,) = ROOT.glob("node_modules/@foundry-rs/forge-*/bin/forge")
    runs = -(-calls // DEPTH)
    found = subprocess.run(
        [str(forge), "test", "--match-contract", "Invariants"],
        cwd=ROOT,
        env={**os.environ, "FOUNDRY_INVARIANT_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    sys.stdout.write(found.stdout[-4_000:])
    made = sum(map(int, re.findall(r"calls: (\d+)", found.stdout)))
    merge({"forge_calls": made, "forge_violations": found.stdout.count("[FAIL")})
    return found.returncode


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
