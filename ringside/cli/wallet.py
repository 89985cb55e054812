"""The owner's own transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests import RequestException
from web3.exceptions import TimeExhausted, Web3Exception

from ringside.chain.contracts import Refused, Ringside
from ringside.chain.sender import Send, Sender
from ringside.cli.house import Whose
from ringside.cli.safe import failed
from ringside.exit.reasons import ERRORS
from ringside.service.keys import LocalSigner

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import TxParams, TxReceipt

MINED = 180
"""Seconds that a transaction is waited for."""


def sends(w3: Web3, signer: LocalSigner) -> Send:
    """Signs with the key, sends, and waits until it is mined."""

    def send(tx: TxParams) -> TxReceipt:
        head = w3.eth.get_block("latest")
        fields: dict[str, Any] = {
            **tx,
            "nonce": w3.eth.get_transaction_count(w3.to_checksum_address(signer.address)),
            "chainId": w3.eth.chain_id,
        }
        if (base := head.get("baseFeePerGas")) is None:
            fields["gasPrice"] = w3.eth.gas_price
        else:
            # Twice the base fee covers six full blocks in a row.
            priority = w3.eth.max_priority_fee
            fields |= {"maxPriorityFeePerGas": priority, "maxFeePerGas": 2 * base + priority}
        digest = w3.eth.send_raw_transaction(signer.sign(fields))
        try:
            return w3.eth.wait_for_transaction_receipt(digest, MINED, 0.1)
        except TimeExhausted:
            raise failed(
                f"Transaction 0x{digest.hex()} was sent and is not mined after {MINED} s: look for "
                "it before you send anything again."
            ) from None

    return send


class Wallet:
    """An owner at a deployment, who sends what it decides; its key is opened, if it is not given.

    Raises:
        ClickException: the key cannot be opened.
    """

    def __init__(self, ringside: Ringside, whose: Whose, signer: LocalSigner | None = None) -> None:
        self.ringside = ringside
        signer = signer or whose.opened()
        self.account = whose.account(signer)
        self.address = ringside.w3.to_checksum_address(signer.address)
        send = sends(ringside.w3, signer)

        def estimated(tx: TxParams) -> TxReceipt:
            # No venue is in these calls, so the node's estimate holds; the sender's own limit would
            # have to be in the wallet, at twice the price of now.
            bare: Any = {name: value for name, value in tx.items() if name != "gas"}
            bare["gas"] = ringside.w3.eth.estimate_gas(bare) * 3 // 2
            return send(bare)

        self._sender = Sender(ringside.w3, self.address, estimated, ERRORS)

    def transact(self, contract: str, name: str, *args: Any) -> str:
        """Calls a function of the Vault, the Desk or USDC; returns the transaction's hash.

        Raises:
            ClickException: the chain refuses it, or does not answer.
        """
        at = {
            "Vault": self.ringside.vault,
            "Desk": self.ringside.desk,
            "USDC": self.ringside.usdc,
        }[contract]
        try:
            receipt = self._sender.transact(at.address, at.encode_abi(name, list(args)))
        except Refused as no:
            raise failed(f"{contract}.{name} is refused: {no}. Nothing changed.") from None
        except (Web3Exception, RequestException, OSError) as no:
            raise failed(
                f"The node did not take {contract}.{name} ({no}): look at the account's "
                "transactions before you send it again."
            ) from None
        return "0x" + bytes(receipt["transactionHash"]).hex()
