"""The loader of real funding rates: each trap of the files is handled, and what does not add up is
refused by name. The traps are rebuilt in small; the real files are read where they are."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import data
from bench.funding import distance
from bench.persistence import WalkForward
from ringside.routing.funding import MEASURED

COUNT = 60


def rows(interval=8, first=0, count=COUNT, rate=1e-4, jitter=(), without=()):
    """Rows as they are in the files, `first` hours after the epoch by the file's clock."""
    found = []
    for i in range(count):
        if i in without:
            continue
        time = data.EPOCH + timedelta(hours=first + i * interval)
        time += timedelta(milliseconds=jitter[i % len(jitter)] if jitter else 0)
        text = time.replace(tzinfo=None).isoformat(" ", "milliseconds")
        found.append({"Date": text, "Funding Rate": repr(rate * (1 + i % 3))})
    return found


def hours(venue, given_rows):
    return data.settlements(venue, given_rows).hours


@given(st.lists(st.integers(0, 900), min_size=1, max_size=9))
def test_milliseconds_of_jitter_change_nothing(jitter):
    assert hours("binance", rows(jitter=jitter)) == hours("binance", rows())


def test_a_settlement_minutes_from_the_hour_is_refused():
    with pytest.raises(data.WrongTimes, match=r"binance .* no full hour"):
        data.settlements("binance", rows(jitter=(0, 61_000)))


@pytest.mark.parametrize(("venue", "utc"), [("bybit", 0), ("gate", 0), ("kucoin", 4)])
@pytest.mark.parametrize("ahead", [0, 3])
def test_a_file_three_hours_ahead_reads_like_one_in_utc(venue, utc, ahead):
    assert hours(venue, rows(first=24 + utc + ahead)) == tuple(range(24 + utc, 24 + utc + 480, 8))


@pytest.mark.parametrize("first", [1, 2, 4, 5, 6, 7])
def test_a_clock_that_is_neither_is_refused(first):
    with pytest.raises(data.WrongTimes, match="neither UTC nor UTC"):
        data.settlements("mexc", rows(first=first))


def test_an_hourly_file_is_known_by_where_it_begins():
    assert data.settlements("dydx", rows(interval=1)).interval == 1
    assert hours("dydx", rows(interval=1, first=48))[0] == 48
    assert hours("dydx", rows(interval=1, first=51))[0] == 48
    with pytest.raises(data.WrongTimes):
        data.settlements("dydx", rows(interval=1, first=50))


def test_a_late_settlement_keeps_its_hour():
    late = rows()
    late[30]["Date"] = "2020-01-11 03:00:00"  # Three hours after its time.
    assert hours("htx", late)[30] == 243
    paid = data.record([data.settlements("htx", late)]).paid[0]
    assert paid[240] == 0
    assert paid[243] == pytest.approx(1e-4)
    assert not np.isnan(paid).any()


def test_what_was_paid_in_a_gap_is_unknown():
    read = data.settlements("gate", rows(without=range(20, 40)))
    paid = data.record([read]).paid[0]
    last, next_ = 19 * 8, 40 * 8
    assert np.isnan(paid[last + 1 : next_ - 7]).all()
    assert not np.isnan(paid[: last + 1]).any()
    assert not np.isnan(paid[next_ - 7 :]).any()


def test_before_and_after_a_file_nothing_is_known():
    short, long = (data.settlements(v, rows(count=n)) for v, n in (("mexc", 30), ("gate", 60)))
    late = data.settlements("bybit", rows(first=80, count=30))
    paid = data.record([short, long, late]).paid
    assert np.isnan(paid[0, 29 * 8 + 1 :]).all()
    assert np.isnan(paid[2, : 80 - 7]).all()
    assert not np.isnan(paid[2, 80 - 7 : 80 + 29 * 8]).any()


def test_settlements_out_of_order_or_twice_are_refused():
    swapped, twice = rows(), rows()
    swapped[3], swapped[4] = swapped[4], swapped[3]
    twice.insert(5, twice[5])
    for wrong in (swapped, twice):
        with pytest.raises(data.WrongTimes, match="after a later or equal one"):
            data.settlements("okx", wrong)


@pytest.mark.parametrize("rate", ["nan", "inf", "-inf", "0.3", "-7"])
def test_a_rate_that_no_venue_takes_at_once_is_refused(rate):
    wrong = rows()
    wrong[7]["Funding Rate"] = rate
    with pytest.raises(data.WrongUnit, match="bybit"):
        data.settlements("bybit", wrong)


@pytest.mark.parametrize(
    ("interval", "factor", "looks"),
    [
        (8, 100, "percent"),
        (1, 100, "percent"),
        (8, 3, "fractions a day"),
        (1, 24, "fractions a day"),
        (1, 8, "fractions in eight hours"),
        (8, 1 / 8, "fractions an hour"),
    ],
)
def test_a_unit_unlike_the_others_is_refused_and_named(interval, factor, looks):
    others = [data.settlements(v, rows()) for v in ("bybit", "gate", "mexc")]
    rate = 1e-4 * interval / 8
    right = data.settlements("dydx", rows(interval=interval, rate=rate))
    wrong = data.settlements("dydx", rows(interval=interval, rate=rate * factor))
    data.record([*others, right])
    with pytest.raises(data.WrongUnit, match=f"dydx.*{looks} instead of fractions in {interval} h"):
        data.record([*others, wrong])


def test_no_data_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setenv("RINGSIDE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.Missing, match="RINGSIDE_DATA"):
        data.funding()
    monkeypatch.setenv("RINGSIDE_DATA", str(tmp_path))
    with pytest.raises(data.Missing, match="binance"):
        data.funding()


@pytest.fixture(scope="module")
def record():
    try:
        return data.funding()
    except data.Missing as missing:
        pytest.skip(str(missing))


def test_the_real_records_are_on_one_clock(record):
    settled = {
        v: np.nonzero(row > 0)[0] % 24 for v, row in zip(record.venues, record.paid, strict=True)
    }
    for venue in ("binance", "bybit", "gate", "mexc"):
        assert set(settled[venue]) == {0, 8, 16}
    assert set(settled["kucoin"]) == {4, 12, 20}
    assert set(settled["dydx"]) == set(range(24))
    assert np.isin(settled["htx"], (0, 8, 16)).mean() > 0.99


def test_in_the_real_records_only_the_gaps_are_unknown(record):
    gaps = {}
    for venue, row in zip(record.venues, record.paid, strict=True):
        known = np.nonzero(~np.isnan(row))[0]
        gaps[venue] = int(np.isnan(row[known[0] : known[-1]]).sum())
    # The interval before the settlement that ends a gap is known: 752 - 8 and 24 - 8.
    assert gaps == {**dict.fromkeys(data.FUNDING, 0), "gate": 744, "htx": 16}


def test_the_shipped_slopes_are_those_of_the_whole_record(record):
    assert distance(WalkForward(record).at(record.hours), MEASURED) < 5e-3
