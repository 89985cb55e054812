"""Orders that once led the solver astray, against every split there is where they are small."""

import random
from time import process_time

import pytest
from made_up_curves import LinearCurve

from bench.instances import MadeUp, Stretch
from ringside.routing.problem import (
    BadOffer,
    NotEnoughMargin,
    Offer,
    SplitError,
    Undecided,
    carry_of,
)
from ringside.routing.solver import solve
from ringside.units import ONE
from ringside.venues.base import VenueError


def made_at_random(rng):
    """Up to four venues with coarse lots and minimums, with a margin per base that nobody shares;
    an order of at most twelve units, and at most how many venues."""
    sign, price, offers = rng.choice([1, -1]), rng.choice([1, 100, 60_000]) * ONE, []
    for i in range(rng.randint(2, 4)):
        at, stretches = price + sign * rng.randint(-10, 20) * price // 1_000, []
        for _ in range(rng.randint(1, 3)):
            stretches.append(Stretch(rng.randint(1, 8) * ONE, at))
            at += sign * rng.randint(0, 30) * price // 1_000
        lot = rng.choice([1, 1, 2, 3, 4]) * ONE
        curve = MadeUp(f"v{i}", tuple(stretches), sign, lot=lot, least=rng.choice([1, 2]) * lot)
        margin = price // rng.randint(2, 50)
        leg_cost = rng.choice([0, price * rng.randint(0, 20) // 10])
        offers.append(Offer(curve, leg_cost=leg_cost, margin=margin))
    return sign, offers, rng.randint(1, 10) * ONE, rng.choice([None, None, 2, 3])


def cheapest(sign, offers, amount, most_venues):
    """By looking at every split; `None` if there is none."""

    def costs(offer):
        found = {0: 0}
        for part in range(ONE, amount + 1, ONE):
            try:
                paid = sign * offer.curve.quote(sign * part).all_in
            except VenueError:
                continue
            found[part] = paid + offer.leg_cost + carry_of(offer, part)
        return found

    known = {(0, 0): 0}  # By what is filled and on how many venues.
    for offer in offers:
        after = {}
        for (filled, count), cost in known.items():
            for part, more in costs(offer).items():
                key = filled + part, count + (part > 0)
                if key[0] <= amount and (key not in after or cost + more < after[key]):
                    after[key] = cost + more
        known = after
    most = len(offers) if most_venues is None else most_venues
    return min(
        (cost for (filled, count), cost in known.items() if filled == amount and count <= most),
        default=None,
    )


def test_a_margin_that_nobody_shares_leaves_the_certificate_true():
    # Search._together put a limit in margin's place, and the other venues' own margin counted in.
    for seed in range(2_500):
        sign, offers, amount, most_venues = made_at_random(random.Random(seed))
        best = cheapest(sign, offers, amount, most_venues)
        if best is None:
            with pytest.raises(SplitError):
                solve(sign * amount, offers, most_venues=most_venues)
            continue
        route = solve(sign * amount, offers, most_venues=most_venues)
        assert route.certificate.bound <= best <= route.cost, seed


def test_a_top_at_which_nobody_takes_part_is_searched_further():
    flat = {"fee_bps": 0, "depth": 10**9 * ONE}
    found = 0
    for seed in range(3_000):
        rng = random.Random(seed)
        sides = [
            (rng.choice([1, 2, 3, 4]), rng.randint(1, 3), rng.randint(4, 22)) for _ in range(3)
        ]
        offers = [
            Offer(
                LinearCurve(
                    f"v{i}",
                    lot=lot * ONE,
                    least=k * lot * ONE,
                    most=most // lot * lot * ONE,
                    **flat,
                ),
                leg_cost=rng.randint(0, 3_000) * ONE,
                margin=rng.randint(20, 1_000) * ONE,
            )
            for i, (lot, k, most) in enumerate(sides)
        ]
        try:
            solve(rng.randint(2, 12) * ONE, offers, margin=rng.randint(100, 4_000) * ONE)
            found += 1
        except SplitError:
            pass
    assert found


def test_a_refusal_for_margin_names_no_least_that_there_is():
    offers = [
        Offer(LinearCurve("a", least=5 * ONE), margin=10 * ONE),
        Offer(LinearCurve("b", most=3 * ONE), margin=ONE),
    ]
    with pytest.raises(NotEnoughMargin) as refused:
        solve(5 * ONE, offers, margin=30 * ONE)
    assert "23" not in str(refused.value)  # Of 30 that there are.


def test_where_margin_and_the_number_of_venues_both_bind_lots_are_not_blamed():
    offers = [
        Offer(LinearCurve("a", lot=2 * ONE), margin=ONE),
        Offer(LinearCurve("b", lot=3 * ONE), margin=ONE),
    ]
    with pytest.raises(NotEnoughMargin, match="on more than 1 of them"):
        solve(5 * ONE, offers, most_venues=1, margin=1)


def test_a_number_of_venues_beyond_64_bits_is_as_good_as_none():
    route = solve(ONE, [Offer(LinearCurve("a")), Offer(LinearCurve("b"))], most_venues=2**70)
    assert route.certificate is not None


@pytest.mark.parametrize("name", ["carry", "leg_cost", "margin", "least", "most"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.5])
def test_an_offer_that_is_not_of_integers_is_refused_by_name(name, value):
    offers = [Offer(LinearCurve("a"), **{name: value}), Offer(LinearCurve("b"))]
    with pytest.raises(BadOffer, match="a has a "):
        solve(ONE, offers)


@pytest.mark.parametrize("name", ["carry", "leg_cost", "margin", "least", "most"])
def test_a_number_beyond_all_money_is_refused_by_name(name):
    offers = [Offer(LinearCurve("a"), **{name: 10**400}), Offer(LinearCurve("b"))]
    with pytest.raises(BadOffer, match=r"a has a .* of more than 78 digits"):
        solve(ONE, offers)


@pytest.mark.parametrize(
    ("margin", "why"), [(10**400, "more than 78 digits"), (float("nan"), "nan: no integer")]
)
def test_a_margin_to_share_that_is_no_money_is_refused_by_name(margin, why):
    with pytest.raises(BadOffer, match=f"margin to share of {why}"):
        solve(ONE, [Offer(LinearCurve("a"))], margin=margin)


def test_money_of_78_digits_does_not_overflow():
    offers = [Offer(LinearCurve("a"), carry=10**77), Offer(LinearCurve("b"), margin=10**77)]
    route = solve(ONE, offers, margin=2**256 - 1)
    assert [leg.venue for leg in route.legs] == ["b"]


def odd_lots(count, margin=0):
    """So many venues with one lot each, all different, and the sum of ten of them: which ten, the
    search's work does not find."""
    rng, offers = random.Random(0), []
    for i in range(count):
        lot = rng.randint(10**5, 10**6) * 2 * ONE // 1_000
        curve = LinearCurve(f"v{i:02}", lot=lot, least=lot, most=lot, depth=10**6 * ONE)
        offers.append(Offer(curve, margin=margin))
    return sum(offer.curve.lot for offer in rng.sample(offers, 10)), offers


def test_a_search_that_stopped_at_its_limit_does_not_say_that_nothing_fits():
    size, offers = odd_lots(20)
    with pytest.raises(Undecided, match="none was ruled out"):
        solve(size, offers)


def test_a_rule_is_not_blamed_before_it_is_known_that_it_is_in_the_way():
    size, offers = odd_lots(20, margin=ONE)
    with pytest.raises(Undecided, match=r"Whether the .* USD of margin .* is in the way, or"):
        solve(size, offers, margin=size // 2)


@pytest.mark.parametrize("most_venues", [None, 10])
@pytest.mark.parametrize("count", [20, 50])
def test_lots_that_leave_too_many_ways_are_given_up_within_seconds(count, most_venues):
    size, offers = odd_lots(count)
    start = process_time()
    with pytest.raises(Undecided):
        solve(size, offers, most_venues=most_venues)
    assert process_time() - start < 3  # A third of that where the processor is one's own.


def test_looking_for_the_rule_in_the_way_takes_no_longer_than_looking_for_a_split():
    size, offers = odd_lots(50, margin=ONE)
    start = process_time()
    with pytest.raises(Undecided):
        solve(size, offers, most_venues=10, margin=size // 2)
    assert process_time() - start < 3
