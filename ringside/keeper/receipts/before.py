"""The chain just before a transaction, within its block.

No node keeps that state, so it is made again each time it is asked for: `eth_simulateV1` runs the
transactions that came earlier in the block on the state of the block before, with the block's own
number and time, and then the question. What a transaction left behind is compared with its receipt
first: a state that was not reached in the same way is not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

_READER = "0x5f5b36811460145780355481526020016001565b365ff3"
"""Code that answers with the storage at each 32-byte word of what it is called with: 0 → loop:
if i = calldatasize, return memory[0:i]; memory[i] = sload(calldata[i]); i += 32."""


class NotKnown(Exception):
    """That state cannot be had from this node; the message says why."""


class Before(JSONBaseProvider):
    """A provider that answers calls and storage as of just before `transaction`, whatever block is
    asked for, and headers with that of its block."""

    def __init__(self, w3: Web3, transaction: Any) -> None:
        """
        Raises:
            NotKnown: the node cannot simulate, or the earlier transactions do not repeat.
        """
        super().__init__()
        self._node = w3.provider
        self._number = int(transaction["blockNumber"])
        block = self._asked("eth_getBlockByNumber", [hex(self._number), True])
        self._header = {**block, "transactions": [t["hash"] for t in block["transactions"]]}
        index = int(transaction["transactionIndex"])
        self._earlier = [_call(t) for t in block["transactions"][:index]]
        self._overrides = {
            "number": block["number"],
            "time": block["timestamp"],
            "feeRecipient": block["miner"],
            "gasLimit": hex(2**40),  # The question comes on top of what filled the block.
        }
        hashes = [t["hash"] for t in block["transactions"][:index]]
        self._check([self._asked("eth_getTransactionReceipt", [h]) for h in hashes])

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """As the node would answer then."""
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": self._answer(method, params)}
        except _Reverted as reverted:
            error = {"code": 3, "message": "execution reverted", "data": reverted.data}
            return {"jsonrpc": "2.0", "id": 1, "error": error}  # type: ignore[typeddict-item]

    def make_batch_request(self, requests: Any) -> list[RPCResponse]:
        """One after the other: each is a simulation of its own."""
        return [self.make_request(method, params) for method, params in requests]

    # ----------------------------------------------------------------- internal

    def _answer(self, method: str, params: Any) -> Any:
        if method == "eth_call":
            asked = {k: v for k, v in params[0].items() if k in ("from", "to", "data", "gas")}
            last = self._simulate([asked])[-1]
            if int(last["status"], 16) != 1:
                raise _Reverted(last.get("error", {}).get("data") or last["returnData"])
            return last["returnData"]
        if method == "eth_getStorageAt":
            place, slot = params[0], int(params[1], 16) if isinstance(params[1], str) else params[1]
            question = {"to": place, "data": f"0x{slot:064x}"}
            return self._simulate([], place, question)[-1]["returnData"]
        if method == "eth_getBlockByNumber":
            return self._header
        if method == "eth_getCode":
            return self._asked(method, [params[0], hex(self._number - 1)])
        if method == "eth_chainId":
            return self._asked(method, [])
        raise NotKnown(f"{method} cannot be asked of the state within a block")

    def _simulate(self, questions: Sequence[Any], place: str = "", read: Any = None) -> list[Any]:
        """What the earlier transactions do, then the questions; then, in a block of its own, what
        `read` finds at a `place` whose code is another but whose storage is not."""
        calls = [*self._earlier, *questions]
        blocks: list[dict[str, Any]] = [{"blockOverrides": self._overrides, "calls": calls}]
        if place:
            after = {k: hex(int(self._overrides[k], 16) + 1) for k in ("number", "time")}
            codes = {place: {"code": _READER}}
            blocks.append({"blockOverrides": after, "stateOverrides": codes, "calls": [read]})
        told = self._asked(
            "eth_simulateV1",
            [{"blockStateCalls": blocks, "validation": False}, hex(self._number - 1)],
        )
        return [call for block in told for call in block["calls"]]

    def _check(self, receipts: Sequence[Any]) -> None:
        if not receipts:
            return
        for number, (call, receipt) in enumerate(zip(self._simulate([]), receipts, strict=True)):
            same = call["status"] == receipt["status"] and _told(call) == _told(receipt)
            if not same:
                raise NotKnown(
                    f"transaction {number} of the block does not leave the same events when it is "
                    "repeated: the state just before the fill cannot be made again"
                )

    def _asked(self, method: str, params: Any) -> Any:
        try:
            answer = self._node.make_request(RPCEndpoint(method), params)
        except OSError as no:  # Many a node answers what it does not serve with HTTP's 4xx.
            raise NotKnown(f"the node does not answer {method}: {no}") from None
        if "error" in answer or answer.get("result") is None:
            why = answer.get("error", {}).get("message", "nothing") if "error" in answer else "null"
            raise NotKnown(f"the node answers {method} with: {why}")
        return answer["result"]


class _Reverted(Exception):
    def __init__(self, data: str) -> None:
        self.data = data
        super().__init__(data)


def _call(transaction: Any) -> dict[str, Any]:
    """A mined transaction as a call: its price left out, since it is not checked."""
    found = {
        "from": transaction["from"],
        "input": transaction["input"],
        "value": transaction["value"],
        "gas": transaction["gas"],
        "nonce": transaction["nonce"],
    }
    return {**found, "to": transaction["to"]} if transaction.get("to") else found


def _told(of: Any) -> list[tuple[str, list[str], str]]:
    return [(e["address"].lower(), list(e["topics"]), e["data"]) for e in of["logs"]]
