"""What every curve owes the splitter, whatever its venue."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_curves import perp_curves, rage_curves, skew_curves

from ringside.units import ONE, PIPS
from ringside.venues.base import BelowMinimum, BeyondCapacity, Quote
from ringside.venues.perp_v2 import PerpState, price_18
from ringside.venues.rage import MarginRules, RageState
from ringside.venues.skew import SkewRules
from ringside.venues.synthetix import SynthetixState

CURVES = st.one_of(perp_curves(), rage_curves(), skew_curves())
SIGNS = st.sampled_from([1, -1])


def some_size(curve, sign, share):
    most, least = curve.capacity(sign), curve.minimum(sign)
    assume(most)
    size = max(least, most * share // PIPS)
    return size - size % curve.lot


@given(CURVES, SIGNS, st.integers(1, PIPS), st.integers(1, PIPS))
def test_a_larger_size_costs_more_in_all_and_no_less_per_unit(curve, sign, a, b):
    small, large = sorted((some_size(curve, sign, a), some_size(curve, sign, b)))
    assume(small < large)
    one, two = curve.quote(sign * small), curve.quote(sign * large)
    assert one.all_in <= two.all_in
    # A few units of quote may be lost to rounding at each step.
    slack = 200 * 10**12 * ONE // small
    assert (two.all_in_price - one.all_in_price) * sign >= -slack


@given(CURVES, SIGNS)
def test_beyond_capacity_and_below_the_minimum_are_refused_by_name(curve, sign):
    with pytest.raises(BeyondCapacity, match=curve.venue):
        curve.quote(sign * (curve.capacity(sign) + curve.lot))
    assume(curve.capacity(sign))
    with pytest.raises(BelowMinimum, match=curve.venue):
        curve.quote(sign * (curve.minimum(sign) - curve.lot))
    if curve.lot > 1:
        with pytest.raises(BelowMinimum, match="lots"):
            curve.quote(sign * (curve.minimum(sign) + 1))


@given(perp_curves(), SIGNS)
def test_perp_capacity_ends_inside_the_band_and_the_ticks(curve, sign):
    most = curve.capacity(sign)
    assume(most)
    after = curve.swap(sign * most)
    spread = (price_18(after.sqrt_price) - curve.index_price) * sign * PIPS // curve.index_price
    before = (price_18(curve.pool.sqrt_price) - curve.index_price) * sign * PIPS
    assert spread <= max(curve.max_spread, before // curve.index_price + 1)
    assert (after.tick - curve.recorded_tick) * sign <= curve.max_ticks


def test_an_all_in_price_rounds_against_the_caller():
    assert Quote(3, 10, 0).all_in_price == -(-10 * ONE // 3)
    assert Quote(-3, 10, 0).all_in_price == 10 * ONE // 3
    assert (Quote(3, 10, 2).all_in, Quote(-3, 10, 2).all_in) == (12, 8)


def perp_state(curve):
    price = curve.index_price
    ratios = int(Decimal("0.1") * ONE), int(Decimal("0.0625") * ONE)
    return PerpState("perp-v2", "ETH-USD", 1, price, price, 0, *ratios, curve)


def rage_state(curve):
    price = curve.pool.sqrt_price**2 >> 64
    rules = MarginRules(price, price, 1_000, False, 2_000, 1_000, 20 * 10**6)
    mark = price * curve.scale >> 128
    return RageState("rage", "ETH-USD", 1, mark, mark, 0, ONE // 5, ONE // 10, curve, rules)


def skew_state(curve):
    percent = ONE // 100
    rules = SkewRules(
        curve.scale,
        55 * ONE,
        40 * ONE,
        4 * ONE,
        100 * ONE,
        2 * ONE,
        percent // 50,
        percent,
        2 * ONE,
    )
    ratios = ONE // 50, percent
    price = curve.price
    return SynthetixState("synthetix", "ETH-USD", 1, price, price, 0, *ratios, curve, rules)


STATES = st.one_of(
    perp_curves().map(perp_state), rage_curves().map(rage_state), skew_curves().map(skew_state)
)


@given(STATES, SIGNS, st.integers(1, 10**9))
def test_room_grows_with_margin_and_never_beyond_capacity(state, sign, dollars):
    less, more = state.room(dollars * ONE, sign), state.room(2 * dollars * ONE, sign)
    assert 0 <= less <= more <= state.curve.capacity(sign)
    assert state.room(0, sign) == 0


@given(STATES, SIGNS, st.integers(100, 10**7))
def test_a_full_position_is_liquidated_on_its_losing_side_only(state, sign, dollars):
    room = state.room(dollars * ONE, sign)
    assume(room)
    price = state.liquidation_price(dollars * ONE, sign * room)
    assert price is None or (state.mark_price - price) * sign > 0
    assert state.liquidation_price(dollars * ONE, 0) is None
