"""The Desk holds every leg to the order's limit by itself; the plan keeps to it."""

from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_accounts import account, no_seat, order, states_of
from made_up_curves import LinearCurve

from ringside.keeper.plan import TooDear, plan
from ringside.routing.problem import Offer
from ringside.routing.solver import solve
from ringside.units import ONE, USDC

IDS = {"a": 0, "b": 1}
RICH = account(10**7 * USDC, no_seat("a"), no_seat("b"))


def worse(quote, limit):
    total, allowed = quote.all_in * ONE, limit * abs(quote.size)
    return total > allowed if quote.size > 0 else total < allowed


@given(
    st.sampled_from([1, -1]),
    st.integers(1, 200),
    st.integers(-10, 10),
    st.integers(1_000, 50_000),
    st.integers(1, 99),
)
def test_no_leg_is_planned_beyond_the_limit(sign, size, apart, depth, share):
    """The limit is between the whole's price and the dearest leg's, where the best split fails."""
    curves = [
        LinearCurve("a"),
        LinearCurve("b", price=2_000 * ONE + apart * ONE, depth=depth * ONE),
    ]
    states = states_of(curves)
    best = solve(sign * size * ONE, map(Offer, curves))
    dearest = max(leg.quote.all_in_price * sign for leg in best.legs) * sign
    assume(len(best.legs) == 2)
    limit = best.all_in_price + (dearest - best.all_in_price) * share // 100
    assume(any(worse(leg.quote, limit) for leg in best.legs))
    signed = order(size=sign * size * ONE, limit=limit)
    with suppress(TooDear):
        made = plan(signed, RICH, states, IDS)
        assert sum(leg.size for leg in made.legs) == signed.size
        assert not any(worse(leg.quote, limit) for leg in made.route.legs)


def test_a_limit_that_the_dearest_leg_misses_moves_size_to_the_other():
    curves = [LinearCurve("a"), LinearCurve("b", price=2_001 * ONE)]
    best = solve(100 * ONE, map(Offer, curves))
    limit = max(leg.quote.all_in_price for leg in best.legs) - ONE // 100
    signed = order(size=100 * ONE, limit=limit)
    made = plan(signed, RICH, states_of(curves), IDS)
    by_venue = {leg.venue: leg.size for leg in made.legs}
    assert by_venue["b"] < next(leg.size for leg in best.legs if leg.venue == "b")


def test_a_limit_that_no_split_meets_is_said_to_be_the_reason():
    curves = [LinearCurve("a"), LinearCurve("b", price=2_001 * ONE)]
    best = solve(100 * ONE, map(Offer, curves))
    signed = order(size=100 * ONE, limit=best.all_in_price - ONE)
    with pytest.raises(TooDear, match="worse than the order's limit"):
        plan(signed, RICH, states_of(curves), IDS)
