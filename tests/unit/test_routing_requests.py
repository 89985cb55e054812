"""What a policy begins with, and what its entry gives up."""

from hypothesis import given
from hypothesis import strategies as st
from made_up_requests import SIGNS, made_up_state

from ringside.routing.funding import Funding
from ringside.routing.request import (
    given_up,
    opening,
)
from ringside.units import MICRO_BPS, ONE


def test_an_order_begins_with_what_the_venues_ask_for():
    states = {v: made_up_state(v, rate=10**14, leg_cost=ONE) for v in ("rage", "synthetix")}
    found = opening(states, -ONE, {"rage": 5, "synthetix": 7}, {"rage": 2 * ONE}, margin=9)
    assert [o.most for o in found.offers] == [5, 7]
    assert [o.leg_cost for o in found.offers] == [2 * ONE, ONE]
    assert [o.margin for o in found.offers] == [200 * ONE, 200 * ONE]
    assert found.funding["rage"] == Funding(10**14, 2_000 * ONE)
    assert found.margin == 9


@given(SIGNS, st.integers(1, 10**24), st.integers(-(10**20), 10**20))
def test_what_a_horizon_gives_up_is_rounded_against_the_client(sign, best, worse):
    found = given_up(sign, best + sign * worse, best)
    assert 0 <= found * best - worse * MICRO_BPS < best
