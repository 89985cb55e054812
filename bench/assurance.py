"""build/bench/assurance.json, to which every check adds its own figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench" / "assurance.json"
NEVER_DEPLOYED = "contracts/test/", "contracts/local/"
"""Contracts of the local chain and the tests: what is counted and analysed leaves them out."""
FOUND_BY = "stateful_violations", "forge_violations"


def merge(found: Mapping[str, float]) -> None:
    """Adds figures to those of the file; `violations` are all that either kind of run found."""
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    known |= found
    known["violations"] = sum(known.get(name, 0) for name in FOUND_BY)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(known, indent=2) + "\n")
