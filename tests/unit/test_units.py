"""The edge between people's numbers and the chain's."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside import units


def test_decimals_ints_and_strings_become_units():
    assert units.to_units(Decimal("1.5")) == 15 * 10**17
    assert units.to_units("-0.000001", units.USDC_DECIMALS) == -1
    assert units.to_units(3, units.USDC_DECIMALS) == 3_000_000
    assert units.to_units("1e3", 0) == 1_000


@pytest.mark.parametrize("value", [0.1, True, None, float("nan")])
def test_a_float_or_any_other_kind_is_refused_by_name(value):
    with pytest.raises(units.UnitError, match="limit price"):
        units.to_units(value, name="limit price")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-sNaN", "ten", ""])
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(units.UnitError, match="size"):
        units.to_units(value, name="size")


def test_too_many_digits_are_refused_rather_than_rounded():
    with pytest.raises(units.UnitError, match="tip has more than 6 digits"):
        units.to_units("0.0000001", units.USDC_DECIMALS, "tip")


@given(st.integers(-(10**40), 10**40), st.sampled_from([0, 6, 8, 18]))
def test_units_come_back_as_they_went(amount, decimals):
    assert units.to_units(units.from_units(amount, decimals), decimals) == amount


@given(st.integers(-(10**30), 10**30), st.integers(0, 10**30), st.integers(1, 10**30))
def test_to_zero_rounds_to_zero_on_both_sides(a, b, denominator):
    rounded = units.mul_div_to_zero(a, b, denominator)
    assert abs(rounded) == abs(a * b) // denominator
    assert rounded * a * b >= 0


@given(st.integers(0, 10**40), st.integers(1, 10**30))
def test_a_price_is_rounded_against_whoever_asks(total, size):
    bought, sold = units.price_against(total, size), units.price_against(total, -size)
    assert sold * size <= total * units.ONE <= bought * size
    assert bought - sold == (total * units.ONE % size != 0)
