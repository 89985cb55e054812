"""Symbolic proofs: `python -m bench.assurance_proofs [contract]` has halmos look, for every value
that their arguments can have, for one that breaks an assertion of tests/proofs. Prints a table and
adds `proofs` to build/bench/assurance.json. Fails where one fails, has no path that ends, or is not
decided in time, and below ten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from bench.assurance import ROOT, merge

HALMOS = ROOT / ".venv-audit" / "bin" / "halmos"
PLACE = ROOT / "build" / "proofs"
LEAST = 10
TIMEOUT = 120
"""Seconds for one question to the solvers."""


def run(contract: str = "") -> int:
    """Returns the exit code."""
    shutil.rmtree(PLACE, ignore_errors=True)  # Else what was deleted is proved again.
    PLACE.mkdir(parents=True)
    told = PLACE / "told.json"
    (forge,) = ROOT.glob("node_modules/@foundry-rs/forge-*/bin")
    command = [str(HALMOS), "--function", "check_", "--json-output", str(told)]
    command += ["--forge-build-out", "build/proofs/out", "--loop", "8", "--solver-threads", "1"]
    command += ["--solver-timeout-assertion", f"{TIMEOUT + 5}s"]
    python = HALMOS.with_name("python")
    command += ["--solver-command", f"{python} {ROOT}/tools/decide.py {TIMEOUT}"]
    if contract:
        command += ["--contract", contract]
    path = f"{forge}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "FOUNDRY_PROFILE": "proofs"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False)
    if not told.exists():
        raise RuntimeError(f"halmos did not end (exit code {done.returncode}); it says why above")
    results = json.loads(told.read_text())["test_results"]
    table = Table("contract", "proof", "result", "paths", "s", title="Proofs")
    proved = whole = 0
    for name in sorted(results):
        for one in results[name]:
            whole += 1
            # Paths: all, those that end, those that are blocked.
            holds = one["exitcode"] == 0 and one["num_paths"][1] > 0
            holds = holds and not one["num_bounded_loops"]  # None was cut short.
            proved += holds
            said = "proved" if holds else f"[red]not proved ({one['exitcode']})[/red]"
            took = f"{one['time'][0]:.1f}"
            title = one["name"].removeprefix("check_").split("(")[0].replace("_", " ")
            table.add_row(name.split(":")[-1], title, said, str(one["num_paths"][1]), took)
    Console(width=150).print(table)
    if not contract:
        merge({"proofs": proved})
    return 0 if proved == whole and (contract or proved >= LEAST) else 1


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:2]))
