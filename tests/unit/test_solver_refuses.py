"""Orders that cannot be routed, and offers that make no sense: each is refused by name."""

from dataclasses import dataclass
from math import inf, nan

import pytest
from made_up_curves import LinearCurve

from ringside.routing.problem import (
    BadOffer,
    NoFit,
    NotEnoughCapacity,
    NotEnoughMargin,
    Offer,
    TooFewVenues,
    ZeroSize,
)
from ringside.routing.solver import solve
from ringside.units import ONE
from ringside.venues.pieces import Mode, Piece


@dataclass(frozen=True)
class Odd(LinearCurve):
    """A curve with other modes than its own."""

    odd: tuple[Mode, ...] = ()

    def modes(self, sign):
        return self.odd


def offer(name="a", **changes):
    return Offer(LinearCurve(name, **changes))


def test_an_empty_order():
    with pytest.raises(ZeroSize, match="zero"):
        solve(0, [offer()])


def test_more_than_the_venues_take_names_each_and_by_whose_limit():
    offers = [offer("a", most=3 * ONE), Offer(LinearCurve("b", most=4 * ONE), most=2 * ONE)]
    with pytest.raises(NotEnoughCapacity, match="take 5 of the 6 to buy") as refused:
        solve(6 * ONE, offers)
    assert refused.value.binding == {"a": 3 * ONE, "b": 2 * ONE}
    assert "a has capacity for 3" in str(refused.value)
    assert "b takes 2 with this margin, of a capacity of 4" in str(refused.value)
    with pytest.raises(NotEnoughCapacity, match="no venue"):
        solve(6, [])


def test_room_below_a_minimum_is_no_room():
    with pytest.raises(NotEnoughCapacity, match="a takes 5 at least, and has room for less"):
        solve(6 * ONE, [Offer(LinearCurve("a", least=5 * ONE), most=4 * ONE)])


def test_a_required_venue_without_room():
    with pytest.raises(NotEnoughCapacity, match="a must take 5 at least, and a takes 5 at least"):
        solve(6 * ONE, [Offer(LinearCurve("a"), least=5 * ONE, most=4 * ONE, required=True)])


def test_more_required_than_ordered():
    needed = Offer(LinearCurve("a"), least=5 * ONE, required=True)
    with pytest.raises(NoFit, match="must be taken is more than the 3 to sell: a 5"):
        solve(-3 * ONE, [needed])


def test_minimums_that_cannot_be_met():
    with pytest.raises(NoFit, match=r"a takes 0\.0{17}8 to 0\.0{16}1"):
        solve(12, [offer("a", least=8, most=10), offer("b", least=8, most=10)])


def test_lots_that_cannot_make_up_the_size():
    with pytest.raises(NoFit, match=r"makes up 1\.5 exactly: a takes 1 to 1000 in lots of 1"):
        solve(3 * ONE // 2, [offer("a", lot=ONE)])


def test_too_few_venues_for_the_size():
    offers = [offer("a", most=3 * ONE), offer("b", most=4 * ONE)]
    with pytest.raises(TooFewVenues, match="On one venue at most, 4 of the 6 to buy"):
        solve(6 * ONE, offers, most_venues=1)


def test_too_few_venues_for_those_required():
    offers = [Offer(LinearCurve(name), least=ONE, required=True) for name in "ab"]
    with pytest.raises(TooFewVenues, match=r"2 venues must take part \(a, b\), and only 1 may"):
        solve(6 * ONE, offers, most_venues=1)


def test_too_few_venues_for_the_lots():
    offers = [offer("a", lot=ONE, most=50 * ONE), offer("b", most=ONE)]
    with pytest.raises(TooFewVenues, match="on more than 1 of them"):
        solve(3 * ONE // 2, offers, most_venues=1)


def test_margin_that_does_not_reach_says_what_would():
    offers = [
        Offer(LinearCurve("a", most=ONE), margin=100 * ONE),
        Offer(LinearCurve("b"), margin=300 * ONE),
    ]
    with pytest.raises(NotEnoughMargin, match=r"399 USD of margin .* 400 at the very least"):
        solve(2 * ONE, offers, margin=399 * ONE)
    assert solve(2 * ONE, offers, margin=400 * ONE).size == 2 * ONE


def test_a_venue_listed_twice():
    with pytest.raises(BadOffer, match="a is listed twice"):
        solve(1, [offer("a"), offer("a")])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"least": -1}, "a has a least of -0.0+1: it is negative"),
        ({"leg_cost": -ONE}, "a has a leg cost of -1: it is negative"),
        ({"margin": -ONE}, "a has a margin a base of -1: it is negative"),
    ],
)
def test_bounds_and_costs_below_nothing(changes, says):
    with pytest.raises(BadOffer, match=says):
        solve(ONE, [Offer(LinearCurve("a"), **changes)])


def test_rules_that_leave_nothing():
    with pytest.raises(BadOffer, match="At most 0 venues leaves none"):
        solve(ONE, [offer()], most_venues=0)
    with pytest.raises(BadOffer, match="margin to share is -1: it cannot be negative"):
        solve(ONE, [offer()], margin=-ONE)


def test_lots_of_nothing():
    with pytest.raises(BadOffer, match="a has lots of 0"):
        solve(ONE, [offer("a", lot=0)])


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([Piece(nan, 2_000.0)], "a number that is none"),
        ([Piece(1_000.0, inf)], "a number that is none"),
        ([Piece(1_000.0, 2_000.0, nan)], "a number that is none"),
        ([Piece(-5.0, 2_000.0)], "a depth of -5.0 at 2000.0: it must be positive"),
        ([Piece(0.0, 2_000.0)], "a depth of 0.0"),
        ([Piece(1_000.0, -2.0)], "a price of -2.0: it cannot be negative"),
        ([Piece(1_000.0, 2_000.0, reserve=-999.0)], "a reserve of only 999.0"),
        ([Piece(1.0, 2_000.0), Piece(999.0, 1_999.0)], "falls as a purchase grows, near 1999"),
        ([Piece(1_000.0, 2_000.0, -0.1)], "falls as a purchase grows, near 2000"),
        ([Piece(10.0, 2_000.0)], "says it takes 1000.0 and prices only 10.0"),
    ],
)
def test_pieces_that_are_none(pieces, says):
    odd = Odd("a", odd=(Mode(1, 1_000 * ONE, tuple(pieces)),))
    with pytest.raises(BadOffer, match=f"a ETH-USD .*{says}"):
        solve(ONE, [Offer(odd)])


def test_a_sale_whose_price_rises():
    odd = Odd("a", odd=(Mode(1, 1_000 * ONE, (Piece(1_000.0, 2_000.0, 0.1),)),))
    with pytest.raises(BadOffer, match="rises as a sale grows"):
        solve(-ONE, [Offer(odd)])


@pytest.mark.parametrize(("fixed", "error"), [(nan, 0.0), (0.0, nan), (0.0, -1.0)])
def test_a_fixed_cost_or_error_that_is_no_number(fixed, error):
    odd = Odd("a", odd=(Mode(1, 1_000 * ONE, (Piece(1_000.0, 2_000.0),), fixed, error),))
    with pytest.raises(BadOffer, match="fixed cost or an error that is no number"):
        solve(ONE, [Offer(odd)])
