"""An order to close all, where some of it is closed by tickets."""

import pytest
from stage import ETH, ONE, USDC, reverts
from tickets import (
    commit,
    commit_step,
    fill_step,
    own_settle,
    progress,
    settle,
    take,
    ticket_order,
    undone,
)

from ringside.accounts import account_id
from ringside.orders import CLOSE_LONGS, Bounds, Bundle, Mode, venue_set

NEVER = 2**40 - 1


@pytest.fixture
def longs(ringside, synthetix, stand_in, both):
    """An order to close them all, one ETH at Synthetix and two at the other venue."""
    take(synthetix, ETH)
    ringside.trade(stand_in, 2 * ETH, 1_000 * USDC)
    return ticket_order(ringside, size=CLOSE_LONGS, venues=both, max_margin=0)


def test_an_order_to_close_all_completes_when_its_last_ticket_is_settled(
    ringside, desk, synthetix, stand_in, longs
):
    ringside.fill(longs, (stand_in, -2 * ETH, 0))
    assert not progress(ringside, longs).done
    commit(ringside, longs, (synthetix.id, -ETH, 0))
    synthetix.execute()
    assert not progress(ringside, longs).done
    settle(ringside, synthetix.id, 2)
    assert progress(ringside, longs).done
    assert synthetix.size() == 0
    ringside.trade(stand_in, 2 * ETH)
    with reverts(desk.Overfilled, left=0, asked=0):
        ringside.fill(longs, (stand_in, -2 * ETH, 0))


def test_an_order_to_close_all_is_not_complete_while_a_position_is_left_elsewhere(
    ringside, desk, account, synthetix, stand_in, longs
):
    commit(ringside, longs, (synthetix.id, -ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    assert not progress(ringside, longs).done
    ringside.fill(longs, (stand_in, -2 * ETH, 0))
    assert progress(ringside, longs).done
    assert desk.isSpent(account, longs.nonce)


def test_an_order_to_close_all_goes_on_after_a_ticket_that_failed(ringside, desk, synthetix, longs):
    commit(ringside, longs, (synthetix.id, -ETH, 0))
    with reverts(desk.NothingToClose, venues=1 << synthetix.id):
        commit(ringside, longs, (synthetix.id, -ETH, 0))
    synthetix.drop()
    settle(ringside, synthetix.id, 2)
    assert (progress(ringside, longs).done, progress(ringside, longs).failures) == (False, 1)
    commit(ringside, longs, (synthetix.id, -ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 3)
    assert synthetix.size() == 0


def test_the_tip_of_an_order_to_close_all_is_in_its_tickets_price(ringside, desk, synthetix, longs):
    """One of three ETH: a third of it."""

    def limit(order):
        with undone(ringside):
            receipt = commit(ringside, order, (synthetix.id, -ETH, 0))
            return receipt.decode_logs(desk.Committed)[0].limitQuote

    order = longs.with_(limit_price=1_500 * ONE)
    assert limit(order.with_(tip=6 * USDC)) == limit(order) + 2 * ONE


def test_the_tip_of_its_ticket_is_set_aside_and_its_committers(
    ringside, vault, account, keeper, stranger, synthetix, stand_in, longs
):
    order = longs.with_(tip=6 * USDC)
    commit(ringside, order, (synthetix.id, -ETH, 0), by=keeper)
    assert vault.reserved(account) == 2 * USDC
    ringside.fill(order, (stand_in, -2 * ETH, 0), by=stranger)
    synthetix.execute()
    assert not progress(ringside, order).done
    settle(ringside, synthetix.id, 2, by=stranger)
    assert progress(ringside, order).done
    tips = [vault.idle(account_id(who.address)) for who in (keeper, stranger)]
    assert tips == [2 * USDC, 4 * USDC]


def test_an_order_to_close_all_at_once_makes_a_ticket_of_all_or_none(
    ringside, desk, synthetix, stand_in, longs
):
    order = longs.with_(bounds=Bounds(all_or_none=True))
    with reverts(desk.NotAllClosed, venues=1 << stand_in):
        commit(ringside, order, (synthetix.id, -ETH, 0))
    ringside.trade(stand_in, -2 * ETH)
    with reverts(desk.NotAllClosed, venues=1 << synthetix.id):
        commit(ringside, order, (synthetix.id, -1, 0))
    commit(ringside, order, (synthetix.id, -ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    assert progress(ringside, order).done


def test_an_order_to_close_all_is_not_ended_without_legs_while_it_has_a_ticket(
    ringside, desk, synthetix
):
    take(synthetix, ETH)
    order = ticket_order(ringside, size=CLOSE_LONGS, max_margin=0)
    commit(ringside, order, (synthetix.id, -ETH, 0))
    with reverts(desk.NotAllClosed, venues=0):
        ringside.fill(order)


def test_an_order_to_close_all_opens_nothing_by_a_ticket(ringside, desk, synthetix, longs):
    with reverts(desk.NotReducing, venue=synthetix.id, position=-1):
        commit(ringside, longs, (synthetix.id, -ETH - 1, 0))


def test_a_bundle_goes_on_after_a_step_that_closed_all_by_a_ticket(
    ringside, desk, synthetix, stand_in
):
    """A flip from one venue to the other: the step that opens says nothing about the first."""
    take(synthetix, 2 * ETH)
    first = ticket_order(ringside, size=CLOSE_LONGS, max_margin=0).terms
    second = ticket_order(ringside, size=-2 * ETH, venues=venue_set([stand_in]), tickets=None).terms
    bundle = Bundle(ringside.account, (first, second), Mode.STEPWISE, NEVER, 9)
    commit_step(ringside, bundle, 0, (synthetix.id, -2 * ETH, 0))
    synthetix.execute()
    own_settle(ringside, synthetix.id)
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, bundle, 1, (stand_in, -2 * ETH, 0))
    settle(ringside, synthetix.id, 2)
    fill_step(ringside, bundle, 1, (stand_in, -2 * ETH, 0))
