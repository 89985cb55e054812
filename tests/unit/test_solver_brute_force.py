"""Small random orders against every split there is: what costs least lies between the certificate's
bound and the route's cost, and what cannot be filled is refused for a rule that binds."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.instances import MadeUp, Stretch
from ringside.routing.problem import (
    NotEnoughMargin,
    Offer,
    SplitError,
    TooFewVenues,
    Undecided,
    carry_of,
)
from ringside.routing.solver import solve
from ringside.units import ONE
from ringside.venues.base import VenueError


def made_at_random(rng):
    """Up to four venues, some equal, with lots, minimums, costs that may be negative and a margin
    per base, and an order of up to ten units with its rules; margin is shared in one of three."""
    sign, price, offers = rng.choice([1, -1]), rng.choice([1, 100, 60_000]) * ONE, []
    for i in range(rng.randint(1, 4)):
        at, stretches = price + sign * rng.randint(-10, 20) * price // 1_000, []
        for _ in range(rng.randint(1, 3)):
            slope = rng.choice([0, 0, price // rng.randint(50, 5_000)])
            stretches.append(Stretch(rng.randint(1, 8) * ONE, at, slope))
            at += sign * (slope * stretches[-1].size // ONE + rng.randint(0, 30) * price // 1_000)
        lot = rng.choice([1, 1, 2, 3, 4]) * ONE
        fee = rng.choice([0, 5, 20]) * ONE // 10_000
        curve = MadeUp(f"v{i}", tuple(stretches), sign, fee, lot, rng.choice([1, 2]) * lot)
        if rng.random() < 0.2:
            late = rng.choice([0, 10, 40]) * ONE // 10_000
            curve = replace(curve, turn=rng.randint(1, 3) * lot + lot, late_fee=late)
        offer = Offer(
            curve,
            most=rng.choice([None, None, rng.randint(1, 8) * ONE]),
            least=rng.choice([0, 0, 0, 3 * ONE]),
            leg_cost=rng.choice([0, price * rng.randint(0, 20) // 10]),
            carry=rng.choice([0, 0, price * rng.randint(-30, 30) // 1_000]),
            margin=price // rng.randint(2, 50),
        )
        if offers and rng.random() < 0.3:
            like = rng.choice(offers)
            offer = replace(like, curve=replace(like.curve, venue=f"v{i}"))
        offers.append(offer)
    amount = rng.randint(1, 10) * ONE
    most_venues = rng.choice([None, None, 1, 2, 3])
    margin = rng.choice([None, None, price * amount // rng.randint(2, 60) // ONE])
    return sign, offers, amount, most_venues, margin


def cheapest(sign, offers, amount, most_venues, margin):
    """By looking at every split; `None` if there is none."""
    known = {(0, 0, 0): 0}  # By what is filled, on how many venues, and the margin that takes.
    for offer in offers:
        costs = {0: 0}
        for part in range(ONE, amount + 1, ONE):
            if part < offer.least or (offer.most is not None and part > offer.most):
                continue
            try:
                paid = sign * offer.curve.quote(sign * part).all_in
            except VenueError:
                continue
            costs[part] = paid + offer.leg_cost + carry_of(offer, part)
        after = {}
        for (filled, count, taken), cost in known.items():
            for part, more in costs.items():
                more_taken = taken + (0 if margin is None else offer.margin * part)
                key = filled + part, count + (part > 0), more_taken
                if (
                    key[0] <= amount
                    and (margin is None or more_taken <= margin * ONE)
                    and (most_venues is None or key[1] <= most_venues)
                ):
                    after[key] = min(cost + more, after.get(key, cost + more))
        known = after
    return min((cost for (filled, *_), cost in known.items() if filled == amount), default=None)


def routed(sign, offers, amount, most_venues, margin):
    """The route, or why there is none."""
    try:
        return solve(sign * amount, offers, most_venues=most_venues, margin=margin)
    except SplitError as refused:
        return refused


def held_against_every_split(seed):
    sign, offers, amount, most_venues, margin = made_at_random(random.Random(seed))
    best = cheapest(sign, offers, amount, most_venues, margin)
    found = routed(sign, offers, amount, most_venues, margin)
    if best is None:
        assert isinstance(found, SplitError), f"{found} breaks a rule."
        assert not isinstance(found, Undecided), found
        if isinstance(found, NotEnoughMargin):
            assert margin is not None, found
            assert cheapest(sign, offers, amount, None, None) is not None, found
        if isinstance(found, TooFewVenues):
            assert most_venues is not None, found
        return
    assert not isinstance(found, SplitError), f"{found} There is a split that costs {best}."
    assert found.certificate.bound <= best <= found.cost
    assert found.certificate.gap <= 10_000  # Millionths of a basis point.


@given(st.integers(0, 10**9))
@settings(max_examples=500, deadline=None)
def test_no_split_of_a_small_order_is_cheaper_than_its_bound_or_wrongly_refused(seed):
    held_against_every_split(seed)
