"""Where receipts are kept: one file each, named by its hash."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Receipt:
    """A document's canonical bytes, the version of its form, and keccak256 of the bytes: what the
    Desk's event carries."""

    version: int
    hash: bytes
    document: bytes

    @property
    def tuple(self) -> tuple[int, bytes]:
        """As the contract takes it."""
        return self.version, self.hash


NO_RECEIPT = (0, bytes(32))
"""What a fill says of its keeper's decision where none is written down: version 0, nothing."""


@dataclass(frozen=True)
class Receipts:
    """A directory of `<hash>.json`."""

    folder: Path

    def path(self, digest: bytes) -> Path:
        return self.folder / f"0x{digest.hex()}.json"

    def put(self, receipt: Receipt) -> Path:
        """Writes the document whole or not at all, and through to the disk: a transaction that
        names it may follow."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.path(receipt.hash)
        handle, aside = tempfile.mkstemp(dir=self.folder, prefix=".receipt-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(receipt.document)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, place)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        return place

    def get(self, digest: bytes) -> bytes | None:
        """What is kept under a hash, unchecked; `None` if nothing is."""
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            return None
