"""Permits: hashed as EIP-2612 and Permit2 say."""

import json

from eth_abi.abi import encode
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ringside.accounts import account_id
from ringside.permits import PERMIT2, Grant, permit, permit2_deposit

UINTS = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: "0x" + raw.hex())
ACCOUNTS = st.builds(account_id, ADDRESSES, st.sampled_from(["", "hedge", "twelve chars"]))
GRANTS = st.builds(
    Grant,
    ADDRESSES,
    st.integers(0, 2**8 - 1),
    st.integers(0, 2**40 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**128 - 1),
)
PERMIT2_STUB = (
    "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,"
    "uint256 deadline,"
)
"""What Permit2 itself puts before the witness type string."""
GRANT_TYPE = "Grant(address operator,uint8 rights,uint40 expiry,uint64 payCap,uint128 venues)"
DEPOSIT_TYPE = "Deposit(bytes32 account,uint256 amount,Grant grant)"
TOKEN_TYPE = "TokenPermissions(address token,uint256 amount)"
WITNESS_TYPE_STRING = "Deposit witness)" + DEPOSIT_TYPE + GRANT_TYPE + TOKEN_TYPE


@given(UINTS, ADDRESSES, ADDRESSES, ADDRESSES, UINTS, UINTS, UINTS)
@settings(max_examples=20)
def test_a_permit_is_hashed_as_eip_2612_says(chain, token, owner, spender, value, nonce, deadline):
    typed = permit(chain, token, owner, spender, value, nonce, deadline)
    domain_type = (
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    )
    permit_type = (
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    )
    domain = encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [keccak(text=domain_type), keccak(text="USD Coin"), keccak(text="1"), chain, token],
    )
    message = encode(
        ["bytes32", "address", "address", "uint256", "uint256", "uint256"],
        [keccak(text=permit_type), owner, spender, value, nonce, deadline],
    )
    digest = keccak(b"\x19\x01" + keccak(domain) + keccak(message))
    assert _hash_eip191_message(encode_typed_data(full_message=typed)) == digest


@given(UINTS, ADDRESSES, ADDRESSES, ACCOUNTS, UINTS, UINTS, UINTS, GRANTS)
@settings(max_examples=20)
def test_a_deposit_through_permit2_is_hashed_as_permit2_does(
    chain, token, vault, account, amount, nonce, deadline, grant
):
    typed = permit2_deposit(chain, token, vault, account, amount, nonce, deadline, grant)
    domain_type = "EIP712Domain(string name,uint256 chainId,address verifyingContract)"
    domain = encode(
        ["bytes32", "bytes32", "uint256", "address"],
        [keccak(text=domain_type), keccak(text="Permit2"), chain, PERMIT2],
    )
    grant_hash = keccak(
        encode(
            ["bytes32", "address", "uint8", "uint40", "uint64", "uint128"],
            [keccak(text=GRANT_TYPE), *grant],
        )
    )
    witness = keccak(
        encode(
            ["bytes32", "bytes32", "uint256", "bytes32"],
            [keccak(text=DEPOSIT_TYPE + GRANT_TYPE), account, amount, grant_hash],
        )
    )
    permitted = keccak(
        encode(["bytes32", "address", "uint256"], [keccak(text=TOKEN_TYPE), token, amount])
    )
    message = encode(
        ["bytes32", "bytes32", "address", "uint256", "uint256", "bytes32"],
        [
            keccak(text=PERMIT2_STUB + WITNESS_TYPE_STRING),
            permitted,
            vault,
            nonce,
            deadline,
            witness,
        ],
    )
    digest = keccak(b"\x19\x01" + keccak(domain) + keccak(message))
    assert _hash_eip191_message(encode_typed_data(full_message=typed)) == digest
    for_a_wallet = json.loads(json.dumps(typed))
    assert _hash_eip191_message(encode_typed_data(full_message=for_a_wallet)) == digest
