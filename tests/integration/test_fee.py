"""The protocol's fee: a part of what is traded at the oracle's price, which counts in the whole
price and goes to the collector's own account."""

from decimal import Decimal
from itertools import count

import pytest
from bundles import bundle, fill_bundle, step
from hypothesis import given
from hypothesis import strategies as st
from stage import (
    ALL_VENUES,
    BTC_USD,
    DEPOSIT,
    ETH,
    ETH_USD,
    MAX,
    NEVER,
    ONE,
    PAY_CAP,
    USDC,
    few,
    reverts,
    send,
)

from devnet import feeds
from devnet.ringside import HEARTBEAT
from ringside.accounts import Right, account_id
from ringside.orders import Bounds, Mode, market_id, venue_set

RATE = 5 * 10**14
"""0.05 %: one USDC of an ETH at 2,000."""
MAX_FEE = 10**15
MARGIN = 3_000 * USDC
NOWHERE = "0x" + "00" * 20
nonces = count(1_000)
cheaply = few(10)


@pytest.fixture
def collector(ringside, venues, governor, stranger):
    """Whom all fees go to; ETH-USD has one."""
    send(venues.setCollector, stranger, sender=governor)
    send(venues.setFee, ETH_USD, RATE, sender=governor)
    return account_id(stranger.address)


@pytest.fixture
def order(ringside, stand_in, collector):
    """An order for the stand-in, where an ETH costs 2,000."""
    return ringside.order(venues=venue_set([stand_in]))


# ---------------------------------------------------------------------------- setting


def test_the_governor_sets_fee_and_collector(venues, governor, stranger):
    assert venues.collector() == NOWHERE
    receipt = send(venues.setCollector, stranger, sender=governor)
    (event,) = receipt.decode_logs(venues.CollectorSet)
    assert event.collector == venues.collector() == stranger.address
    receipt = send(venues.setFee, ETH_USD, RATE, sender=governor)
    (event,) = receipt.decode_logs(venues.FeeSet)
    assert (event.market, event.rate) == (ETH_USD, RATE)
    assert (venues.feed(ETH_USD).fee, venues.feed(BTC_USD).fee) == (RATE, 0)


def test_nobody_else_does(venues, attacker):
    with reverts(venues.AccessManagedUnauthorized, caller=attacker.address):
        send(venues.setFee, ETH_USD, 0, sender=attacker)
    with reverts(venues.AccessManagedUnauthorized, caller=attacker.address):
        send(venues.setCollector, attacker, sender=attacker)


def test_a_fee_is_a_tenth_of_a_percent_at_most(venues, governor, collector):
    assert venues.MAX_FEE() == MAX_FEE
    send(venues.setFee, ETH_USD, MAX_FEE, sender=governor)
    for rate in (MAX_FEE + 1, 2**56 - 1):
        with reverts(venues.FeeTooHigh, most=MAX_FEE):
            send(venues.setFee, ETH_USD, rate, sender=governor)


def test_a_fee_needs_somebody_to_be_paid_to(venues, governor):
    with reverts(venues.NoCollector):
        send(venues.setFee, ETH_USD, 1, sender=governor)
    send(venues.setFee, ETH_USD, 0, sender=governor)
    with reverts(venues.BadInput):
        send(venues.setCollector, NOWHERE, sender=governor)


def test_a_fee_needs_its_market(venues, governor, collector):
    with reverts(venues.UnknownMarket, market=market_id("DOGE-USD")):
        send(venues.setFee, market_id("DOGE-USD"), RATE, sender=governor)


# ----------------------------------------------------------------------------- paying


def fee_of(vault, receipt):
    """What the fees of a fill's legs add up to."""
    return sum(traded.fee for traded in receipt.decode_logs(vault.Traded))


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_a_fill_pays_it_from_idle_to_the_collector(
    ringside, vault, account, collector, venue, side
):
    order = ringside.order(size=side * 2 * ETH)
    receipt = ringside.fill(order, (venue.id, side * 2 * ETH, MARGIN))
    (traded,) = receipt.decode_logs(vault.Traded)
    assert (traded.fee, traded.tip) == (2 * USDC, 0)
    assert traded.quote == venue.fills(receipt)[0][1]
    assert vault.idle(collector) == vault.paidToday(account) == 2 * USDC
    assert vault.idle(account) == DEPOSIT - MARGIN - 2 * USDC


def test_two_legs_pay_it_once(ringside, vault, collector, perp, rage):
    order = ringside.order(size=3 * ETH)
    legs = (perp.id, 2 * ETH, MARGIN), (rage.id, ETH, MARGIN)
    assert fee_of(vault, ringside.fill(order, *legs)) == 3 * USDC
    assert vault.idle(collector) == 3 * USDC


def test_each_fill_pays_its_own(ringside, vault, collector, stand_in, order):
    whole = order.with_(size=3 * ETH)
    ringside.fill(whole, (stand_in, ETH, 0))
    assert vault.idle(collector) == USDC
    ringside.fill(whole, (stand_in, 2 * ETH, 0))
    assert vault.idle(collector) == 3 * USDC


def test_each_step_of_a_bundle_pays_its_own(ringside, vault, collector, stand_in, order):
    terms = step(ringside, venues=order.venues)
    whole = bundle(ringside, Mode.ATOMIC, terms, terms)
    fill_bundle(ringside, whole, [(stand_in, ETH, 0)], [(stand_in, ETH, 0)])
    assert vault.idle(collector) == 2 * USDC


def test_it_is_taken_of_the_oracles_price_and_not_the_venues(
    ringside, vault, collector, stand_in, order
):
    feeds.move(ringside.w3, ringside.addresses["feeds"], "ETH-USD", Decimal(3_000))
    ringside.fill(order, (stand_in, ETH, 0))
    assert vault.idle(collector) == 3 * USDC // 2


@given(
    size=st.one_of(st.integers(1, 10**12), st.integers(1, 10 * ETH)),
    rate=st.integers(1, MAX_FEE),
)
@cheaply
def test_it_is_rounded_up(ringside, vault, venues, governor, stand_in, order, size, rate):
    send(venues.setFee, ETH_USD, rate, sender=governor)
    terms = order.with_(size=size, limit_price=MAX, nonce=next(nonces))
    receipt = ringside.fill(terms, (stand_in, size, 0))
    # ⌈⌈2,000 × size⌉ × rate⌉, in units of 1e-6 USD.
    assert fee_of(vault, receipt) == -(-2_000 * size * rate // 10**30)
    assert fee_of(vault, receipt) >= 1


def test_the_largest_fee_is_two_usdc_of_an_eth(ringside, vault, venues, governor, stand_in, order):
    send(venues.setFee, ETH_USD, MAX_FEE, sender=governor)
    assert fee_of(vault, ringside.fill(order, (stand_in, ETH, 0))) == 2 * USDC


def test_a_new_collector_is_paid_from_then_on(
    ringside, vault, venues, governor, neighbour, collector, stand_in, order
):
    whole = order.with_(size=2 * ETH)
    ringside.fill(whole, (stand_in, ETH, 0))
    send(venues.setCollector, neighbour, sender=governor)
    ringside.fill(whole, (stand_in, ETH, 0))
    assert vault.idle(collector) == USDC
    assert vault.idle(account_id(neighbour.address)) == DEPOSIT + USDC


def test_a_fee_of_zero_takes_nothing_and_asks_no_oracle(
    ringside, vault, venues, governor, collector, stand_in, order
):
    send(venues.setFee, ETH_USD, 0, sender=governor)
    ringside.mine_at(ringside.now + 2 * HEARTBEAT)
    assert fee_of(vault, ringside.fill(order, (stand_in, ETH, 0))) == 0
    assert vault.idle(collector) == 0


def test_another_market_pays_none(ringside, vault, collector, perp):
    order = ringside.order(market="BTC-USD", size=ETH // 10, limit_price=100_000 * ONE)
    ringside.fill(order, (perp.id, ETH // 10, MARGIN))
    assert vault.idle(collector) == 0


def test_who_trades_without_the_desk_pays_none(ringside, vault, collector, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    assert vault.idle(collector) == 0


# ----------------------------------------------------------------------------- bounds


def test_it_counts_in_the_whole_price_of_a_purchase(ringside, desk, stand_in, order):
    limit = 2_001 * ONE
    with reverts(desk.WorsePrice, total=limit * ONE, limit=limit * ONE - ONE):
        ringside.fill(order.with_(limit_price=limit - 1), (stand_in, ETH, 0))
    ringside.fill(order.with_(limit_price=limit), (stand_in, ETH, 0))


def test_it_counts_in_the_whole_price_of_a_sale(ringside, desk, stand_in, order):
    limit, sale = 1_999 * ONE, order.with_(size=-ETH)
    with reverts(desk.WorsePrice, total=limit * ONE, limit=limit * ONE + ONE):
        ringside.fill(sale.with_(limit_price=limit + 1), (stand_in, -ETH, 0))
    ringside.fill(sale.with_(limit_price=limit), (stand_in, -ETH, 0))


def test_it_counts_beside_the_tip(ringside, desk, stand_in, order):
    limit, tipped = 2_003 * ONE, order.with_(tip=2 * USDC)
    with reverts(desk.WorsePrice, total=limit * ONE):
        ringside.fill(tipped.with_(limit_price=limit - 1), (stand_in, ETH, 0))
    ringside.fill(tipped.with_(limit_price=limit), (stand_in, ETH, 0))


def test_it_counts_against_the_oracles_bound(ringside, desk, stand_in, order):
    with reverts(desk.TooFarFromOracle, total=2_001 * ONE * ONE):
        ringside.fill(order.with_(bounds=Bounds(max_deviation=RATE - 1)), (stand_in, ETH, 0))
    ringside.fill(order.with_(bounds=Bounds(max_deviation=RATE)), (stand_in, ETH, 0))


def test_it_does_not_count_against_the_best_venue(ringside, stand_in, order):
    """Whichever the venue, the fee is the same."""
    ringside.fill(order.with_(bounds=Bounds(tolerance=1)), (stand_in, ETH, 0))


def test_it_counts_under_what_may_be_paid_in_a_day(ringside, vault, stand_in, order):
    tipped = order.with_(tip=PAY_CAP - USDC + 1)
    with reverts(vault.PayCapExceeded, cap=PAY_CAP, wanted=PAY_CAP + 1):
        ringside.fill(tipped, (stand_in, ETH, 0))
    ringside.fill(order.with_(tip=PAY_CAP - USDC), (stand_in, ETH, 0))


def test_it_needs_the_right_to_pay(ringside, vault, desk, account, client, stand_in, order):
    rights = Right.TRADE | Right.MOVE
    grant = (desk.address, rights, NEVER, PAY_CAP, ALL_VENUES)
    send(vault.setOperator, account, grant, sender=client)
    with reverts(vault.NotAllowed, caller=desk.address, right=Right.TRADE | Right.PAY):
        ringside.fill(order, (stand_in, ETH, 0))


def test_it_needs_the_money(ringside, vault, account, client, stand_in, order):
    send(vault.withdraw, account, DEPOSIT - USDC + 1, client, sender=client)
    with reverts(vault.NotEnoughIdle, idle=USDC - 1, needed=USDC):
        ringside.fill(order, (stand_in, ETH, 0))


def test_it_needs_the_oracle(ringside, desk, stand_in, order):
    ringside.mine_at(ringside.now + 2 * HEARTBEAT)
    with reverts(desk.BadOracle, answer=2_000 * 10**8):
        ringside.fill(order, (stand_in, ETH, 0))
