"""Synthetix's cost by skew, against sums done by hand and step by step."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_curves import skew_curves

from ringside.units import ONE, PIPS
from ringside.venues.base import BelowMinimum, BeyondCapacity
from ringside.venues.skew import SkewCurve, SkewRules
from ringside.venues.synthetix import (
    Config,
    SynthetixState,
    _conversion,
    bytes32,
    funding_velocity,
)

SIGNS = st.sampled_from([1, -1])
SHARES = st.integers(1, PIPS)
ETH = SkewCurve(
    *("synthetix", "ETH-USD"),
    price=2_000 * ONE,
    skew=-800 * ONE,
    scale=1_000_000 * ONE,
    taker=6 * 10**14,
    maker=10**12,
    market_size=800 * ONE,
    most_a_side=22_300 * ONE,
)
RULES = SkewRules(
    scale=1_000_000 * ONE,
    max_leverage=55 * ONE,
    minimum_margin=40 * ONE,
    keeper_fee=4 * ONE,
    max_keeper_fee=100 * ONE,
    liquidator_fee=2 * ONE,
    fee_ratio=2 * 10**14,
    buffer_ratio=75 * 10**14,
    premium_multiplier=15_625 * 10**14,
)


def state(curve=ETH, rules=RULES):
    ratios = ONE // 55, rules.buffer_ratio
    price = curve.price
    return SynthetixState("synthetix", "ETH-USD", 1, price, price, 0, *ratios, curve, rules)


def size_of(curve, sign, share):
    most = curve.capacity(sign)
    assume(most)
    return max(curve.minimum(sign), most * share // PIPS)


@pytest.mark.parametrize(
    ("skew", "size", "fill"),
    [
        (0, 50, "2000.05"),  # 2,000 × (1 + 25 ÷ 1,000,000)
        (0, -50, "1999.95"),
        (-800, 800, "1999.2"),
        (-800, 2_000, "2000.4"),
        (1_000, -2_000, "2000"),
    ],
)
def test_the_fill_is_at_the_average_premium_before_and_after(skew, size, fill):
    whole, _, rest = fill.partition(".")
    expected = int(whole) * ONE + int((rest or "0").ljust(18, "0"))
    assert replace(ETH, skew=skew * ONE).fill_price(size * ONE) == expected


@pytest.mark.parametrize(
    ("skew", "size", "maker", "taker"),
    [
        (0, 100, 0, 100),  # From zero, all of it adds.
        (-800, 800, 800, 0),  # To zero, none does.
        (-800, 1_000, 800, 200),
        (800, -1_000, 800, 200),
        (-800, -100, 0, 100),
        (800, 100, 0, 100),
        (800, -100, 100, 0),
    ],
)
def test_what_lessens_the_skew_pays_the_maker_and_the_rest_the_taker(skew, size, maker, taker):
    curve = replace(ETH, skew=skew * ONE)
    rates = maker * curve.maker + taker * curve.taker
    fee = curve.fill_price(size * ONE) * rates // ONE
    assert abs(curve.fee(size * ONE) - fee) <= 3


@given(skew_curves(), SIGNS, SHARES)
def test_volatility_costs_the_same_whichever_way(curve, sign, share):
    size = sign * size_of(curve, sign, share)
    calm = replace(curve, dynamic=0)
    notional = curve.quote(size).notional
    assert curve.fee(size) - calm.fee(size) == notional * curve.dynamic // ONE


@given(skew_curves(), SIGNS, SHARES)
def test_notional_and_fee_are_within_a_unit_of_the_exact_fractions(curve, sign, share):
    size = sign * size_of(curve, sign, share)
    # Twice the scale times the price, unrounded.
    exact = curve.price * (2 * curve.scale + 2 * curve.skew + size)
    quote, by = curve.quote(size), 2 * curve.scale * ONE
    units = abs(size) * curve.price // ONE**2 + abs(size) // ONE + 2
    assert abs(quote.notional - abs(size) * exact // by) <= units
    after = curve.skew + size
    taken = abs(after) if curve.skew * after < 0 else abs(size) if curve.skew * size >= 0 else 0
    rates = taken * curve.taker + (abs(size) - taken) * curve.maker + abs(size) * curve.dynamic
    assert abs(quote.fee - exact * rates // (by * ONE)) <= units


@given(skew_curves(), SIGNS)
def test_the_first_unit_costs_the_marginal_price(curve, sign):
    size = curve.scale // 10**7
    assume(not 0 < -curve.skew * sign < size)
    price, first = curve.quote(sign * size).all_in_price, curve.marginal_price(sign)
    assert abs(price - first) <= first * size * 2 // curve.scale + 10**4


@given(skew_curves(), SIGNS)
def test_a_side_is_full_at_capacity_and_over_with_one_wei_more(curve, sign):
    most = curve.capacity(sign)
    assume(most)

    def side(size):
        return (curve.market_size + size + sign * (curve.skew + sign * size)) // 2

    assert side(most) <= curve.most_a_side < side(most + 1)


def test_no_sale_brings_the_price_to_zero():
    curve = replace(ETH, skew=0, scale=1_000 * ONE)
    assert curve.capacity(1) > curve.capacity(-1) == 1_000 * ONE
    assert curve.fill_price(-1_000 * ONE) == 1_000 * ONE


def test_a_cheap_base_has_a_minimum_that_exchanges_something():
    curve = replace(ETH, price=10**15, skew=0)
    with pytest.raises(BelowMinimum):
        curve.quote(curve.minimum(1) - 1)
    assert curve.quote(curve.minimum(1)).notional > 0


def test_a_closed_market_takes_nothing():
    curve = replace(ETH, is_open=False)
    for size in (ONE, -ONE):
        with pytest.raises(BeyondCapacity, match="synthetix ETH-USD"):
            curve.quote(size)


def test_what_a_position_needs_is_by_hand():
    notional = 50 * 2_000
    fee, premium = notional * 2 // 10_000, 50 * notional * 15_625 // 10**4 // 10**6
    assert RULES.required(50 * ONE, 2_000 * ONE) == (750 + fee + 2) * ONE
    assert RULES.premium(50 * ONE, 2_000 * ONE) == 7_812_500 * 10**12
    assert premium == 7
    assert RULES.required(0, 2_000 * ONE) == 6 * ONE
    assert RULES.required(10**6 * ONE, 2_000 * ONE) == (15 * 10**6 + 100 + 2) * ONE


@given(SIGNS, st.integers(50, 10**6))
def test_room_leaves_the_deposit_and_the_leverage_that_is_allowed(sign, dollars):
    found = state().room(dollars * ONE, sign)
    assume(found < ETH.capacity(sign))
    backing = (dollars - 4) * ONE
    used = found * ETH.fill_price(sign * found) // backing
    assert used <= 55 * ONE + ONE // 100
    more = found + 1
    assert not RULES.accepts(ETH, sign * more, 0, backing)


@given(SIGNS, st.integers(44, 10**5))
def test_margin_below_the_minimum_and_the_deposit_has_no_room(sign, dollars):
    assert state().room(44 * ONE - 1, sign) == 0
    assert state().room(dollars * ONE, sign) > 0


@given(SIGNS, st.integers(1, 1_000), st.integers(-20, 20))
def test_a_position_may_shrink_though_it_may_not_grow(sign, size, percent):
    """Within what is not liquidated: however thin the margin, the whole can be closed."""
    position = sign * size * ONE
    held = -position * 2_000
    margin = RULES.demanded(position, ETH.price) * (100 + abs(percent)) // 100 + 20 * ONE
    margin += size * 2_000 * ONE // 500  # The price moves against whoever closes, and the fee.
    assert state().room(margin, -sign, position, held) >= abs(position)


@given(SIGNS, st.integers(1, 5_000), st.integers(1, 50))
def test_the_liquidation_price_is_the_first_that_liquidates(sign, size, leverage):
    position = sign * size * ONE
    held = -position * 2_000
    margin = size * 2_000 * ONE // leverage
    at = state().liquidation_price(margin, position, held)
    if at is None:
        assert sign > 0
        assert leverage == 1
        return

    def liquidated(price):
        worth = margin + held + position * price // ONE
        return RULES.can_liquidate(position, price, worth)

    assert liquidated(at)
    assert not liquidated(at + sign * 10)


def test_no_position_has_no_liquidation_price():
    assert state().liquidation_price(ONE, 0) is None


@pytest.mark.parametrize("usdc_first", [True, False])
@pytest.mark.parametrize(("susd_per_usdc", "lost"), [(1.0, 500), (1.02, -19_490), (0.98, 20_490)])
def test_conversion_is_what_a_dollar_loses_on_its_way_in(usdc_first, susd_per_usdc, lost):
    price = susd_per_usdc * 10**12
    ratio = price if usdc_first else 1 / price
    config = Config(*[""] * 7, 500, usdc_first, "", "", "")
    found = _conversion(int(ratio**0.5 * 2**96), config)
    assert abs(found - lost * 10**12) < 10**10


@pytest.mark.parametrize(
    ("skew", "scale", "velocity"),
    [
        (300, 10_000, 9 * ONE * 3 // 100),  # 3 % of the most.
        (-300, 10_000, -9 * ONE * 3 // 100),
        (0, 10_000, 0),
        (20_000, 10_000, 9 * ONE),  # No more than all of it.
        (-20_000, 10_000, -9 * ONE),
        (1, 3, 3 * ONE - 9 + 6),  # 0.333…3 of 18 digits, times nine.
        (-1, 3, -3 * ONE + 9 - 6),
    ],
)
def test_funding_drifts_with_the_share_that_the_skew_is_of_its_scale(skew, scale, velocity):
    assert funding_velocity(skew * ONE, scale * ONE, 9 * ONE) == velocity


def test_a_name_is_spelt_as_on_chain():
    assert bytes32("sUSD") == "0x73555344" + "00" * 28
