"""What a true document may hide all the same is told by arithmetic alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import order
from made_up_receipts import decided, register

from ringside.keeper.decide import Settings
from ringside.keeper.receipts.conduct import (
    MOST_HEADROOM,
    MOST_LEG_COST,
    filled_since,
    out_of_range,
    too_old,
    unexplained,
)
from ringside.keeper.receipts.document import Part
from ringside.keeper.receipts.events import Fill, Leg
from ringside.units import ONE
from ringside.venues.snapshot import OLDEST

register()
SIZE = 500 * ONE


def filled(written, parts, later=False):
    """A fill of these parts."""
    legs = tuple(Leg(part.venue, part.size, None, part.margin) for part in parts)
    size, key = sum(leg.size for leg in legs), written.decisions[0].key
    return Fill(key, bytes(32), "", "ETH-USD", size, 0, 0, 0, legs, (2, bytes(32)), later, 0)


def in_turn(*parts: tuple[str, bool]):
    """A document of parts of one base each, a fill's or (`True`) tickets."""
    written = decided(order(SIZE))
    (one,) = written.decisions
    made = tuple(Part(venue, 0, ONE, 0, 0, 0, later) for venue, later in parts)
    return replace(
        written, decisions=(replace(one, outcome=replace(one.outcome, parts=made)),)
    ), made


@given(st.integers(0, 10**24), st.integers(0, 10**24))
def test_more_filled_than_the_document_knows_of_is_another_fill(known, used):
    written, parts = in_turn(("alpha", False), ("beta", False))
    (one,) = written.decisions
    written = replace(
        written, decisions=(replace(one, progress=replace(one.progress, used=known)),)
    )
    found = list(filled_since(filled(written, parts), written, used))
    assert bool(found) == (used > known)


@pytest.mark.parametrize("tickets_first", [True, False])
def test_a_plan_s_own_transactions_before_are_known_of(tickets_first):
    instant, tickets = [("alpha", False), ("beta", False)], [("gamma", True), ("delta", True)]
    written, parts = in_turn(*(tickets + instant if tickets_first else instant + tickets))
    fill = [part for part in parts if not part.later]
    first, second = (part for part in parts if part.later)
    sent = [[first], [second], fill] if tickets_first else [fill, [first], [second]]
    used = 0
    for legs in sent:
        one = filled(written, legs, legs[0].later)
        assert not list(filled_since(one, written, used))
        assert list(filled_since(one, written, used + 1))
        used += len(legs) * ONE


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(), []),
        (Settings(leg_cost=MOST_LEG_COST, headroom=MOST_HEADROOM, most_delayed=0), []),
        (Settings(leg_cost=MOST_LEG_COST + 1), ["leg_cost"]),
        (Settings(leg_cost=-1), ["leg_cost"]),
        (Settings(headroom=MOST_HEADROOM + 1), ["headroom"]),
        (Settings(most_delayed=ONE + 1, headroom=-1), ["headroom", "most_delayed"]),
    ],
)
def test_settings_that_no_keeper_needs_are_named(settings, named):
    found = list(out_of_range(settings))
    assert len(found) == len(named)
    assert all(name in why for name, why in zip(named, found, strict=True))


@given(st.integers(0, 10 * OLDEST))
def test_a_block_is_old_beyond_what_a_price_for_now_may_be(seconds):
    assert bool(list(too_old(1, seconds))) == (seconds > OLDEST)


@given(st.integers(ONE, 900 * ONE), st.sampled_from([1, -1]), st.integers(0, MOST_LEG_COST))
def test_the_cost_of_legs_explains_what_they_save(amount, sign, leg_cost):
    assert unexplained(decided(order(sign * amount), leg_cost=leg_cost)) == {}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("settings", [{"policy": "only:beta"}, {"leg_cost": 10**9 * ONE}])
def test_what_no_leg_s_cost_explains_is_told(settings, sign):
    written = decided(order(sign * 900 * ONE), **settings)
    assert len(written.decisions[0].outcome.parts) == 1
    (why,) = unexplained(written).values()
    assert "costs" in why
