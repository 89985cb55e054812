"""When an order may be filled, said in a sentence before the chain says it by an error."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import account, no_seat, order, states_of
from made_up_curves import LinearCurve

from ringside.keeper.conditions import available
from ringside.keeper.plan import Moment, NotNow, PlanError, Progress, plan
from ringside.orders import Conditions
from ringside.units import ONE, USDC

IDS = {"a": 0, "b": 1}
STATES = states_of([LinearCurve("a"), LinearCurve("b")])
HOLDER = account(10**6 * USDC, no_seat("a"), no_seat("b"))
NOW = Moment(10_000, 2_000 * ONE, 9_990, 3_600)
SIZE = 10 * ONE


def asked(size=SIZE, **conditions):
    return order(size, conditions=Conditions(**conditions))


def planned(wanted, moment=NOW, progress=None):
    return plan(wanted, HOLDER, STATES, IDS, progress, moment)


def test_an_order_is_not_filled_before_its_time():
    with pytest.raises(NotNow, match="not be filled before 10001: now is 10000"):
        planned(asked(not_before=10_001))
    assert planned(asked(not_before=10_000)).size == SIZE


@given(st.integers(1, 4_000), st.integers(1, 4_000), st.booleans())
def test_a_stop_is_not_planned_before_its_trigger(price, trigger, above):
    wanted = asked(trigger_price=trigger * ONE, trigger_above=above)
    moment = replace(NOW, price=price * ONE)
    if price >= trigger if above else price <= trigger:
        assert planned(wanted, moment).size == SIZE
    else:
        with pytest.raises(NotNow, match=f"trigger of {trigger}"):
            planned(wanted, moment)


@pytest.mark.parametrize("progress", [Progress(used=ONE), Progress(failures=1)])
def test_a_trigger_latches_once_something_was_filled_or_tried(progress):
    wanted = asked(trigger_price=ONE)
    assert planned(wanted, NOW, progress).size == SIZE - progress.used


@pytest.mark.parametrize(
    "changes",
    [{"updated_at": 6_399}, {"updated_at": 10_001}, {"price": 0}, {"updated_at": 9_000}],
    ids=["stale", "from the future", "no price", "older than the order"],
)
def test_an_answer_that_the_desk_would_not_take_triggers_nothing(changes):
    wanted = asked(trigger_price=3_000 * ONE, not_before=9_500)
    assert planned(wanted).size == SIZE
    with pytest.raises(NotNow, match="cannot trigger the order"):
        planned(wanted, replace(NOW, **changes))


@pytest.mark.parametrize("up_since", [None, 9_000])
def test_nothing_triggers_while_the_sequencer_is_down_or_just_back(up_since):
    with pytest.raises(NotNow, match="sequencer"):
        planned(asked(trigger_price=3_000 * ONE), replace(NOW, up_since=up_since, grace=1_001))
    steady = replace(NOW, up_since=8_999, grace=1_001)
    assert planned(asked(trigger_price=3_000 * ONE), steady).size == SIZE


def test_a_schedule_fills_a_slice_an_interval():
    wanted = asked(interval=100, slice=3 * ONE, not_before=9_900)
    assert planned(wanted, replace(NOW, time=9_950)).size == 3 * ONE
    seen = replace(NOW, time=9_960, slices=((9_950, 2 * ONE),))
    assert planned(wanted, seen, Progress(used=2 * ONE)).size == ONE
    full = replace(NOW, time=9_960, slices=((9_950, 3 * ONE),))
    with pytest.raises(NotNow, match="next one opens at 10000"):
        planned(wanted, full, Progress(used=3 * ONE))


class Book:
    """The Desk's own bookkeeping of slices, as in Book.sol."""

    def __init__(self, terms):
        self.terms, self.interval, self.left = terms, 0, 0

    def open(self, time):
        terms = self.terms
        interval = max(time - terms.not_before, 0) // terms.interval + 1
        if interval > self.interval:
            missed = interval - self.interval - 1
            return interval, terms.slice * (1 + min(missed, terms.catch_up))
        return interval, self.left

    def fill(self, time, size):
        self.interval, left = self.open(time)
        self.left = left - size


@given(
    st.integers(1, 50),
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(1, 120), st.integers(0, 100)), max_size=8),
)
def test_a_schedule_is_counted_as_the_desk_does(interval, catch_up, steps):
    terms = Conditions(not_before=1_000, interval=interval, slice=7, catch_up=catch_up)
    wanted = order(10**6, conditions=terms)
    book, time, fills, used = Book(terms), 1_000, [], 0
    for later, percent in steps:
        time += later
        _, left = book.open(time)
        moment = replace(NOW, time=time, slices=tuple(fills))
        if left:
            assert available(wanted, Progress(used=used), moment) == left
        else:
            with pytest.raises(NotNow):
                available(wanted, Progress(used=used), moment)
        size = left * percent // 100
        if size:
            book.fill(time, size)
            fills.append((time, size))
            used += size


def test_orders_of_a_group_fill_no_more_than_the_group_together():
    wanted = asked(group=7, group_size=SIZE)
    assert planned(wanted, replace(NOW, group_used=4 * ONE)).size == 6 * ONE
    with pytest.raises(NotNow, match="group 7 have filled or have pending all of 10 together"):
        planned(wanted, replace(NOW, group_used=SIZE))


def test_a_slice_below_the_least_fill_is_refused():
    wanted = order(
        SIZE, min_fill=2 * ONE, conditions=Conditions(interval=100, slice=ONE, not_before=1)
    )
    with pytest.raises(PlanError, match="Only 1 may be filled now, less than the order's least"):
        planned(wanted, replace(NOW, time=50))


@given(st.integers(1, 10**20), st.integers(1, 10**22), st.integers(0, 10**16))
def test_our_fee_is_planned_as_the_desk_rounds_it(size, price, fee):
    moment = replace(NOW, price=price, fee=fee)
    exact = price * size * fee
    unit = 10**48
    taken = moment.protocol_fee(size)
    assert taken * unit >= exact
    assert (taken - 1) * unit < exact + fee * ONE


def test_our_fee_counts_against_the_limit_and_the_idle():
    charged = replace(NOW, fee=ONE // 1_000)
    free = planned(order(SIZE), NOW)
    taxed = planned(order(SIZE), charged)
    assert taxed.fee == 20 * USDC
    assert taxed.total - free.total == 20 * ONE
    with pytest.raises(PlanError, match="worse than the order's limit"):
        planned(order(SIZE, limit=free.total_price), charged)
