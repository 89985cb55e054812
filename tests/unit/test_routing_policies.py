"""Routing policies: written as text and JSON alike, only ever tightening, the same in any order,
and refused by name."""

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_curves import LinearCurve
from made_up_requests import POLICIES, SIGNS, SINGLE, SOME, outcome, requests, weights

from ringside.routing.funding import MEASURED, Funding, carry
from ringside.routing.policies import (
    BUILT_IN,
    All,
    AtMost,
    BestFill,
    Horizon,
    LowestMargin,
    Not,
    Only,
    PolicyError,
    Weights,
    applied,
    canonical,
    from_json,
    parse,
)
from ringside.routing.problem import Offer
from ringside.routing.request import Request, RequestError, given_up
from ringside.units import BPS, MICRO_BPS, ONE


@given(POLICIES)
def test_a_policy_reads_back_from_its_text_and_from_its_json(policy):
    assert parse(str(policy)) == policy
    assert parse(canonical(policy)) == policy
    assert from_json(policy.to_json()) == policy
    assert canonical(parse(canonical(policy))) == canonical(policy)
    assert hash(parse(str(policy))) == hash(policy)


@given(POLICIES)
def test_its_json_has_no_floats_and_no_spaces(policy):
    text = canonical(policy)
    assert " " not in text
    json.loads(text, parse_float=lambda number: pytest.fail(f"a float: {number}"))


@given(st.lists(SINGLE, min_size=2, max_size=5, unique_by=type), st.randoms())
def test_policies_together_are_the_same_in_any_order(policies, random):
    shuffled = list(policies)
    random.shuffle(shuffled)
    assert canonical(All(tuple(shuffled))) == canonical(All(tuple(policies)))


@given(SINGLE, SINGLE, requests())
def test_one_after_the_other_leaves_the_same_as_the_other_way_around(one, other, request):
    """But for rounding to lots, so in orders of many, all of one kind."""
    assume(type(one) is not type(other))
    offers = tuple(replace(o, curve=replace(o.curve, lot=1)) for o in request.offers)
    request = replace(request, size=request.size * BPS, offers=offers)
    there, back = outcome(one, request), outcome(other, request)
    there = there and outcome(other, there)
    back = back and outcome(one, back)
    if there is None or back is None:
        assert there is None
        assert back is None
        return
    assert replace(there, left_out={}) == replace(back, left_out={})
    assert set(there.left_out) == set(back.left_out)


@given(POLICIES, requests())
def test_the_same_request_gives_the_same_answer_and_stays_as_it_was(policy, request):
    before = repr(request)
    assert outcome(policy, request) == outcome(parse(str(policy)), request)
    assert repr(request) == before


@given(POLICIES, requests())
def test_every_venue_is_on_offer_or_left_out_with_its_reason(policy, request):
    found = outcome(policy, request)
    assume(found)
    assert sorted([*found.venues, *found.left_out]) == sorted(request.venues)
    assert all(found.left_out.values())


@given(requests())
def test_best_fill_changes_nothing(request):
    assert applied(BestFill(), request) == request


@given(requests(), st.integers(1, MEASURED.longest))
def test_a_horizon_adds_the_funding_to_come_and_nothing_else(request, hours):
    found = applied(Horizon(hours), request)
    expected = carry(request.funding, request.sign, hours)
    assert {o.curve.venue: o.carry for o in found.offers} == expected
    assert found.for_entry == request
    assert found.shadow == {}


@given(requests(least=2), st.sampled_from([10**16 * 3, 0.0001, True]))
def test_a_horizon_leaves_out_the_venue_whose_funding_is_in_another_unit(request, rate):
    wrong = request.venues[0]
    rate = rate * 10**3 if isinstance(rate, int) and not isinstance(rate, bool) else rate
    funding = {**request.funding, wrong: Funding(rate, 2_000 * ONE)}
    found = applied(Horizon(24), replace(request, funding=funding))
    assert set(found.left_out) == {wrong}
    assert wrong in found.left_out[wrong]
    rest = {v: f for v, f in request.funding.items() if v != wrong}
    assert {o.curve.venue: o.carry for o in found.offers} == carry(rest, request.sign, 24)


@given(requests())
def test_a_horizon_without_any_funding_is_refused(request):
    with pytest.raises(RequestError, match="its funding is not known"):
        applied(Horizon(24), replace(request, funding={}))


def test_a_horizon_takes_the_dearer_entry_where_funding_pays_for_it():
    cheap, dear = LinearCurve("cheap", fee_bps=0), LinearCurve("dear", fee_bps=3)
    rates = {"cheap": Funding(10**15, 2_000 * ONE), "dear": Funding(-(10**15), 2_000 * ONE)}
    request = Request(ONE, (Offer(cheap), Offer(dear)), rates)

    def best(asked):
        return min(asked.offers, key=lambda o: o.curve.quote(ONE).all_in + o.carry).curve

    assert best(applied(Horizon(1), request)) is cheap
    held = applied(Horizon(168), request)
    assert best(held) is dear
    assert best(held.for_entry) is cheap
    paid, least = dear.quote(ONE).all_in, cheap.quote(ONE).all_in
    assert given_up(ONE, paid, least) == pytest.approx(3 * MICRO_BPS / BPS, rel=1e-3)


@given(weights(), requests())
def test_weights_bound_every_venue_by_its_share_and_band(policy, request):
    found = outcome(policy, request)
    if found is None:
        gone = [v for v, s in policy.shares.items() if s > policy.band and v not in request.venues]
        assert gone or not set(policy.shares) & set(request.venues)
        return
    assert set(found.venues) == set(request.venues) & set(policy.shares)
    before = {o.curve.venue: o for o in request.offers}
    lot = max(offer.curve.lot for offer in found.offers)
    for offer in found.offers:
        share = policy.shares[offer.curve.venue] * abs(request.size)
        band = policy.band * abs(request.size)
        assert 0 <= max(share - band, 0) - offer.least * BPS < lot * BPS
        assert offer.most * BPS <= (share + band + lot * BPS if share + band else 0)
        assert (
            before[offer.curve.venue].most is None or offer.most <= before[offer.curve.venue].most
        )
        assert offer.least % lot == 0
        assert offer.required == (offer.least > 0)


@given(weights(), st.data(), SIGNS, st.integers(1, 10**6))
def test_shares_can_always_be_made_up_where_venues_have_room(policy, data, sign, size):
    """The finest lots being where the largest share is."""
    lots = {venue: data.draw(st.sampled_from([1, 1_000])) for venue in policy.shares}
    lots[max(policy.shares, key=lambda venue: policy.shares[venue])] = 1
    curves = [LinearCurve(venue, lot=lot) for venue, lot in lots.items()]
    found = applied(policy, Request(sign * size, tuple(map(Offer, curves))))
    rest = size - sum(offer.least for offer in found.offers)
    for offer in sorted(found.offers, key=lambda o: -o.curve.lot):
        more = min(offer.most - offer.least, rest)
        rest -= more - more % offer.curve.lot
    assert rest == 0


@given(SOME, requests())
def test_allow_and_deny_lists_are_each_other_s_opposite(venues, request):
    allowed, denied = outcome(Only(venues), request), outcome(Not(venues), request)
    names = [set(found.venues) if found else set() for found in (allowed, denied)]
    assert names[0] == set(request.venues) & set(venues)
    assert names[1] == set(request.venues) - set(venues)


@given(POLICIES, requests())
def test_what_has_to_be_taken_is_never_left_out(policy, request):
    first, *others = request.offers
    needed = replace(first, required=True, least=1)
    found = outcome(policy, replace(request, offers=(needed, *others)))
    assume(found)
    assert [o.required for o in found.offers if o.curve.venue == first.curve.venue] == [True]


def test_denying_what_has_to_be_closed_is_refused_by_name():
    offer = Offer(LinearCurve("rage"), required=True, least=ONE)
    with pytest.raises(RequestError, match="rage has to take a part"):
        applied(Not(("rage",)), Request(2 * ONE, (offer, Offer(LinearCurve("x")))))


def test_denying_every_venue_is_refused_with_the_reasons():
    with pytest.raises(RequestError, match="rage: it is not allowed"):
        applied(Not(("rage",)), Request(ONE, (Offer(LinearCurve("rage")),)))


def test_a_weight_of_a_venue_that_is_not_on_offer_is_refused_by_name():
    with pytest.raises(RequestError, match=r"x has a weight of 60% and is not on offer"):
        applied(Weights({"x": 6_000, "rage": 4_000}), Request(ONE, (Offer(LinearCurve("rage")),)))


@given(requests(), st.integers(1, 9))
def test_at_most_so_many_venues_is_the_tightest_of_all(request, venues):
    found = applied(AtMost(venues), request).most_venues
    assert found == min(venues, request.most_venues or venues)


@given(requests(), st.integers(1, BPS))
def test_lowest_margin_ranks_by_margin_what_nobody_pays(request, worth):
    found = applied(LowestMargin(worth), request)
    for offer in found.offers:
        assert offer.carry == found.shadow[offer.curve.venue]
        assert 0 <= offer.carry * BPS - offer.margin * worth < BPS
    assert found.for_entry == request


@given(requests(), st.integers(1, MEASURED.longest))
def test_a_horizon_with_lowest_margin_keeps_apart_what_is_paid(request, hours):
    both = applied(All((LowestMargin(), Horizon(hours))), request)
    paid = carry(request.funding, request.sign, hours)
    for offer in both.offers:
        assert offer.carry - both.shadow[offer.curve.venue] == paid[offer.curve.venue]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "''"),
        ("cheapest", "'cheapest'.*at-most, best, horizon"),
        ("best:1", "best"),
        ("horizon", "36h or 3d"),
        ("horizon:3", "36h or 3d"),
        ("horizon:-3d", "36h or 3d"),
        ("horizon:1.5d", "36h or 3d"),
        ("horizon:0h", "1 to 720 hours"),
        ("horizon:31d", "1 to 720 hours"),
        ("weights:a", "venue=60%"),
        ("weights:a=60", "60% or"),
        ("weights:a=60%", "100 %, not 60%"),
        ("weights:a=60%,a=40%", "two weights"),
        ("weights:a=101%", "share of a"),
        ("weights:a=100%,band=101%", "share of band"),
        ("weights:a=99.999%", "60% or"),
        ('{"policy": "weights", "shares": {"a=b": 10000}, "band": 0}', "by venue"),
        ('{"policy": "weights", "shares": {"band": 10000}, "band": 0}', "by venue"),
        ("only:", "by their names"),
        ("not:a,,b", "by their names"),
        ("at-most:0", "at most 1"),
        ("at-most:two", "two"),
        ("lowest-margin:0%", "1 to 10000"),
        ("best + ", "''"),
        ("at-most:1 + at-most:2", "two policies of one kind: at-most"),
        ("{", "no JSON"),
        ("{}", "under `policy`"),
        ('{"policy": 3}', "under `policy`"),
        ('{"policy": "horizon"}', "takes hours"),
        ('{"policy": "horizon", "hours": 8.0}', "not 8.0"),
        ('{"policy": "horizon", "hours": true}', "not True"),
        ('{"policy": "horizon", "hours": 8, "days": 1}', "takes hours"),
        ('{"policy": "only", "venues": "rage"}', "by their names"),
        ('{"policy": "only", "venues": [1]}', "by their names"),
        ('{"policy": "weights", "shares": [1], "band": 0}', "by venue"),
        ('{"policy": "all", "policies": {}}', "a list"),
        ('{"policy": "all", "policies": [{"policy": "best"}]}', "two or more"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(text, names):
    with pytest.raises(PolicyError, match=names):
        parse(text)


def test_texts_read_as_a_person_would_write_them():
    assert parse("horizon:3d") == Horizon(72)
    assert parse(" horizon:36h+not: rage , x") == All((Horizon(36), Not(("rage", "x"))))
    assert parse("weights: b=12.5%, a=87.5%, band=5%") == Weights({"a": 8_750, "b": 1_250}, 500)
    assert parse("lowest-margin") == LowestMargin(BPS)
    assert parse({"policy": "at-most", "venues": 2}) == AtMost(2)
    assert str(parse("only:x,rage,x")) == "only:rage,x"


def test_every_built_in_policy_is_under_its_own_word():
    assert all(name == kind.NAME for name, kind in BUILT_IN.items())
