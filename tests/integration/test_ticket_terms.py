"""What an order says holds for its tickets too, and what is pending counts as filled."""

from stage import ETH, ONE, USDC, reverts, send
from tickets import (
    MARGIN,
    commit,
    commit_step,
    fill_step,
    progress,
    settle,
    take,
    ticket_order,
    undone,
)

from ringside.accounts import account_id
from ringside.orders import (
    Bounds,
    Bundle,
    Conditions,
    Mode,
    venue_set,
)

HOUR = 3_600
TIP = 10 * USDC
NEVER = 2**40 - 1


# ------------------------------------------------------------------------- sizes


def test_an_order_filled_whole_or_not_at_all_is_one_ticket_of_the_whole(ringside, desk, synthetix):
    order = ticket_order(ringside, size=2 * ETH, bounds=Bounds(all_or_none=True))
    with reverts(desk.BelowMinFill, least=2 * ETH, asked=ETH):
        commit(ringside, order, (synthetix.id, ETH, MARGIN))
    commit(ringside, order, (synthetix.id, 2 * ETH, MARGIN))
    synthetix.drop()
    settle(ringside, synthetix.id)
    with reverts(desk.BelowMinFill, least=2 * ETH, asked=ETH):
        commit(ringside, order, (synthetix.id, ETH, 0))
    commit(ringside, order, (synthetix.id, 2 * ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    assert progress(ringside, order).used == synthetix.size() == 2 * ETH


def test_a_ticket_is_no_smaller_than_the_least_or_completes_the_order(ringside, desk, synthetix):
    order = ticket_order(ringside, size=3 * ETH, bounds=Bounds(min_fill=2 * ETH))
    with reverts(desk.BelowMinFill, least=2 * ETH, asked=ETH):
        commit(ringside, order, (synthetix.id, ETH, MARGIN))
    commit(ringside, order, (synthetix.id, 2 * ETH, MARGIN))
    synthetix.execute()
    settle(ringside, synthetix.id)
    commit(ringside, order, (synthetix.id, ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    assert synthetix.size() == 3 * ETH


def test_filled_and_pending_is_never_more_than_the_order(
    ringside, desk, account, synthetix, stand_in, both
):
    order = ticket_order(ringside, size=2 * ETH, venues=both)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    with reverts(desk.Overfilled, left=ETH, asked=ETH + 1):
        ringside.fill(order, (stand_in, ETH + 1, 0))
    ringside.fill(order, (stand_in, ETH, 0))
    with reverts(desk.Overfilled, left=0, asked=1):
        ringside.fill(order, (stand_in, 1, 0))
    assert progress(ringside, order).used == 2 * ETH
    assert not desk.isSpent(account, order.nonce)
    # What the venue dropped may be filled anew, and nothing beyond.
    synthetix.drop()
    settle(ringside, synthetix.id)
    with reverts(desk.Overfilled, left=ETH, asked=ETH + 1):
        ringside.fill(order, (stand_in, ETH + 1, 0))
    ringside.fill(order, (stand_in, ETH, 0))
    assert desk.isSpent(account, order.nonce)
    with reverts(desk.NonceSpent, nonce=order.nonce):
        ringside.fill(order, (stand_in, 1, 0))


def test_nothing_more_is_filled_once_a_ticket_was_the_orders_last_part(
    ringside, desk, synthetix, stand_in, both
):
    order = ticket_order(ringside, venues=both)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    synthetix.execute()
    with reverts(desk.Overfilled, left=0, asked=1):
        ringside.fill(order, (stand_in, 1, 0))
    settle(ringside, synthetix.id)
    with reverts(desk.Overfilled, left=0, asked=1):
        ringside.fill(order, (stand_in, 1, 0))


# ---------------------------------------------------------------------- positions


def test_a_reducing_ticket_never_turns_the_position(ringside, desk, synthetix):
    take(synthetix, 2 * ETH)
    order = ticket_order(ringside, size=-3 * ETH, bounds=Bounds(reduce_only=True))
    with reverts(desk.NotReducing, venue=synthetix.id, position=-1):
        commit(ringside, order, (synthetix.id, -2 * ETH - 1, 0))
    commit(ringside, order, (synthetix.id, -2 * ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    assert synthetix.size() == 0
    # There is nothing left to reduce.
    with reverts(desk.NotReducing, venue=synthetix.id, position=-1):
        commit(ringside, order, (synthetix.id, -1, 0))


def test_what_is_pending_counts_as_reduced(ringside, desk, vault, synthetix):
    """While it is open, nothing reduces twice; once it is filled, what is left is less."""
    take(synthetix, 2 * ETH)
    order = ticket_order(ringside, size=-4 * ETH, bounds=Bounds(reduce_only=True))
    commit(ringside, order, (synthetix.id, -ETH, 0))
    with reverts(vault.TicketOpen, venue=synthetix.id):
        commit(ringside, order, (synthetix.id, -ETH, 0))
    synthetix.execute()
    with reverts(desk.NotReducing, venue=synthetix.id, position=-1):
        commit(ringside, order, (synthetix.id, -ETH - 1, 0))
    commit(ringside, order, (synthetix.id, -ETH, 0))


def test_the_leverage_bound_holds_when_a_ticket_is_committed(ringside, desk, synthetix):
    """Of the notional at the venue's price of now and the margin as it went in."""
    margin = 500 * USDC
    plain = ticket_order(ringside, max_margin=margin)
    with undone(ringside):
        commit(ringside, plain, (synthetix.id, ETH, margin))
        backing = synthetix.margin() + synthetix.setting("minKeeperFee")
    leverage = -(-2_000 * ONE * ONE // backing)
    assert 4 * ONE < leverage < 5 * ONE
    refusals = (
        (Bounds(max_leverage=leverage - 1), desk.LeverageTooHigh),
        (Bounds(min_leverage=leverage + 1), desk.LeverageTooLow),
    )
    for bounds, error in refusals:
        with reverts(error, venue=synthetix.id, leverage=leverage):
            commit(ringside, plain.with_(bounds=bounds), (synthetix.id, ETH, margin))
    bounds = Bounds(min_leverage=leverage, max_leverage=leverage)
    commit(ringside, plain.with_(bounds=bounds), (synthetix.id, ETH, margin))


def test_a_ticket_that_only_reduces_asks_for_no_leverage(ringside, synthetix):
    take(synthetix, 2 * ETH, margin=200 * USDC)
    bounds = Bounds(max_leverage=ONE)
    order = ticket_order(ringside, size=-ETH, bounds=bounds)
    commit(ringside, order, (synthetix.id, -ETH, 0))


def test_a_ticket_does_not_open_against_a_position_elsewhere_that_could_be_closed(
    ringside, desk, synthetix, stand_in, both
):
    ringside.trade(stand_in, -ETH)
    order = ticket_order(ringside, venues=both)
    with reverts(desk.CloseFirst, venues=venue_set([stand_in])):
        commit(ringside, order, (synthetix.id, ETH, MARGIN))
    against = order.with_(bounds=Bounds(open_against=True))
    commit(ringside, against, (synthetix.id, ETH, MARGIN))


def test_a_position_here_is_closed_first_unless_a_ticket_blocks_it(
    ringside, desk, synthetix, stand_in, both
):
    take(synthetix, -2 * ETH)
    order = ticket_order(ringside, venues=both)
    with reverts(desk.CloseFirst, venues=venue_set([synthetix.id])):
        ringside.fill(order, (stand_in, ETH, 0))
    closing = ticket_order(ringside, nonce=2, max_margin=0)
    commit(ringside, closing, (synthetix.id, ETH, 0))
    ringside.fill(order, (stand_in, ETH, 0))


# ------------------------------------------------------------------------ conditions


def test_a_ticket_is_not_made_before_the_trigger_and_a_failed_one_latches_it(
    ringside, desk, synthetix
):
    take(synthetix, 2 * ETH)
    stop = ticket_order(
        ringside,
        size=-2 * ETH,
        bounds=Bounds(reduce_only=True),
        conditions=Conditions(trigger_price=1_900 * ONE),
    )
    with reverts(desk.NotTriggered, price=2_000 * ONE, trigger=1_900 * ONE):
        commit(ringside, stop, (synthetix.id, -2 * ETH, 0))
    synthetix.move(1_900)
    commit(ringside, stop, (synthetix.id, -2 * ETH, 0))
    synthetix.move(2_000)
    synthetix.drop()
    settle(ringside, synthetix.id, 2)
    assert progress(ringside, stop).failures == 1
    commit(ringside, stop, (synthetix.id, -2 * ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 3)
    assert synthetix.size() == 0


def test_a_ticket_waits_for_its_time_and_its_filler(ringside, desk, synthetix, keeper, stranger):
    start = ringside.now + HOUR
    conditions = Conditions(not_before=start, filler=keeper.address, filler_until=start + HOUR)
    order = ticket_order(ringside, conditions=conditions)
    with reverts(desk.NotYet, notBefore=start):
        commit(ringside, order, (synthetix.id, ETH, MARGIN))
    ringside.mine_at(start)
    with reverts(desk.NotFiller, filler=keeper.address):
        commit(ringside, order, (synthetix.id, ETH, MARGIN), by=stranger)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))


def test_pending_counts_towards_a_group_and_a_cancel_gives_it_back(
    ringside, desk, account, synthetix, stand_in, both
):
    group = Conditions(group=7, group_size=ETH)
    one = ticket_order(ringside, conditions=group)
    other = ticket_order(ringside, nonce=2, venues=both, conditions=group)
    commit(ringside, one, (synthetix.id, ETH, MARGIN))
    assert desk.groupUsed(account, 7) == ETH
    with reverts(desk.BeyondGroup, left=0, asked=1):
        ringside.fill(other, (stand_in, 1, 0))
    with undone(ringside):
        synthetix.execute()
        settle(ringside, synthetix.id)
        assert desk.groupUsed(account, 7) == ETH
        with reverts(desk.BeyondGroup, left=0, asked=1):
            ringside.fill(other, (stand_in, 1, 0))
    synthetix.drop()
    settle(ringside, synthetix.id)
    assert desk.groupUsed(account, 7) == 0
    ringside.fill(other, (stand_in, ETH, 0))
    with reverts(desk.BeyondGroup, left=0, asked=ETH):
        commit(ringside, one, (synthetix.id, ETH, 0))


def test_pending_counts_towards_a_schedules_slice(ringside, desk, synthetix, stand_in, both):
    start = ringside.now + HOUR
    conditions = Conditions(not_before=start, interval=HOUR, slice=2 * ETH)
    order = ticket_order(
        ringside, size=6 * ETH, max_margin=6 * MARGIN, venues=both, conditions=conditions
    )
    ringside.mine_at(start)
    with reverts(desk.BeyondSlice, left=2 * ETH, asked=2 * ETH + 1):
        commit(ringside, order, (synthetix.id, 2 * ETH + 1, MARGIN))
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    with reverts(desk.BeyondSlice, left=ETH, asked=ETH + 1):
        ringside.fill(order, (stand_in, ETH + 1, 0))
    ringside.fill(order, (stand_in, ETH, 0))
    # A failed ticket's part of its interval has lapsed.
    synthetix.drop()
    settle(ringside, synthetix.id)
    with reverts(desk.BeyondSlice, left=0, asked=1):
        ringside.fill(order, (stand_in, 1, 0))
    ringside.mine_at(start + HOUR)
    commit(ringside, order, (synthetix.id, 2 * ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    assert progress(ringside, order).used == 3 * ETH


# -------------------------------------------------------------------------- the end


def test_a_pending_ticket_of_a_cancelled_order_may_still_fill_and_is_booked(
    ringside, desk, vault, account, client, keeper, synthetix
):
    order = ticket_order(ringside, size=2 * ETH, tip=TIP)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    send(desk.cancel, account, order.nonce, sender=client)
    synthetix.execute()
    settle(ringside, synthetix.id)
    assert progress(ringside, order).used == synthetix.size() == ETH
    assert vault.idle(account_id(keeper.address)) == TIP // 2
    with reverts(desk.NonceSpent, nonce=order.nonce):
        commit(ringside, order, (synthetix.id, ETH, 0))


def test_a_pending_ticket_of_an_earlier_epoch_may_still_fill_and_no_other_is_made(
    ringside, desk, vault, account, client, keeper, synthetix
):
    order = ticket_order(ringside, size=2 * ETH, tip=TIP)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    send(desk.raiseEpoch, account, 1, sender=client)
    with reverts(desk.WrongEpoch, epoch=1):
        commit(ringside, order, (synthetix.id, ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id)
    assert progress(ringside, order).used == ETH
    assert vault.idle(account_id(keeper.address)) == TIP // 2
    with reverts(desk.WrongEpoch, epoch=1):
        commit(ringside, order, (synthetix.id, ETH, 0))
    commit(ringside, order.with_(epoch=1, nonce=2), (synthetix.id, ETH, 0))


def test_no_ticket_is_made_after_the_deadline_and_one_made_before_is_booked(
    ringside, desk, synthetix
):
    order = ticket_order(ringside, size=2 * ETH, deadline=ringside.now + 10)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    ringside.mine_at(order.deadline + 1)
    with reverts(desk.Expired, deadline=order.deadline):
        commit(ringside, order, (synthetix.id, ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id)
    assert progress(ringside, order).used == ETH


# ------------------------------------------------------------------------- bundles


def flip(ringside, synthetix, stand_in, mode):
    """Two ETH bought at Synthetix, then four sold at the other venue."""
    first = ticket_order(ringside, size=2 * ETH, max_margin=2 * MARGIN).terms
    second = ticket_order(
        ringside,
        size=-4 * ETH,
        venues=venue_set([stand_in]),
        tickets=None,
        bounds=Bounds(open_against=True),
    ).terms
    return Bundle(ringside.account, (first, second), mode, NEVER, 9)


def test_a_step_opens_when_the_one_before_is_filled_and_not_while_it_is_pending(
    ringside, desk, synthetix, stand_in
):
    bundle = flip(ringside, synthetix, stand_in, Mode.STEPWISE)
    commit_step(ringside, bundle, 0, (synthetix.id, 2 * ETH, MARGIN))
    assert progress(ringside, bundle.step_key(ringside.domain, 0)).pending == 2 * ETH
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, bundle, 1, (stand_in, -4 * ETH, 0))
    synthetix.execute()
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, bundle, 1, (stand_in, -4 * ETH, 0))
    assert settle(ringside, synthetix.id).key == bundle.step_key(ringside.domain, 0)
    fill_step(ringside, bundle, 1, (stand_in, -4 * ETH, 0))
    assert progress(ringside, bundle.step_key(ringside.domain, 1)).used == 4 * ETH


def test_a_step_stays_closed_when_the_ticket_before_it_was_dropped(
    ringside, desk, synthetix, stand_in
):
    bundle = flip(ringside, synthetix, stand_in, Mode.STEPWISE)
    commit_step(ringside, bundle, 0, (synthetix.id, 2 * ETH, MARGIN))
    synthetix.drop()
    settle(ringside, synthetix.id)
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, bundle, 1, (stand_in, -4 * ETH, 0))
    commit_step(ringside, bundle, 0, (synthetix.id, 2 * ETH, MARGIN))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    fill_step(ringside, bundle, 1, (stand_in, -4 * ETH, 0))


def test_in_proportion_a_step_goes_as_far_as_tickets_before_it_are_filled(
    ringside, desk, synthetix, stand_in
):
    bundle = flip(ringside, synthetix, stand_in, Mode.PROPORTIONAL)
    commit_step(ringside, bundle, 0, (synthetix.id, ETH, MARGIN))
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, bundle, 1, (stand_in, -1, 0))
    synthetix.execute()
    settle(ringside, synthetix.id)
    commit_step(ringside, bundle, 0, (synthetix.id, ETH, 0))
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, bundle, 1, (stand_in, -2 * ETH - 1, 0))
    fill_step(ringside, bundle, 1, (stand_in, -2 * ETH, 0))
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    fill_step(ringside, bundle, 1, (stand_in, -2 * ETH, 0))


def test_an_atomic_bundle_has_no_tickets(ringside, desk, synthetix, stand_in):
    bundle = flip(ringside, synthetix, stand_in, Mode.ATOMIC)
    with reverts(desk.BadBundle):
        commit_step(ringside, bundle, 0, (synthetix.id, 2 * ETH, MARGIN))
