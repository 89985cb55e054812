"""An order to close all closes every long, or every short, at the venues it allows, whatever their
size, and is then done for good."""

from decimal import Decimal

import pytest
from bundles import bundle, fill_bundle, fill_step, step
from stage import ALL_VENUES, DEPOSIT, ETH, NEVER, ONE, PAY_CAP, USDC, reverts, send
from tickets import TICKETS, commit, ticket_order

from devnet import feeds
from ringside.accounts import Right, account_id
from ringside.orders import CLOSE_LONGS, CLOSE_SHORTS, Bounds, Conditions, Mode, venue_set

MARGIN = 5_000 * USDC
HONEST, REVERTING, UNABLE = 0, 1, 4
sides = pytest.mark.parametrize("side", [1, -1], ids=["longs", "shorts"])


def close_all(ringside, side=1, **changes):
    size = CLOSE_LONGS if side > 0 else CLOSE_SHORTS
    return ringside.order(size=size, **changes)


@pytest.fixture
def both(ringside, perp, rage):
    """Two ETH at Perp v2 and one at Rage."""

    def both(side=1):
        ringside.trade(perp.id, side * 2 * ETH, MARGIN)
        ringside.trade(rage.id, side * ETH, MARGIN)

    return both


@pytest.fixture
def here(ringside, stand_in):
    """An order to close all longs at the stand-in, where two ETH are held."""
    ringside.trade(stand_in, 2 * ETH, MARGIN)
    return close_all(ringside, venues=venue_set([stand_in]), tip=5 * USDC)


@pytest.fixture
def moody(ringside):
    """A venue that can fall silent, with a long of one ETH."""
    venue, made = ringside.add_venue("MoodySeat", instrument=2)
    ringside.trade(venue, ETH)

    def mood(telling):
        send(made.setMoods, HONEST, telling, sender=ringside.actors["stranger"])

    return venue, mood


@pytest.fixture
def stuck(ringside):
    """A venue that will not be traded with any more, with a long of one ETH, and what it says that
    it would do."""
    venue, made = ringside.add_venue("MoodySeat", instrument=3)
    ringside.trade(venue, ETH)

    def quoting(mood):
        send(made.setMoods, mood, HONEST, sender=ringside.actors["stranger"])

    return venue, quoting


@sides
def test_it_closes_at_every_venue_at_once(ringside, desk, account, perp, rage, both, side):
    both(side)
    order = close_all(ringside, side)
    receipt = ringside.fill(order, (perp.id, -side * 2 * ETH, 0), (rage.id, -side * ETH, 0))
    assert perp.size(perp.seat()) == rage.size(rage.seat()) == 0
    assert ringside.filled(receipt).size == -side * 3 * ETH
    assert desk.progress(order.digest(ringside.domain)).done
    assert desk.isSpent(account, order.nonce)


@sides
def test_each_position_is_closed_whole(ringside, desk, perp, rage, both, side):
    both(side)
    order = close_all(ringside, side)
    with reverts(desk.NotAllClosed, venues=1 << perp.id):
        ringside.fill(order, (perp.id, -side * (2 * ETH - 1_000), 0), (rage.id, -side * ETH, 0))
    with reverts(desk.NotAllClosed, venues=1 << perp.id):
        legs = [(perp.id, -side * ETH, 0)] * 2
        ringside.fill(order, *legs, (rage.id, -side * ETH, 0))


@sides
def test_all_or_none_leaves_nothing_at_a_venue(ringside, desk, perp, rage, both, side):
    both(side)
    order = close_all(ringside, side, bounds=Bounds(all_or_none=True))
    with reverts(desk.NotAllClosed, venues=1 << rage.id):
        ringside.fill(order, (perp.id, -side * 2 * ETH, 0))
    ringside.fill(order, (perp.id, -side * 2 * ETH, 0), (rage.id, -side * ETH, 0))


def test_it_may_go_venue_by_venue_and_pays_each_by_what_it_closed(
    ringside, desk, vault, account, keeper, stranger, perp, rage, both
):
    both()
    order = close_all(ringside, tip=5 * USDC)
    ringside.fill(order, (perp.id, -2 * ETH, 0), by=keeper)
    assert not desk.isSpent(account, order.nonce)
    assert vault.idle(account_id(keeper.address)) == 5 * USDC * 2 // 3
    ringside.fill(order, (rage.id, -ETH, 0), by=stranger)
    assert desk.isSpent(account, order.nonce)
    assert vault.idle(account_id(stranger.address)) == 5 * USDC - 5 * USDC * 2 // 3


def test_a_venue_that_would_not_trade_holds_up_no_other(ringside, desk, perp, stand_in, stuck):
    """Whatever it says of itself: that it would take it all, or nothing."""
    venue, quoting = stuck
    ringside.trade(perp.id, ETH, MARGIN)
    ringside.trade(stand_in, ETH)
    order = close_all(ringside, venues=venue_set([perp.id, stand_in, venue]))
    for mood, other in ((HONEST, perp.id), (UNABLE, stand_in)):
        quoting(mood)
        ringside.fill(order, (other, -ETH, 0))
    assert perp.size(perp.seat()) == ringside.seat_at(stand_in, "StandInSeat").held_() == 0
    assert not desk.progress(order.digest(ringside.domain)).done


def test_what_it_closes_is_settled_at_its_first_fill(ringside, desk, account, stand_in, moody):
    """Neither what is opened elsewhere afterwards, nor where it has closed already."""
    first, _ = moody
    ringside.trade(stand_in, ETH, MARGIN)
    another, _ = ringside.add_venue("StandInSeat", instrument=4)
    order = close_all(ringside, venues=venue_set([stand_in, first, another]))
    ringside.fill(order, (stand_in, -ETH, 0))
    for venue in (stand_in, another):
        ringside.trade(venue, ETH)
        with reverts(desk.NothingToClose, venues=1 << venue):
            ringside.fill(order, (venue, -ETH, 0))
    ringside.fill(order, (first, -ETH, 0))
    assert desk.isSpent(account, order.nonce)


def test_where_the_rest_was_closed_otherwise_anyone_may_end_it(
    ringside, desk, vault, account, client, stand_in, moody
):
    """Without legs, and without a tip."""
    other, _ = moody
    ringside.trade(stand_in, ETH, MARGIN)
    order = close_all(ringside, venues=venue_set([stand_in, other]), tip=5 * USDC)
    ringside.fill(order, (stand_in, -ETH, 0))
    with reverts(desk.NotAllClosed, venues=1 << other):
        ringside.fill(order)
    ringside.trade(other, -ETH)
    before = vault.idle(account)
    ringside.fill(order)
    assert desk.isSpent(account, order.nonce)
    assert vault.idle(account) == before


def test_a_crumb_keeps_no_trigger_latched(ringside, desk, feed, stand_in):
    ringside.trade(stand_in, 2 * ETH, MARGIN)
    conditions = Conditions(trigger_price=1_900 * ONE)
    order = close_all(ringside, venues=venue_set([stand_in]), conditions=conditions)
    feed(1_900 * 10**8, ringside.now)
    with reverts(desk.NotAllClosed, venues=1 << stand_in):
        ringside.fill(order, (stand_in, -2 * ETH + 1, 0))


@sides
def test_it_only_reduces(ringside, desk, perp, rage, both, side):
    both(side)
    legs = (perp.id, -side * 3 * ETH, 0), (rage.id, -side * ETH, 0)
    with reverts(desk.NotReducing, venue=perp.id, position=-side * ETH):
        ringside.fill(close_all(ringside, side), *legs)


def test_where_nothing_is_held_it_does_nothing(ringside, desk, stand_in):
    order = close_all(ringside, venues=venue_set([stand_in]))
    with reverts(desk.NothingToClose, venues=1 << stand_in):
        ringside.fill(order, (stand_in, -1, 0))
    with reverts(desk.NoLegs):
        ringside.fill(order)


def test_it_trades_in_its_direction_alone(ringside, desk, stand_in, here):
    with reverts(desk.BadLeg, size=1):
        ringside.fill(here, (stand_in, 1, 0))


def test_it_takes_no_margin(ringside, desk, stand_in, here):
    with reverts(desk.TooMuchMargin, share=0, asked=1):
        ringside.fill(here.with_(max_margin=MARGIN), (stand_in, -2 * ETH, 1))


def test_it_is_held_to_its_price(ringside, desk, stand_in, here):
    dear = here.with_(limit_price=2_000 * ONE + 1, tip=0)
    with reverts(desk.WorsePrice, total=4_000 * ONE * ONE, limit=4_000 * ONE * ONE + 2 * ETH):
        ringside.fill(dear, (stand_in, -2 * ETH, 0))
    ringside.fill(dear.with_(limit_price=2_000 * ONE), (stand_in, -2 * ETH, 0))


def test_its_tip_counts_in_the_price(ringside, desk, stand_in, here):
    """Five USDC on two ETH sold for 4,000: all in 1,997.50 each."""
    with reverts(desk.WorsePrice):
        order = here.with_(limit_price=1_997 * ONE + ONE // 2 + 1)
        ringside.fill(order, (stand_in, -2 * ETH, 0))
    ringside.fill(here.with_(limit_price=1_997 * ONE + ONE // 2), (stand_in, -2 * ETH, 0))


def test_positions_it_does_not_name_stay(ringside, perp, rage, stand_in):
    """A short, a long in another market, and one at a venue that it does not allow."""
    btc = ringside.order(market="BTC-USD", size=ETH // 10, limit_price=100_000 * ONE, nonce=9)
    ringside.fill(btc, (perp.id, ETH // 10, MARGIN))
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    ringside.trade(rage.id, -ETH, MARGIN)
    ringside.trade(stand_in, ETH)
    ringside.fill(close_all(ringside), (perp.id, -2 * ETH, 0))
    assert perp.size(perp.seat()) == 0
    assert perp.size(perp.seat(), "BTC-USD") == ETH // 10
    assert rage.size(rage.seat()) == -ETH
    assert ringside.seat_at(stand_in, "StandInSeat").held_() == ETH


# -------------------------------------------------------------------------------- tip


def test_the_tip_goes_to_whoever_closes(ringside, vault, account, stranger, stand_in, here):
    receipt = ringside.fill(here, (stand_in, -2 * ETH, 0), by=stranger)
    assert vault.idle(account_id(stranger.address)) == 5 * USDC
    assert vault.idle(account) == DEPOSIT - MARGIN - 5 * USDC
    assert ringside.filled(receipt).tip == 5 * USDC


def test_the_tip_is_under_the_days_cap(ringside, vault, stand_in, here):
    with reverts(vault.PayCapExceeded, cap=PAY_CAP, wanted=PAY_CAP + 1):
        ringside.fill(here.with_(tip=PAY_CAP + 1), (stand_in, -2 * ETH, 0))


def test_the_tip_needs_the_right_to_pay(ringside, vault, desk, account, client, stand_in, here):
    grant = (desk.address, Right.TRADE, NEVER, PAY_CAP, ALL_VENUES)
    send(vault.setOperator, account, grant, sender=client)
    refused = reverts(
        vault.NotAllowed, account=account, caller=desk.address, right=Right.TRADE | Right.PAY
    )
    with refused:
        ringside.fill(here, (stand_in, -2 * ETH, 0))
    ringside.fill(here.with_(tip=0), (stand_in, -2 * ETH, 0))


# ----------------------------------------------------------------------- done for good


def test_a_later_position_is_not_touched_by_the_same_signature(ringside, desk, stand_in, here):
    ringside.fill(here, (stand_in, -2 * ETH, 0))
    ringside.trade(stand_in, ETH)
    with reverts(desk.NonceSpent, nonce=here.nonce):
        ringside.fill(here, (stand_in, -ETH, 0))


def test_a_cancelled_one_closes_nothing(ringside, desk, account, client, stand_in, here):
    send(desk.cancel, account, here.nonce, sender=client)
    with reverts(desk.NonceSpent, nonce=here.nonce):
        ringside.fill(here, (stand_in, -2 * ETH, 0))


def test_it_waits_for_a_venue_that_does_not_answer(
    ringside, desk, vault, account, keeper, stranger, stand_in, here, moody
):
    """What answers is closed, and is all there is as far as anyone knows."""
    silent, mood = moody
    order = here.with_(venues=venue_set([stand_in, silent]))
    mood(REVERTING)
    ringside.fill(order, (stand_in, -2 * ETH, 0), by=keeper)
    assert not desk.isSpent(account, order.nonce)
    assert not desk.progress(order.digest(ringside.domain)).done
    assert vault.idle(account_id(keeper.address)) == 5 * USDC
    mood(HONEST)
    ringside.fill(order, (silent, -ETH, 0), by=stranger)
    assert desk.isSpent(account, order.nonce)
    assert vault.idle(account_id(stranger.address)) == 0


# ------------------------------------------------------------------------- in a bundle


def test_it_is_a_step_of_an_atomic_bundle(ringside, perp, rage, both):
    both()
    opening = step(ringside, size=-ETH, venues=venue_set([rage.id]))
    whole = bundle(ringside, Mode.ATOMIC, close_all(ringside).terms, opening)
    closing = [(perp.id, -2 * ETH, 0), (rage.id, -ETH, 0)]
    fill_bundle(ringside, whole, closing, [(rage.id, -ETH, 0)])
    assert (perp.size(perp.seat()), rage.size(rage.seat())) == (0, -ETH)


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.PROPORTIONAL])
def test_the_step_after_it_opens_when_all_is_closed(ringside, desk, stand_in, here, moody, mode):
    silent, mood = moody
    closing = here.with_(venues=venue_set([stand_in, silent])).terms
    opening = step(ringside, size=-ETH, venues=venue_set([stand_in]))
    whole = bundle(ringside, mode, closing, opening)
    mood(REVERTING)
    for fills in ([], [(stand_in, -2 * ETH, 0)]):
        if fills:
            fill_step(ringside, whole, 0, *fills)
        with reverts(desk.StepNotOpen, step=1):
            fill_step(ringside, whole, 1, (stand_in, -ETH, 0))
    mood(HONEST)
    fill_step(ringside, whole, 0, (silent, -ETH, 0))
    fill_step(ringside, whole, 1, (stand_in, -ETH, 0))
    assert ringside.seat_at(stand_in, "StandInSeat").held_() == -ETH


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.PROPORTIONAL])
def test_it_opens_when_the_step_before_it_is_complete(ringside, desk, stand_in, here, mode):
    reducing = step(ringside, size=-ETH, venues=here.venues)
    whole = bundle(ringside, mode, reducing, here.terms)
    fill_step(ringside, whole, 0, (stand_in, -ETH // 2, 0))
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, whole, 1, (stand_in, -3 * ETH // 2, 0))
    fill_step(ringside, whole, 0, (stand_in, -ETH // 2, 0))
    fill_step(ringside, whole, 1, (stand_in, -ETH, 0))


def test_as_a_step_it_touches_no_later_position_and_is_paid_once(
    ringside, desk, vault, keeper, stand_in, here
):
    whole = bundle(ringside, Mode.STEPWISE, here.terms)
    fill_step(ringside, whole, 0, (stand_in, -2 * ETH, 0))
    ringside.trade(stand_in, ETH)
    with reverts(desk.Overfilled, left=0, asked=0):
        fill_step(ringside, whole, 0, (stand_in, -ETH, 0))
    assert vault.idle(account_id(keeper.address)) == 5 * USDC


def test_in_an_atomic_bundle_it_leaves_nothing(ringside, desk, stand_in, here, moody):
    """Not even what does not answer."""
    silent, mood = moody
    opening = step(ringside, size=-ETH, venues=venue_set([stand_in]))
    closing = here.with_(venues=venue_set([stand_in, silent])).terms
    whole = bundle(ringside, Mode.ATOMIC, closing, opening)
    with reverts(desk.NotAllClosed, venues=1 << silent):
        fill_bundle(ringside, whole, [(stand_in, -2 * ETH, 0)], [(stand_in, -ETH, 0)])
    mood(REVERTING)
    with reverts(desk.NotAllClosed, venues=1 << silent):
        fill_bundle(ringside, whole, [(stand_in, -2 * ETH, 0)], [(stand_in, -ETH, 0)])
    mood(HONEST)
    legs = [(stand_in, -2 * ETH, 0), (silent, -ETH, 0)], [(stand_in, -ETH, 0)]
    fill_bundle(ringside, whole, *legs)


# ------------------------------------------------------------------ nothing to close


@pytest.fixture
def idle(ringside, stand_in):
    """A step to close all longs at the stand-in, where none is held, and one that opens a short."""

    def idle(**changes):
        allowed = {"venues": venue_set([stand_in])}
        closing = step(ringside, size=CLOSE_LONGS, tip=5 * USDC, **allowed, **changes)
        return closing, step(ringside, size=-ETH, **allowed)

    return idle


def test_a_step_with_nothing_to_close_is_taken_without_legs_or_tip(
    ringside, desk, vault, keeper, stand_in, idle
):
    whole = bundle(ringside, Mode.STEPWISE, *idle())
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, whole, 1, (stand_in, -ETH, 0))
    receipt = fill_step(ringside, whole, 0)
    assert (ringside.filled(receipt).size, ringside.filled(receipt).tip) == (0, 0)
    assert desk.progress(whole.step_key(ringside.domain, 0)).done
    assert vault.idle(account_id(keeper.address)) == 0
    with reverts(desk.Overfilled, left=0, asked=0):
        fill_step(ringside, whole, 0)
    fill_step(ringside, whole, 1, (stand_in, -ETH, 0))


def test_in_an_atomic_bundle_such_a_step_has_no_legs(ringside, stand_in, idle):
    whole = bundle(ringside, Mode.ATOMIC, *idle())
    fill_bundle(ringside, whole, [], [(stand_in, -ETH, 0)])
    assert ringside.seat_at(stand_in, "StandInSeat").held_() == -ETH


def test_several_such_steps_open_one_after_the_other(ringside, desk, stand_in, idle):
    closing, opening = idle()
    whole = bundle(ringside, Mode.STEPWISE, closing, closing, opening)
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, whole, 1)
    for number in (0, 1):
        fill_step(ringside, whole, number)
    fill_step(ringside, whole, 2, (stand_in, -ETH, 0))


def test_such_a_step_waits_for_its_own_trigger(ringside, desk, stand_in, idle):
    far = Conditions(trigger_price=1_900 * ONE)
    whole = bundle(ringside, Mode.STEPWISE, *idle(conditions=far))
    with reverts(desk.NotTriggered, price=2_000 * ONE, trigger=1_900 * ONE):
        fill_step(ringside, whole, 0)
    feeds.move(ringside.w3, ringside.addresses["feeds"], "ETH-USD", Decimal(1_900))
    fill_step(ringside, whole, 0)


def test_its_best_execution_is_that_of_nothing(ringside, idle):
    whole = bundle(ringside, Mode.STEPWISE, *idle(bounds=Bounds(tolerance=ONE // 1_000)))
    fill_step(ringside, whole, 0)


def test_it_waits_for_its_group_too(ringside, desk, stand_in):
    """The take-profit of the group closed all, so the stop that turns is off, and turns nothing."""
    ringside.trade(stand_in, 2 * ETH, MARGIN)
    one = {"venues": venue_set([stand_in]), "conditions": Conditions(group=7, group_size=2 * ETH)}
    whole = bundle(ringside, Mode.STEPWISE, step(ringside, size=CLOSE_LONGS, **one))
    ringside.fill(ringside.order(nonce=5, size=-2 * ETH, **one), (stand_in, -2 * ETH, 0))
    with reverts(desk.BeyondGroup, left=0, asked=0):
        fill_step(ringside, whole, 0)


def test_it_waits_for_a_ticket_that_may_still_open(ringside, desk, account, client, stand_in):
    """An opening that was cancelled while it was pending."""
    later, _ = ringside.add_venue("DelayedStandInSeat")
    allowed = {"venues": venue_set([later])}
    opening = ticket_order(ringside, nonce=5, **allowed)
    commit(ringside, opening, (later, ETH, MARGIN))
    send(desk.cancel, account, 5, sender=client)
    closing = step(ringside, size=CLOSE_LONGS, max_margin=0, tickets=TICKETS, **allowed)
    whole = bundle(ringside, Mode.STEPWISE, closing)
    with reverts(desk.NotAllClosed, venues=1 << later):
        fill_step(ringside, whole, 0)


def test_a_step_with_something_to_close_is_not_taken_without_legs(ringside, desk, stand_in, here):
    whole = bundle(ringside, Mode.STEPWISE, here.terms)
    with reverts(desk.NotAllClosed, venues=1 << stand_in):
        fill_step(ringside, whole, 0)


def test_another_step_is_not_taken_without_legs(ringside, desk, idle):
    _, opening = idle()
    for mode, fill in ((Mode.STEPWISE, fill_step), (Mode.ATOMIC, fill_bundle)):
        whole = bundle(ringside, mode, opening)
        with reverts(desk.NoLegs):
            fill(ringside, whole, 0) if mode else fill(ringside, whole, [])
