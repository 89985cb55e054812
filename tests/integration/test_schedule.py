"""A schedule lets one slice through an interval, and as much catching up as was signed."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import ETH, few, reverts

from ringside.orders import Conditions, venue_set

INTERVAL = 600
nonces = count(1_000)
cheaply = few(15)


class Scheduled:
    """An order of a hundred ETH for the stand-in, one ETH an interval, and fills of it in time."""

    def __init__(self, ringside, venue, catch_up=0, nonce=1):
        self.ringside, self.venue = ringside, venue
        self.start = ringside.now + 100
        terms = {"interval": INTERVAL, "slice": ETH, "catch_up": catch_up}
        conditions = Conditions(not_before=self.start, **terms)
        self.order = ringside.order(
            size=100 * ETH, nonce=nonce, venues=venue_set([venue]), conditions=conditions
        )

    def at(self, interval, second=0):
        """Time goes on to this second of an interval, counted from 0."""
        self.ringside.mine_at(self.start + interval * INTERVAL + second)
        return self

    def fill(self, size=ETH):
        return self.ringside.fill(self.order, (self.venue, size, 0))

    def refuses(self, size, left):
        with reverts(self.ringside.desk.BeyondSlice, left=left, asked=size):
            self.fill(size)


@pytest.fixture
def scheduled(ringside, stand_in):
    return Scheduled(ringside, stand_in)


@pytest.fixture
def catching_up(ringside, stand_in):
    """The same with two slices to catch up."""
    return Scheduled(ringside, stand_in, catch_up=2)


def test_nothing_is_filled_before_the_first_interval(ringside, desk, scheduled):
    ringside.mine_at(scheduled.start - 1)
    with reverts(desk.NotYet, notBefore=scheduled.start):
        scheduled.fill()
    scheduled.at(0).fill()


def test_one_slice_fills_in_one_interval(scheduled):
    scheduled.at(0).refuses(ETH + 1, left=ETH)
    scheduled.fill()
    scheduled.refuses(1, left=0)


def test_the_next_slice_fills_from_the_interval_s_first_second_on(scheduled):
    scheduled.at(0).fill()
    scheduled.at(0, INTERVAL - 1).refuses(1, left=0)
    scheduled.at(1).fill()
    scheduled.at(1, INTERVAL - 1).refuses(1, left=0)
    scheduled.at(2).fill()


def test_a_slice_may_be_filled_in_parts(scheduled):
    scheduled.at(0).fill(ETH // 4)
    scheduled.refuses(ETH, left=3 * ETH // 4)
    scheduled.fill(ETH // 2)
    scheduled.fill(ETH // 4)
    scheduled.refuses(1, left=0)


def test_what_is_left_of_a_slice_lapses_with_its_interval(scheduled):
    scheduled.at(0).fill(ETH // 4)
    scheduled.at(1).refuses(ETH + 1, left=ETH)
    scheduled.fill()


def test_a_missed_slice_lapses_where_no_catching_up_is_signed(scheduled):
    scheduled.at(0).fill()
    scheduled.at(5).refuses(ETH + 1, left=ETH)
    scheduled.fill()


def test_missed_slices_are_caught_up_as_far_as_signed(catching_up):
    catching_up.at(0).refuses(ETH + 1, left=ETH)
    catching_up.fill()
    catching_up.at(2).refuses(2 * ETH + 1, left=2 * ETH)
    catching_up.fill(2 * ETH)
    catching_up.at(9).refuses(3 * ETH + 1, left=3 * ETH)
    catching_up.fill(3 * ETH)
    catching_up.at(10).refuses(ETH + 1, left=ETH)


def test_intervals_missed_before_the_first_fill_count_too(catching_up):
    catching_up.at(1).refuses(2 * ETH + 1, left=2 * ETH)
    catching_up.fill(2 * ETH)


def test_what_is_caught_up_may_be_filled_in_parts_and_lapses_with_its_interval(catching_up):
    catching_up.at(4).fill(ETH)
    catching_up.refuses(2 * ETH + 1, left=2 * ETH)
    catching_up.fill(ETH)
    catching_up.at(5).refuses(ETH + 1, left=ETH)


def test_catching_up_beyond_any_number_is_bounded_by_the_order_alone(ringside, desk, stand_in):
    conditions = Conditions(interval=1, slice=2**255, catch_up=2**256 - 1)
    order = ringside.order(size=3 * ETH, venues=venue_set([stand_in]), conditions=conditions)
    ringside.fill(order, (stand_in, ETH, 0))
    with reverts(desk.Overfilled, left=2 * ETH, asked=3 * ETH):
        ringside.fill(order, (stand_in, 3 * ETH, 0))
    ringside.fill(order, (stand_in, 2 * ETH, 0))


def test_the_order_ends_its_schedule(ringside, desk, account, stand_in):
    conditions = Conditions(interval=INTERVAL, slice=2 * ETH)
    order = ringside.order(size=3 * ETH, venues=venue_set([stand_in]), conditions=conditions)
    ringside.mine_at((ringside.now // INTERVAL + 1) * INTERVAL)
    ringside.fill(order, (stand_in, 2 * ETH, 0))
    ringside.mine_at((ringside.now // INTERVAL + 1) * INTERVAL)
    ringside.fill(order, (stand_in, ETH, 0))
    assert desk.isSpent(account, order.nonce)


def test_two_orders_keep_two_schedules(ringside, stand_in, scheduled):
    other = Scheduled(ringside, stand_in, nonce=2)
    other.at(0).fill()
    scheduled.fill()
    other.refuses(1, left=0)
    scheduled.refuses(1, left=0)


def test_the_legs_of_one_fill_share_the_slice(ringside, desk, stand_in, scheduled):
    scheduled.at(0)
    half = ETH // 2
    with reverts(desk.BeyondSlice, left=ETH, asked=ETH + 1):
        ringside.fill(scheduled.order, (stand_in, half, 0), (stand_in, half + 1, 0))
    ringside.fill(scheduled.order, (stand_in, half, 0), (stand_in, half, 0))


class Model:
    """The same schedule in five lines: what may be filled in an interval, counted from 0."""

    def __init__(self, catch_up):
        self.catch_up, self.last, self.left = catch_up, -1, 0

    def allowed(self, interval):
        missed = interval - self.last - 1
        return self.left if missed < 0 else ETH * (1 + min(missed, self.catch_up))

    def fill(self, interval, size):
        self.last, self.left = interval, self.allowed(interval) - size


@given(
    catch_up=st.integers(0, 3),
    fills=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.one_of(st.integers(1, 4 * ETH), st.sampled_from([ETH, 2 * ETH, 4 * ETH])),
        ),
        min_size=1,
        max_size=8,
    ),
)
@cheaply
def test_any_sequence_of_fills_agrees_with_the_model(ringside, stand_in, catch_up, fills):
    scheduled = Scheduled(ringside, stand_in, catch_up, next(nonces))
    model, interval = Model(catch_up), 0
    for second, (later, size) in enumerate(fills):
        interval += later
        # Twenty seconds apart, since every fill's own block takes some.
        scheduled.at(interval, 20 * second)
        left = model.allowed(interval)
        if size > left:
            scheduled.refuses(size, left)
        else:
            scheduled.fill(size)
            model.fill(interval, size)
