"""No plan posts more at a venue than its caps let operators post there."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_accounts import account, no_seat, order, seat, states_of
from made_up_curves import LinearCurve

from ringside.keeper.errors import PlanError
from ringside.keeper.plan import plan
from ringside.routing.problem import SplitError
from ringside.units import ONE, USDC

IDS = {"a": 0, "b": 1}
EVEN = states_of([LinearCurve("a"), LinearCurve("b")])
RICH = 10**6 * USDC


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.integers(1, 40))
def test_each_leg_brings_no_more_margin_than_may_be_posted(first, second, size):
    mine = account(RICH, no_seat("a", first * USDC), no_seat("b", second * USDC))
    try:
        found = plan(order(size * ONE, 20_000 * USDC), mine, EVEN, IDS)
    except (PlanError, SplitError):
        # 10 % of 2,000 USD a coin is what either asks for, and some for fees and impact.
        assert (first + second) < size * 200 * 1.02
        return
    room = {"a": first * USDC, "b": second * USDC}
    assert all(leg.margin <= room[leg.venue] for leg in found.legs)
    assert sum(leg.size for leg in found.legs) == size * ONE


def test_what_a_capped_venue_cannot_take_goes_to_the_other():
    mine = account(RICH, no_seat("a", 210 * USDC), no_seat("b"))
    found = plan(order(10 * ONE, 20_000 * USDC), mine, EVEN, IDS)
    sizes = {leg.venue: leg.size for leg in found.legs}
    assert sizes.get("a", 0) <= ONE + ONE // 20
    assert sum(sizes.values()) == 10 * ONE


def test_where_every_cap_is_reached_nothing_opens():
    mine = account(RICH, no_seat("a", 0), no_seat("b", 0))
    with pytest.raises((PlanError, SplitError)):
        plan(order(ONE), mine, EVEN, IDS)


@given(st.integers(1, 100))
def test_a_position_is_closed_whatever_the_caps(share):
    size = ONE * share // 100
    assume(size)
    held = seat("a", -ONE, 10**4 * ONE, postable=0)
    found = plan(order(size, reduce_only=True), account(RICH, held, no_seat("b", 0)), EVEN, IDS)
    assert [(leg.venue, leg.size, leg.margin) for leg in found.legs] == [("a", size, 0)]
