"""Deploying, sending and moving time on the local chain, with anvil's unlocked accounts."""

from __future__ import annotations

import time
from typing import Any

from eth_typing import ChecksumAddress, HexStr
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import TransactionNotFound, Web3Exception
from web3.types import BlockData, TxParams, TxReceipt, Wei

from devnet import DevnetError
from devnet.anvil import rpc
from devnet.artifacts import Artifact

DEPLOYER, MAKER, ARBITRAGEUR = 0, 1, 2
"""Which of anvil's accounts plays which role; the rest are left for clients and keepers."""

TX_GAS = 15_000_000
"""Gas limit of every transaction: Perp v2 and Rage consume more than they estimate, and no single
transaction here needs as much as this."""
CREATE2_DEPLOYER = Web3.to_checksum_address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
"""The keyless CREATE2 factory, which anvil puts on every chain it starts."""
RECEIPT_TIMEOUT = 30.0
"""Seconds to wait for a transaction to be mined."""


class Chain:
    """A thin layer over Web3: explicit gas, checked receipts, and errors that say what reverted."""

    def __init__(self, w3: Web3) -> None:
        self.w3 = w3
        self.accounts: list[ChecksumAddress] = list(w3.eth.accounts)

    def at(self, artifact: Artifact, address: str) -> Contract:
        """The contract of `artifact` that stands at `address`."""
        return self.w3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact.abi)

    def deploy(self, artifact: Artifact, *args: Any, sender: str | None = None) -> Contract:
        """Create a contract from the deployer's account (or `sender`)."""
        if not artifact.bytecode:
            raise DevnetError(f"{artifact.name} is not linked with its libraries.")
        factory = self.w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        data = factory.constructor(*args).data_in_transaction
        receipt = self.transact({"data": data}, sender or self.accounts[DEPLOYER], artifact.name)
        address = receipt["contractAddress"]
        assert address is not None
        return self.at(artifact, address)

    def deploy_between(self, artifact: Artifact, low: int, high: int) -> Contract:
        """Create a contract (without constructor arguments) at an address in [low, high).

        The CREATE2 salt counts up from zero: the same bytecode always lands at the same address.
        """
        code = bytes.fromhex(artifact.bytecode.removeprefix("0x"))
        prefix = b"\xff" + bytes.fromhex(CREATE2_DEPLOYER[2:])
        code_hash = keccak(code)
        salt = 0
        while True:
            word = salt.to_bytes(32, "big")
            address = keccak(prefix + word + code_hash)[12:]
            if low <= int.from_bytes(address, "big") < high:
                break
            salt += 1
        found = Web3.to_checksum_address(address)
        data = HexStr("0x" + (word + code).hex())
        self.transact(
            {"to": CREATE2_DEPLOYER, "data": data}, self.accounts[DEPLOYER], artifact.name
        )
        if not self.w3.eth.get_code(found):
            raise DevnetError(f"{artifact.name} was not created at {found}.")
        return self.at(artifact, found)

    def send(
        self, contract: Contract, name: str, *args: Any, role: int = DEPLOYER, value: int = 0
    ) -> TxReceipt:
        """Call `name` of `contract` in a transaction from `role`'s account, paying `value` wei."""
        tx: TxParams = {"to": contract.address, "data": contract.encode_abi(name, list(args))}
        tx["value"] = Wei(value)
        return self.transact(tx, self.accounts[role], name)

    def copy_code(self, source: str, number: int = 0) -> ChecksumAddress:
        """The code that stands at `source` once more, at an address that follows from `number`."""
        place = Web3.to_checksum_address(f"0x{0xC0DE << 64 | number:040x}")
        code = self.w3.eth.get_code(Web3.to_checksum_address(source))
        rpc(self.w3, "anvil_setCode", place, "0x" + bytes(code).hex())
        return place

    def advance(self, seconds: int) -> None:
        """Mine one block `seconds` after the latest one."""
        rpc(self.w3, "evm_setNextBlockTimestamp", self.block()["timestamp"] + seconds)
        rpc(self.w3, "evm_mine")

    def block(self) -> BlockData:
        """The latest block."""
        return self.w3.eth.get_block("latest")

    def transact(self, tx: Any, sender: str, what: str) -> TxReceipt:
        """Send `tx` from an unlocked account and wait for it; `what` is named if it reverts."""
        value = tx.get("value", Wei(0))
        tx = {**tx, "from": Web3.to_checksum_address(sender), "gas": TX_GAS, "value": value}
        digest = rpc(
            self.w3, "eth_sendTransaction", {**tx, "gas": hex(TX_GAS), "value": hex(value)}
        )
        receipt = self._receipt(str(digest))
        if receipt["status"] != 1:
            raise DevnetError(f"{what} reverted: {self._reason(tx, receipt)}")
        return receipt

    def _receipt(self, digest: str) -> TxReceipt:
        deadline = time.monotonic() + RECEIPT_TIMEOUT
        while time.monotonic() < deadline:
            try:
                return self.w3.eth.get_transaction_receipt(HexStr(digest))
            except TransactionNotFound:
                time.sleep(0.001)
        raise DevnetError(f"Transaction {digest} was not mined: is automine on?")

    def _reason(self, tx: TxParams, receipt: TxReceipt) -> str:
        if receipt["gasUsed"] > TX_GAS * 63 // 64:
            return "out of gas"
        try:
            self.w3.eth.call(tx, receipt["blockNumber"] - 1)
        except (Web3Exception, ValueError) as error:
            return str(error)
        return "no reason given (and the same call passes on the state before)"
