"""A price for now is not made from a block of another time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside.chain.multicall import Block
from ringside.venues.snapshot import (
    AHEAD,
    OLDEST,
    FutureSnapshot,
    StaleSnapshot,
    require_fresh,
)

NOW = 1_800_000_000


def block(timestamp):
    return Block(7, "0x07", timestamp)


@given(st.integers(-AHEAD, OLDEST))
def test_a_block_of_about_now_is_taken(age):
    require_fresh(block(NOW - age), NOW)


@given(st.integers(1, 10**9))
def test_an_old_block_is_refused_by_name(more):
    with pytest.raises(StaleSnapshot, match=f"Block 7 is {OLDEST + more} s old"):
        require_fresh(block(NOW - OLDEST - more), NOW)


@given(st.integers(1, 10**9))
def test_a_block_from_the_future_is_refused_by_name(more):
    with pytest.raises(FutureSnapshot, match=f"Block 7 is {AHEAD + more} s in the future"):
        require_fresh(block(NOW + AHEAD + more), NOW)
