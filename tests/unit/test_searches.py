"""Searching for an integer: from anywhere, the same is found."""

from hypothesis import given
from hypothesis import strategies as st

from ringside.venues.pool import largest, smallest

NUMBERS = st.integers(0, 2**80)


@given(st.integers(1, 2**80), NUMBERS, NUMBERS)
def test_the_smallest_is_the_same_from_wherever_it_is_looked_for(bound, high, near):
    def accepted(n: int) -> bool:
        assert 1 <= n <= high
        return n >= bound

    assert smallest(accepted, high, near) == min(bound, high + 1)


@given(NUMBERS, NUMBERS)
def test_looking_near_the_answer_takes_few_questions(bound, high):
    asked = []

    def accepted(n: int) -> bool:
        asked.append(n)
        return n >= bound

    if 0 < bound <= high:
        assert smallest(accepted, high, bound) == bound
        assert len(asked) <= 2 + bound.bit_length()


@given(NUMBERS, NUMBERS)
def test_the_largest_is_the_last_that_is_accepted(bound, high):
    assert largest(lambda n: n <= bound, high) == min(bound, high)
