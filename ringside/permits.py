"""Permits: what an owner signs to let the vault pull its money, as EIP-712 JSON for a wallet.

`permit` is the token's own (EIP-2612) and names a spender only. `permit2_deposit` goes through
Uniswap's Permit2, which any token will do for once its holder has approved Permit2, and names the
account and the grant too: whoever relays it can do nothing else with it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ringside.eip712 import typed_data
from ringside.orders import ZERO_ADDRESS

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
"""Where Permit2 stands, on every chain."""

PERMIT_FIELDS = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)
GRANT_FIELDS = (
    ("operator", "address"),
    ("rights", "uint8"),
    ("expiry", "uint40"),
    ("payCap", "uint64"),
    ("venues", "uint128"),
)
DEPOSIT_FIELDS = (("account", "bytes32"), ("amount", "uint256"), ("grant", "Grant"))
TOKEN_PERMISSIONS_FIELDS = (("token", "address"), ("amount", "uint256"))
PERMIT2_FIELDS = (
    ("permitted", "TokenPermissions"),
    ("spender", "address"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
    ("witness", "Deposit"),
)


class Grant(NamedTuple):
    """What an owner grants an operator, as `IVault.Grant`; the zero operator is granted nothing."""

    operator: str = ZERO_ADDRESS
    rights: int = 0
    expiry: int = 0
    pay_cap: int = 0
    venues: int = 0


NO_GRANT = Grant()


def permit(
    chain_id: int,
    token: str,
    owner: str,
    spender: str,
    value: int,
    nonce: int,
    deadline: int,
    name: str = "USD Coin",
    version: str = "1",
) -> dict[str, Any]:
    """An EIP-2612 permit as EIP-712 JSON: `owner` lets `spender` pull `value` of `token`."""
    return typed_data(
        "Permit",
        {"Permit": PERMIT_FIELDS},
        {"name": name, "version": version, "chainId": chain_id, "verifyingContract": token},
        {
            "owner": owner,
            "spender": spender,
            "value": value,
            "nonce": nonce,
            "deadline": deadline,
        },
    )


def permit2_deposit(
    chain_id: int,
    token: str,
    vault: str,
    account: bytes,
    amount: int,
    nonce: int,
    deadline: int,
    grant: Grant = NO_GRANT,
) -> dict[str, Any]:
    """A deposit through Permit2 as EIP-712 JSON: the signer lets `vault` pull `amount` of `token`
    into `account` and, unless the operator is zero, sets `grant`.

    `nonce` is any number the signer has not used at Permit2: they need no order.
    """
    return typed_data(
        "PermitWitnessTransferFrom",
        {
            "PermitWitnessTransferFrom": PERMIT2_FIELDS,
            "Deposit": DEPOSIT_FIELDS,
            "Grant": GRANT_FIELDS,
            "TokenPermissions": TOKEN_PERMISSIONS_FIELDS,
        },
        {"name": "Permit2", "chainId": chain_id, "verifyingContract": PERMIT2},
        {
            "permitted": {"token": token, "amount": amount},
            "spender": vault,
            "nonce": nonce,
            "deadline": deadline,
            "witness": {
                "account": "0x" + account.hex(),
                "amount": amount,
                "grant": dict(zip([name for name, _ in GRANT_FIELDS], grant, strict=True)),
            },
        },
    )


__all__ = ["NO_GRANT", "PERMIT2", "Grant", "permit", "permit2_deposit"]
