"""Orders and bundles hash in Python, in a wallet and at the Desk to the same digest."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import ETH, NO_RECEIPT, USDC, few, send

from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    Bounds,
    Bundle,
    Conditions,
    Mode,
    Order,
    Terms,
    Tickets,
    sign,
)

uints = st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 3), st.just(2**256 - 1))
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
bounds = st.builds(
    lambda low, high, **others: Bounds(
        min_leverage=min(low, high) if high else low, max_leverage=high, **others
    ),
    low=uints,
    high=uints,
    min_fill=uints,
    max_deviation=uints,
    tolerance=uints,
    skip_unquotable=st.booleans(),
    reduce_only=st.booleans(),
    all_or_none=st.booleans(),
    open_against=st.booleans(),
)
tickets = st.builds(Tickets, most=uints, max_cost=uints, max_loss=st.integers(0, 10**18))
conditions = st.builds(
    Conditions,
    not_before=uints,
    filler=addresses,
    filler_until=uints,
    trigger_price=uints,
    trigger_above=st.booleans(),
    interval=uints,
    slice=uints.filter(bool),
    catch_up=uints,
    group=uints,
    group_size=uints.filter(bool),
)
sizes = st.one_of(
    st.integers(-(2**128) + 1, 2**128 - 1).filter(bool),
    st.sampled_from([CLOSE_LONGS, CLOSE_SHORTS]),
)
parts = {
    "market": st.one_of(st.sampled_from(["ETH-USD", "BTC-USD"]), st.text(min_size=1, max_size=40)),
    "size": sizes,
    "limit_price": uints,
    "max_margin": uints,
    "tip": uints,
    "venues": uints.filter(bool),
    "bounds": bounds,
    "tickets": st.none() | tickets,
    "conditions": st.none() | conditions,
}
frame = {
    "account": st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[:20])),
    "deadline": uints,
    "nonce": uints,
    "epoch": uints,
}
orders = st.builds(Order, **parts, **frame)
bundles = st.builds(
    Bundle,
    steps=st.lists(st.builds(Terms, **parts), min_size=1, max_size=3).map(tuple),
    mode=st.sampled_from(Mode),
    **frame,
)
many = few(100)


@given(order=orders)
@many
def test_the_desk_a_wallet_and_python_agree_on_the_digest(ringside, desk, order):
    digest = order.digest(ringside.domain)
    shown = encode_typed_data(full_message=order.typed_data(ringside.domain))
    wallet = keccak(b"\x19" + shown.version + shown.header + shown.body)
    assert digest == wallet == bytes(desk.digest(order.tuple))


@given(bundle=bundles)
@many
def test_the_desk_a_wallet_and_python_agree_on_the_digest_of_a_bundle(ringside, desk, bundle):
    digest = bundle.digest(ringside.domain)
    shown = encode_typed_data(full_message=bundle.typed_data(ringside.domain))
    wallet = keccak(b"\x19" + shown.version + shown.header + shown.body)
    assert digest == wallet == bytes(desk.bundleDigest(bundle.tuple))


@pytest.mark.parametrize("conditioned", [None, Conditions()], ids=["always", "conditions"])
@pytest.mark.parametrize("ticketed", [None, Tickets(1, 2, 3)], ids=["now", "tickets"])
def test_they_agree_with_and_without_tickets_and_conditions(ringside, desk, ticketed, conditioned):
    order = ringside.order(tickets=ticketed, conditions=conditioned)
    bare = ringside.order()
    bundle = Bundle(order.account, (bare.terms, order.terms), Mode.STEPWISE, 1, 2)
    for signed, asked in ((order, desk.digest), (bundle, desk.bundleDigest)):
        shown = encode_typed_data(full_message=signed.typed_data(ringside.domain))
        wallet = keccak(b"\x19" + shown.version + shown.header + shown.body)
        assert signed.digest(ringside.domain) == wallet == bytes(asked(signed.tuple))


@given(bundle=bundles)
@settings(many, max_examples=20)
def test_a_signature_of_a_bundle_is_one_over_its_digest(ringside, client, bundle):
    signature = sign(bundle, ringside.domain, client.private_key)
    digest = bundle.digest(ringside.domain)
    assert Account._recover_hash(digest, signature=signature) == client.address


@given(order=orders)
@many
def test_a_signature_over_the_typed_data_is_one_over_the_digest(ringside, client, order):
    signature = sign(order, ringside.domain, client.private_key)
    digest = order.digest(ringside.domain)
    assert Account._recover_hash(digest, signature=signature) == client.address


def test_the_domain_is_the_one_the_desk_says(ringside, desk):
    found = desk.eip712Domain()
    fields = ringside.domain.fields
    assert (found.name, found.version) == (fields["name"], fields["version"])
    assert (found.chainId, found.verifyingContract) == (
        fields["chainId"],
        fields["verifyingContract"],
    )


def test_a_wallets_signature_fills(ringside, client, venue):
    bounds = Bounds(max_leverage=3 * ETH, max_deviation=ETH // 50)
    order = ringside.order(bounds=bounds, tickets=Tickets(1, 1, 1), conditions=Conditions())
    shown = encode_typed_data(full_message=order.typed_data(ringside.domain))
    signature = bytes(Account.sign_message(shown, client.private_key).signature)
    ringside.fill(order, (venue.id, ETH, 3_000 * USDC), signature=signature)
    assert venue.size(venue.seat()) == ETH


def test_a_wallets_signature_fills_a_bundle(ringside, desk, client, keeper, venue):
    """Step by step: a purchase, and a sale of half of it."""
    buy = ringside.order(size=2 * ETH)
    sell = ringside.order(size=-ETH)
    bundle = Bundle(buy.account, (buy.terms, sell.terms), Mode.STEPWISE, buy.deadline, 1)
    shown = encode_typed_data(full_message=bundle.typed_data(ringside.domain))
    signature = bytes(Account.sign_message(shown, client.private_key).signature)
    for step, leg in enumerate([(venue.id, 2 * ETH, 3_000 * USDC), (venue.id, -ETH, 0)]):
        terms = bundle.tuple, signature, step, [leg], NO_RECEIPT
        receipt = send(desk.fillStep, *terms, sender=keeper)
        assert ringside.filled(receipt).key == bundle.step_key(ringside.domain, step)
    assert venue.size(venue.seat()) == ETH
