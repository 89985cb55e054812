"""What forge's tests reach of contracts/: `python -m bench.assurance_coverage` runs all but the
invariants by volume, counts lines and branches of every contract that is deployed, prints a table
and what is not covered, and adds `line_coverage` and `branch_coverage` (percent) to
build/bench/assurance.json. It fails where something is not covered that is not listed here as
unreachable, below the targets, and where a test fails or is skipped.

A branch is a side of an `if`, a `require` or a `try`, as forge counts them; the parts of a
condition (`&&`, `||`, `?:`) are none of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from bench.assurance import NEVER_DEPLOYED, ROOT, merge
from devnet import allocs

LEAST_LINES, LEAST_BRANCHES = 100, 98
"""Percent, with what is unreachable."""
REPORT = ROOT / "build" / "forge" / "coverage.info"
LEFT_OUT = (*NEVER_DEPLOYED, "contracts/.cache/")
UNREACHABLE = {
    (
        "contracts/Bundles.sol",
        "require(state & BOUND == 0, NonceTaken(nonce, root));",
    ): "_claimed refuses a nonce that is bound to another root, and no atomic bundle's is ever "
    "bound: _count returns before _bind where the kind is Atomic, _step takes modes 1 and 2 alone, "
    "and the mode is part of the root",
    (
        "contracts/desk/Book.sol",
        "require(!p.done, Overfilled(0, size));",
    ): "only an order to close all is ever done, and _close, which goes before _count for each of "
    "those, refuses the same",
}
"""Branches that nothing reaches, by file and source, and why. They count as not covered; what is
listed here and was reached, or is not there any more, is an error."""


@dataclass
class Counted:
    """Of one contract's file: line, and (line, branch), with the times each was reached."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, str], int] = field(default_factory=dict)

    def missed(self) -> list[tuple[int, str]]:
        """Line and what of it was not reached, in the file's order."""
        lines = [(line, "line") for line, times in self.lines.items() if not times]
        branches = [
            (line, f"branch {name}") for (line, name), times in self.branches.items() if not times
        ]
        return sorted(lines + branches)


def read(report: str) -> dict[str, Counted]:
    """Contracts in forge's lcov report, by path; whatever it counts several times over is one."""
    found: dict[str, Counted] = {}
    here: Counted | None = None
    for row in report.splitlines():
        kind, _, rest = row.partition(":")
        if kind == "SF":
            counts = rest.startswith("contracts/") and not rest.startswith(LEFT_OUT)
            here = found.setdefault(rest, Counted()) if counts else None
        elif kind == "DA" and here is not None:
            at, times = rest.split(",")[:2]
            here.lines[int(at)] = here.lines.get(int(at), 0) + int(times)
        elif kind == "BRDA" and here is not None:
            at, block, branch, times = rest.split(",")
            key = int(at), f"{block}.{branch}"
            here.branches[key] = here.branches.get(key, 0) + (0 if times == "-" else int(times))
    return found


def percent(times: list[int]) -> float:
    """How many are not zero: in hundredths, rounded down, so that 100 is all."""
    return 10_000 * sum(1 for each in times if each) // len(times) / 100


def judge(found: dict[str, Counted], sources: dict[str, str]) -> tuple[dict[str, float], list[str]]:
    """The figures, and what is wrong with them. `sources` has the text of every contract."""
    figures = {
        "line_coverage": percent([n for c in found.values() for n in c.lines.values()]),
        "branch_coverage": percent([n for c in found.values() for n in c.branches.values()]),
    }
    wrong = [
        f"{path} has functions and was not measured"
        for path, text in sources.items()
        if path not in found and re.search(r"^\s*function ", text, re.MULTILINE)
    ]
    for name, least in ("line_coverage", LEAST_LINES), ("branch_coverage", LEAST_BRANCHES):
        if figures[name] < least:
            wrong.append(f"{name} is {figures[name]:.2f} %, and has to be {least} %")
    missed = [
        (path, line, what, text_of(sources, path, line))
        for path in sorted(found)
        for line, what in found[path].missed()
    ]
    wrong += [
        f"not covered: {path}:{line} ({what}): {source}"
        for path, line, what, source in missed
        if (path, source) not in UNREACHABLE
    ]
    still = {(path, source) for path, _, _, source in missed}
    wrong += [
        f"{path}: `{source}` is listed as unreachable, and was reached or is gone"
        for path, source in UNREACHABLE
        if (path, source) not in still
    ]
    return figures, wrong


def text_of(sources: dict[str, str], path: str, line: int) -> str:
    return sources[path].splitlines()[line - 1].strip()


def show(found: dict[str, Counted]) -> None:
    table = Table("contract", "lines", "branches")
    for path, c in sorted(found.items()):
        cells = (
            f"{sum(1 for n in part.values() if n)} of {len(part)}" for part in (c.lines, c.branches)
        )
        table.add_row(path, *cells)
    Console().print(table)
    for (path, source), why in UNREACHABLE.items():
        print(f"unreachable, and counted as not covered: {path}: `{source}`: {why}")


def run() -> int:
    """Returns an exit code."""
    allocs.write()
    (forge,) = ROOT.glob("node_modules/@foundry-rs/forge-*/bin/forge")
    REPORT.unlink(missing_ok=True)
    told = subprocess.run(
        [
            *(str(forge), "coverage", "--no-match-contract", "Invariants"),
            *("--report", "lcov", "--report-file", str(REPORT)),
        ],
        cwd=ROOT,
        env={**os.environ, "FOUNDRY_FUZZ_SEED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode or " 0 skipped (" not in told.stdout or not REPORT.exists():
        sys.stdout.write(told.stdout[-4_000:] + told.stderr[-2_000:])
        print("coverage: forge's tests have to pass, all of them, before anything is counted")
        return 1
    paths = {path.relative_to(ROOT).as_posix(): path for path in ROOT.glob("contracts/**/*.sol")}
    sources = {name: p.read_text() for name, p in paths.items() if not name.startswith(LEFT_OUT)}
    found = read(REPORT.read_text())
    show(found)
    figures, wrong = judge(found, sources)
    merge(figures)
    print(f"lines {figures['line_coverage']:.2f} %, branches {figures['branch_coverage']:.2f} %")
    for what in wrong:
        print(f"coverage: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run())
