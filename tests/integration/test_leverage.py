"""Leverage read inside a trade is what the venue's own full views say right after it, and bounds
hold."""

from decimal import Decimal
from fractions import Fraction

import pytest
from stage import BTC_USD, ETH, ONE, USDC, reverts

from devnet import market
from ringside.orders import Bounds

MARGIN = 5_000 * USDC
PRECISION = Fraction(1, 10**9)
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def near(found, expected):
    return abs(found - expected) <= expected * PRECISION


@pytest.fixture
def check(ringside, venue):
    """Trades, and holds the leverage read in the trade against the venue's views and the seat's."""

    def check(size, margin=0, **changes):
        receipt = ringside.trade(venue.id, size, margin, measure=True, **changes)
        _, _, leverage = ringside.returned(receipt)
        seat = venue.seat()
        assert near(leverage, venue.leverage(seat) * ONE)
        assert near(leverage, seat.margin(bytes(32)).leverage)
        return leverage

    return check


@sides
def test_leverage_of_a_first_position(check, side):
    leverage = check(side * 5 * ETH, MARGIN)
    # 10,000 USD on 5,000, less fees.
    assert 199 * ONE // 100 < leverage < 202 * ONE // 100


@sides
def test_leverage_of_a_position_added_to(check, side):
    first = check(side * 2 * ETH, MARGIN)
    second = check(side * ETH)
    assert Fraction(second, first) > Fraction(149, 100)


@sides
def test_leverage_of_a_position_turned_around(check, side):
    check(side * ETH, MARGIN)
    check(-side * 3 * ETH)


@sides
def test_leverage_counts_every_market_of_the_pocket(check, side):
    first = check(side * 2 * ETH, MARGIN)
    both = check(-side * ONE // 20, market=BTC_USD)
    assert Fraction(both, first) > Fraction(17, 10)
    check(side * ETH)


@sides
@pytest.mark.parametrize("price", [2_150, 1_880], ids=["up", "down"])
@pytest.mark.parametrize("settled", [True, False], ids=["averages settled", "just moved"])
def test_leverage_after_the_price_moved(ringside, check, side, price, settled):
    check(side * 5 * ETH, MARGIN)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(price))
    if settled:
        market.settle(ringside.w3, ringside.addresses)
    check(side * ETH // 2)
    check(side * ONE // 50, 1_000 * USDC, market=BTC_USD)


def test_unrealised_profit_does_not_lower_leverage_and_a_loss_raises_it(ringside, check):
    start = check(5 * ETH, MARGIN)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(2_150))
    market.settle(ringside.w3, ringside.addresses)
    assert check(ETH // 100) > start
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(1_880))
    market.settle(ringside.w3, ringside.addresses)
    # 5 ETH at 1,880 on what is left of 5,000 after a loss of about 600.
    assert check(ETH // 100) > Fraction(21, 10) * ONE


@sides
def test_leverage_while_the_pool_is_far_from_the_oracle(ringside, check, side):
    """The oracle alone moves: one venue's risk price follows it, the other's stays for a while."""
    check(side * ETH, MARGIN)
    moved = Decimal(2_000 + side * 260)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", moved, arbitrage=False)
    check(side * ETH // 10)
    market.settle(ringside.w3, ringside.addresses)
    check(side * ETH // 10)


def test_leverage_is_not_read_unless_asked_for(ringside, venue):
    receipt = ringside.trade(venue.id, ETH, MARGIN)
    assert ringside.returned(receipt)[1:] == (ETH, 0)


@sides
def test_leverage_is_not_read_where_a_trade_only_reduces(ringside, venue, side):
    ringside.trade(venue.id, side * 2 * ETH, MARGIN)
    receipt = ringside.trade(venue.id, -side * ETH, measure=True)
    assert ringside.returned(receipt)[1:] == (side * ETH, 0)
    receipt = ringside.trade(venue.id, -side * ETH, measure=True)
    assert ringside.returned(receipt)[1:] == (0, 0)


@pytest.fixture
def at_first(ringside, desk, venue, side):
    """The leverage that a fill of one ETH would lead to now, taken from a refusal; and the
    order."""
    leg = venue.id, side * ETH, MARGIN
    order = ringside.order(size=side * ETH, max_margin=MARGIN)
    leverage = ringside.would_return(venue.id, side * ETH, MARGIN, measure=True)[2]
    return order, leg, leverage


@sides
def test_fill_passes_at_exactly_the_highest_leverage_and_not_one_unit_beyond(
    ringside, desk, venue, side, at_first
):
    order, leg, leverage = at_first
    ringside.quote(order.with_(bounds=Bounds(max_leverage=leverage)), leg)
    with reverts(desk.LeverageTooHigh, venue=venue.id, leverage=leverage):
        ringside.fill(order.with_(bounds=Bounds(max_leverage=leverage - 1)), leg)


@sides
def test_fill_passes_at_exactly_the_lowest_leverage_and_not_one_unit_below(
    ringside, desk, venue, side, at_first
):
    order, leg, leverage = at_first
    ringside.quote(order.with_(bounds=Bounds(min_leverage=leverage)), leg)
    with reverts(desk.LeverageTooLow, venue=venue.id, leverage=leverage):
        ringside.fill(order.with_(bounds=Bounds(min_leverage=leverage + 1)), leg)


def test_leverage_is_bounded_for_each_leg_by_itself(ringside, desk, perp, rage):
    bounds = Bounds(max_leverage=ONE)
    order = ringside.order(size=2 * ETH, bounds=bounds)
    legs = (perp.id, ETH, MARGIN), (rage.id, ETH, 1_000 * USDC)
    with reverts(desk.LeverageTooHigh, venue=rage.id):
        ringside.fill(order, *legs)
    ringside.fill(order, legs[0], (rage.id, ETH, MARGIN))
