"""Sending as careful senders do: each transaction is tried by a call first, so that a refusal costs
nothing and is told by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ringside.chain.batch import answers
from ringside.chain.contracts import Refused, refusal, revert_data

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import TxParams, TxReceipt

GAS = 8_000_000
"""Gas limit of every transaction. Estimates are no use: the venues need more than they report."""

Send = Callable[["TxParams"], "TxReceipt"]
"""Signs and sends a transaction, and waits for its receipt."""


def attempt(
    w3: Web3, call: Mapping[str, Any], errors: Iterable[str], block: int | str = "latest"
) -> bytes:
    """What a transaction would return at `block`. `errors` are as in `Sender`.

    Raises:
        Refused: the chain would refuse it, and by which error.
    """
    (found,) = attempts(w3, [call], errors, block)
    if isinstance(found, Refused):
        raise found
    return found


def attempts(
    w3: Web3, calls: Sequence[Mapping[str, Any]], errors: Iterable[str], block: int | str = "latest"
) -> list[bytes | Refused]:
    """As `attempt`, of many transactions in one request, each by itself."""
    place = block if isinstance(block, str) else hex(block)
    # The node is asked as it is: web3's formatting of a call takes longer than the call.
    asked = [{name: _hexed(value) for name, value in call.items()} for call in calls]
    told = answers(w3, [("eth_call", [one, place]) for one in asked])
    known = tuple(errors)
    return [
        bytes.fromhex(one["result"][2:]) if one.get("error") is None else _refused(one, known)
        for one in told
    ]


def _refused(answer: Mapping[str, Any], errors: Iterable[str]) -> Refused:
    error = answer["error"]
    data = revert_data(error)
    if data is not None:
        return refusal(data, errors)
    # No revert: the node says it, of the sender's balance for one; or a contract burnt it all.
    said = str(error.get("message", error) if isinstance(error, Mapping) else error)[:200]
    return Refused(said, foreign="outofgas" in said.lower().replace(" ", ""))


def _hexed(value: Any) -> Any:
    """As JSON-RPC takes it."""
    if isinstance(value, int):
        return hex(value)
    return "0x" + value.hex() if isinstance(value, bytes) else value


class Sender:
    """Sends from `address`, whose key is behind `send`. `errors` are signatures of custom errors
    that others than our contracts may refuse with."""

    def __init__(self, w3: Web3, address: str, send: Send, errors: Iterable[str]) -> None:
        self.w3, self.address, self.send, self.errors = w3, address, send, tuple(errors)

    def attempt(self, to: str, data: Any, value: int = 0) -> bytes:
        """What the call would return now.

        Raises:
            Refused: the chain would refuse it, and by which error.
        """
        return attempt(self.w3, self._tx(to, data, value), self.errors)

    def transact(self, to: str, data: Any, value: int = 0) -> TxReceipt:
        """Tries, then sends.

        Raises:
            Refused: by the trial, or by the chain in the end.
        """
        self.attempt(to, data, value)
        receipt = self.send(self._tx(to, data, value))
        if receipt["status"] != 1:
            self.attempt(to, data, value)  # Says why, if it still holds.
            raise Refused(f"reverted in block {receipt['blockNumber']} only")
        return receipt

    def _tx(self, to: str, data: Any, value: int) -> TxParams:
        place, sender = map(self.w3.to_checksum_address, (to, self.address))
        tx: Any = {"from": sender, "to": place, "data": data, "gas": GAS, "value": value}
        found: TxParams = tx
        return found
