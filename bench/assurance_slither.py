"""Static analysis: `python -m bench.assurance_slither` runs slither over every contract that is
deployed, and holds what it finds at high or medium impact against the triage in
tests/slither.yaml. A finding that is not there fails, and so does an entry that no finding has any
more. Adds `slither_untriaged` to build/bench/assurance.json."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from bench.assurance import NEVER_DEPLOYED, ROOT, merge

SLITHER = ROOT / ".venv-audit" / "bin" / "slither"
PLACE = ROOT / "build" / "slither"
TRIAGE = ROOT / "tests" / "slither.yaml"
LEFT_OUT = ("tests/", *NEVER_DEPLOYED)
IMPACTS = "High", "Medium"

Where = tuple[str, str]
"""A detector, and the function (Contract.function) or variable in which it fired."""


def run() -> int:
    """Returns the exit code."""
    found = findings(analysed())
    known = yaml.safe_load(TRIAGE.read_text())
    triaged = [((e["detector"], name), e["why"]) for e in known for name in e["in"]]
    new, stale = judged([where for where, _ in found], [where for where, _ in triaged])
    table = Table("detector", "in", "impact", "triage", title="slither, high and medium")
    for where, one in found:
        why = dict(triaged).get(where, "[red]not triaged[/red]")
        table.add_row(*where, one["impact"], why)
    out = Console(width=160)
    out.print(table)
    for where in new:
        told = next(one["description"] for name, one in found if name == where)
        out.print(f"not triaged: {where[0]} in {where[1]}: {told}")
    for where in stale:
        out.print(f"nothing is found any more: {where[0]} in {where[1]}: take it out of {TRIAGE}")
    merge({"slither_untriaged": len(new), "slither_findings": len(found)})
    return 1 if new or stale else 0


def analysed() -> Sequence[Mapping[str, Any]]:
    """What slither says of all contracts at once.

    Raises:
        RuntimeError: it did not run to its end.
    """
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    (forge,) = ROOT.glob("node_modules/@foundry-rs/forge-*/bin")
    out, told = f"{PLACE.relative_to(ROOT)}/out", PLACE / "found.json"
    left_out = [word for folder in LEFT_OUT for word in ("--skip", f"{folder}**")]
    build = [str(forge / "forge"), "build", "--build-info", "--ast", "--out", out, *left_out]
    subprocess.run([*build, "--cache-path", str(PLACE / "cache")], cwd=ROOT, check=True)
    # slither asks forge for its settings.
    env = {**os.environ, "PATH": f"{forge}{os.pathsep}{os.environ['PATH']}"}
    command = [str(SLITHER), ".", "--ignore-compile", "--foundry-out-directory", out]
    command += ["--exclude-low", "--exclude-informational", "--exclude-optimization"]
    done = subprocess.run(
        [*command, "--json", str(told)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if not told.exists():
        raise RuntimeError(f"slither did not end: {done.stdout[-2_000:]}{done.stderr[-4_000:]}")
    answer = json.loads(told.read_text())
    if not answer["success"]:
        raise RuntimeError(f"slither failed: {answer['error']}")
    found: Sequence[Mapping[str, Any]] = answer["results"].get("detectors", [])
    return found


def findings(told: Sequence[Mapping[str, Any]]) -> list[tuple[Where, Mapping[str, Any]]]:
    """With their detectors and places; those that are of other people's packages alone are left
    out."""
    found = []
    for one in told:
        ours = [e for e in one["elements"] if _path(e).startswith("contracts/")]
        if one["impact"] in IMPACTS and (ours or not one["elements"]):
            found.append(((one["check"], place(ours[0]) if ours else "all"), one))
    return found


def _path(element: Mapping[str, Any]) -> str:
    return str(element["source_mapping"]["filename_relative"])


def place(element: Mapping[str, Any]) -> str:
    """Contract.name of a function, or of what is declared in one or beside them."""
    parts = [element["name"]]
    parent = element.get("type_specific_fields", {}).get("parent")
    while parent and parent["type"] in ("function", "contract"):
        parts.append(parent["name"])
        parent = parent.get("type_specific_fields", {}).get("parent")
    return ".".join(reversed(parts))


def judged(found: Sequence[Where], triaged: Sequence[Where]) -> tuple[list[Where], list[Where]]:
    """What is found and not triaged, and what is triaged and not found: a place is named as often
    as the detector fires there, so that a second finding of a kind is a new one."""
    counted, known = Counter(found), Counter(triaged)
    return sorted((counted - known).elements()), sorted((known - counted).elements())


if __name__ == "__main__":
    if not Path(SLITHER).exists():
        sys.exit("slither is not there: make slither sets it up.")
    sys.exit(run())
