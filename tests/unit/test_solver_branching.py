"""Branching: venues that offer the same are counted; whatever the parts, they prove the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_curves import LinearCurve

from bench.instances import instance
from ringside.routing import divide, search
from ringside.routing.problem import Offer, SplitError
from ringside.routing.solver import solve
from ringside.units import ONE


def told_apart(state, i):
    """Venue i by itself, whoever else offers the same."""
    return [i]


def first_of(self, bound, divisions):
    """Whichever division is there first, good or bad."""
    return divisions[0]


def routed(size, offers, rules, **instead):
    """The route, and after how many nodes, with parts of the search replaced."""
    nodes = []
    with pytest.MonkeyPatch.context() as patch:
        for name, by in instead.items():
            owner = next(o for o in (search.Search, search, divide) if hasattr(o, name))
            patch.setattr(owner, name, by)
        run = search.Search.run

        def counting(self, *start):
            run(self, *start)
            nodes.append(self.nodes)

        patch.setattr(search.Search, "run", counting)
        return solve(size, offers, **rules), nodes[0]


@st.composite
def orders(draw):
    """Venues of one or two kinds, each several times, with a cost a leg."""
    offers = []
    for kind in range(draw(st.integers(1, 2))):
        price = (2_000 + draw(st.integers(0, 2))) * ONE
        depth = draw(st.sampled_from([2_000, 10_000, 50_000])) * ONE
        cost = draw(st.sampled_from([0, ONE // 10, ONE, 5 * ONE]))
        lot = draw(st.sampled_from([1, 10**15, 10**17]))
        for i in range(draw(st.integers(1, 6))):
            curve = LinearCurve(f"{kind}-{i}", price=price, depth=depth, most=20 * ONE, lot=lot)
            offers.append(Offer(curve, leg_cost=cost))
    size = draw(st.integers(1, 10 * len(offers))) * ONE
    return size, offers, {"most_venues": draw(st.sampled_from([None, 5]))}


@given(orders())
@settings(max_examples=60, deadline=None)
def test_equal_venues_counted_or_told_apart_prove_the_same(order):
    try:
        counted, _ = routed(*order)
    except SplitError:
        return
    plain, _ = routed(*order, like=told_apart, _between=lambda *_: [])
    for route in (counted, plain):
        assert route.certificate.gap <= 10_000
        assert route.certificate.bound <= min(counted.cost, plain.cost)


@given(orders())
@settings(max_examples=30, deadline=None)
def test_equal_venues_take_the_same_whatever_they_are_called(order):
    size, offers, rules = order
    try:
        one = solve(size, offers, **rules)
    except SplitError:
        return
    other = solve(size, list(reversed(offers)), **rules)
    assert one.cost == other.cost


@pytest.mark.parametrize("seed", [4000957, 4000802, 4001029])
def test_so_many_equal_venues_as_are_wanted_are_found_at_the_first_node(seed):
    at = instance(seed, 50)
    route, nodes = routed(at.size, at.offers, at.rules)
    assert nodes == 1
    assert route.certificate.gap <= 10_000
    _, more = routed(at.size, at.offers, at.rules, _between=lambda *_: [])
    assert more > nodes


def test_counting_thirty_equal_venues_takes_a_twentieth_of_the_nodes():
    curves = [LinearCurve(f"{i}", depth=3_000 * ONE, most=20 * ONE, lot=10**15) for i in range(30)]
    order = 39 * ONE + 7 * 10**15, [Offer(curve, leg_cost=ONE) for curve in curves], {}
    one, few = routed(*order)
    other, many = routed(*order, like=told_apart, _between=lambda *_: [])
    assert few * 20 < many
    assert one.certificate.bound <= other.cost
    assert other.certificate.bound <= one.cost


@pytest.mark.parametrize("seed", range(3300000, 3300040))
def test_either_division_of_a_node_proves_the_same(seed):
    at = instance(seed, 10)
    try:
        one, _ = routed(at.size, at.offers, at.rules)
    except SplitError:
        return
    other, _ = routed(at.size, at.offers, at.rules, _better=first_of)
    for route in (one, other):
        assert route.certificate.gap <= 10_000
        assert route.certificate.bound <= min(one.cost, other.cost)
