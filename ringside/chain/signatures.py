"""Whether an owner signed a digest: by a key, or as a contract (ERC-1271)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coincurve import PublicKey
from eth_utils.crypto import keccak
from web3.exceptions import Web3Exception

from ringside.chain.abi import selector

if TYPE_CHECKING:
    from web3 import Web3

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Of secp256k1: a signature's s is at most this, so that it has one form."""
_CHECK = selector("isValidSignature(bytes32,bytes)")
GAS = 500_000
"""What a contract may use to say yes."""


def signer(digest: bytes, signature: bytes) -> str | None:
    """The address (lower-case) whose key made these 65 bytes, nothing where none did."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), digest, hasher=None
        )
    except Exception:  # Of r and s that belong to no point coincurve says so in several ways.
        return None
    return "0x" + keccak(key.format(compressed=False)[1:])[12:].hex()


def is_signed(w3: Web3, owner: str, digest: bytes, signature: bytes) -> bool:
    """Whether `owner` signed, by the owner's key first, then by whatever code the owner has, as the
    Desk asks."""
    if signer(digest, signature) == owner.lower():
        return True
    place = w3.to_checksum_address(owner)
    if not w3.eth.get_code(place):
        return False
    padded = signature + bytes(-len(signature) % 32)
    data = _CHECK + digest + (64).to_bytes(32, "big") + len(signature).to_bytes(32, "big") + padded
    call: Any = {"to": place, "data": "0x" + data.hex(), "gas": GAS}
    try:
        answer = bytes(w3.eth.call(call))
    except Web3Exception:
        return False
    return len(answer) >= 32 and answer[:32] == _CHECK.ljust(32, b"\0")
