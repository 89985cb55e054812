"""What people say to a client becomes what is signed, exactly, and comes back as it was."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside import wire
from ringside.client import shapes
from ringside.client.errors import BadRequest, BadSymbol, InvalidOrder
from ringside.client.making import Around, Defaults, Given, deadline, draft
from ringside.client.symbols import market_of, symbol_of
from ringside.orders import CLOSE_LONGS, CLOSE_SHORTS, Conditions, Order
from ringside.units import ONE, USDC, from_units, to_units

VENUES = {"alpha": 0, "beta": 3}
AROUND = Around(2_000 * ONE, 2_001 * ONE, 1_000, VENUES, Defaults())
NAMES = st.text(st.sampled_from("ABC1_.-/:"), min_size=1, max_size=8)
AMOUNTS = st.integers(1, 10**30).map(from_units)
PRICES = st.integers(1, 10**30).map(from_units)
SIDES = st.sampled_from(["buy", "sell"])


def made(kind="limit", side="buy", amount="1", price="2000", **params):
    given = Given(params)
    found = draft("ETH-USD", kind, side, amount, price, given, AROUND)
    deadline(kind, given, AROUND)
    given.end()
    return found


def market(side="buy", amount="1", **params):
    return made("market", side, amount, None, **params)


# ---------------------------------------------------------------------- symbols


@given(st.lists(NAMES, unique=True, min_size=1))
def test_every_market_has_a_symbol_of_its_own_and_is_found_by_both(names):
    symbols = [symbol_of(name) for name in names]
    assert len(set(symbols)) == len(names)
    for name, symbol in zip(names, symbols, strict=True):
        if symbol not in names:
            assert market_of(symbol, names) == name
        if name not in symbols:
            assert market_of(name, names) == name


def test_a_symbol_is_as_ccxt_writes_it():
    assert symbol_of("ETH-USD") == "ETH/USD:USDC"
    assert market_of("ETH/USD:USDC", ["BTC-USD", "ETH-USD"]) == "ETH-USD"
    with pytest.raises(BadSymbol, match="there are BTC/USD:USDC"):
        market_of("ETH/USDT", ["BTC-USD"])


# ---------------------------------------------------------------------- amounts and prices


@given(SIDES, AMOUNTS, PRICES, st.integers(0, 10**15))
def test_amount_price_and_tip_come_back_to_the_last_digit(side, amount, price, tip):
    terms = made("limit", side, str(amount), price, tip=from_units(tip, 6)).terms(tip)
    order = Order(
        b"\1" * 32,
        *(terms.market, terms.size, terms.limit_price, terms.max_margin, terms.tip, terms.venues),
        *(1_000, 1),
    )
    found = shapes.fresh("0x", wire.message(order))
    assert (found["side"], found["amount"], found["price"]) == (side, amount, price)
    assert found["remaining"] == amount
    assert order.tip == tip


@given(SIDES, AMOUNTS, st.integers(0, 10**12), st.integers(0, ONE - 1))
def test_a_market_order_pays_no_more_than_its_bound_and_its_tip(side, amount, tip, slippage):
    size = to_units(amount)
    found = market(side, amount, slippage=from_units(slippage)).terms(tip)
    sign = 1 if side == "buy" else -1
    bound = AROUND.mark * (ONE + sign * slippage) // ONE
    worse = (found.limit_price - bound) * sign
    assert worse >= 0
    # The whole tip fits into the price, and not a unit of price more than it takes.
    if found.limit_price:
        assert worse * size >= tip * 10**12 * ONE > (worse - 1) * size or not tip


@given(AMOUNTS, PRICES, st.integers(1, 1_000))
def test_margin_is_the_notional_over_the_leverage_rounded_up(amount, price, leverage):
    margin = made("limit", "buy", amount, price, leverage=leverage).margin
    notional = to_units(amount) * to_units(price)
    per_unit = leverage * ONE * 10**12
    assert (margin - 1) * per_unit < notional <= margin * per_unit


@given(st.integers(-(10**50), 10**50), st.integers(-(10**50), 10**50))
def test_what_is_left_is_exact(one, other):
    texts = [f"{from_units(n):f}" for n in (one, other)]
    assert to_units(shapes.apart(*texts)) == one - other


@given(st.lists(st.integers(-(10**24), 10**24), min_size=1, max_size=9))
def test_the_median_has_as_many_above_as_below(values):
    middle = to_units(shapes.middle(f"{from_units(n):f}" for n in values))
    assert sum(n < middle for n in values) <= len(values) / 2
    assert sum(n > middle for n in values) <= (len(values) + 1) / 2


@given(st.floats(0, 4e9))
def test_a_time_is_milliseconds_and_the_same_as_text(seconds):
    milliseconds, text = shapes.times(seconds)
    assert abs(milliseconds - seconds * 1_000) <= 0.5
    read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert round(read.timestamp() * 1_000) == milliseconds


@given(
    st.lists(st.integers(0, 10**24), min_size=3, max_size=3).map(sorted),
    st.sampled_from([1, -1]),
)
def test_levels_add_up_to_the_depth(sizes, sign):
    rows = [
        {"within_bps": bps, "buy": f"{from_units(n):f}", "sell": f"{from_units(n):f}"}
        for bps, n in zip((10, 50, 100), sizes, strict=True)
    ]
    found = shapes.levels({"mark_price": "2000", "depth": rows}, sign)
    assert sum(amount for _, amount in found) == from_units(sizes[-1])
    assert all(amount > 0 for _, amount in found)
    assert [price for price, _ in found] == sorted((p for p, _ in found), reverse=sign < 0)


# ---------------------------------------------------------------------- what an order may say


def test_everything_that_can_be_signed_can_be_said():
    found = made(
        amount="10",
        venues="beta",
        maxMargin="500.5",
        minFill="2",
        minLeverage=1,
        maxLeverage="7.5",
        maxDeviation="0.01",
        tolerance="0.001",
        skipUnquotable=True,
        reduceOnly=True,
        allOrNone=True,
        openAgainst=True,
        tickets={"most": 3, "maxCost": "20", "maxLoss": "0.02"},
        triggerPrice=1_900,
        notBefore=5,
        filler="0x" + "22" * 20,
        fillerUntil=9,
        interval=600,
        slice="2.5",
        catchUp=2,
        group=8,
        groupSize="10",
        tip="1.25",
    )
    terms = found.terms(found.tip)
    assert (terms.max_margin, terms.tip, terms.venues) == (500_500_000, 1_250_000, 0b1000)
    bounds = terms.bounds
    assert (bounds.min_fill, bounds.min_leverage, bounds.max_leverage) == (
        *(2 * ONE, ONE),
        75 * ONE // 10,
    )
    assert (bounds.max_deviation, bounds.tolerance) == (ONE // 100, ONE // 1_000)
    assert bounds.skip_unquotable
    assert bounds.reduce_only
    assert bounds.all_or_none
    assert bounds.open_against
    assert (terms.tickets.most, terms.tickets.max_cost) == (3, 20 * USDC)
    assert terms.conditions == Conditions(
        *(5, "0x" + "22" * 20, 9, 1_900 * ONE, False, 600, 25 * ONE // 10, 2, 8, 10 * ONE)
    )


@pytest.mark.parametrize(
    ("side", "params", "price", "above"),
    [
        ("sell", {"stopLossPrice": 1_900}, 1_900, False),
        ("buy", {"stopLossPrice": 2_100}, 2_100, True),
        ("sell", {"takeProfitPrice": 2_100}, 2_100, True),
        ("buy", {"takeProfitPrice": 1_900}, 1_900, False),
        ("buy", {"triggerPrice": 1_900}, 1_900, False),
        ("buy", {"stopPrice": 2_100}, 2_100, True),
        ("buy", {"triggerPrice": 1_900, "triggerDirection": "ascending"}, 1_900, True),
    ],
)
def test_a_trigger_waits_on_the_side_that_is_meant(side, params, price, above):
    found = market(side, **params)
    assert (found.conditions.trigger_price, found.conditions.trigger_above) == (price * ONE, above)
    lessens = "stopLossPrice" in params or "takeProfitPrice" in params
    assert found.bounds.reduce_only is lessens
    assert (found.margin == 0) is lessens
    sign = 1 if side == "buy" else -1
    assert found.limit == price * (100 + 5 * sign) * ONE // 100


def test_to_close_all_is_a_size_of_its_own():
    assert market("sell", None, closeAll=True).size == CLOSE_LONGS
    found = market("buy", None, closeAll=True)
    assert (found.size, found.margin) == (CLOSE_SHORTS, 0)


@pytest.mark.parametrize(
    ("kind", "params", "seconds"),
    [
        ("limit", {}, Defaults().good_for),
        ("market", {}, 60),
        ("limit", {"timeInForce": "IOC"}, 60),
        ("market", {"timeInForce": "GTC"}, Defaults().good_for),
        ("limit", {"validFor": 90}, 90),
        ("limit", {"deadline": 1_007}, 7),
    ],
)
def test_an_order_counts_until_its_time_by_the_chains_clock(kind, params, seconds):
    assert deadline(kind, Given(params), AROUND) == AROUND.now + seconds


def test_fill_or_kill_is_whole_or_not_at_all():
    assert made(timeInForce="FOK").bounds.all_or_none


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"amount": 0.1}, "amount is a float: give a Decimal, an int or a string"),
        ({"amount": "0"}, "amount must be more than nothing"),
        ({"amount": "-1"}, "amount must be more than nothing"),
        ({"amount": "1e-19"}, "more than 18 digits"),
        ({"amount": None}, "Give an amount, or closeAll"),
        ({"closeAll": True}, "Give an amount, or closeAll"),
        ({"price": None}, "needs its price"),
        ({"price": "ten"}, "price is not a number"),
        ({"kind": "stop"}, "type must be limit or market"),
        ({"kind": "market"}, "takes no price"),
        ({"kind": "market", "price": None, "slippage": 1}, "0.005 is half a percent"),
        ({"slippage": "0.1"}, "and no slippage"),
        ({"side": "long"}, "side must be buy or sell"),
        ({"reduceOnly": "yes"}, "reduceOnly must be True or False"),
        ({"tip": "0.0000001"}, "more than 6 digits"),
        ({"leverage": 3, "maxMargin": 5}, "Give maxMargin or leverage"),
        ({"leverage": 0}, "leverage must be more than nothing"),
        ({"timeInForce": "PO"}, "there is no post-only"),
        ({"deadline": 1, "validFor": 1}, "Give deadline or validFor"),
        ({"deadline": 1.5}, "deadline must be whole seconds"),
        ({"stopPrice": 1, "triggerPrice": 2}, "are the same: give one"),
        ({"stopLossPrice": 1, "triggerPrice": 2}, "Give one trigger"),
        ({"triggerDirection": "up"}, "ascending or descending"),
        ({"triggerDirection": "ascending"}, "needs a triggerPrice"),
        ({"interval": 60}, "a schedule needs a slice"),
        ({"group": 1}, "a group needs a group_size"),
        ({"minLeverage": 5, "maxLeverage": 2}, "no fill could satisfy both"),
        ({"tickets": 3}, "tickets must be"),
        ({"tickets": {"many": 3}}, "params has many, which is not known"),
        ({"reduceonly": True}, "params has reduceonly, which is not known; known are"),
        ({"nonce": -1, "postOnly": True}, "postOnly"),
    ],
)
def test_what_makes_no_order_is_refused_in_a_sentence(arguments, words):
    with pytest.raises(InvalidOrder) as no:
        made(**arguments)
    assert words in str(no.value)


@pytest.mark.parametrize("venues", ["gamma", ["alpha", "gamma"], [], 7])
def test_a_venue_that_is_not_there_is_refused(venues):
    with pytest.raises(BadRequest, match="venue"):
        made(venues=venues)


def test_venues_are_a_list_or_text():
    assert made(venues="alpha, beta").venues == made(venues=["alpha", "beta"]).venues
    assert made().venues == ("alpha", "beta")
    assert Decimal(1) == made().terms(0).size // ONE
