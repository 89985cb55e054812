"""Whether an owner signed: by its key, or as its contract says (ERC-1271)."""

from __future__ import annotations

from typing import Any

from coincurve import PublicKey
from eth_utils.address import to_checksum_address
from requests import RequestException
from web3 import Web3
from web3.exceptions import Web3Exception

from ringside.chain.abi import selector
from ringside.keccak import keccak

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1."""
LONGEST = 4_096
"""Bytes of a signature at most: a contract's may be long."""
GAS = 1_000_000
"""What a contract may spend on saying whether a signature is its own."""
_MAGIC = bytes.fromhex("1626ba7e").ljust(32, b"\0")


class ChainSilent(Exception):
    """The node did not say whether a contract holds a signature for its own."""


def signer(digest: bytes, signature: bytes) -> str | None:
    """The address (lower case) whose key signed `digest`, as OpenZeppelin's ECDSA has it: 65
    bytes, s in the lower half, v 27 or 28; `None` where it is no such signature."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > ORDER // 2:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), digest, hasher=None
        )
    except Exception:  # The library has several kinds for a point that is none.
        return None
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()


def is_signed(w3: Web3, owner: str, digest: bytes, signature: bytes) -> bool:
    """Whether `owner` signed: the owner's key first, then whatever code the owner has, as the Desk
    asks.

    Raises:
        ChainSilent: no node answers.
    """
    if signer(digest, signature) == owner.lower():
        return True
    return len(signature) <= LONGEST and said_by_contract(w3, owner, digest, signature)


def said_by_contract(w3: Web3, owner: str, digest: bytes, signature: bytes) -> bool:
    """Whether the owner's code says that it signed. Asks the chain.

    Raises:
        ChainSilent: no node answers.
    """
    data = selector("isValidSignature(bytes32,bytes)") + digest + (64).to_bytes(32, "big")
    data += len(signature).to_bytes(32, "big") + signature + bytes(-len(signature) % 32)
    place = to_checksum_address(owner)
    call: Any = {"to": place, "data": "0x" + data.hex(), "gas": GAS}
    try:
        if not w3.eth.get_code(place):
            return False
        return bytes(w3.eth.call(call))[:32] == _MAGIC
    except (RequestException, OSError) as no:
        raise ChainSilent(str(no)) from no
    except (Web3Exception, ValueError):  # It reverts, or burns its gas.
        return False


def personal(text: str) -> bytes:
    """The hash that a wallet signs for a text (EIP-191)."""
    data = text.encode()
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(data)).encode() + data)
