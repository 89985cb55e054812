"""The whole price that a settled ticket reports is what the venue's events add up to: price × size,
fee, the funding that the position received meanwhile, the deposit and the exchange."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stage import ETH, MAX, ONE, USDC, few, reverts
from tickets import MARGIN, UNIT, own_commit, own_settle, take, undone

from devnet.artifacts import synthetix as artifact
from devnet.chain import Chain

cheaply = few(8)


def reported_and_due(synthetix, size, margin, price):
    """Of a ticket executed at this price of Pyth: what the seat says, and what the events say."""
    ringside = synthetix.ringside
    receipt = own_commit(ringside, synthetix.id, size, margin)
    cost = margin * UNIT - synthetix.arrived(receipt) if margin else 0
    cost += synthetix.setting("minKeeperFee")
    before = synthetix.position()
    fill = synthetix.fill_in(synthetix.execute(price=price))
    assert fill.size == size
    funding = synthetix.funding(before[4], before[1], fill.index) if before[4] else 0
    whole = fill.notional + fill.fee - funding + cost
    reported = own_settle(ringside, synthetix.id)
    assert reported.filled == size
    return reported.quote, whole if size > 0 else -whole


@pytest.mark.parametrize(
    ("held", "size"),
    [
        (0, 3 * ETH),
        (0, -3 * ETH),
        (3 * ETH, ETH + 1),
        (-3 * ETH, -ETH - 1),
        (3 * ETH, -ETH),
        (-3 * ETH, ETH),
        (3 * ETH, -3 * ETH),
        (-3 * ETH, 3 * ETH),
        (3 * ETH, -5 * ETH),
        (-3 * ETH, 5 * ETH),
    ],
    ids=lambda size: f"{size / ETH:+.0f}",
)
@pytest.mark.parametrize("margin", [0, 1_000 * USDC], ids=["no margin", "margin"])
def test_the_whole_price_is_what_the_events_add_up_to(ringside, synthetix, held, size, margin):
    """Opened, increased, reduced, closed and turned round, after hours of funding and a move."""
    if held:
        take(synthetix, held)
        ringside.mine_at(ringside.now + 7 * 3_600)
        synthetix.move(Decimal("2010.55"))
    reported, due = reported_and_due(
        synthetix, size, margin or (0 if held else MARGIN), Decimal("2013.37421")
    )
    # A full close leaves no price of its own: what is cut off each product may differ by one.
    assert abs(reported - due) <= (held + size == 0)
    # Which is the price, and a few dollars an ETH beside.
    assert abs(due - abs(size) * 2_013) < abs(size) * 20


def sizes(most):
    """Either way, and worth more than the deposit: dust is sold at no price there is, see below."""
    return st.builds(
        lambda side, size: side * size, st.sampled_from([1, -1]), st.integers(ETH, most)
    )


@given(
    held=st.just(0) | sizes(10 * ETH),
    size=sizes(20 * ETH),
    price=st.integers(195_000, 205_000).map(lambda cents: Decimal(cents) / 100),
)
@example(held=7 * ETH + 1, size=-7 * ETH - 1, price=Decimal("1999.99"))
@cheaply
def test_for_any_size_and_price(ringside, synthetix, held, size, price):
    with undone(ringside):
        if held:
            take(synthetix, held, 20 * MARGIN)
        reported, due = reported_and_due(synthetix, size, 10 * MARGIN, price)
        assert abs(reported - due) <= (held + size == 0)


# ------------------------------------------------------------------------- the bound


def bound(limit, cost, fee, size, buys):
    """The venue's own, rounded against the venue."""
    if buys:
        return (limit - cost) * ONE * ONE // (size * (ONE + fee))
    return -(-(limit + cost) * ONE * ONE // (size * (ONE - fee)))


@given(
    size=st.integers(ETH // 10, 5 * ETH),
    price=st.integers(1_500 * ONE, 2_500 * ONE),
    buys=st.booleans(),
)
@cheaply
def test_the_bound_leaves_room_for_the_worst_fee_the_deposit_and_the_exchange(
    ringside, synthetix, size, price, buys
):
    limit = size * price // ONE
    with undone(ringside):
        receipt = own_commit(
            ringside, synthetix.id, size if buys else -size, 5 * MARGIN, limitQuote=limit
        )
        cost = 5 * MARGIN * UNIT - synthetix.arrived(receipt) + synthetix.setting("minKeeperFee")
        fee = synthetix.setting("takerFeeOffchainDelayedOrder")
        assert fee > synthetix.setting("makerFeeOffchainDelayedOrder")
        assert synthetix.order()[1] == bound(limit, cost, fee, size, buys)


def test_the_bound_leaves_room_for_the_dynamic_fee_where_that_is_in_use(ringside, synthetix):
    chain = Chain(ringside.w3)
    resolver = chain.at(artifact("AddressResolver"), synthetix.places["resolver"])
    name = b"SystemSettings".ljust(32, b"\0")
    places = resolver.functions.requireAndGetAddress(name, "").call()
    system = chain.at(artifact("SystemSettings"), places)
    dynamic = ONE // 100
    chain.send(system, "setExchangeDynamicFeeRounds", 6)
    chain.send(system, "setExchangeMaxDynamicFee", dynamic)
    receipt = own_commit(ringside, synthetix.id, ETH, MARGIN, limitQuote=2_100 * ONE)
    cost = MARGIN * UNIT - synthetix.arrived(receipt) + synthetix.setting("minKeeperFee")
    fee = synthetix.setting("takerFeeOffchainDelayedOrder") + dynamic
    assert synthetix.order()[1] == bound(2_100 * ONE, cost, fee, ETH, True)


def test_dust_is_sold_at_no_price_there_is(ringside, synthetix):
    """Deposit and exchange come on top of its limit, spread over next to nothing."""
    own_commit(ringside, synthetix.id, -ETH // 1_000_000, MARGIN, limitQuote=0)
    assert synthetix.order()[1] > 10**6 * ONE


def test_no_limit_is_no_bound(ringside, synthetix):
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    assert synthetix.order()[1] == 2**128 - 1


@pytest.mark.parametrize(
    ("size", "limit"),
    [(ETH, 0), (ETH, 5 * ONE), (-ETH, MAX), (-ETH, 2**128 * ONE), (-1, ONE * ONE)],
)
def test_a_limit_no_price_can_meet_is_refused_by_name(ringside, synthetix, size, limit):
    """A purchase that cannot pay deposit and exchange, a sale beyond what the venue can state."""
    with reverts(synthetix.seat().LimitTooTight, limitQuote=limit):
        own_commit(ringside, synthetix.id, size, MARGIN, limitQuote=limit)
