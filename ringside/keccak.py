"""keccak256, and addresses spelled by it: a keeper hashes some ten times for every order, and the
usual way to pycryptodome's takes ten times as long."""

from __future__ import annotations

from functools import lru_cache

import sha3


def keccak(data: bytes) -> bytes:
    """The 32 bytes of keccak256."""
    found: bytes = sha3.keccak_256(data).digest()
    return found


def keccak_text(text: str) -> bytes:
    """keccak256 of a text's UTF-8."""
    return keccak(text.encode())


@lru_cache(maxsize=1 << 16)
def checksummed(address: str) -> str:
    """An address (0x and 40 hex digits) as EIP-55 spells it.

    Raises:
        ValueError: it is none.
    """
    text = address[2:].lower()
    if len(bytes.fromhex(text)) != 20:
        raise ValueError(f"{address} is no address")
    digits = keccak_text(text).hex()
    return "0x" + "".join(c.upper() if d > "7" else c for c, d in zip(text, digits, strict=False))
