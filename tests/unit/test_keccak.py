"""Hashes and addresses are those of the usual libraries, only sooner."""

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as usual
from hypothesis import given
from hypothesis import strategies as st

from ringside.keccak import checksummed, keccak


@given(st.binary(max_size=300))
def test_hashes_are_keccak(data):
    assert keccak(data) == usual(data)


@given(st.binary(min_size=20, max_size=20))
def test_addresses_are_spelled_as_by_everybody(raw):
    address = "0x" + raw.hex()
    assert checksummed(address) == to_checksum_address(address)
    assert checksummed("0x" + raw.hex().upper()) == to_checksum_address(address)


@pytest.mark.parametrize("given", ["", "0x", "0x" + "1" * 39, "0x" + "1" * 41, "0x" + "g" * 40])
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ValueError, match=r"address|hexadecimal"):
        checksummed(given)
