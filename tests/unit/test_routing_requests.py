"""What a policy begins with: an order that opens, one that closes, and what closing settles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_requests import NAMES, SIGNS, VENUES, made_up_state

from ringside.routing.funding import Funding
from ringside.routing.policies import Horizon, applied
from ringside.routing.request import (
    MICRO_BPS,
    RequestError,
    closing,
    given_up,
    opening,
    settled,
)
from ringside.units import BPS, ONE


def test_an_order_begins_with_what_the_venues_ask_for():
    states = {v: made_up_state(v, rate=10**14, leg_cost=ONE) for v in ("rage", "synthetix")}
    found = opening(states, -ONE, {"rage": 5, "synthetix": 7}, {"rage": 2 * ONE}, margin=9)
    assert [o.most for o in found.offers] == [5, 7]
    assert [o.leg_cost for o in found.offers] == [2 * ONE, ONE]
    assert [o.margin for o in found.offers] == [200 * ONE, 200 * ONE]
    assert found.funding["rage"] == Funding(10**14, 2_000 * ONE)
    assert found.margin == 9


POSITIONS = st.dictionaries(VENUES, st.integers(-(10**21), 10**21), min_size=1)


@given(POSITIONS, SIGNS)
def test_closing_offers_what_is_held_the_other_way_and_takes_no_margin(positions, sign):
    states = {venue: made_up_state(venue) for venue in NAMES}
    held = {v: abs(p) for v, p in positions.items() if p * sign < 0}
    if not held:
        with pytest.raises(RequestError, match="to close"):
            closing(states, sign, positions)
        return
    found = closing(states, sign, positions)
    assert {o.curve.venue: o.most for o in found.offers} == held
    assert not any(o.margin or o.required or o.carry for o in found.offers)


def test_closing_over_a_horizon_leaves_the_long_that_pays_the_least():
    states = {
        "dear": made_up_state("dear", rate=10**15),
        "cheap": made_up_state("cheap", rate=-(10**15)),
    }
    longs = {"dear": ONE, "cheap": ONE}
    found = applied(Horizon(72), closing(states, -ONE, longs))
    costs = {o.curve.venue: o.carry for o in found.offers}
    assert costs["dear"] < costs["cheap"]  # What a sale there no longer pays is received.


@given(
    st.dictionaries(VENUES, st.integers(-(10**21), 10**21)),
    st.dictionaries(VENUES, st.integers(-(10**21), 10**21)),
)
def test_what_accrued_is_settled_whole_wherever_there_is_a_leg(sizes, accrued):
    traded = {venue for venue, size in sizes.items() if size}
    elsewhere = {v: amount for v, amount in accrued.items() if v not in traded}
    assert settled(sizes, accrued) + sum(elsewhere.values()) == sum(accrued.values())
    assert settled(dict.fromkeys(sizes, 0), accrued) == 0
    assert settled({v: 2 * s for v, s in sizes.items()}, accrued) == settled(sizes, accrued)


@given(SIGNS, st.integers(1, 10**24), st.integers(-(10**20), 10**20))
def test_what_a_horizon_gives_up_is_rounded_against_the_client(sign, best, worse):
    found = given_up(sign, best + sign * worse, best)
    assert 0 <= found * best - worse * BPS * MICRO_BPS < best
