"""A plan's contracts where the record says they stand: asked, and encoded for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from rlp import encode as rlp
from web3 import Web3

from ringside.deploy.plan import Plan
from ringside.deploy.record import Record
from ringside.deploy.steps import DEPLOYER, SELF, Make, Send, Step, reads
from ringside.keccak import keccak

Artifact = Callable[[str], tuple[list[dict[str, Any]], str]]
"""The ABI and creation code (0x-hex) of one of our contracts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the plan has it."""

    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Site:
    """A chain, what is planned there and what is recorded of it."""

    w3: Web3
    plan: Plan
    record: Record
    artifact: Artifact

    @property
    def deployer(self) -> Any:
        return to_checksum_address(self.record.deployer)

    def done(self, step: Step) -> bool:
        """Whether the record has the contract, or the chain says that the call has happened."""
        if isinstance(step, Make):
            return step.name in self.record.contracts
        return step.target in self.record.contracts and step.done(self.ask)

    def ask(self, name: str, function: str, *arguments: Any) -> Any:
        contract = self.contract(name)
        return contract.functions[function](*self.arguments(arguments)).call()

    def contract(self, name: str) -> Any:
        place = to_checksum_address(self.record.contracts[name].address)
        return self.w3.eth.contract(address=place, abi=reads(name))

    def data(self, step: Step) -> str:
        """What a transaction that does the step carries, 0x-hex."""
        told = self.arguments(step.arguments)
        if isinstance(step, Send):
            contract = self.w3.eth.contract(abi=reads(step.target))
            return str(contract.encode_abi(step.function, told))
        abi, code = self.artifact(step.contract)
        factory = self.w3.eth.contract(abi=abi, bytecode=HexStr(code))
        return str(factory.constructor(*told).data_in_transaction)

    def arguments(self, told: Sequence[Any]) -> list[Any]:
        """With addresses for the names of contracts."""
        return [self._argument(one) for one in told]

    def _argument(self, told: Any) -> Any:
        if told == DEPLOYER:
            return self.deployer
        if isinstance(told, str) and told.startswith(SELF):
            return self.record.contracts[told[1:]].address
        if isinstance(told, (list, tuple)):
            return [self._argument(one) for one in told]
        return told


def created(deployer: str, nonce: int) -> str:
    """Where a contract made under that nonce stands."""
    return str(to_checksum_address(keccak(rlp([bytes.fromhex(deployer[2:]), nonce]))[12:]))


def plain(value: Any) -> Any:
    """As YAML keeps it: bytes as 0x-hex."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value
