"""Events of our contracts, out of a node's logs as they are. As web3's, ten times as fast: a busy
block tells of hundreds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode
from eth_utils.abi import collapse_if_tuple

from ringside.chain.batch import ask
from ringside.chain.contracts import abi
from ringside.keccak import checksummed, keccak_text

if TYPE_CHECKING:
    from web3 import Web3


@dataclass(frozen=True, slots=True)
class Event:
    """What a contract told: arguments by name, addresses checksummed, structs as such mappings."""

    name: str
    address: str
    args: Mapping[str, Any]
    tx: bytes
    index: int
    """The log's, in its block."""


class Kind:
    """An event of one of our contracts."""

    def __init__(self, contract: str, name: str) -> None:
        (entry,) = (e for e in abi(contract) if e["type"] == "event" and e["name"] == name)
        self.name, inputs = name, entry["inputs"]
        kinds = ",".join(collapse_if_tuple(item) for item in inputs)
        self.topic = keccak_text(f"{name}({kinds})")
        # Nothing of ours indexes what does not fit into a word.
        self._indexed = _Part([item for item in inputs if item["indexed"]])
        self._others = _Part([item for item in inputs if not item["indexed"]])

    def read(self, log: Mapping[str, Any]) -> Event:
        """Out of a log of this kind, which the contract itself emitted."""
        topics = b"".join(bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
        args = self._indexed.read(topics)
        args |= self._others.read(bytes.fromhex(log["data"][2:]))
        tx = bytes.fromhex(log["transactionHash"][2:])
        return Event(self.name, log["address"], args, tx, log["logIndex"])


def logs(
    w3: Web3, places: Sequence[str], topics: Sequence[bytes], blocks: tuple[int, int]
) -> list[dict[str, Any]]:
    """Logs of these contracts under one of these first topics in the blocks from the first to the
    last, as the node tells them but with numbers for its numbers."""
    asked = {
        "address": list(places),
        "topics": [["0x" + topic.hex() for topic in topics]],
        "fromBlock": hex(blocks[0]),
        "toBlock": hex(blocks[1]),
    }
    (found,) = ask(w3, [("eth_getLogs", [asked])])
    return [
        {
            **log,
            "address": checksummed(log["address"]),
            "blockNumber": int(log["blockNumber"], 16),
            "logIndex": int(log["logIndex"], 16),
        }
        for log in found
    ]


class _Part:
    """Arguments that are encoded together."""

    def __init__(self, inputs: Sequence[dict[str, Any]]) -> None:
        self._inputs = inputs
        self._kinds = [collapse_if_tuple(item) for item in inputs]

    def read(self, data: bytes) -> dict[str, Any]:
        values = zip(self._inputs, decode(self._kinds, data), strict=True)
        return {item["name"]: _value(item, value) for item, value in values}


def _value(item: Mapping[str, Any], value: Any) -> Any:
    if item["type"] == "tuple":
        parts = zip(item["components"], value, strict=True)
        return {part["name"]: _value(part, inner) for part, inner in parts}
    return checksummed(value) if item["type"] == "address" else value
