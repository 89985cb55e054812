"""One reading of the chain: any number of calls and storage slots, all at one pinned block.

Calls go through Multicall3's `aggregate3` in a single `eth_call`. A storage slot (for the few
things a venue keeps without a getter) rides in the same JSON-RPC batch, at the same block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringside.chain.abi import WORD, word
from ringside.chain.batch import ask

if TYPE_CHECKING:
    from web3 import Web3

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
_AGGREGATE3 = bytes.fromhex("82ad56cb")  # aggregate3((address,bool,bytes)[])


@dataclass(frozen=True, slots=True)
class Call:
    """A view call: contract, call data, and whether a revert is an answer (`None`) or an error."""

    to: str
    data: bytes
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A storage slot of a contract: read as 32 bytes."""

    to: str
    slot: int


Read = Call | Slot


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash and timestamp (seconds)."""

    number: int
    hash: str
    timestamp: int


class ReadFailed(Exception):
    """A call that had to succeed did not, or went to an address without code."""

    def __init__(self, call: Call, reason: str) -> None:
        self.call = call
        super().__init__(f"call 0x{call.data[:4].hex()} to {call.to} {reason}")


class NoMulticall(Exception):
    """Multicall3 does not stand at its address on this chain; deploy it there or name another."""


def pinned(w3: Web3, block: int | None = None) -> Block:
    """The header of `block`, or of the latest block."""
    header = w3.eth.get_block("latest" if block is None else block)
    return Block(header["number"], "0x" + bytes(header["hash"]).hex(), header["timestamp"])


def aggregate(
    w3: Web3, reads: Sequence[Read], block: Block | int, multicall: str = MULTICALL3
) -> list[bytes | None]:
    """The answers to `reads` in their order, all at `block`; `None` for an optional call that
    failed.

    Raises:
        ReadFailed: a call that is not optional reverted, or returned nothing at all.
        NoMulticall: there is no Multicall3 on this chain.
    """
    number = block.number if isinstance(block, Block) else block
    calls = [read for read in reads if isinstance(read, Call)]
    slots = [read for read in reads if isinstance(read, Slot)]
    raw, stored = _request(w3, _encode(calls), slots, number, multicall)
    if not raw and calls:
        raise NoMulticall(f"no Multicall3 at {multicall} in block {number}")
    answers = iter(_decode(raw, len(calls)) if calls else ())
    values = iter(stored)
    results: list[bytes | None] = []
    for read in reads:
        if isinstance(read, Slot):
            results.append(next(values))
            continue
        ok, data = next(answers)
        if ok and data:
            results.append(data)
        elif read.optional:
            results.append(None)
        else:
            raise ReadFailed(
                read, "returned nothing: is there code?" if ok else f"reverted: 0x{data.hex()}"
            )
    return results


def _request(
    w3: Web3, data: bytes, slots: Sequence[Slot], number: int, multicall: str
) -> tuple[bytes, list[bytes]]:
    place = hex(number)
    asked: list[Any] = [("eth_call", [{"to": multicall, "data": "0x" + data.hex()}, place])]
    asked += [("eth_getStorageAt", [slot.to, hex(slot.slot), place]) for slot in slots]
    raw, *stored = (bytes.fromhex(answer[2:]) for answer in ask(w3, asked))
    return raw, [value.rjust(WORD, b"\0") for value in stored]


def _encode(calls: Sequence[Call]) -> bytes:
    """aggregate3's argument: an array of (address, true, bytes); a failure is judged here, by
    name."""
    heads, bodies, offset = [], [], WORD * len(calls)
    for call in calls:
        padded = call.data + bytes(-len(call.data) % WORD)
        body = b"".join(
            n.to_bytes(WORD, "big") for n in (int(call.to, 16), 1, 3 * WORD, len(call.data))
        )
        heads.append(offset.to_bytes(WORD, "big"))
        bodies.append(body + padded)
        offset += len(bodies[-1])
    count = len(calls).to_bytes(WORD, "big")
    return _AGGREGATE3 + WORD.to_bytes(WORD, "big") + count + b"".join(heads) + b"".join(bodies)


def _decode(raw: bytes, count: int) -> list[tuple[bool, bytes]]:
    """aggregate3's answer: an array of (bool, bytes)."""
    start = word(raw) + WORD
    if word(raw, word(raw) // WORD) != count:
        raise ValueError("Multicall3 answered another number of calls than it was asked")
    answers = []
    for i in range(count):
        at = start + int.from_bytes(raw[start + i * WORD : start + (i + 1) * WORD], "big")
        ok = raw[at + WORD - 1] == 1
        body = at + int.from_bytes(raw[at + WORD : at + 2 * WORD], "big")
        length = int.from_bytes(raw[body : body + WORD], "big")
        answers.append((ok, raw[body + WORD : body + WORD + length]))
    return answers
