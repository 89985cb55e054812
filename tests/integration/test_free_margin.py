"""A leg with negative margin brings free margin back to idle, from a seat that holds nothing any
more."""

import pytest
from bundles import bundle, fill_bundle, step
from stage import (
    ALL_VENUES,
    DEPOSIT,
    ETH,
    NEVER,
    ONE,
    PAY_CAP,
    USDC,
    Refused,
    reverts,
    send,
)

from ringside.accounts import Right
from ringside.orders import Mode, venue_set

MARGIN = 5_000 * USDC
FREED = 4_900 * USDC
"""Less than what two small trades leave of the margin."""


@pytest.fixture
def held(ringside, stand_in):
    """Two ETH at the stand-in, with margin, and an order that sells them."""
    ringside.trade(stand_in, 2 * ETH, MARGIN)
    return ringside.order(size=-2 * ETH, venues=venue_set([stand_in]))


def test_closing_a_seat_frees_its_margin(ringside, vault, account, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    receipt = ringside.fill(ringside.order(size=-2 * ETH), (venue.id, -2 * ETH, -FREED))
    assert venue.size(venue.seat()) == 0
    assert vault.idle(account) == DEPOSIT - MARGIN + FREED
    (pulled,) = receipt.decode_logs(vault.MarginPulled)
    assert (pulled.account, pulled.venue, pulled.amount) == (account, venue.id, FREED)


def test_all_of_it_may_be_freed(ringside, vault, account, stand_in, held):
    ringside.fill(held, (stand_in, -2 * ETH, -MARGIN))
    assert vault.idle(account) == DEPOSIT


def test_each_leg_frees_its_own_seats(ringside, vault, account, perp, rage):
    for venue in (perp, rage):
        ringside.trade(venue.id, ETH, MARGIN)
    legs = (perp.id, -ETH, -FREED), (rage.id, -ETH, -1_000 * USDC)
    ringside.fill(ringside.order(size=-2 * ETH), *legs)
    assert vault.idle(account) == DEPOSIT - 2 * MARGIN + FREED + 1_000 * USDC


@pytest.mark.parametrize("left", [1_000, ETH])
def test_a_seat_that_still_holds_some_frees_nothing(ringside, desk, venue, left):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    size = -(2 * ETH - left)
    with reverts(desk.NotFlat, venues=1 << venue.id):
        ringside.fill(ringside.order(size=size), (venue.id, size, -1))


def test_what_one_leg_freed_no_later_one_opens_without(ringside, desk, stand_in, held):
    order = held.with_(size=-3 * ETH)
    legs = (stand_in, -2 * ETH, -MARGIN), (stand_in, -ETH, 0)
    with reverts(desk.NotFlat, venues=1 << stand_in):
        ringside.fill(order, *legs)


def test_a_seat_that_opens_frees_nothing(ringside, desk, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    with reverts(desk.NotFlat, venues=1 << venue.id):
        ringside.fill(ringside.order(size=ETH), (venue.id, ETH, -1))
    with reverts(desk.NotFlat, venues=1 << venue.id):
        ringside.fill(ringside.order(size=-2 * ETH), (venue.id, -2 * ETH, -1))


def test_a_seat_that_holds_another_market_frees_nothing(ringside, desk, venue):
    btc = ringside.order(market="BTC-USD", size=ETH // 10, limit_price=100_000 * ONE, nonce=9)
    ringside.fill(btc, (venue.id, ETH // 10, MARGIN))
    ringside.trade(venue.id, ETH)
    with reverts(desk.NotFlat, venues=1 << venue.id):
        ringside.fill(ringside.order(size=-ETH), (venue.id, -ETH, -1))
    ringside.fill(ringside.order(size=-ETH), (venue.id, -ETH, 0))


def test_no_more_is_freed_than_there_is(ringside, vault, account, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    for amount in (2 * MARGIN, 2**255):
        with pytest.raises(Refused):
            ringside.fill(ringside.order(size=-2 * ETH), (venue.id, -2 * ETH, -amount))
    assert venue.size(venue.seat()) == 2 * ETH
    assert vault.idle(account) == DEPOSIT - MARGIN


def test_a_venue_that_pays_short_is_refused(ringside, vault):
    short, _ = ringside.add_venue("ShortPayingSeat")
    ringside.trade(short, ETH, MARGIN)
    order = ringside.order(size=-ETH, venues=venue_set([short]))
    with reverts(vault.PaidShort, least=1_000 * USDC, received=500 * USDC):
        ringside.fill(order, (short, -ETH, -1_000 * USDC))


def test_it_needs_the_right_to_move(ringside, vault, desk, account, client, stand_in, held):
    grant = (desk.address, Right.TRADE, NEVER, PAY_CAP, ALL_VENUES)
    send(vault.setOperator, account, grant, sender=client)
    refused = reverts(vault.NotAllowed, account=account, caller=desk.address, right=Right.MOVE)
    with refused:
        ringside.fill(held, (stand_in, -2 * ETH, -1))
    ringside.fill(held, (stand_in, -2 * ETH, 0))


def test_what_is_freed_is_not_margin_that_was_signed(ringside, desk, stand_in, held):
    """A leg that opens takes its margin out of the order's, whatever another frees."""
    second, _ = ringside.add_venue("StandInSeat")
    allowed = venue_set([stand_in, second])
    order = held.with_(size=-3 * ETH, venues=allowed, max_margin=MARGIN - 1)
    legs = (stand_in, -2 * ETH, -MARGIN), (second, -ETH, MARGIN)
    with reverts(desk.TooMuchMargin, share=MARGIN - 1, asked=MARGIN):
        ringside.fill(order, *legs)
    ringside.fill(order.with_(max_margin=MARGIN), *legs)


def test_no_sum_of_freed_margin_hides_what_is_taken(ringside, desk, stand_in, held):
    order = held.with_(max_margin=0)
    with reverts(desk.TooMuchMargin, share=0, asked=1):
        ringside.fill(order, (stand_in, -ETH, 1), (stand_in, -ETH, -1))


def test_the_next_step_of_an_atomic_bundle_uses_what_was_freed(
    ringside, vault, account, client, perp, rage
):
    """A flip by an account that has nothing idle."""
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    send(vault.withdraw, account, DEPOSIT - MARGIN, client, sender=client)
    close = step(ringside, size=-2 * ETH, venues=venue_set([perp.id]))
    opening = step(ringside, size=-2 * ETH, venues=venue_set([rage.id]))
    whole = bundle(ringside, Mode.ATOMIC, close, opening)
    with reverts(vault.NotEnoughIdle, idle=0, needed=FREED):
        fill_bundle(ringside, whole, [(perp.id, -2 * ETH, 0)], [(rage.id, -2 * ETH, FREED)])
    fill_bundle(ringside, whole, [(perp.id, -2 * ETH, -FREED)], [(rage.id, -2 * ETH, FREED)])
    assert perp.size(perp.seat()) == 0
    assert rage.size(rage.seat()) == -2 * ETH
    assert rage.deposited(rage.seat()) == FREED
    assert vault.idle(account) == 0
