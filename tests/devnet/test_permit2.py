"""Permit2 on the local chain is the real one: it moves money by a relayed signature over just that
deposit, once."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractCustomError

from devnet import DevnetError, artifacts
from devnet.anvil import CHAIN_ID, rpc
from devnet.artifacts import Artifact, local_usdc
from devnet.chain import MAKER, Chain
from ringside.accounts import account_id
from ringside.permits import NO_GRANT, PERMIT2, Grant, permit2_deposit

AMOUNT = 25_000 * 10**6
NONCE = 7
CLIENT = Account.from_key(keccak(text="a client who signs and never sends"))
ACCOUNT = account_id(CLIENT.address, "hedge")
VAULT = Web3.to_checksum_address("0x" + "5a" * 20)
"""Where the money goes; who calls Permit2, and so is the spender signed for, is the relayer."""
GRANT = Grant("0x" + "d5" * 20, 7, 2**40 - 1, 10**6, 3)
WITNESS_TYPE_STRING = (
    "Deposit witness)Deposit(bytes32 account,uint256 amount,Grant grant)"
    "Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)"
    "TokenPermissions(address token,uint256 amount)"
)


def inputs(*kinds: str) -> list[dict[str, str]]:
    return [{"name": f"a{i}", "type": kind} for i, kind in enumerate(kinds)]


def entry(name: str, arguments: list[Any], output: str = "") -> dict[str, Any]:
    outputs = inputs(output) if output else []
    mutability = "view" if output else "nonpayable"
    return {
        "type": "function",
        "name": name,
        "inputs": arguments,
        "outputs": outputs,
        "stateMutability": mutability,
    }


TOKEN_AND_AMOUNT = {"name": "p", "type": "tuple", "components": inputs("address", "uint256")}
PERMIT = {
    "name": "p",
    "type": "tuple",
    "components": [TOKEN_AND_AMOUNT, *inputs("uint256", "uint256")],
}
ABI = [
    entry(
        "permitWitnessTransferFrom",
        [PERMIT, TOKEN_AND_AMOUNT, *inputs("address", "bytes32", "string", "bytes")],
    ),
    entry("DOMAIN_SEPARATOR", [], "bytes32"),
]


def selector(error: str) -> str:
    return "0x" + keccak(text=error)[:4].hex()


class Deposit(NamedTuple):
    """What is signed, or what is claimed to have been."""

    account: bytes = ACCOUNT
    amount: int = AMOUNT
    grant: Grant = GRANT


class Stage:
    """A client with money and an approval of Permit2, and a relayer."""

    def __init__(self, w3: Web3, addresses: dict[str, Any]) -> None:
        self.chain = Chain(w3)
        self.relayer = self.chain.accounts[MAKER]
        self.usdc = self.chain.at(local_usdc(), addresses["usdc"])
        self.permit2 = self.chain.at(Artifact("Permit2", ABI, ""), addresses["permit2"])
        self.deadline = self.chain.block()["timestamp"] + 3600
        self.chain.send(self.usdc, "mint", CLIENT.address, 2 * AMOUNT)
        rpc(w3, "anvil_setBalance", CLIENT.address, hex(10**18))
        rpc(w3, "anvil_impersonateAccount", CLIENT.address)
        approval = self.usdc.functions.approve(PERMIT2, 2**256 - 1)
        self.mined(approval.transact({"from": CLIENT.address}))

    def mined(self, digest: HexBytes) -> None:
        """Mining is a moment behind the answer, whatever the machine is busy with."""
        receipt = self.chain.w3.eth.wait_for_transaction_receipt(digest, poll_latency=0.01)
        assert receipt["status"] == 1

    def typed(self, deposit: Deposit, spender: str | None = None) -> dict[str, Any]:
        return permit2_deposit(
            CHAIN_ID,
            self.usdc.address,
            spender or self.relayer,
            deposit.account,
            deposit.amount,
            NONCE,
            self.deadline,
            deposit.grant,
        )

    def relay(self, signed: Deposit, claimed: Deposit, spender: str | None = None) -> None:
        """Has `claimed` carried out by a signature over `signed`."""
        signature = Account.sign_typed_data(
            CLIENT.key, full_message=self.typed(signed, spender)
        ).signature
        witness = {
            **self.typed(claimed),
            "primaryType": "Deposit",
            "message": self.typed(claimed)["message"]["witness"],
        }
        for unused in ("PermitWitnessTransferFrom", "TokenPermissions"):
            witness["types"].pop(unused)
        moving = self.permit2.functions.permitWitnessTransferFrom(
            ((self.usdc.address, claimed.amount), NONCE, self.deadline),
            (VAULT, claimed.amount),
            CLIENT.address,
            encode_typed_data(full_message=witness).body,
            WITNESS_TYPE_STRING,
            signature,
        )
        self.mined(moving.transact({"from": self.relayer}))

    def arrived(self) -> int:
        return int(self.usdc.functions.balanceOf(VAULT).call())


@pytest.fixture
def stage(devnet: Any) -> Stage:
    return Stage(*devnet)


def test_it_stands_where_it_does_everywhere_and_knows_its_chain(stage: Stage) -> None:
    assert stage.permit2.address == PERMIT2
    domain = encode_typed_data(full_message=stage.typed(Deposit())).header
    assert stage.permit2.functions.DOMAIN_SEPARATOR().call() == domain


def test_a_relayer_carries_out_what_the_client_signed(stage: Stage) -> None:
    stage.relay(Deposit(), Deposit())
    assert stage.arrived() == AMOUNT
    assert stage.usdc.functions.balanceOf(CLIENT.address).call() == AMOUNT


@pytest.mark.parametrize(
    "claimed",
    [
        Deposit(account=account_id("0x" + "a7" * 20)),
        Deposit(account=account_id(CLIENT.address)),
        Deposit(amount=AMOUNT - 1),
        Deposit(grant=NO_GRANT),
        *(Deposit(grant=GRANT._replace(**{name: 1})) for name in GRANT._fields[1:]),
        Deposit(grant=GRANT._replace(operator="0x" + "a7" * 20)),
    ],
)
def test_any_other_deposit_is_refused(stage: Stage, claimed: Deposit) -> None:
    with pytest.raises(ContractCustomError, match=selector("InvalidSigner()")):
        stage.relay(Deposit(), claimed)
    assert stage.arrived() == 0


def test_a_signature_for_another_spender_is_refused(stage: Stage) -> None:
    with pytest.raises(ContractCustomError, match=selector("InvalidSigner()")):
        stage.relay(Deposit(), Deposit(), spender=VAULT)
    assert stage.arrived() == 0


def test_a_signature_counts_once(stage: Stage) -> None:
    stage.relay(Deposit(), Deposit())
    with pytest.raises(ContractCustomError, match=selector("InvalidNonce()")):
        stage.relay(Deposit(), Deposit())
    assert stage.arrived() == AMOUNT


def test_a_signature_expires(stage: Stage) -> None:
    stage.chain.advance(3601)
    with pytest.raises(ContractCustomError, match=selector("SignatureExpired(uint256)")):
        stage.relay(Deposit(), Deposit())


def test_published_code_that_is_not_ethereums_is_refused(tmp_path: Any, monkeypatch: Any) -> None:
    source = artifacts.PREINSTALLS.read_text()
    changed = tmp_path / "Preinstalls.sol"
    changed.write_text(source.replace("866a5aba21966af9", "866a5aba21966af8"))
    monkeypatch.setattr(artifacts, "PREINSTALLS", changed)
    with pytest.raises(DevnetError, match="is not Ethereum's"):
        artifacts.permit2(CHAIN_ID)
