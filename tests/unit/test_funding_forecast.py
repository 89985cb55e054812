"""The funding forecast: fitted on the past only, shrunken, additive in its horizon, and refusing
what is in another unit."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.persistence import Record, TooLittlePast, WalkForward
from ringside.routing.funding import (
    MEASURED,
    MOST_A_DAY,
    PARTS,
    BadHorizon,
    Funding,
    FundingError,
    Persistence,
    Slopes,
    WrongUnit,
    carry,
    forecast,
)
from ringside.units import ONE

HOURS = st.integers(1, MEASURED.longest)
RATES = st.integers(-MOST_A_DAY // 100, MOST_A_DAY // 100)
PRICE = 2_000 * ONE
BY_VENUE = st.dictionaries(st.sampled_from("abcdefg"), RATES, min_size=1)


def known(rates, **more):
    return {venue: Funding(rate, PRICE, **more) for venue, rate in rates.items()}


@st.composite
def persistences(draw):
    """Slopes that fall, as those of anything that fades."""
    slopes, at = [], [PARTS, PARTS, PARTS // 2, PARTS // 2]
    hours = 0
    for _ in range(draw(st.integers(1, 4))):
        longer = hours + draw(st.integers(1, 200))
        least = [-(-slope * hours // longer) for slope in at]
        at = [draw(st.integers(low, high)) for low, high in zip(least, at, strict=True)]
        slopes.append(Slopes(longer, *at))
        hours = longer
    return Persistence(draw(RATES), tuple(slopes))


@given(BY_VENUE, HOURS)
def test_each_venue_lies_between_the_mean_and_its_last_rate(rates, hours):
    found = forecast(known(rates), hours)
    days = Fraction(hours, 24)
    mean = sum(found.values()) / len(found)
    now = Fraction(sum(rates.values()), len(rates))
    for venue, paid in found.items():
        apart, before = paid - mean, (rates[venue] - now) * days
        assert 0 <= apart * before <= before * before
        assert abs(apart) < abs(before) or apart == before == 0


@given(BY_VENUE, HOURS)
def test_the_mean_is_drawn_towards_its_long_run_value(rates, hours):
    found = forecast(known(rates), hours)
    mean = sum(found.values()) / len(found) / Fraction(hours, 24)
    now, long_run = Fraction(sum(rates.values()), len(rates)), MEASURED.long_run
    assert min(now, long_run) <= mean <= max(now, long_run)
    assert (mean == now) == (now == long_run)


@given(BY_VENUE.filter(lambda rates: len(rates) > 1), HOURS, st.data())
def test_with_a_week_known_a_venue_lies_within_what_now_and_the_week_say(rates, hours, data):
    weeks = {venue: data.draw(RATES) for venue in rates}
    found = forecast({v: Funding(rates[v], PRICE, weeks[v]) for v in rates}, hours)
    mean = sum(found.values()) / len(found)
    now, week = (Fraction(sum(r.values()), len(r)) for r in (rates, weeks))
    for venue, paid in found.items():
        says = [rates[venue] - now, weeks[venue] - week, 0]
        assert min(says) <= (paid - mean) / Fraction(hours, 24) <= max(says)


@given(BY_VENUE, st.lists(HOURS, min_size=2, max_size=2, unique=True))
def test_the_venues_keep_their_order_and_part_further_with_time(rates, horizons):
    shorter, longer = (forecast(known(rates), hours) for hours in sorted(horizons))
    for one in rates:
        for other in rates:
            if rates[one] > rates[other]:
                assert 0 < shorter[one] - shorter[other] <= longer[one] - longer[other]


@given(persistences(), BY_VENUE, st.data())
def test_between_two_horizons_each_hour_adds_the_same(persistence, rates, data):
    ends = [0, *(at.hours for at in persistence.slopes)]
    i = data.draw(st.integers(1, len(ends) - 1))
    first, last = (
        forecast(known(rates), hours, persistence) if hours else dict.fromkeys(rates, 0)
        for hours in (ends[i - 1], ends[i])
    )
    hours = data.draw(st.integers(ends[i - 1] + 1, ends[i]))
    part = Fraction(hours - ends[i - 1], ends[i] - ends[i - 1])
    for venue, paid in forecast(known(rates), hours, persistence).items():
        assert paid == first[venue] * (1 - part) + last[venue] * part


@given(RATES.filter(bool), HOURS)
def test_a_venue_alone_is_forecast_like_one_of_two_that_agree(rate, hours):
    alone, two = forecast(known({"a": rate}), hours), forecast(known({"a": rate, "b": rate}), hours)
    assert alone["a"] == two["a"] == two["b"]


@given(BY_VENUE, HOURS, st.integers(1, 10**12))
def test_what_a_long_pays_a_short_receives_and_both_are_rounded_against_the_client(
    rates, hours, price
):
    here = {venue: Funding(rate, price) for venue, rate in rates.items()}
    long, short = carry(here, 1, hours), carry(here, -1, hours)
    for venue, fraction in forecast(here, hours).items():
        assert 0 <= long[venue] - fraction * price / ONE < 1
        assert 0 <= long[venue] + short[venue] <= 1


@given(BY_VENUE, HOURS, st.integers(1, 10**18))
def test_a_rate_that_is_rising_costs_a_long_more(rates, hours, velocity):
    still, rising = known(rates), known(rates, velocity=velocity)
    for venue, paid in forecast(rising, hours).items():
        more = paid - forecast(still, hours)[venue]
        assert 0 < more <= Fraction(velocity) * Fraction(hours, 24) ** 2 / 2


def test_a_drift_counts_as_it_stands_within_its_hours():
    still, rising = (forecast(known({"a": 0}, velocity=v), 6)["a"] for v in (0, ONE))
    assert rising - still == Fraction(ONE, 32)  # A quarter of a day, squared and halved.


@pytest.mark.parametrize("hours", [0, -8, MEASURED.longest + 1, 8.0, True, "8"])
def test_a_horizon_that_was_not_measured_is_refused(hours):
    with pytest.raises(BadHorizon, match=r"1 to 720 whole hours"):
        forecast(known({"a": 1}), hours)


@pytest.mark.parametrize("rate", [0.0001, float("nan"), "0.0001", True, Fraction(1, 10**4)])
def test_a_rate_that_is_no_integer_is_refused_by_name(rate):
    with pytest.raises(WrongUnit, match=r"rate at rage is a .*1e18 a day"):
        forecast({"rage": Funding(rate, PRICE)}, 8)
    with pytest.raises(WrongUnit, match="week's rate at rage"):
        forecast({"rage": Funding(0, PRICE, week=rate)}, 8)
    with pytest.raises(WrongUnit, match="velocity at rage"):
        forecast({"rage": Funding(0, PRICE, velocity=rate)}, 8)


@given(st.integers(MOST_A_DAY + 1, 10**30), st.sampled_from([1, -1]))
def test_a_rate_beyond_the_position_a_day_is_refused_as_another_unit(rate, sign):
    with pytest.raises(WrongUnit, match=r"rage .*percent, in basis points or of a year"):
        forecast({"rage": Funding(sign * rate, PRICE), "perp-v2": Funding(0, PRICE)}, 8)


@pytest.mark.parametrize("price", [0, -1, 2_000.0])
def test_funding_on_no_price_is_refused(price):
    with pytest.raises(WrongUnit, match="price"):
        carry({"rage": Funding(0, price)}, 1, 8)


@pytest.mark.parametrize(
    "slopes",
    [
        (Slopes(8, PARTS + 1, 0, 0, 0),),
        (Slopes(8, 0, -1, 0, 0),),
        (Slopes(8, 0, 0, PARTS, 1),),
        (Slopes(8, 0, PARTS, 0, 0), Slopes(16, 0, PARTS // 2 - 1, 0, 0)),
        (Slopes(8, 0, 0, 0, 0), Slopes(8, 0, 0, 0, 0)),
    ],
)
def test_slopes_that_make_no_sense_are_refused(slopes):
    with pytest.raises(FundingError):
        Persistence(0, slopes)


RECORD_HOURS = 2_400
SEEDS = st.integers(0, 2**32 - 1)


def made_up(seed, keep=0.9, hours=RECORD_HOURS):
    """Four venues whose deviations fade by `keep` a settlement of eight hours."""
    rng = np.random.default_rng(seed)
    paid = np.zeros((4, hours))
    level = np.zeros(4)
    for hour in range(0, hours, 8):
        level = keep * level + rng.normal(0, 1e-5, 4)
        paid[:, hour] = 1e-4 + level
    return paid


@given(SEEDS, SEEDS, st.integers(1_200, RECORD_HOURS - 10))
def test_changing_the_future_changes_no_slope(seed, other, now):
    past = made_up(seed)
    future = past.copy()
    future[:, now + 1 :] = -3 * made_up(other)[:, now + 1 :]
    assert not np.array_equal(past, future)
    names, horizons = tuple("abcd"), (8, 24, 72)
    fits = [WalkForward(Record(names, paid), horizons).at(now) for paid in (past, future)]
    assert fits[0] == fits[1]


@given(SEEDS)
def test_changing_the_past_changes_the_slopes(seed):
    names, horizons = tuple("abcd"), (8, 24)
    one, other = (made_up(s) for s in (seed, (seed + 1) % 2**32))
    fits = [WalkForward(Record(names, p), horizons).at(RECORD_HOURS) for p in (one, other)]
    assert fits[0] != fits[1]


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_a_fit_finds_the_persistence_that_was_put_in(keep):
    record = Record(tuple("abcd"), made_up(1, keep, 24_000))
    fit = WalkForward(record, (8, 24)).at(record.hours)
    over_a_day = (keep + keep**2 + keep**3) / 3
    assert fit.slopes[0].alone / PARTS == pytest.approx(keep, abs=0.03)
    assert fit.slopes[1].alone / PARTS == pytest.approx(
        max(over_a_day, fit.slopes[0].alone / PARTS / 3), abs=0.03
    )


def test_too_short_a_past_is_refused():
    record = Record(tuple("abcd"), made_up(1))
    with pytest.raises(TooLittlePast, match="Only"):
        WalkForward(record, (8,)).at(24)


def test_a_window_with_an_unknown_hour_has_no_rate():
    paid = made_up(1)
    paid[1, 100] = np.nan
    record = Record(tuple("abcd"), paid)
    begins = np.array([91, 92, 99, 100, 101])
    after = np.isnan(record.rates(begins, 8))
    assert after[:, 1].tolist() == [False, True, True, False, False]
    assert not after[:, [0, 2, 3]].any()
    before = np.isnan(record.rates(begins, -8))
    assert before[:, 1].tolist() == [False, False, False, True, True]


def test_a_window_outside_the_record_has_no_rate():
    record = Record(tuple("abcd"), made_up(1))
    assert np.isnan(record.rates([RECORD_HOURS - 8], 8)).all()
    assert not np.isnan(record.rates([RECORD_HOURS - 9], 8)).any()
    assert np.isnan(record.rates([6], -8)).all()
    assert not np.isnan(record.rates([7], -8)).any()
