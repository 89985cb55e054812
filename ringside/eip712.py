"""EIP-712: typed structs as JSON for a wallet, and the hash that is signed, bit by bit.

A type is its fields in order, (name, kind); a kind may be another struct's name, or that with `[]`.
Hashing needs no `eth_account`, whose import is slow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from ringside.keccak import keccak, keccak_text

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


def structs(name: str, types: Types) -> list[str]:
    """The struct, and after it, in alphabetical order, every other one in it."""
    needed: set[str] = set()

    def visit(struct: str) -> None:
        if struct not in needed:
            needed.add(struct)
            for _, kind in types[struct]:
                if (inner := kind.removesuffix("[]")) in types:
                    visit(inner)

    visit(name)
    return [name, *sorted(needed - {name})]


def encode_type(name: str, types: Types) -> str:
    """The text of a struct's type and of those in it."""
    return "".join(
        f"{struct}({','.join(f'{kind} {field}' for field, kind in types[struct])})"
        for struct in structs(name, types)
    )


def hash_struct(name: str, types: Types, values: Mapping[str, Any]) -> bytes:
    """keccak256 of the type's hash and the encoded fields.

    Raises:
        ValueError: a value that its kind cannot hold.
    """
    _, head, words = _plan(name, types)
    return keccak(head + b"".join([word(values[field]) for field, word in words]))


Word = Callable[[Any], bytes]
"""What makes a value's 32 bytes; what is longer stands by its hash."""

_plans: dict[tuple[str, int], tuple[Types, bytes, list[tuple[str, Word]]]] = {}


def _plan(name: str, types: Types) -> tuple[Types, bytes, list[tuple[str, Word]]]:
    """The hash of a struct's type and what makes each field's word. Kept while `types` is the same
    object, as the constants of this package are: an order has some fifty words, and a keeper hashes
    a thousand orders a second."""
    known = _plans.get((name, id(types)))
    if known is None or known[0] is not types:
        words = [(field, _word(kind, types)) for field, kind in types[name]]
        known = _plans[name, id(types)] = types, keccak_text(encode_type(name, types)), words
    return known


def digest(domain: Mapping[str, Any], struct: bytes) -> bytes:
    """What is signed: the struct's hash in its domain."""
    return keccak(b"\x19\x01" + _separator(tuple(domain.items())) + struct)


@lru_cache(maxsize=64)
def _separator(domain: tuple[tuple[str, Any], ...]) -> bytes:
    values = dict(domain)
    fields = tuple(entry for entry in DOMAIN_FIELDS if entry[0] in values)
    types = {"EIP712Domain": fields}
    words = [keccak_text(encode_type("EIP712Domain", types))]
    words += [_word(kind, types)(values[field]) for field, kind in fields]
    return keccak(b"".join(words))


def _word(kind: str, types: Types) -> Word:
    if kind.startswith(("uint", "int")):
        return _integer(kind)
    if kind.endswith("[]"):
        inner = _word(kind.removesuffix("[]"), types)
        return lambda items: keccak(b"".join(map(inner, items))) if items else _NOTHING
    if kind in types:
        return lambda values: hash_struct(kind, types, values)
    return _PLAIN[kind]


def _integer(kind: str) -> Word:
    signed = kind[0] == "i"
    bits = int(kind[4 - signed :])
    low, high = -(signed << bits - 1), 1 << bits - signed

    def word(value: int) -> bytes:
        if not low <= value < high:
            raise ValueError(f"{value} does not fit {kind}")
        return int(value).to_bytes(32, "big", signed=signed)

    return word


def _bytes32(value: bytes) -> bytes:
    if len(value) != 32:
        raise ValueError(f"0x{value.hex()} is not 32 bytes")
    return bytes(value)


@lru_cache(maxsize=1024)
def _text(value: str) -> bytes:
    return keccak_text(value)


_NOTHING = keccak(b"")
"""The hash of an empty list."""
_PLAIN: dict[str, Word] = {
    "bool": lambda value: bytes(31) + bytes([bool(value)]),
    "address": lambda value: bytes.fromhex(value[2:]).rjust(32, b"\0"),
    "bytes32": _bytes32,
    "string": _text,
    "bytes": keccak,
}


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: one contract on one chain."""

    NAME: ClassVar[str]

    chain_id: int
    contract: str

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "name": self.NAME,
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.contract,
        }


class Signable(ABC):
    """What an owner signs as a whole: a struct of the class's own name in `TYPES`."""

    __slots__ = ()
    TYPES: ClassVar[Types]

    @property
    @abstractmethod
    def values(self) -> dict[str, Any]:
        """Its fields as a wallet is shown them."""

    @property
    def struct_hash(self) -> bytes:
        return hash_struct(type(self).__name__, self.TYPES, self.values)

    def digest(self, domain: Domain) -> bytes:
        """What the owner signs: the EIP-712 hash in its domain."""
        return digest(domain.fields, self.struct_hash)

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The same as EIP-712 JSON, for a wallet: what it shows is what is signed."""
        name = type(self).__name__
        needed = {struct: self.TYPES[struct] for struct in structs(name, self.TYPES)}
        return typed_data(name, needed, domain.fields, self.values)


def sign(signable: Signable, domain: Domain, private_key: bytes | str) -> bytes:
    """The 65-byte signature by a key held here. A wallet signs `typed_data` instead."""
    from eth_account import Account  # Slow to import, and not needed to hash.

    typed = signable.typed_data(domain)
    return bytes(Account.sign_typed_data(private_key, full_message=typed).signature)


__all__ = [
    "DOMAIN_FIELDS",
    "Domain",
    "Fields",
    "Signable",
    "Types",
    "digest",
    "encode_type",
    "hash_struct",
    "sign",
    "structs",
    "typed_data",
]
