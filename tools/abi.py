"""Writes the ABIs that the Python package carries, from what Ape compiled; a test holds the two
together."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / ".build" / "__local__.json"
TARGET = ROOT / "ringside" / "chain" / "abis.json"
NAMES = (
    *("Vault", "Desk", "Bundles", "Quotes", "Policies", "Venues", "Access", "Lens", "Board"),
    *("PerpV2Seat", "RageSeat", "SynthetixSeat", "LocalUSDC"),
)


def abis() -> str:
    """The file's text: one entry a line, so that a change reads well."""
    types = json.loads(MANIFEST.read_text())["contractTypes"]
    lines = []
    for name in NAMES:
        entries = ",\n    ".join(json.dumps(entry) for entry in types[name]["abi"])
        lines.append(f'  "{name}": [\n    {entries}\n  ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    text = abis()
    if not TARGET.exists() or TARGET.read_text() != text:
        TARGET.write_text(text)
        sys.stdout.write(f"{TARGET.relative_to(ROOT)} has changed: commit it\n")
