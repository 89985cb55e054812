"""An order hashes in Python, in a wallet and at the Desk to the same digest."""

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import ETH, USDC

from ringside.orders import Bounds, Order, sign

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
    reduce_only=st.booleans(),
    filler=addresses,
    filler_until=uints,
)
orders = st.builds(
    Order,
    account=st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[:20])),
    market=st.one_of(st.sampled_from(["ETH-USD", "BTC-USD"]), st.text(min_size=1, max_size=40)),
    size=st.integers(-(2**128) + 1, 2**128 - 1).filter(bool),
    limit_price=uints,
    max_margin=uints,
    tip=uints,
    venues=uints.filter(bool),
    deadline=uints,
    nonce=uints,
    epoch=uints,
    bounds=bounds,
)
many = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(order=orders)
@many
def test_the_desk_a_wallet_and_python_agree_on_the_digest(ringside, desk, order):
    digest = order.digest(ringside.domain)
    shown = encode_typed_data(full_message=order.typed_data(ringside.domain))
    wallet = keccak(b"\x19" + shown.version + shown.header + shown.body)
    assert digest == wallet == bytes(desk.digest(order.tuple))


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
    order = ringside.order(bounds=Bounds(max_leverage=3 * ETH, max_deviation=ETH // 50))
    shown = encode_typed_data(full_message=order.typed_data(ringside.domain))
    signature = bytes(Account.sign_message(shown, client.private_key).signature)
    ringside.fill(order, (venue.id, ETH, 3_000 * USDC), signature=signature)
    assert venue.size(venue.seat()) == ETH
