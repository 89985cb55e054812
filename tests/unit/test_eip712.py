"""EIP-712 by our own hand: the standard's own example, and whatever a wallet makes of the same
values."""

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from ringside import eip712

MAIL = {
    "Person": (("name", "string"), ("wallet", "address")),
    "Mail": (("from", "Person"), ("to", "Person"), ("contents", "string")),
}
MAIL_DOMAIN = {
    "name": "Ether Mail",
    "version": "1",
    "chainId": 1,
    "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
}
MESSAGE = {
    "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
    "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
    "contents": "Hello, Bob!",
}
TYPES = {
    "Zoo": (("cages", "Cage[]"), ("keeper", "address"), ("note", "bytes"), ("first", "Animal")),
    "Cage": (("animals", "Animal[]"), ("open", "bool"), ("number", "uint8")),
    "Animal": (("name", "string"), ("weight", "int256"), ("tag", "bytes32")),
}
UINTS = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
ANIMALS = st.fixed_dictionaries(
    {
        "name": st.text(max_size=10),
        "weight": st.integers(-(2**255), 2**255 - 1),
        "tag": st.binary(min_size=32, max_size=32),
    }
)
CAGES = st.fixed_dictionaries(
    {
        "animals": st.lists(ANIMALS, max_size=2),
        "open": st.booleans(),
        "number": st.integers(0, 255),
    }
)
ZOOS = st.fixed_dictionaries(
    {
        "cages": st.lists(CAGES, max_size=2),
        "keeper": ADDRESSES,
        "note": st.binary(max_size=40),
        "first": ANIMALS,
    }
)
DOMAINS = st.fixed_dictionaries(
    {"name": st.text(max_size=10)},
    optional={"version": st.text(max_size=3), "chainId": UINTS, "verifyingContract": ADDRESSES},
)


def test_a_type_names_its_structs_in_alphabetical_order_each_once():
    assert eip712.encode_type("Zoo", TYPES) == (
        "Zoo(Cage[] cages,address keeper,bytes note,Animal first)"
        "Animal(string name,int256 weight,bytes32 tag)"
        "Cage(Animal[] animals,bool open,uint8 number)"
    )
    assert eip712.encode_type("Animal", TYPES) == "Animal(string name,int256 weight,bytes32 tag)"


def test_the_standards_own_example_hashes_as_the_standard_says():
    assert eip712.encode_type("Mail", MAIL) == (
        "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
    )
    struct = eip712.hash_struct("Mail", MAIL, MESSAGE)
    assert struct.hex() == "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    digest = eip712.digest(MAIL_DOMAIN, struct)
    assert digest.hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"


@given(ZOOS, DOMAINS)
@settings(deadline=None, max_examples=60)
def test_any_struct_hashes_as_a_wallet_hashes_it(zoo, domain):
    shown = encode_typed_data(full_message=eip712.typed_data("Zoo", TYPES, domain, zoo))
    struct = eip712.hash_struct("Zoo", TYPES, zoo)
    assert eip712.digest(domain, struct) == _hash_eip191_message(shown)


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(KeyError, match="contents"):
        eip712.hash_struct("Mail", MAIL, {"from": MESSAGE["from"], "to": MESSAGE["to"]})


def test_a_wallet_is_shown_only_the_domain_fields_that_count():
    shown = eip712.typed_data("Mail", MAIL, {"chainId": 1, "name": "Ether Mail"}, MESSAGE)
    assert [field["name"] for field in shown["types"]["EIP712Domain"]] == ["name", "chainId"]
