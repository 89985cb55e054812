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
    """An address as EIP-55 spells it."""
    from eth_utils.address import to_checksum_address  # A slow import, and not needed to hash.

    return str(to_checksum_address(address))
