"""The commands say what they found, and what to do where they found nothing."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import MARK, order, states_of
from made_up_curves import LinearCurve
from made_up_receipts import decided, part_changed, register

from ringside.cli import chart, tables
from ringside.cli.explain import GAS, CannotQuote, Seen, explained, seconds
from ringside.cli.main import cli
from ringside.keeper.receipts.codec import canonical, plain
from ringside.keeper.receipts.document import receipt_of
from ringside.keeper.receipts.store import Receipts
from ringside.routing.funding import Funding, carry
from ringside.routing.policies import PolicyError
from ringside.routing.problem import Certificate
from ringside.units import DAY, ONE

register()
SNAPSHOT = Path(__file__).parents[2] / "bench" / "gas_snapshot.json"
DAYS = 3
RATE = ONE // 1_000
"""A tenth of a percent a day, which longs pay."""


def seen(*curves: LinearCurve, gas: int = 2 * ONE) -> Seen:
    states = states_of(curves or (LinearCurve("alpha"), LinearCurve("beta", fee_bps=8)), RATE)
    return Seen("ETH-USD", 7, 1_000, states, dict.fromkeys(states, gas), {})


def run(*arguments: str, **environment: str):
    return CliRunner().invoke(cli, arguments, env=environment)


# ------------------------------------------------------------------ quote


@given(st.integers(ONE, 900 * ONE), st.sampled_from([1, -1]), st.integers(0, 30))
def test_a_total_is_price_fee_gas_and_funding(amount, sign, days):
    told = explained(seen(), sign * amount, days * DAY)
    known = {name: Funding(RATE, MARK) for name in ("alpha", "beta")}
    forecast = carry(known, sign, days * 24) if days else dict.fromkeys(known, 0)
    for offer in (*told.offers, *told.legs):
        assert offer.funding == -(-forecast[offer.venue] * abs(offer.size) // ONE)
        paid = offer.notional * sign + offer.fee + offer.gas + offer.funding
        assert offer.total * sign == paid
    assert sum(leg.size for leg in told.legs) == sign * amount
    assert told.total == sum(leg.total for leg in told.legs)
    assert told.gas == 2 * ONE * len(told.legs)


@given(st.integers(ONE, 900 * ONE), st.sampled_from([1, -1]))
def test_offers_are_for_all_of_it_the_best_first(amount, sign):
    told = explained(seen(), sign * amount, 0)
    totals = [offer.total * sign for offer in told.offers]
    assert totals == sorted(totals)
    assert {offer.size for offer in told.offers} == {sign * amount}
    assert told.saving == (min(totals) - told.total * sign)
    assert told.saving >= 0


def test_a_venue_that_cannot_take_all_says_why_and_comes_last():
    told = explained(seen(LinearCurve("alpha", most=10 * ONE), LinearCurve("beta")), 50 * ONE, 0)
    assert [offer.venue for offer in told.offers] == ["beta", "alpha"]
    assert told.offers[1].why == "more than its room"
    assert told.best_single == "beta"


def test_gas_keeps_a_small_order_at_one_venue():
    assert len(explained(seen(gas=100 * ONE), ONE, 0).legs) == 1
    assert len(explained(seen(gas=0), 500 * ONE, 0).legs) == 2


@given(st.integers(ONE, 900 * ONE), st.sampled_from([1, -1]), st.integers(1, 30))
def test_a_horizon_gives_up_entry_for_funding_and_says_how_much(amount, sign, days):
    """Alpha is cheaper to enter; what beta pays in funding is worth more, held long enough."""
    some = seen()
    some.states["beta"] = replace(some.states["beta"], funding_rate=-sign * 10 * RATE)
    some.states["alpha"] = replace(some.states["alpha"], funding_rate=sign * 10 * RATE)
    best, held = explained(some, sign * amount, 0), explained(some, sign * amount, days * DAY)
    assert best.given_up is None
    assert held.given_up >= 0
    assert held.policy == f"horizon:{days * 24}h"
    same = {leg.venue: leg.size for leg in best.legs} == {leg.venue: leg.size for leg in held.legs}
    assert same == (held.given_up == 0)
    assert held.saving >= 0


def test_what_a_policy_leaves_out_is_told_with_the_reason():
    told = explained(seen(), 50 * ONE, 0, "not:alpha")
    assert [leg.venue for leg in told.legs] == ["beta"]
    assert [offer.venue for offer in told.offers] == ["beta", "alpha"]
    assert told.offers[1].why == told.left_out["alpha"] != ""
    assert len(explained(seen(gas=0), 500 * ONE, 0, "at-most:1").legs) == 1


def test_a_horizon_is_said_once():
    with pytest.raises(CannotQuote, match="leave --horizon away"):
        explained(seen(), ONE, DAY, "horizon:3d")
    assert explained(seen(), ONE, 0, "horizon:3d + not:beta").horizon == 3 * DAY
    assert explained(seen(), ONE, 3 * DAY, "not:beta").policy == "horizon:72h + not:beta"


def test_another_policy_is_refused_by_name():
    with pytest.raises(PolicyError, match="cheapest"):
        explained(seen(), ONE, 0, "cheapest")


@pytest.mark.parametrize(
    ("text", "found"), [("12h", 43_200), ("3d", 3 * DAY), ("2w", 14 * DAY), ("0h", 0)]
)
def test_a_horizon_is_hours_days_or_weeks(text, found):
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["3", "3m", "-1d", "1.5h", "", "d"])
def test_another_horizon_is_refused_with_what_to_say(text):
    with pytest.raises(CannotQuote, match="say 12h, 3d or 2w"):
        seconds(text)


def test_for_programs_every_number_is_whole_and_text():
    told = explained(seen(), 25 * ONE, DAYS * DAY)
    found = json.loads(json.dumps(plain(told)), parse_int=pytest.fail, parse_float=pytest.fail)
    assert found["size"] == str(25 * ONE)
    assert sum(int(leg["size"]) for leg in found["legs"]) == 25 * ONE


def test_a_person_sees_venues_split_saving_and_certificate():
    with tables.OUT.capture() as printed:
        tables.quoted(explained(seen(), 500 * ONE, DAYS * DAY))
    text = printed.get()
    for words in ("BUY 500 ETH-USD, held 3 d", "side by side", "The split", "Saved against"):
        assert words in text


def test_a_certificate_is_told_with_its_gap_and_its_absence_too():
    told = replace(explained(seen(), 500 * ONE, 0), certificate=None)
    proven = replace(told, certificate=Certificate(told.total, 1_500, "dual"))
    for quote, words in (
        (told, "there is no certificate"),
        (proven, "no split under these rules is cheaper by more than 0.001500 bps (dual)"),
    ):
        with tables.OUT.capture() as printed:
            tables.quoted(quote)
        assert words in " ".join(printed.get().split())


def test_gas_is_what_the_bench_accepted():
    accepted = json.loads(SNAPSHOT.read_text())
    for venue in ("perp-v2", "rage"):
        assert GAS[venue] == pytest.approx(accepted[f"fill_over_direct {venue}"], rel=0.01)
    later = accepted["ticket commit"] + accepted["ticket settle"]
    assert GAS["synthetix"] == pytest.approx(later, rel=0.01)


@given(st.integers(ONE, 900 * ONE), st.sampled_from([1, -1]))
def test_a_curve_is_drawn_from_its_first_price_upwards(amount, sign):
    curve = LinearCurve("alpha")
    points = chart.marginal(states_of([curve])["alpha"], sign * amount)
    prices = [price * sign for _, price in points]
    assert len(points) >= chart.POINTS - 2
    # To within what one wei of rounding makes of a step.
    assert all(b >= a - 1e-6 for a, b in pairwise(prices))
    assert points[0][1] == pytest.approx(curve.marginal_price(sign) / ONE, rel=1e-3)


def test_the_picture_is_drawn(tmp_path):
    there, place = seen(), tmp_path / "out.png"
    chart.draw(there.states, explained(there, 500 * ONE, 0), place)
    assert place.read_bytes().startswith(b"\x89PNG")


# ------------------------------------------------------------------ replay


@pytest.fixture
def receipts(tmp_path):
    return Receipts(tmp_path)


def test_a_receipt_is_repeated_by_its_file_and_by_its_hash(receipts):
    told = receipt_of(decided(order(500 * ONE)))
    place = receipts.put(told)
    by_hash = ("0x" + told.hash.hex(), "--receipts", str(receipts.folder))
    for arguments in ((str(place),), by_hash):
        done = run("replay", *arguments)
        assert done.exit_code == 0, done.output
        assert "the same, to the last unit" in done.output
        assert "alpha" in done.output


def test_a_receipt_that_differs_says_where_and_fails(receipts):
    told = receipt_of(part_changed(decided(order(500 * ONE)), 1, size=ONE))
    done = run("replay", str(receipts.put(told)))
    assert done.exit_code == 1
    assert f"leg 2 (beta) size is {ONE} in the document" in done.output


def test_a_document_that_is_not_of_its_hash_is_tampered_with(receipts):
    told = receipt_of(decided(order(500 * ONE)))
    receipts.path(told.hash).parent.mkdir(exist_ok=True)
    receipts.path(told.hash).write_bytes(canonical(decided(order(400 * ONE))))
    done = run("replay", told.hash.hex(), RINGSIDE_RECEIPTS=str(receipts.folder))
    assert done.exit_code == 1
    assert "Tampered" in done.output


def test_a_hash_without_a_document_is_no_receipt(receipts):
    done = run("replay", "0x" + "00" * 32, "--receipts", str(receipts.folder))
    assert done.exit_code == 1
    assert "No receipt" in done.output
    assert "--receipts" in done.output


def test_what_is_neither_file_nor_hash_is_told_apart():
    assert "neither a file nor a hash" in run("replay", "0x1234").output


# ------------------------------------------------------------------ what is missing


@pytest.mark.parametrize("command", [("quote", "ETH-USD", "-25"), ("audit", "0x" + "00" * 32)])
def test_without_addresses_the_remedy_is_named(command, tmp_path):
    done = run(*command, "--addresses", str(tmp_path / "none.json"))
    assert done.exit_code == 1
    assert "start the local chain with `make devnet`" in done.output


@pytest.mark.parametrize("command", [("quote", "ETH-USD", "25"), ("audit", "0x" + "00" * 32)])
def test_without_a_chain_the_remedy_is_named(command, tmp_path):
    (tmp_path / "addresses.json").write_text("{}")
    place = str(tmp_path / "addresses.json")
    done = run(*command, "--addresses", place, "--rpc", "http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "Nothing answers at http://127.0.0.1:1" in done.output
    assert "RINGSIDE_RPC" in done.output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("quote", "ETH-USD", "x"), "SIZE is not a number: 'x'"),
        (("quote", "ETH-USD", "1", "--horizon", "soon"), "is not a time"),
        (("quote", "ETH-USD", "1", "--plot", "out.svg"), "does not end in .png"),
        (("audit", "0x12"), "0x12 is not a hash"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_in_a_sentence(arguments, why):
    done = run(*arguments)
    assert done.exit_code != 0
    assert why in done.output
