"""The built state as a file that forge's tests load: the venues without a chain that runs.

`python -m devnet.allocs` leaves build/forge/venues/accounts.json, in the shape of a genesis's
allocations (which `vm.loadAllocs` takes), and addresses.json beside it, with the block under
`block`. tests/forge/RealVenues.sol reads both.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

from devnet import ROOT, state

OUT = ROOT / "build" / "forge" / "venues"


def write() -> None:
    """Leaves both files, of the present sources; builds the state first if nobody has."""
    built = state.ensure()
    dump = json.loads(gzip.decompress((built.folder / state.STATE_FILES[1]).read_bytes()))
    block = {name: int(dump["block"][name], 16) for name in ("number", "timestamp")}
    accounts = {
        address: {
            "balance": account["balance"],
            "nonce": hex(int(account["nonce"])),
            "code": account["code"],
            "storage": account["storage"],
        }
        for address, account in dump["accounts"].items()
    }
    OUT.mkdir(parents=True, exist_ok=True)
    _write(OUT / "accounts.json", json.dumps(accounts))
    _write(OUT / "addresses.json", json.dumps({**built.addresses, "block": block}, indent=2))


def _write(path: Path, text: str) -> None:
    """Aside and renamed, since a test may be reading."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


if __name__ == "__main__":
    write()
