"""Ringside's contracts as Python sees them: where they are, what they say, what they refuse and
why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple

from ringside.chain.abi import selector
from ringside.chain.views import AccountView, account_view
from ringside.keccak import keccak_text
from ringside.orders import Domain, market_id

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract

_PANIC, _ERROR = keccak_text("Panic(uint256)")[:4], keccak_text("Error(string)")[:4]


class DeploymentError(Exception):
    """The addresses do not describe a deployment; the message says what is missing."""


class Refused(Exception):
    """The chain refused a call. `name` is the error's name, `arguments` what came with it;
    `foreign` says that somebody else's contract refused, as far as can be told."""

    def __init__(
        self, name: str, arguments: Mapping[str, Any] | None = None, foreign: bool = True
    ) -> None:
        self.name, self.foreign = name, foreign
        self.arguments = dict(arguments or {})
        told = ", ".join(f"{key}={_show(value)}" for key, value in self.arguments.items())
        super().__init__(f"{name}({told})" if told else name)


@cache
def abi(name: str) -> list[dict[str, Any]]:
    """The ABI of one of our contracts."""
    loaded: dict[str, list[dict[str, Any]]] = json.loads(
        Path(__file__).with_name("abis.json").read_text()
    )
    return loaded[name]


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    found = {}
    for name in (
        *("Vault", "Desk", "Quotes", "Policies", "Venues", "Lens"),
        *("PerpV2Seat", "RageSeat", "SynthetixSeat", "LocalUSDC"),
    ):
        for entry in abi(name):
            if entry["type"] == "error":
                kinds = ",".join(i["type"] for i in entry["inputs"])
                found[keccak_text(f"{entry['name']}({kinds})")[:4]] = entry
    return found


@cache
def _function(contract: str, name: str) -> tuple[bytes, list[str]]:
    (entry,) = (e for e in abi(contract) if e["type"] == "function" and e["name"] == name)
    kinds = [collapse_if_tuple(i) for i in entry["inputs"]]
    return keccak_text(f"{name}({','.join(kinds)})")[:4], kinds


def calldata(contract: str, name: str, *arguments: Any) -> bytes:
    """The call of a function of one of our contracts, which has one of that name. As web3's
    `encode_abi`, ten times as fast: an order's path has no time for its checks."""
    head, kinds = _function(contract, name)
    return head + encode(kinds, arguments)


def refusal(data: bytes, venues: Iterable[str] = ()) -> Refused:
    """What revert data means: one of our errors, one that `venues` lists by signature, a venue's
    reason in words, or its selector."""
    head, body = data[:4], data[4:]
    try:
        if entry := _errors().get(head):
            values = decode([i["type"] for i in entry["inputs"]], body)
            names = [i["name"] for i in entry["inputs"]]
            return Refused(entry["name"], dict(zip(names, values, strict=True)), foreign=False)
        for signature in venues:
            if keccak_text(signature)[:4] == head:
                name, kinds = signature.rstrip(")").split("(")
                values = decode(kinds.split(",") if kinds else [], body)
                return Refused(name, {f"#{i}": value for i, value in enumerate(values, 1)})
        if head == _ERROR:
            return Refused(str(decode(["string"], body)[0]))
        if head == _PANIC:
            return Refused(f"Panic {decode(['uint256'], body)[0]:#x}")
    except (DecodingError, UnicodeDecodeError):
        pass  # A hostile venue reverts with whatever it likes.
    return Refused(f"unknown error 0x{head.hex()}" if data else "reverted without a reason")


def revert_data(error: Any) -> bytes | None:
    """What a call reverted with, by a node's JSON-RPC error; `None` where it did not revert."""
    if not isinstance(error, Mapping):
        return None
    data = error.get("data")
    data = data.get("data") if isinstance(data, Mapping) else data
    if isinstance(data, str) and re.fullmatch("0x([0-9a-fA-F]{2})*", data):
        return bytes.fromhex(data[2:])
    return b"" if "revert" in str(error.get("message", "")).lower() else None


@dataclass(frozen=True)
class Ringside:
    """The deployment that `addresses` names, on the chain behind `w3`."""

    w3: Web3
    addresses: Mapping[str, Any]
    vault: Contract
    desk: Contract
    quotes: Contract
    lens: Contract
    policies: Contract
    usdc: Contract
    venue_ids: Mapping[str, int]

    @classmethod
    def at(cls, w3: Web3, addresses: Mapping[str, Any]) -> Ringside:
        """
        Raises:
            DeploymentError: `addresses` has no part `ringside`, or there is no code where it says.
        """
        try:
            own = addresses["ringside"]
            places = {
                "Vault": own["vault"],
                "Desk": own["desk"],
                "Quotes": own["quotes"],
                "Lens": own["lens"],
                "Policies": own["policies"],
                "LocalUSDC": addresses["usdc"],
            }
            ids = own["venue_ids"]
        except KeyError as missing:
            raise DeploymentError(f"the addresses lack {missing}: deploy Ringside first") from None
        for name, place in places.items():
            if not w3.eth.get_code(place):
                raise DeploymentError(f"no contract {name} at {place}: is this the right chain?")
        vault, desk, quotes, lens, policies, usdc = (
            w3.eth.contract(address=place, abi=abi(name)) for name, place in places.items()
        )
        return cls(w3, addresses, vault, desk, quotes, lens, policies, usdc, ids)

    @cached_property
    def domain(self) -> Domain:
        """Where orders for this Desk are signed."""
        return Domain(self.w3.eth.chain_id, self.desk.address)

    def account(
        self, account: bytes, markets: Sequence[str], block: int | str = "latest"
    ) -> AccountView:
        """Everything about an account in one call."""
        data: Any = {"to": self.lens.address, "data": self.account_call(account, markets)}
        return self.account_view(markets, bytes(self.w3.eth.call(data, block)))  # type: ignore[arg-type]

    def account_call(self, account: bytes, markets: Sequence[str]) -> bytes:
        """The call data with which the Lens says everything about an account."""
        ids = [market_id(name) for name in markets]
        return selector("account(bytes32,bytes32[])") + encode(
            ["bytes32", "bytes32[]"], [account, ids]
        )

    def account_view(self, markets: Sequence[str], answer: bytes) -> AccountView:
        """What the Lens answered to `account_call`."""
        return account_view(answer, self.venue_ids, {market_id(name): name for name in markets})


def _show(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
