"""Closing a part of what is held leaves nothing that its venue would never take."""

from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_accounts import account, no_seat, order, seat, states_of
from made_up_curves import LinearCurve

from ringside.keeper.plan import plan
from ringside.units import ONE, USDC

IDS = {"a": 0, "b": 1}
LEAST = ONE // 50
RICH = 10**6 * USDC


def states(depth_a=10_000 * ONE, depth_b=10_000 * ONE):
    return states_of(
        [LinearCurve("a", depth=depth_a, least=LEAST), LinearCurve("b", depth=depth_b, least=LEAST)]
    )


def left(found, held):
    """What stays of each position."""
    closed = {leg.venue: leg.size for leg in found.legs}
    return {venue: abs(size + closed.get(venue, 0)) for venue, size in held.items()}


def test_a_part_that_all_but_closes_a_position_closes_it():
    held = {"a": -ONE - LEAST // 2, "b": -2 * ONE}
    mine = account(RICH, seat("a", held["a"], 10**5 * ONE), seat("b", held["b"], 10**5 * ONE))
    # Equal depths would take one each, and leave half of the least at "a".
    found = plan(order(2 * ONE), mine, states(), IDS)
    assert left(found, held)["a"] == 0
    assert sum(leg.size for leg in found.legs) == 2 * ONE


@given(
    st.integers(LEAST, 3 * ONE),
    st.integers(LEAST, 3 * ONE),
    st.integers(1, 10**6),
    st.integers(1_000, 100_000),
)
def test_no_crumb_is_left_where_the_size_can_be_split_without(first, second, share, depth):
    held = {"a": -first, "b": -second}
    size = (first + second) * share // 10**6
    assume(2 * LEAST <= size <= first + second)
    mine = account(RICH, seat("a", -first, 10**5 * ONE), seat("b", -second, 10**5 * ONE))
    found = plan(order(size), mine, states(depth * ONE), IDS)
    crumbs = [v for v, rest in left(found, held).items() if 0 < rest < LEAST]
    whole = {v for v in held if abs(held[v]) <= size - LEAST or abs(held[v]) == size}
    # With a position whole and the rest at the other, nothing of the first is left.
    for venue in crumbs:
        other = "b" if venue == "a" else "a"
        rest = abs(held[other]) - (size - abs(held[venue]))
        assert venue not in whole or 0 < rest < LEAST


def test_a_size_that_leaves_a_crumb_by_itself_is_filled_all_the_same():
    mine = account(RICH, seat("a", -ONE, 10**5 * ONE), no_seat("b"))
    found = plan(order(ONE - 1), mine, states(), IDS)
    assert [leg.size for leg in found.legs] == [ONE - 1]


@given(st.integers(LEAST, 3 * ONE), st.integers(1, 6 * ONE), st.integers(1_000, 100_000))
def test_nothing_is_turned_by_a_crumb(held, more, depth):
    """What opens beyond a position that is closed is nothing there, or what its venue would close
    again."""
    mine = account(RICH, seat("a", -held, 10**5 * ONE), no_seat("b"))
    found = plan(order(held + more), mine, states(depth * ONE), IDS)
    closed = {leg.venue: leg.size for leg in found.legs}
    turned = closed["a"] - held
    assert turned == 0 or turned >= LEAST or more < LEAST
    assert sum(closed.values()) == held + more
