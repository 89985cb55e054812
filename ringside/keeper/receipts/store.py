"""Where receipts are kept: one file each, named by its hash."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

LARGEST = 4 * 2**20
"""Bytes that a document has at most: some forty times what a bundle over every venue takes."""


class Unreadable(Exception):
    """There is something, and it cannot be read as a document; the message says why."""


def contents(place: Path) -> bytes | None:
    """What is in a file, `None` if there is no such file.

    Raises:
        Unreadable: it is no file, may not be read, or is larger than any document.
    """
    try:
        if place.exists() and not place.is_file():
            raise Unreadable(f"{place} is no file.")
        with place.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as no:  # A name too long, or that no file can have.
        why = no.strerror if isinstance(no, OSError) else no
        raise Unreadable(f"{str(place)[:200]} cannot be read: {why}.") from None
    if len(data) > LARGEST:
        raise Unreadable(f"{place} has more than {LARGEST} bytes, which no receipt has.")
    return data


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
        """What is kept under a hash, unchecked; `None` if nothing is.

        Raises:
            Unreadable: as `contents`.
        """
        return contents(self.path(digest))
