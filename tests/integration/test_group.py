"""Orders of one group: together they fill no more than the group's size, so one cancels the
other."""

from decimal import Decimal
from itertools import count

import pytest
from bundles import bundle, fill_step, step
from hypothesis import given
from hypothesis import strategies as st
from stage import ETH, ONE, USDC, few, reverts, send

from devnet import market
from ringside.orders import Bounds, Conditions, Mode, venue_set

GROUP = 7
numbers = count(1_000)
cheaply = few(10)


@pytest.fixture
def pair(ringside, stand_in):
    """Two orders for one ETH each, of which one cancels the other."""

    def pair(size=ETH, group=GROUP, nonce=1, account=None):
        conditions = Conditions(group=group, group_size=size)
        terms = {"size": size, "venues": venue_set([stand_in]), "conditions": conditions}
        account = account or ringside.account
        return [ringside.order(nonce=nonce + i, account=account, **terms) for i in range(2)]

    return pair


def test_one_cancels_the_other(ringside, desk, account, stand_in, pair):
    one, other = pair()
    ringside.fill(one, (stand_in, ETH, 0))
    assert desk.groupUsed(account, GROUP) == ETH
    with reverts(desk.BeyondGroup, left=0, asked=1):
        ringside.fill(other, (stand_in, 1, 0))


def test_what_one_has_filled_is_missing_from_the_other(ringside, desk, account, stand_in, pair):
    one, other = pair(10)
    ringside.fill(one, (stand_in, 4, 0))
    with reverts(desk.BeyondGroup, left=6, asked=7):
        ringside.fill(other, (stand_in, 7, 0))
    ringside.fill(other, (stand_in, 5, 0))
    with reverts(desk.BeyondGroup, left=1, asked=2):
        ringside.fill(one, (stand_in, 2, 0))
    ringside.fill(one, (stand_in, 1, 0))
    assert desk.groupUsed(account, GROUP) == 10
    for order in (one, other):
        with reverts(desk.BeyondGroup, left=0, asked=1):
            ringside.fill(order, (stand_in, 1, 0))


@given(fills=st.lists(st.tuples(st.integers(0, 1), st.integers(1, ETH)), max_size=6))
@cheaply
def test_all_orders_together_never_fill_more_than_the_group(
    ringside, desk, account, stand_in, pair, fills
):
    group = next(numbers)
    orders, used = pair(ETH, group, nonce=10 * group), 0
    for which, size in fills:
        if used + size > ETH:
            with reverts(desk.BeyondGroup, left=ETH - used, asked=size):
                ringside.fill(orders[which], (stand_in, size, 0))
        else:
            ringside.fill(orders[which], (stand_in, size, 0))
            used += size
        assert desk.groupUsed(account, group) == used


def test_cancelling_one_leaves_the_other(ringside, desk, account, client, stand_in, pair):
    one, other = pair()
    send(desk.cancel, account, one.nonce, sender=client)
    with reverts(desk.NonceSpent, nonce=one.nonce):
        ringside.fill(one, (stand_in, ETH, 0))
    ringside.fill(other, (stand_in, ETH, 0))


def test_what_a_cancelled_order_had_filled_stays_counted(
    ringside, desk, account, client, stand_in, pair
):
    one, other = pair(10)
    ringside.fill(one, (stand_in, 4, 0))
    send(desk.cancel, account, one.nonce, sender=client)
    with reverts(desk.BeyondGroup, left=6, asked=10):
        ringside.fill(other, (stand_in, 10, 0))
    ringside.fill(other, (stand_in, 6, 0))


def test_a_refused_fill_uses_nothing_of_the_group(ringside, desk, account, stand_in, pair):
    one, other = pair()
    with reverts(desk.WorsePrice):
        ringside.fill(one.with_(limit_price=1), (stand_in, ETH, 0))
    assert desk.groupUsed(account, GROUP) == 0
    ringside.fill(other, (stand_in, ETH, 0))


def test_two_accounts_groups_are_apart(ringside, desk, client, stand_in, pair):
    second = ringside.open_account(client, "second")
    ringside.fill(pair()[0], (stand_in, ETH, 0))
    assert desk.groupUsed(second, GROUP) == 0
    ringside.fill(pair(account=second)[1], (stand_in, ETH, 0))


def test_two_groups_of_one_account_are_apart(ringside, stand_in, pair):
    ringside.fill(pair()[0], (stand_in, ETH, 0))
    ringside.fill(pair(group=GROUP + 1)[1], (stand_in, ETH, 0))


def test_group_zero_is_none(ringside, desk, account, stand_in):
    conditions = Conditions(group=0, group_size=1)
    order = ringside.order(venues=venue_set([stand_in]), conditions=conditions)
    ringside.fill(order, (stand_in, ETH, 0))
    assert desk.groupUsed(account, 0) == 0


def test_an_order_that_signs_a_smaller_group_than_is_used_fills_nothing(
    ringside, desk, stand_in, pair
):
    one, other = pair(10)
    ringside.fill(one, (stand_in, 8, 0))
    smaller = other.with_(conditions=Conditions(group=GROUP, group_size=5))
    with reverts(desk.BeyondGroup, left=0, asked=1):
        ringside.fill(smaller, (stand_in, 1, 0))


def test_a_bundles_step_shares_the_group_with_an_order(ringside, desk, stand_in, pair):
    one, _ = pair()
    conditions = Conditions(group=GROUP, group_size=ETH)
    terms = step(ringside, venues=venue_set([stand_in]), conditions=conditions)
    whole = bundle(ringside, Mode.STEPWISE, terms, nonce=9)
    fill_step(ringside, whole, 0, (stand_in, ETH // 4, 0))
    with reverts(desk.BeyondGroup, left=3 * ETH // 4, asked=ETH):
        ringside.fill(one, (stand_in, ETH, 0))


def test_a_stop_loss_cancels_the_take_profit_at_a_real_venue(ringside, desk, venue):
    ringside.trade(venue.id, 2 * ETH, 5_000 * USDC)
    close = ringside.order(size=-2 * ETH, bounds=Bounds(reduce_only=True))
    group = {"group": GROUP, "group_size": 2 * ETH}
    loss = close.with_(conditions=Conditions(trigger_price=1_900 * ONE, **group))
    profit = close.with_(
        nonce=2,
        conditions=Conditions(trigger_price=2_100 * ONE, trigger_above=True, **group),
    )
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(1_900))
    ringside.fill(loss, (venue.id, -2 * ETH, 0))
    ringside.trade(venue.id, 2 * ETH)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(2_100))
    with reverts(desk.BeyondGroup, left=0, asked=2 * ETH):
        ringside.fill(profit, (venue.id, -2 * ETH, 0))
