"""Policies that another package brings, and what holds every policy to tightening."""

import sys
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_curves import LinearCurve
from made_up_requests import requests

from ringside.routing.policies import BestFill, PolicyError, applied, canonical, parse
from ringside.routing.problem import Offer
from ringside.routing.request import Request, RequestError
from ringside.units import ONE

OWN = '''
from dataclasses import dataclass, replace

from ringside.routing.policies import AtMost


@dataclass(frozen=True)
class Halves:
    """No more than half of the order at any venue."""

    @classmethod
    def from_text(cls, argument):
        return cls()

    @classmethod
    def from_json(cls, given):
        return cls()

    def __str__(self):
        return "halves"

    def to_json(self):
        return {"policy": "halves"}

    def apply(self, request):
        half = -(-abs(request.size) // 2)
        offers = tuple(replace(o, most=min(o.most or half, half)) for o in request.offers)
        return replace(request, offers=offers)


class Greedy(Halves):
    """Goes beyond what it was given."""

    def to_json(self):
        return {"policy": "greedy"}

    def apply(self, request):
        return replace(request, offers=tuple(replace(o, most=None) for o in request.offers))
'''
POINTS = """[ringside.routing]
halves = one_s_own_policy:Halves
greedy = one_s_own_policy:Greedy
best = one_s_own_policy:Greedy
missing = one_s_own_policy:Nothing
"""


@pytest.fixture
def one_s_own(tmp_path, monkeypatch):
    """A package installed beside Ringside, with policies of its own."""
    about = tmp_path / "one_s_own_policy-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: one-s-own-policy\nVersion: 1\n")
    (about / "entry_points.txt").write_text(POINTS)
    (tmp_path / "one_s_own_policy.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("one_s_own_policy", None)


@pytest.mark.usefixtures("one_s_own")
class TestOnesOwn:
    """A policy that another package brings."""

    OFFERS = (Offer(LinearCurve("rage"), most=10 * ONE), Offer(LinearCurve("x"), most=ONE))

    def test_is_found_by_its_word_and_goes_with_others(self):
        policy = parse("halves + at-most:2")
        assert parse(canonical(policy)) == policy
        found = applied(policy, Request(4 * ONE, self.OFFERS))
        assert [o.most for o in found.offers] == [2 * ONE, ONE]
        assert found.most_venues == 2

    def test_cannot_go_beyond_what_was_offered(self):
        for text in ("greedy", "greedy + at-most:2"):
            with pytest.raises(RequestError, match=r"greedy.*beyond what was offered"):
                applied(parse(text), Request(ONE, self.OFFERS))

    def test_cannot_take_the_place_of_a_built_in_one(self):
        assert parse("best") == BestFill()

    def test_that_does_not_load_is_refused_by_name(self):
        with pytest.raises(PolicyError, match="'missing' does not load"):
            parse("missing")

    def test_is_listed_where_a_word_is_not_known(self):
        with pytest.raises(PolicyError, match="greedy, halves, horizon"):
            parse("halfs")


@pytest.mark.usefixtures("one_s_own")
def test_two_packages_with_the_same_word_are_refused(tmp_path, monkeypatch):
    about = tmp_path / "other" / "another-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[ringside.routing]\nhalves = another:Halves\n")
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    with pytest.raises(PolicyError, match=r"Two policies are called 'halves': another:Halves and"):
        parse("halves")


@given(requests(), st.data())
def test_whatever_is_wider_than_what_was_offered_is_refused(request, data):
    first, *others = request.offers
    was = replace(first, most=ONE, least=10, required=True)
    request = replace(request, offers=(was, *others), most_venues=2, margin=10)
    wider = data.draw(
        st.sampled_from(
            [
                replace(request, size=request.size + 1),
                replace(request, margin=11),
                replace(request, margin=None),
                replace(request, most_venues=3),
                replace(request, offers=tuple(others)),
                replace(request, offers=(was, was, *others)),
                *(
                    replace(request, offers=(replace(was, **change), *others))
                    for change in (
                        {"most": ONE + 1},
                        {"most": None},
                        {"least": 9},
                        {"required": False},
                        {"leg_cost": was.leg_cost + 1},
                        {"margin": was.margin + 1},
                        {"curve": LinearCurve("new")},
                        {"curve": replace(was.curve, depth=ONE)},
                    )
                ),
            ]
        )
    )

    @dataclass(frozen=True)
    class Wider:
        def apply(self, request):
            return wider

        def to_json(self):
            return {"policy": "wider"}

    with pytest.raises(RequestError, match="beyond what was offered"):
        applied(Wider(), request)


def one_s_own_that(apply):
    class Own:
        def apply(self, request):
            return apply(request)

        def to_json(self):
            return {"policy": "own"}

    return Own()


def test_a_policy_that_gives_no_request_is_refused_by_name():
    with pytest.raises(RequestError, match=r'The policy {"policy":"own"} gives None'):
        applied(one_s_own_that(lambda request: None), REQUEST)


@pytest.mark.parametrize(
    "apply",
    [
        lambda r: replace(r, offers=tuple(replace(o, carry=0) for o in r.offers)),
        lambda r: replace(r, shadow={}),
        lambda r: replace(r, left_out={}),
        lambda r: replace(r, left_out={**r.left_out, "c": "no reason"}),
        lambda r: replace(r, funding={"a": None}),
    ],
    ids=["carry", "shadow", "left out", "reason", "funding"],
)
def test_a_policy_that_restates_what_was_known_is_refused_by_name(apply):
    with pytest.raises(RequestError, match=r'"own"} restates'):
        applied(one_s_own_that(apply), REQUEST)


def test_a_policy_may_add_to_what_was_known():
    def add(request):
        return request.with_carry({"a": 5}).with_carry({"a": -3}, shadow=True)

    found = applied(one_s_own_that(add), REQUEST)
    assert found.offers[0].carry == REQUEST.offers[0].carry + 2
    assert found.shadow == {"a": REQUEST.shadow["a"] - 3, "b": 2}


REQUEST = Request(
    ONE,
    (Offer(LinearCurve("a"), carry=7), Offer(LinearCurve("b"), carry=9)),
    left_out={"c": "it is not allowed"},
    shadow={"a": 1, "b": 2},
)
