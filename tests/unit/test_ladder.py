"""Order books as ladders: exact by hand, and refused by name when a reading cannot be trusted."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_markets import READ_AT, ladder_curves, ladders

from ringside.units import ONE, PIPS
from ringside.venues.base import BelowMinimum, BeyondCapacity
from ringside.venues.ladder import (
    BadLadder,
    Crossed,
    FutureLadder,
    Ladder,
    NoDepth,
    NoPrice,
    NotAnInteger,
    OffGrid,
    StaleLadder,
    Unsorted,
)

SIGNS = st.sampled_from([1, -1])
BOOK = Ladder(
    *("book", "ETH-USD"),
    bids=((1_999 * ONE, 3 * ONE), (1_998 * ONE, 5 * ONE)),
    asks=((2_000 * ONE, 2 * ONE), (2_001 * ONE, 4 * ONE)),
    time=READ_AT,
    max_age=5,
    fee=ONE // 2_000,
    lot=ONE // 1_000,
    tick=ONE // 2,
    minimum=ONE // 100,
)


def size_of(curve, sign, share):
    most = curve.capacity(sign)
    assume(most)
    size = max(curve.minimum(sign), most * share // PIPS)
    return size - size % curve.lot


@pytest.mark.parametrize(
    ("size", "notional", "fee"),
    [
        # 2 × 2,000, then 1.5 × 2,001 on top; 0.05 % of it.
        ("2", "4000", "2"),
        ("3.5", "7001.5", "3.50075"),
        ("6", "12004", "6.002"),
        # 3 × 1,999, then 5 × 1,998.
        ("-3", "5997", "2.9985"),
        ("-8", "15987", "7.9935"),
    ],
)
def test_a_size_pays_each_level_its_own_price_and_the_fee_on_all_of_it(size, notional, fee):
    size, notional, fee = (int(Fraction(text) * ONE) for text in (size, notional, fee))
    quote = BOOK.curve(READ_AT).quote(size)
    assert (quote.notional, quote.fee) == (notional, fee)


def test_a_rebate_is_a_fee_below_zero():
    curve = replace(BOOK, fee=-ONE // 10_000).curve(READ_AT)
    # 0.01 % of 4,000 comes back.
    quote = curve.quote(2 * ONE)
    assert quote.fee == -4 * ONE // 10
    assert quote.all_in == 4_000 * ONE - 4 * ONE // 10
    assert curve.marginal_price(-1) == 1_999 * ONE + 1_999 * ONE // 10_000


@given(ladder_curves(), SIGNS, st.integers(0, PIPS))
def test_what_is_rounded_is_rounded_once_against_the_caller(curve, sign, share):
    size, left, value = size_of(curve, sign, share), 0, Fraction(0)
    left = size
    for price, depth in curve.ladder.asks if sign > 0 else curve.ladder.bids:
        value += Fraction(price * min(depth, left), ONE)
        left -= min(depth, left)
    quote = curve.quote(sign * size)
    assert 0 <= (quote.notional - value) * sign < 1
    assert 0 <= quote.fee - Fraction(quote.notional * curve.ladder.fee, ONE) < 1


@given(ladder_curves(), SIGNS)
def test_more_than_it_shows_or_less_than_its_minimum_is_refused(curve, sign):
    with pytest.raises(BeyondCapacity, match="book ETH-USD"):
        curve.quote(sign * (curve.capacity(sign) + curve.lot))
    assume(curve.capacity(sign))
    with pytest.raises(BelowMinimum, match="book ETH-USD"):
        curve.quote(sign * (curve.minimum(sign) - curve.lot))


def test_an_empty_side_fills_nothing_and_has_no_price():
    curve = replace(BOOK, asks=()).curve(READ_AT)
    assert (curve.capacity(1), curve.modes(1)) == (0, ())
    assert curve.capacity(-1) == 8 * ONE
    with pytest.raises(BeyondCapacity):
        curve.marginal_price(1)


@pytest.mark.parametrize(
    ("wrong", "refusal", "says"),
    [
        ({"asks": ((2_000.0, ONE),)}, NotAnInteger, "float"),
        ({"asks": ((float("nan"), ONE),)}, NotAnInteger, "nan"),
        ({"bids": ((1_999 * ONE, float("nan")),)}, NotAnInteger, "bid 0's size"),
        ({"asks": ((2_000 * ONE, True),)}, NotAnInteger, "bool"),
        ({"time": 1.7e9}, NotAnInteger, "time"),
        ({"fee": 0.0005}, NotAnInteger, "fee"),
        ({"asks": ((0, ONE),)}, NoPrice, "ask 0"),
        ({"bids": ((-ONE, ONE),)}, NoPrice, "bid 0"),
        ({"asks": ((2_000 * ONE, -ONE),)}, NoDepth, "depth of -1"),
        ({"asks": ((2_000 * ONE, 0),)}, NoDepth, "depth of 0"),
        ({"asks": ((2_000 * ONE + 1, ONE),)}, OffGrid, "ticks of 0.5"),
        ({"asks": ((2_000 * ONE, ONE + 1),)}, OffGrid, "lots of 0.001"),
        ({"lot": 0}, OffGrid, "lot"),
        ({"fee": ONE}, OffGrid, "not below the notional"),
        ({"max_age": -1}, OffGrid, "age"),
        ({"asks": ((2_001 * ONE, ONE), (2_000 * ONE, ONE))}, Unsorted, "ask 1"),
        ({"asks": ((2_001 * ONE, ONE), (2_001 * ONE, ONE))}, Unsorted, "ask 1"),
        ({"bids": ((1_998 * ONE, ONE), (1_999 * ONE, ONE))}, Unsorted, "bid 1"),
        ({"bids": ((2_001 * ONE, ONE),)}, Crossed, "2001 bid, 2000 asked"),
        ({"bids": ((2_000 * ONE, ONE),)}, Crossed, "crossed"),
    ],
)
def test_a_reading_that_cannot_be_is_refused_by_name(wrong, refusal, says):
    with pytest.raises(refusal, match=says) as caught:
        replace(BOOK, **wrong)
    assert "book ETH-USD" in str(caught.value)
    assert isinstance(caught.value, BadLadder)


@given(ladders(), st.integers(0, 100))
def test_a_reading_is_good_from_its_time_until_its_age(ladder, age):
    if age <= ladder.max_age:
        assert ladder.curve(READ_AT + age).ladder == ladder
    else:
        with pytest.raises(StaleLadder, match=f"{age} s ago"):
            ladder.curve(READ_AT + age)
    with pytest.raises(FutureLadder, match=f"{age + 1} s from now"):
        ladder.curve(READ_AT - age - 1)


@pytest.mark.parametrize("decimals", range(6, 19))
def test_sizes_of_any_decimals_are_whole_lots(decimals):
    lot = 10 ** (18 - decimals)
    book = replace(BOOK, lot=lot, minimum=1, asks=((2_000 * ONE, 7 * lot),))
    curve = book.curve(READ_AT)
    assert curve.quote(7 * lot).notional == 2_000 * 7 * lot
    assert curve.minimum(1) == lot
    assert curve.modes(1)[0].least == lot
    if lot > 1:
        with pytest.raises(BelowMinimum, match="lots"):
            curve.quote(6 * lot + 1)
