"""An owner ends one order by its nonce, and all of them by raising the epoch."""

import pytest
from stage import ETH, MAX, USDC, reverts, send

MARGIN = 3_000 * USDC


def test_a_cancelled_order_is_not_filled(ringside, desk, account, client, venue):
    order = ringside.order()
    receipt = send(desk.cancel, account, order.nonce, sender=client)
    (event,) = receipt.decode_logs(desk.Cancelled)
    assert (event.account, event.nonce) == (account, order.nonce)
    assert desk.isSpent(account, order.nonce)
    with reverts(desk.NonceSpent, nonce=order.nonce):
        ringside.fill(order, (venue.id, ETH, MARGIN))


def test_what_is_left_of_an_order_partly_filled_is_cancelled(
    ringside, desk, account, client, venue
):
    order = ringside.order(size=2 * ETH)
    ringside.fill(order, (venue.id, ETH, MARGIN))
    send(desk.cancel, account, order.nonce, sender=client)
    with reverts(desk.NonceSpent, nonce=order.nonce):
        ringside.fill(order, (venue.id, ETH, 0))
    with reverts(desk.NonceSpent, nonce=order.nonce):
        ringside.fill(order.with_(size=ETH), (venue.id, ETH, 0))
    assert venue.size(venue.seat()) == ETH


@pytest.mark.parametrize("nonce", [0, 127, 128, MAX])
def test_cancel_ends_one_nonce_alone(ringside, desk, account, client, venue, nonce):
    send(desk.cancel, account, nonce, sender=client)
    others = {0, 1, 126, 127, 128, 129, MAX - 1, MAX} - {nonce}
    assert desk.isSpent(account, nonce)
    assert not any(desk.isSpent(account, other) for other in others)
    ringside.fill(ringside.order(nonce=1), (venue.id, ETH, MARGIN))


def test_cancelling_twice_or_after_the_fill_changes_nothing(ringside, desk, account, client, venue):
    ringside.fill(ringside.order(), (venue.id, ETH, MARGIN))
    send(desk.cancel, account, 1, sender=client)
    send(desk.cancel, account, 1, sender=client)
    assert desk.isSpent(account, 1)


def test_raising_the_epoch_cancels_every_order_before(ringside, desk, account, client, venue):
    orders = [ringside.order(nonce=nonce, size=2 * ETH) for nonce in range(3)]
    ringside.fill(orders[0], (venue.id, ETH, MARGIN))
    receipt = send(desk.raiseEpoch, account, 7, sender=client)
    (event,) = receipt.decode_logs(desk.EpochRaised)
    assert (event.account, event.epoch) == (account, 7)
    for order in orders:
        with reverts(desk.WrongEpoch, epoch=7):
            ringside.fill(order, (venue.id, ETH, 0))
    ringside.fill(orders[1].with_(epoch=7), (venue.id, ETH, 0))


@pytest.mark.parametrize("epoch", [0, 4, 5])
def test_the_epoch_only_rises(desk, account, client, epoch):
    send(desk.raiseEpoch, account, 5, sender=client)
    with reverts(desk.EpochNotRaised, epoch=5):
        send(desk.raiseEpoch, account, epoch, sender=client)
    assert desk.epochs(account) == 5


def test_one_accounts_epoch_leaves_the_owners_other_accounts_alone(
    ringside, desk, account, client, venue
):
    other = ringside.open_account(client, "other")
    send(desk.raiseEpoch, account, 1, sender=client)
    send(desk.cancel, account, 1, sender=client)
    ringside.fill(ringside.order(account=other), (venue.id, ETH, MARGIN))


def test_nobody_else_cancels_or_raises(desk, account, keeper, attacker):
    for actor in (keeper, attacker):
        with reverts(desk.NotOwner, account=account, caller=actor.address):
            send(desk.cancel, account, 1, sender=actor)
        with reverts(desk.NotOwner, account=account, caller=actor.address):
            send(desk.raiseEpoch, account, 1, sender=actor)
