"""The venues side by side: the best first, and those that cannot take it last, with the reason."""

from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import states_of
from made_up_curves import LinearCurve

from ringside.routing.compare import compare
from ringside.units import BPS, MICRO_BPS, ONE

SIGNS = st.sampled_from([1, -1])
AMOUNTS = st.integers(ONE, 1_000 * ONE)
PLENTY = 10**6 * ONE


@st.composite
def venues(draw):
    return states_of(
        LinearCurve(
            name,
            price=2_000 * ONE + draw(st.integers(-20, 20)) * ONE,
            depth=draw(st.integers(1_000, 100_000)) * ONE,
            fee_bps=draw(st.integers(0, 20)),
            most=draw(st.integers(1, 1_000)) * ONE,
        )
        for name in "abc"[: draw(st.integers(1, 3))]
    )


@given(venues(), SIGNS, AMOUNTS)
def test_offers_come_with_the_best_first_and_the_unable_last(states, sign, amount):
    offers = compare(states, sign * amount, dict.fromkeys(states, PLENTY))
    assert {offer.venue for offer in offers} == set(states)
    able = [offer.quote.all_in * sign for offer in offers if offer.quote]
    assert able == sorted(able)
    assert all(offer.quote is None for offer in offers[len(able) :])
    for offer in offers:
        assert (offer.quote is not None) == (amount <= states[offer.venue].curve.most)
        assert (offer.why == "") == (offer.quote is not None)


@given(venues(), SIGNS, AMOUNTS, st.integers(0, 1_000))
def test_no_venue_offers_more_than_its_room(states, sign, amount, room):
    offers = compare(states, sign * amount, dict.fromkeys(states, room * ONE))
    for offer in offers:
        assert offer.room == room * ONE
        if amount > room * ONE:
            assert (offer.quote, offer.why) == (None, "more than its room")


@given(venues(), SIGNS, AMOUNTS)
def test_fee_and_impact_are_measured_on_the_quote(states, sign, amount):
    for offer in compare(states, sign * amount, dict.fromkeys(states, PLENTY)):
        if offer.quote is None:
            continue
        curve = states[offer.venue].curve
        assert offer.fee * BPS // MICRO_BPS in (curve.fee_bps - 1, curve.fee_bps, curve.fee_bps + 1)
        first = curve.marginal_price(sign)
        worse = (offer.quote.all_in_price - first) * sign
        assert worse * MICRO_BPS // first - offer.impact in (0, 1, -1)


@given(SIGNS, AMOUNTS, st.integers(-(10**16), 10**16))
def test_funding_is_paid_by_longs_and_received_by_shorts_where_the_rate_is_positive(
    sign, amount, rate
):
    states = states_of([LinearCurve("a")], funding_rate=rate)
    (offer,) = compare(states, sign * amount, {"a": PLENTY})
    exact = sign * amount * 2_000 * rate // ONE
    assert abs(offer.funding_per_day - exact) <= 1
