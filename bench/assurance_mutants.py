"""Mutation: `python -m bench.assurance_mutants [count] [seed]` breaks Vault, Desk and seats in one
place at a time (`tools/mutate.mjs`), and asks forge's tests whether they notice: on stand-in
venues, or on the real ones where it is a real venue's seat. Prints a table by file and what
survived, leaves every verdict in build/mutants/verdicts.jsonl, and adds `mutants` and
`mutants_killed` to build/bench/assurance.json. Fails below the target."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.assurance import ROOT, merge
from devnet import allocs

LEAST = 0.9
"""The part of mutants that has to be killed."""
VERDICTS = ROOT / "build" / "mutants" / "verdicts.jsonl"
WORKERS = 2


def run(count: int, seed: int) -> int:
    """Returns the exit code."""
    (forge,) = ROOT.glob("node_modules/@foundry-rs/forge-*/bin/forge")
    allocs.write()
    subprocess.run([str(forge), "build"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    VERDICTS.parent.mkdir(parents=True, exist_ok=True)
    VERDICTS.unlink(missing_ok=True)
    tool = ["node", "tools/mutate.mjs", str(forge), str(VERDICTS), str(count), str(seed)]
    shards = [f"{i}/{WORKERS}" for i in range(WORKERS)]
    working = [subprocess.Popen([*tool, shard], cwd=ROOT) for shard in shards]
    codes = [one.wait() for one in working]
    if any(codes):
        raise RuntimeError("a worker failed; it says why above")
    verdicts = [json.loads(line) for line in VERDICTS.read_text().splitlines()]
    show(verdicts)
    killed = sum(one["dead"] for one in verdicts)
    merge({"mutants": len(verdicts), "mutants_killed": killed, "mutants_seed": seed})
    return 0 if verdicts and killed >= LEAST * len(verdicts) else 1


def show(verdicts: Sequence[Mapping[str, Any]]) -> None:
    """By file, and the survivors one by one."""
    out = Console(width=150)
    table = Table("file", "mutants", "killed", "part", title="Mutants")
    for name in sorted({one["file"] for one in verdicts}):
        dead = [one["dead"] for one in verdicts if one["file"] == name]
        table.add_row(name, str(len(dead)), str(sum(dead)), f"{sum(dead) / len(dead):.1%}")
    whole = [one["dead"] for one in verdicts]
    table.add_row("all", str(len(whole)), str(sum(whole)), f"{sum(whole) / len(whole):.1%}")
    out.print(table)
    for one in sorted(verdicts, key=lambda one: (one["file"], one["line"])):
        if not one["dead"]:
            out.print(f"survived: {one['file']}:{one['line']}: {one['was']} → {one['by']}")


if __name__ == "__main__":
    count, seed, *_ = [*map(int, sys.argv[1:]), *(340, 1)[len(sys.argv) - 1 :]]
    sys.exit(run(count, seed))
