"""Orders: hashed as EIP-712 does it, signed by their owner, and refused field by field."""

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ringside.accounts import account_id
from ringside.orders import (
    Bounds,
    Domain,
    Order,
    OrderError,
    market_id,
    sign,
    venue_set,
)

UINTS = st.integers(0, 2**256 - 1)
SIZES = st.integers(-(2**128) + 1, 2**128 - 1).filter(bool)
ADDRESSES = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: "0x" + raw.hex())
ACCOUNTS = st.builds(account_id, ADDRESSES, st.sampled_from(["", "hedge", "twelve chars"]))
NAMES = st.text(min_size=1, max_size=20)
LEVERAGES = st.tuples(UINTS, UINTS).map(sorted)
DOMAINS = st.builds(Domain, UINTS, ADDRESSES)
OWNER_KEY = "0x" + "42" * 32
OWNER = Account.from_key(OWNER_KEY).address


@st.composite
def bounds(draw):
    low, high = draw(LEVERAGES)
    return Bounds(
        min_fill=draw(UINTS),
        min_leverage=low,
        max_leverage=high,
        max_deviation=draw(UINTS),
        reduce_only=draw(st.booleans()),
        filler=draw(ADDRESSES),
        filler_until=draw(UINTS),
    )


ORDERS = st.builds(
    Order,
    account=ACCOUNTS,
    market=NAMES,
    size=SIZES,
    limit_price=UINTS,
    max_margin=UINTS,
    tip=UINTS,
    venues=UINTS.filter(bool),
    deadline=UINTS,
    nonce=UINTS,
    epoch=UINTS,
    bounds=bounds(),
)
FIELDS = {
    "account": ACCOUNTS,
    "market": NAMES,
    "size": SIZES,
    "venues": UINTS.filter(bool),
    "bounds": bounds(),
    **dict.fromkeys(("limit_price", "max_margin", "tip", "deadline", "nonce", "epoch"), UINTS),
}
HERE = Domain(31337, "0x" + "de" * 20)
PLAIN = Order(account_id(OWNER), "ETH-USD", 10**18, 1, 1, 1, 1, 1, 1)


@given(ORDERS, DOMAINS)
@settings(max_examples=50)
def test_the_digest_is_what_a_wallet_hashes(order, domain):
    shown = encode_typed_data(full_message=order.typed_data(domain))
    assert order.digest(domain) == _hash_eip191_message(shown)


@pytest.mark.parametrize("field", FIELDS)
@given(data=st.data(), order=ORDERS)
@settings(max_examples=20)
def test_the_digest_changes_when_a_field_does(field, data, order):
    changed = order.with_(**{field: data.draw(FIELDS[field])})
    same = getattr(changed, field) == getattr(order, field)
    assert (changed.digest(HERE) == order.digest(HERE)) == same


@given(ORDERS, DOMAINS, DOMAINS)
@settings(max_examples=50)
def test_the_digest_changes_with_the_chain_and_the_desk(order, domain, other):
    assert (order.digest(domain) == order.digest(other)) == (domain == other)


@given(st.builds(PLAIN.with_, size=SIZES, limit_price=UINTS, nonce=UINTS))
@settings(max_examples=10)
def test_a_signature_recovers_to_the_owner(order):
    signature = sign(order, HERE, OWNER_KEY)
    shown = encode_typed_data(full_message=order.typed_data(HERE))
    assert len(signature) == 65
    assert Account.recover_message(shown, signature=signature) == OWNER


@given(ORDERS)
def test_the_contract_takes_the_market_by_its_id(order):
    taken = order.tuple
    assert taken[1] == market_id(order.market) == keccak(text=order.market)
    assert taken[0] == order.account
    assert taken[2] == order.size
    assert taken[-1] == order.bounds.tuple
    assert len(taken) == 11


@given(ORDERS)
def test_an_order_knows_its_owner_and_direction(order):
    assert order.owner == "0x" + order.account[:20].hex()
    assert order.sign * abs(order.size) == order.size


@given(ORDERS, UINTS)
def test_a_copy_differs_only_where_it_was_changed(order, tip):
    copy = order.with_(tip=tip)
    assert copy.tip == tip
    assert copy.with_(tip=order.tip) == order


@given(st.sets(st.integers(0, 127)))
def test_a_venue_set_has_the_bits_of_its_venues(ids):
    bits = venue_set(list(ids))
    assert {i for i in range(256) if bits >> i & 1} == ids
    assert bits < 2**256


@pytest.mark.parametrize("wrong", [-1, 128])
def test_a_venue_id_that_cannot_be_is_refused(wrong):
    with pytest.raises(OrderError, match=f"venue id {wrong} cannot exist"):
        venue_set([0, wrong])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("account", b"\0" * 32),
        ("account", b"\x01" * 31),
        ("market", ""),
        ("size", 0),
        ("size", 2**128),
        ("size", -(2**128)),
        ("size", 1.5),
        *(
            (field, wrong)
            for field in ("limit_price", "max_margin", "tip", "deadline", "nonce", "epoch")
            for wrong in (-1, 2**256, 1.0)
        ),
        ("venues", 2**256),
        ("venues", 0),
    ],
)
def test_a_field_no_order_can_carry_is_refused_by_name(field, wrong):
    with pytest.raises(OrderError, match=f"^{field} "):
        PLAIN.with_(**{field: wrong})


@pytest.mark.parametrize(
    "field", ["min_fill", "min_leverage", "max_leverage", "max_deviation", "filler_until"]
)
@pytest.mark.parametrize("wrong", [-1, 2**256, "1"])
def test_a_bound_no_order_can_carry_is_refused_by_name(field, wrong):
    with pytest.raises(OrderError, match=f"^{field} "):
        Bounds(**{field: wrong})


@pytest.mark.parametrize("wrong", ["", "keeper", "0x" + "11" * 19])
def test_a_filler_that_is_no_address_is_refused_by_name(wrong):
    with pytest.raises(OrderError, match="filler must"):
        Bounds(filler=wrong)


def test_leverage_bounds_that_exclude_each_other_are_refused():
    with pytest.raises(OrderError, match="min_leverage is above max_leverage"):
        Bounds(min_leverage=3, max_leverage=2)
    assert Bounds(min_leverage=3).max_leverage == 0
