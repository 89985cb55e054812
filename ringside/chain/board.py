"""What clients post on the chain: orders and bundles rebuilt from the Board's events.

Anyone posts there whatever they like, so every event is taken as it would be from a stranger over
the wire: what is no order is told apart with a reason, and stops nothing. A signature is not
looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from hexbytes import HexBytes

from ringside import wire
from ringside.chain.contracts import abi
from ringside.keccak import keccak_text
from ringside.orders import TYPES, Bundle, Order

if TYPE_CHECKING:
    from web3 import Web3

LONGEST = 2**17
"""Bytes of an event at most: a bundle of as many steps as the wire takes, with room for the
signature of a contract."""
_EVENTS = {"OrderPosted": "Order", "BundlePosted": "Bundle"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the chain something was posted."""

    block: int
    tx: bytes
    index: int
    """The log's, in its block."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A request as it was posted, with a signature that nobody has verified."""

    request: Order | Bundle
    signature: bytes
    at: Place


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something posted that is no request, and why."""

    reason: str
    at: Place


def topics() -> list[bytes]:
    """The first topics of the Board's events: what to ask a node for."""
    return list(_kinds())


def posted(
    w3: Web3, address: str, logs: Iterable[Mapping[str, Any]]
) -> tuple[list[Posted], list[Skipped]]:
    """The requests in `logs` that the Board at `address` emitted, in their order, and what of it is
    none. Logs of other contracts and other events are passed over; nothing in one raises."""
    found: list[Posted] = []
    skipped: list[Skipped] = []
    for log in logs:
        heads = [bytes(HexBytes(topic)) for topic in log["topics"]]
        if log["address"].lower() != address.lower() or not heads or heads[0] not in _kinds():
            continue
        at = Place(log["blockNumber"], bytes(HexBytes(log["transactionHash"])), log["logIndex"])
        try:
            found.append(Posted(*_read(w3, heads[0], bytes(HexBytes(log["data"]))), at))
        except (DecodingError, ValueError, OverflowError) as no:  # A WireError is a ValueError.
            skipped.append(Skipped(str(no)[:200] or type(no).__name__, at))
    return found, skipped


def _read(w3: Web3, topic: bytes, data: bytes) -> tuple[Order | Bundle, bytes]:
    """
    Raises:
        WireError: it is no request; the message names the field.
        DecodingError, ValueError, OverflowError: it is not even what the event consists of.
    """
    if len(data) > LONGEST:
        raise ValueError(f"{len(data)} bytes are more than any request has: {LONGEST} at most")
    name, kinds = _kinds()[topic]
    values, names, signature = w3.codec.decode(kinds, data)
    message = _message(name, values)
    if name == "Order":
        message["terms"]["market"] = _text(names)
        return wire.order(message), signature
    if len(names) != len(message["steps"]):
        raise ValueError(f"{len(names)} names are given for {len(message['steps'])} steps")
    for step, market in zip(message["steps"], names, strict=True):
        step["market"] = _text(market)
    return wire.bundle(message), signature


def _message(struct: str, values: Iterable[Any]) -> dict[str, Any]:
    """A struct of the ABI as it would travel."""
    named = zip(TYPES[struct], values, strict=True)
    return {name: _part(kind, value) for (name, kind), value in named}


def _part(kind: str, value: Any) -> Any:
    if kind.endswith("[]"):
        return [_part(kind.removesuffix("[]"), item) for item in value]
    if kind in TYPES:
        return _message(kind, value)
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise ValueError("a market's name is not UTF-8") from None


@cache
def _kinds() -> dict[bytes, tuple[str, list[str]]]:
    """By first topic, the struct posted and what the event's data consists of. Texts are taken as
    bytes: they need not be text."""
    found = {}
    for entry in abi("Board"):
        if entry["type"] == "event":
            kinds = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
            data = [collapse_if_tuple(item) for item in entry["inputs"] if not item["indexed"]]
            read = [kind.replace("string", "bytes") for kind in data]
            topic = keccak_text(f"{entry['name']}({kinds})")
            found[topic] = _EVENTS[entry["name"]], read
    return found
