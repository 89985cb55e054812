"""EIP-712: typed structs as JSON for a wallet, and the hash that is signed, bit by bit.

A type is its fields in order, (name, kind); a kind may be another struct's name, or that with `[]`.
Hashing needs no `eth_account`, whose import is slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

Fields = tuple[tuple[str, str], ...]
Types = Mapping[str, Fields]

DOMAIN_FIELDS: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


def typed_data(
    primary: str, types: Types, domain: Mapping[str, Any], message: Mapping[str, Any]
) -> dict[str, Any]:
    """What a wallet is shown and signs. `domain` has those of the domain's fields that count."""
    fields = tuple(entry for entry in DOMAIN_FIELDS if entry[0] in domain)
    return {
        "types": {
            title: [{"name": name, "type": kind} for name, kind in entries]
            for title, entries in {"EIP712Domain": fields, **types}.items()
        },
        "primaryType": primary,
        "domain": dict(domain),
        "message": dict(message),
    }


def encode_type(name: str, types: Types) -> str:
    """The type's own text, and after it, in alphabetical order, that of every struct in it."""
    needed: set[str] = set()

    def visit(struct: str) -> None:
        if struct not in needed:
            needed.add(struct)
            for _, kind in types[struct]:
                if (inner := kind.removesuffix("[]")) in types:
                    visit(inner)

    visit(name)
    return "".join(
        f"{struct}({','.join(f'{kind} {field}' for field, kind in types[struct])})"
        for struct in (name, *sorted(needed - {name}))
    )


def hash_struct(name: str, types: Types, values: Mapping[str, Any]) -> bytes:
    """keccak256 of the type's hash and the encoded fields."""
    kinds, words = ["bytes32"], [keccak(text=encode_type(name, types))]
    for field, kind in types[name]:
        kinds.append("bytes32" if _hashed(kind, types) else kind)
        words.append(_word(kind, types, values[field]))
    return keccak(encode(kinds, words))


def digest(domain: Mapping[str, Any], struct: bytes) -> bytes:
    """What is signed: the struct's hash in its domain."""
    fields = tuple(entry for entry in DOMAIN_FIELDS if entry[0] in domain)
    separator = hash_struct("EIP712Domain", {"EIP712Domain": fields}, domain)
    return keccak(b"\x19\x01" + separator + struct)


def _hashed(kind: str, types: Types) -> bool:
    return kind in ("string", "bytes") or kind.endswith("[]") or kind in types


def _word(kind: str, types: Types, value: Any) -> Any:
    if kind == "string":
        return keccak(text=value)
    if kind == "bytes":
        return keccak(value)
    if kind.endswith("[]"):
        inner = kind.removesuffix("[]")
        return keccak(b"".join(hash_struct(inner, types, item) for item in value))
    if kind in types:
        return hash_struct(kind, types, value)
    return value


__all__ = [
    "DOMAIN_FIELDS",
    "Fields",
    "Types",
    "digest",
    "encode_type",
    "hash_struct",
    "typed_data",
]
