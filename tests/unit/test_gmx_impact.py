"""GMX v2's price impact, fee and execution price, against figures worked by hand.

The market of most tests, as GMX's own tests have it: an oracle's price of $5,000, an exponent of 2,
and factors of 5e-9 (positive) and 1e-8 (negative): 0.05 % and 0.1 % for $100,000 of imbalance.
"""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_markets import impact_curves

from ringside.units import ONE, PIPS
from ringside.venues.base import BelowMinimum, BeyondCapacity, VenueError
from ringside.venues.gmx_impact import FLOAT, ImpactCurve, ImpactRules, execution_fee
from ringside.venues.prb_math import power

SIGNS = st.sampled_from([1, -1])
THOUSAND = 1_000 * FLOAT
RULES = ImpactRules(
    positive_factor=FLOAT * 5 // 10**9,
    negative_factor=FLOAT // 10**8,
    positive_exponent=2 * FLOAT,
    negative_exponent=2 * FLOAT,
    positive_cap=FLOAT // 250,
    negative_cap=FLOAT // 200,
    fee_improved=FLOAT * 4 // 10**4,
    fee_worsened=FLOAT * 6 // 10**4,
)
ETH = ImpactCurve(
    *("gmx", "ETH-USD"),
    price_min=5_000 * FLOAT // ONE,
    price_max=5_000 * FLOAT // ONE,
    decimals=18,
    long_interest=0,
    short_interest=0,
    room_long=10_000 * THOUSAND,
    room_short=10_000 * THOUSAND,
    rules=RULES,
)


def market(longs, shorts, **other):
    """Open interest in thousands of USD."""
    interest = {"long_interest": longs * THOUSAND, "short_interest": shorts * THOUSAND}
    return replace(ETH, **interest, **other)


def worth(thousands, price=5_000):
    """A size of so many thousand USD."""
    return thousands * 1_000 * ONE // price


def size_of(curve, sign, share):
    most = curve.capacity(sign)
    assume(most)
    size = max(curve.minimum(sign), most * share // PIPS)
    return size - size % curve.lot


@pytest.mark.parametrize(
    ("longs", "shorts", "order", "impact", "amount", "price"),
    [
        # 1e-8 × (0 − 200,000²) = −$400. The power comes out 1.9e-17 short, and 0.08 ETH is rounded
        # up; 200,000 ÷ (40 − 0.08) = 5,010.02…
        (0, 0, 200, -399999999999999992588018713340000, -79999999999999999, 5010020040080160),
        # 1e-8 × (200,000² − 400,000²) = −$1,200; 200,000 ÷ (40 − 0.24)
        (200, 0, 200, -1199999999999999977764056140040000, -239999999999999996, 5030181086519114),
        # 5e-9 × (400,000² − 390,000²) = $39.50; 10,000 ÷ (2 − 0.0079), a short's tokens falling
        (400, 0, -10, 39500000000000000326409486835000, 7900000000000000, 5019828321871391),
        # Through balance: 5e-9 × 400,000² − 1e-8 × 100,000² = $700; 500,000 ÷ (100 − 0.14)
        (400, 0, -500, 699999999999999987029032748360000, 139999999999999997, 5007009813739234),
        # 1e-8 × (100,000² − 200,000²) = −$300; 100,000 ÷ (20 + 0.06)
        (400, 500, -100, -299999999999999994441014035010000, -59999999999999999, 4985044865403788),
        # 5e-9 × (200,000² − 0) = $200; 200,000 ÷ (40 + 0.04)
        (400, 600, 200, 199999999999999996294009356670000, 39999999999999999, 4995004995004995),
        # From balance: −1e-8 × 100,000² = −$100; 100,000 ÷ (20 − 0.02)
        (600, 600, 100, -99999999999999998147004678330000, -20000000000000000, 5005005005005005),
    ],
)
def test_impact_and_execution_price_are_those_that_gmx_tests_for(
    longs, shorts, order, impact, amount, price
):
    """The digits are what the contracts emit in gmx-synthetics' PairMarket.ts."""
    curve, size = market(longs, shorts), worth(order)
    assert curve.impact(size)[0] == impact
    assert curve.impact_amount(size)[0] == amount
    assert curve.execution_price(size) == price
    # What it costs: size in USD less the impact, in whole wei of ETH at $5,000.
    value = abs(order) * 1_000 * ONE - (1 if order > 0 else -1) * amount * 5_000
    assert curve.quote(size).notional == value


def test_a_token_of_nine_decimals_is_priced_by_its_unit():
    """$200,000 of SOL at $50: −$400 is 8 SOL, so that 200,000 ÷ (4,000 − 8) = $50.1002… a token,
    as gmx-synthetics' SyntheticMarket.ts has it."""
    price = 50 * FLOAT // 10**9
    curve = replace(ETH, price_min=price, price_max=price, decimals=9)
    assert curve.lot == 10**9
    assert curve.impact_amount(worth(200, 50)) == (-8 * 10**9, False)
    assert curve.execution_price(worth(200, 50)) == 50100200400801603206412
    with pytest.raises(BelowMinimum, match="lots"):
        curve.quote(ONE + 1)


def test_the_virtual_inventory_counts_where_it_is_worse():
    """$200,000 long in a like market: 1e-8 × (200,000² − 400,000²) = −$1,200 and not −$400; an
    order that improves its own market is not asked (VirtualPositionPriceImpact.ts)."""
    assert replace(ETH, virtual=-200 * THOUSAND).impact(worth(200)) == (
        -1199999999999999977764056140040000,
        False,
    )
    assert replace(ETH, virtual=200 * THOUSAND).impact(worth(200)) == market(0, 0).impact(
        worth(200)
    )
    improving = market(0, 200, virtual=-200 * THOUSAND)
    assert improving.impact(worth(200)) == (199999999999999996294009356670000, True)


def test_the_fee_is_lower_until_twice_the_imbalance_and_then_dearer_on_all_of_it():
    """Longs are $400,000 ahead: a sale of less than $800,000 pays 0.04 %, of $800,000 0.06 %."""
    curve = market(400, 0)
    less = worth(800) - ONE // 1_000
    # 799,995 × 0.04 % = 319.998; 800,000 × 0.06 % = 480
    assert curve.quote(-less).fee == 319_998 * ONE // 1_000
    assert curve.quote(-worth(800)).fee == 480 * ONE
    one, two = curve.modes(-1)
    assert (one.most, two.least) == (worth(800) - 1, worth(800))
    assert two.cost(two.least / ONE) == pytest.approx(one.cost(one.most / ONE) - 160)
    assert len(curve.modes(1)) == 1


def test_a_fee_is_a_whole_number_of_the_collaterals_units():
    """0.06 % of $1,234.56789 is $0.740740734, of which USDC of six decimals takes 0.740740."""
    size = 123_456_789 * ONE // 10**5 // 5_000
    assert ETH.quote(size).fee == 740_740 * 10**12


def test_a_positive_impact_is_capped_by_the_orders_size():
    """Longs $10m ahead: 5e-9 × (10m² − 9.9m²) = $9,950 on a sale of $100,000, of which 0.4 % are
    allowed: $400, or 0.08 ETH. At $9.4m it is 5e-9 × (10m² − 0.6m²) = $498,200 and the cap
    $37,600."""
    curve = market(10_000, 0)
    assert curve.impact_amount(-worth(100)) == (8 * ONE // 100, True)
    assert curve.quote(-worth(100)).notional == 100_400 * ONE
    assert curve.quote(-worth(9_400)).notional == 9_437_600 * ONE
    assert len(curve.modes(-1)[0].pieces) == 1


def test_the_cap_ends_where_the_impact_falls_below_it():
    """Longs $2m ahead, a sale of S beyond balance: 5e-9 × 2m² − 1e-8 × (S − 2m)² = 0.4 % of S where
    S² − 3.6m × S + 2e12 = 0, at 1.8m + √(1.8m² − 2e12) = $2.91355m."""
    first = market(2_000, 0).modes(-1)[0].pieces[0]
    assert first.slope == 0
    assert first.size * 5_000 == pytest.approx(2_913_552.87, abs=0.01)


def test_what_is_configured_in_the_traders_favour_is_no_better_than_what_is_not():
    """A positive factor, exponent or cap above the negative one counts as the negative one."""
    generous = replace(
        RULES, positive_factor=FLOAT, positive_exponent=3 * FLOAT, positive_cap=FLOAT
    )
    curve = market(400, 0, rules=generous)
    # 1e-8 × (400,000² − 390,000²) = $79 on $10,000, of which 0.5 % are allowed.
    assert curve.impact(-worth(10))[0] == pytest.approx(79 * FLOAT, rel=1e-12)
    assert curve.impact_amount(-worth(10))[0] == ONE // 100


def test_each_side_of_balance_has_its_own_exponent():
    """1e-8 × 10,000 = $0.0001 in favour and 1e-8 × 20,000² = $4 against."""
    curve = market(10, 0, rules=replace(RULES, positive_factor=FLOAT, positive_exponent=FLOAT))
    assert curve.impact(-worth(30))[0] == pytest.approx(-3_999_900 * FLOAT // 10**6, rel=1e-12)


def test_an_exponent_below_one_is_refused():
    with pytest.raises(VenueError, match="exponent is below 1"):
        replace(RULES, positive_exponent=FLOAT - 1)


def test_an_imbalance_below_a_dollar_weighs_nothing():
    assert RULES.weight(FLOAT - 1) == RULES.weight(1 - FLOAT) == 0
    assert RULES.weight(FLOAT) == RULES.negative_factor


def test_open_interest_in_tokens_moves_by_the_middle_price():
    """40 ETH bought at $5,010 are $200,400, but move the balance by 40 × $5,000."""
    wide = {"price_min": 4_990 * FLOAT // ONE, "price_max": 5_010 * FLOAT // ONE}
    curve = replace(ETH, in_tokens=True, **wide)
    assert curve.impact(40 * ONE)[0] == ETH.impact(40 * ONE)[0]
    assert replace(curve, in_tokens=False).impact(40 * ONE)[0] == pytest.approx(
        -(200_400**2) * FLOAT // 10**8, rel=1e-12
    )


def test_a_side_is_filled_up_to_its_room_and_no_further():
    curve = replace(ETH, room_long=500 * THOUSAND)
    assert curve.capacity(1) == worth(500)
    with pytest.raises(BeyondCapacity, match="gmx ETH-USD"):
        curve.quote(worth(500) + 1)
    with pytest.raises(BelowMinimum):
        curve.quote(worth(1) // 1_000 - 1)
    assert replace(ETH, room_long=0).modes(1) == ()


def test_an_order_is_refused_where_its_impact_would_eat_it_whole():
    """1e-4 × S² = S at S = $10,000."""
    curve = replace(ETH, rules=replace(RULES, negative_factor=FLOAT // 10**4))
    assert curve.capacity(1) == pytest.approx(worth(10), rel=1e-12)


def test_an_execution_costs_its_gas_whatever_the_size():
    """(500,000 + 1.2 × 3,000,000) gas at 0.1 gwei, ETH at $2,000: 0.00041 ETH, $0.82."""
    fee = execution_fee(3 * 10**6, 5 * 10**5, FLOAT * 12 // 10, 10**8, 2_000 * ONE)
    assert fee == 82 * ONE // 100


def as_the_contracts_write_it(curve, size):
    """PositionPricingUtils.sol step by step, for longs and shorts instead of sides."""
    rules = curve.rules
    factors = min(rules.positive_factor, rules.negative_factor), rules.negative_factor
    exponents = min(rules.positive_exponent, rules.negative_exponent), rules.negative_exponent

    def weigh(diff, negative):
        if diff < FLOAT:
            return 0
        raised = diff
        if exponents[negative] != FLOAT:
            raised = power(diff // 10**12, exponents[negative] // 10**12) * 10**12
        return raised * factors[negative] // FLOAT

    def priced(longs, shorts):
        moved = abs(size) // curve.lot * price
        next_longs, next_shorts = (longs + moved, shorts) if size > 0 else (longs, shorts + moved)
        before, after = abs(longs - shorts), abs(next_longs - next_shorts)
        improved = after < before
        if (longs <= shorts) == (next_longs <= next_shorts):
            delta = abs(weigh(before, not improved) - weigh(after, not improved))
            return (delta if improved else -delta), improved
        gain, loss = weigh(before, False), weigh(after, True)
        return gain - loss, improved

    price = curve.price_max if size > 0 else curve.price_min
    if curve.in_tokens:
        price = (curve.price_min + curve.price_max) // 2
    found = priced(curve.long_interest, curve.short_interest)
    if found[0] >= 0 or curve.virtual is None:
        return found
    virtual = priced(max(-curve.virtual, 0), max(curve.virtual, 0))
    return virtual if virtual[0] < found[0] else found


@given(impact_curves(), SIGNS, st.integers(0, PIPS))
def test_impact_and_fee_are_what_the_contracts_statements_come_to(curve, sign, share):
    size = sign * size_of(curve, sign, share)
    impact, improved = as_the_contracts_write_it(curve, size)
    found, better = curve.impact(size)
    # Where a power is not quite monotone in its last digit, the contract takes its distance.
    assert abs(found - impact) <= abs(impact) // 10**14 + 10**14
    assert better == improved


@given(impact_curves(), SIGNS, st.integers(0, PIPS))
def test_the_cost_is_price_less_impact_plus_fee(curve, sign, share):
    size = size_of(curve, sign, share)
    quote, (impact, improved) = curve.quote(sign * size), curve.impact(sign * size)
    usd = size // curve.lot * curve.price(sign)
    impact = min(impact, usd * curve.rules.cap // FLOAT)
    assert 0 <= impact - (usd - quote.notional * 10**12) * sign < curve.price_max + 10**12
    rate = curve.rules.fee_improved if improved else curve.rules.fee_worsened
    assert 0 <= usd * rate // FLOAT - quote.fee * 10**12 < curve.collateral_price
