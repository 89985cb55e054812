"""What revert data mean: one of our errors by name, a venue's own words, or what little is
known."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ringside.chain.contracts import Refused, abi, refusal, revert_data
from ringside.venues import VENUE_ERRORS

CONTRACTS = ("Vault", "Desk", "Venues", "RageSeat", "LocalUSDC")
ERRORS = {
    entry["name"]: entry["inputs"]
    for name in CONTRACTS
    for entry in abi(name)
    if entry["type"] == "error"
}
VALUES = {
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32),
    "int256": st.integers(-(2**255), 2**255 - 1),
    "string": st.text(max_size=80),
    "uint8": st.integers(0, 2**8 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "uint256": st.integers(0, 2**256 - 1),
}


def encoded(name, inputs, values):
    kinds = [item["type"] for item in inputs]
    return keccak(text=f"{name}({','.join(kinds)})")[:4] + encode(kinds, values)


@pytest.mark.parametrize("name", ERRORS)
@given(data=st.data())
@settings(max_examples=10)
def test_every_error_of_ours_is_read_by_name_and_arguments(name, data):
    inputs = ERRORS[name]
    values = [data.draw(VALUES[item["type"]]) for item in inputs]
    read = refusal(encoded(name, inputs, values))
    assert read.name == name
    assert read.arguments == dict(zip((item["name"] for item in inputs), values, strict=True))
    assert str(read).startswith(name)


def test_a_refusal_says_its_arguments():
    assert str(Refused("NonceTaken", {"nonce": 7, "digest": b"\xab"})) == (
        "NonceTaken(nonce=7, digest=0xab)"
    )
    assert str(Refused("NoLegs")) == "NoLegs"


@given(st.text(max_size=80))
def test_a_venues_reason_is_read_in_its_words(reason):
    assert refusal(encoded("Error", [{"type": "string"}], [reason])).name == reason


@given(st.integers(0, 2**256 - 1))
def test_a_panic_is_read_by_its_code(code):
    assert refusal(encoded("Panic", [{"type": "uint256"}], [code])).name == f"Panic {code:#x}"


HEADS = [keccak(text=text)[:4] for text in ("Error(string)", "Panic(uint256)", "Expired(uint256)")]


@given(st.sampled_from(HEADS), st.binary(max_size=100))
def test_garbled_data_are_still_a_refusal(head, garbage):
    assert isinstance(refusal(head + garbage), Refused)


def test_words_that_are_no_text_are_still_a_refusal():
    body = (32).to_bytes(32, "big") + (2).to_bytes(32, "big") + b"\xff\xfe".ljust(32, b"\0")
    assert refusal(keccak(text="Error(string)")[:4] + body).name == "unknown error 0x08c379a0"


def test_an_error_of_somebody_else_is_named_by_its_selector():
    assert refusal(bytes.fromhex("deadbeef00")).name == "unknown error 0xdeadbeef"


def test_no_data_is_no_reason():
    assert refusal(b"").name == "reverted without a reason"


@given(st.binary(max_size=100))
def test_revert_data_are_found_wherever_nodes_put_them(data):
    as_text = "0x" + data.hex()
    for told in (as_text, {"data": as_text, "message": "revert"}):
        assert revert_data({"code": 3, "message": "execution reverted", "data": told}) == data


def test_a_revert_without_data_has_none_and_what_is_no_revert_is_told_apart():
    assert revert_data({"code": 3, "message": "execution reverted"}) == b""
    for error in ({"message": "out of gas"}, "out of gas", {"message": "no", "data": "Reverted"}):
        assert revert_data(error) is None


@given(st.integers(-(2**255), 2**255 - 1), st.integers(-(2**255), 2**255 - 1))
def test_a_venues_own_error_is_known_by_name(value, required):
    signature = "InvalidTransactionNotEnoughMargin(int256,int256)"
    data = keccak(text=signature)[:4] + encode(["int256", "int256"], [value, required])
    told = refusal(data, VENUE_ERRORS)
    assert told.name == "InvalidTransactionNotEnoughMargin"
    assert tuple(told.arguments.values()) == (value, required)


def test_a_venues_error_without_arguments_is_known_by_name():
    data = keccak(text="SlippageBeyondTolerance()")[:4]
    assert str(refusal(data, VENUE_ERRORS)) == "SlippageBeyondTolerance"
    assert refusal(data).name.startswith("unknown error")
