"""The guardian pauses a venue, or all of them: an operator may then reduce, and pull margin, and no
more; an owner is never bound."""

from decimal import Decimal

import pytest
from roles import appoint_guardian
from stage import ALL_VENUES, DEPOSIT, ETH, ETH_USD, NEVER, ONE, USDC, reverts, send

from devnet import market
from devnet.chain import Chain
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.accounts import Right
from ringside.orders import CLOSE_LONGS, Bounds, Conditions

MARGIN = 5_000 * USDC
SOME = 1_000 * USDC
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@pytest.fixture
def guardian(ringside):
    return appoint_guardian(ringside)


@pytest.fixture
def pause(venues, guardian, venue):
    """Pauses the venue."""
    return lambda: send(venues.pause, venue.id, sender=guardian)


@pytest.fixture
def paused(ringside, venue, pause):
    """The venue, paused, with two ETH held there."""

    def paused(side=1):
        ringside.trade(venue.id, side * 2 * ETH, MARGIN)
        pause()
        return venue

    return paused


@pytest.fixture
def operator(vault, account, client, stranger):
    """Somebody whom the owner lets trade and move margin."""
    rights = Right.TRADE | Right.MOVE
    grant = (stranger.address, rights, NEVER, 0, ALL_VENUES)
    send(vault.setOperator, account, grant, sender=client)
    return stranger


# ------------------------------------------------------------------------- who and what


def test_the_guardian_pauses_one_venue(venues, guardian):
    receipt = send(venues.pause, 1, sender=guardian)
    (event,) = receipt.decode_logs(venues.Paused)
    assert event.venue == 1
    assert [venues.isPaused(i) for i in range(3)] == [False, True, False]
    assert venues.route(1, ETH_USD).paused


def test_the_guardian_pauses_every_venue_that_there_is(ringside, venues, guardian):
    receipt = send(venues.pauseAll, sender=guardian)
    assert [event.venue for event in receipt.decode_logs(venues.Paused)] == [0, 1, 2]
    assert all(venues.isPaused(i) for i in range(3))
    later, _ = ringside.add_venue("StandInSeat")
    assert not venues.isPaused(later)


def test_nobody_else_pauses(venues, guardian, attacker, client):
    for other in (attacker, client):
        with reverts(venues.AccessManagedUnauthorized, caller=other.address):
            send(venues.pause, 0, sender=other)
        with reverts(venues.AccessManagedUnauthorized, caller=other.address):
            send(venues.pauseAll, sender=other)


def test_the_governor_ends_a_pause_and_the_guardian_does_not(venues, governor, guardian):
    send(venues.pauseAll, sender=guardian)
    with reverts(venues.AccessManagedUnauthorized, caller=guardian.address):
        send(venues.unpause, 0, sender=guardian)
    receipt = send(venues.unpause, 0, sender=governor)
    (event,) = receipt.decode_logs(venues.Unpaused)
    assert event.venue == 0
    assert [venues.isPaused(i) for i in range(3)] == [False, True, True]


def test_a_venue_that_does_not_exist_is_not_paused(venues, governor, guardian):
    with reverts(venues.UnknownVenue, venue=99):
        send(venues.pause, 99, sender=guardian)
    with reverts(venues.UnknownVenue, venue=99):
        send(venues.unpause, 99, sender=governor)


# ----------------------------------------------------------------------------- the desk


@sides
@pytest.mark.parametrize("times", [-3, 1], ids=["to the other side", "further on"])
def test_no_order_takes_new_risk_there(ringside, vault, paused, side, times):
    venue = paused(side)
    size = side * times * ETH
    with reverts(vault.VenuePaused, venue=venue.id):
        ringside.fill(ringside.order(size=size), (venue.id, size, 0))


@sides
def test_no_order_opens_there(ringside, vault, client, venue, pause, side):
    send(vault.post, ringside.account, venue.id, ETH_USD, MARGIN, 0, sender=client)
    pause()
    with reverts(vault.VenuePaused, venue=venue.id):
        ringside.fill(ringside.order(size=side * ETH), (venue.id, side * ETH, 0))


@sides
def test_no_order_moves_margin_there(ringside, vault, paused, side):
    venue = paused(side)
    with reverts(vault.VenuePaused, venue=venue.id):
        ringside.fill(ringside.order(size=-side * ETH), (venue.id, -side * ETH, 1))


@sides
def test_orders_reduce_close_and_free_margin_there(ringside, vault, account, paused, side):
    venue = paused(side)
    ringside.fill(ringside.order(size=-side * ETH), (venue.id, -side * ETH, 0))
    assert venue.size(venue.seat()) == side * ETH
    order = ringside.order(size=-side * ETH, nonce=2)
    ringside.fill(order, (venue.id, -side * ETH, -SOME))
    assert venue.size(venue.seat()) == 0
    assert vault.idle(account) == DEPOSIT - MARGIN + SOME


def test_a_reduce_only_stop_fills_while_all_is_paused(ringside, venues, guardian, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    send(venues.pauseAll, sender=guardian)
    stop = ringside.order(
        size=-2 * ETH,
        tip=USDC,
        bounds=Bounds(reduce_only=True),
        conditions=Conditions(trigger_price=1_900 * ONE),
    )
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(1_890))
    ringside.fill(stop, (venue.id, -2 * ETH, 0))
    assert venue.size(venue.seat()) == 0


def test_an_order_to_close_all_fills_while_all_is_paused(ringside, venues, guardian, perp, rage):
    for venue in (perp, rage):
        ringside.trade(venue.id, ETH, MARGIN)
    send(venues.pauseAll, sender=guardian)
    order = ringside.order(size=CLOSE_LONGS)
    ringside.fill(order, (perp.id, -ETH, 0), (rage.id, -ETH, 0))
    assert perp.size(perp.seat()) == rage.size(rage.seat()) == 0


def test_the_other_venue_goes_on(ringside, vault, venues, guardian, perp, rage):
    send(venues.pause, perp.id, sender=guardian)
    order = ringside.order(size=2 * ETH)
    with reverts(vault.VenuePaused, venue=perp.id):
        ringside.fill(order, (rage.id, ETH, MARGIN), (perp.id, ETH, MARGIN))
    ringside.fill(order, (rage.id, 2 * ETH, MARGIN))
    assert rage.size(rage.seat()) == 2 * ETH


def test_a_paused_venue_is_no_yardstick(ringside, desk, venues, guardian, perp, stand_in):
    """Or nothing would satisfy best execution where it is the better one: here at 2,000 flat."""
    order = ringside.order(venues=1 << perp.id | 1 << stand_in, bounds=Bounds(tolerance=1))
    with reverts(desk.NotBest):
        ringside.fill(order, (perp.id, ETH, MARGIN))
    send(venues.pause, stand_in, sender=guardian)
    ringside.fill(order, (perp.id, ETH, MARGIN))


def test_orders_open_again_when_the_pause_has_ended(ringside, vault, venues, governor, paused):
    venue = paused()
    order = ringside.order()
    with reverts(vault.VenuePaused, venue=venue.id):
        ringside.fill(order, (venue.id, ETH, SOME))
    send(venues.unpause, venue.id, sender=governor)
    ringside.fill(order, (venue.id, ETH, SOME))
    assert venue.size(venue.seat()) == 3 * ETH


# ------------------------------------------------------------------- any other operator


@sides
def test_an_operator_takes_no_new_risk_there(ringside, vault, account, operator, paused, side):
    venue = paused(side)
    for size in (side * ETH, -side * 3 * ETH):
        with reverts(vault.VenuePaused, venue=venue.id):
            ringside.trade(venue.id, size, by=operator)
    with reverts(vault.VenuePaused, venue=venue.id):
        ringside.trade(venue.id, -side * ETH, 1, by=operator)
    with reverts(vault.VenuePaused, venue=venue.id):
        send(vault.post, account, venue.id, ETH_USD, 1, 0, sender=operator)


@sides
def test_an_operator_reduces_and_pulls_there(ringside, vault, account, operator, paused, side):
    venue = paused(side)
    ringside.trade(venue.id, -side * ETH, by=operator)
    ringside.trade(venue.id, -side * ETH, by=operator)
    assert venue.size(venue.seat()) == 0
    send(vault.pull, account, venue.id, ETH_USD, SOME, SOME, sender=operator)
    assert vault.idle(account) == DEPOSIT - MARGIN + SOME


# ----------------------------------------------------------------------------- an owner


@sides
def test_an_owner_is_never_bound(
    ringside, vault, venues, usdc, account, client, guardian, venue, side
):
    """Posts, opens, adds, turns, closes, pulls and withdraws while everything is paused."""
    send(venues.pauseAll, sender=guardian)
    send(vault.post, account, venue.id, ETH_USD, SOME, 0, sender=client)
    for size in (side * ETH, side * ETH, -side * 4 * ETH):
        ringside.trade(venue.id, size, SOME)
    assert venue.size(venue.seat()) == -side * 2 * ETH
    # Closing what is short buys at any price, and what is long sells at any.
    limit = 10_000 * ONE if side > 0 else 0
    send(vault.close, account, venue.id, ETH_USD, limit, sender=client)
    assert venue.size(venue.seat()) == 0
    assert vault.active(account) == 0
    send(vault.pull, account, venue.id, ETH_USD, 3 * SOME, 3 * SOME, sender=client)
    send(vault.pullInKind, account, venue.id, ETH_USD, SOME // 2, client, sender=client)
    idle = vault.idle(account)
    assert idle == DEPOSIT - 4 * SOME + 3 * SOME
    send(vault.withdraw, account, idle, client, sender=client)
    assert usdc.balanceOf(client) == idle + SOME // 2


def test_money_comes_in_while_all_is_paused(ringside, vault, venues, guardian, newcomer):
    send(venues.pauseAll, sender=guardian)
    account = ringside.open_account(newcomer)
    assert vault.idle(account) == DEPOSIT


# ------------------------------------------------------------ a venue that fills later


@pytest.fixture
def commit(ringside, vault, client):
    """Has a ticket made at Synthetix, filled there by a stranger, and settled by another."""
    venue = ringside.addresses["ringside"]["venue_ids"]["synthetix"]
    places = ringside.addresses["venues"]["synthetix"]
    proxy = markets.market(ringside.w3, places["markets"]["ETH-USD"]["market"])

    def commit(size, margin=0, by=client):
        limit = 3_000 * size if size > 0 else 0
        terms = ringside._terms(venue, size, margin, limitQuote=limit)
        send(vault.commit, terms, ONE // 100, sender=by)
        ringside.mine_at(ringside.now + 4)
        updates, fee = synthetix.price_update(ringside.w3, places, "ETH-USD")
        seat = ringside.seat_at(venue, "SynthetixSeat")
        terms = "executeOffchainDelayedOrder", seat.address, updates
        Chain(ringside.w3).send(proxy, *terms, value=fee)
        neighbour = ringside.actors["neighbour"]
        send(vault.settle, ringside.account, venue, ETH_USD, b"", sender=neighbour)
        return seat.held(proxy.address.lower().replace("0x", "0x" + "00" * 12))

    commit.venue = venue
    return commit


def test_tickets_reduce_and_settle_at_a_paused_venue_and_only_an_owners_open(
    ringside, vault, venues, guardian, operator, commit
):
    assert commit(2 * ETH, MARGIN) == 2 * ETH
    send(venues.pause, commit.venue, sender=guardian)
    for size, margin in ((ETH, 0), (-3 * ETH, 0), (-ETH, 1)):
        with reverts(vault.VenuePaused, venue=commit.venue):
            commit(size, margin, by=operator)
    assert commit(-ETH, by=operator) == ETH
    assert commit(2 * ETH, SOME) == 3 * ETH
