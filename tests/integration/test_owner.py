"""The owner needs nobody: no keeper, no Desk, no signature."""

from decimal import Decimal

import pytest
from stage import DEPOSIT, ETH, ETH_USD, MAX, USDC, Refused, reverts, send

from devnet import market
from ringside.accounts import account_id

MARGIN = 5_000 * USDC
UNIT = 10**12
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@pytest.fixture(autouse=True)
def no_desk(ringside, vault, desk, account, client):
    """The Desk has no rights in any test here."""
    send(vault.setOperator, account, (desk.address, 0, 0, 0, 0), sender=client)


@sides
def test_owner_trades_a_seat_at_the_venues_price(ringside, account, venue, side):
    receipt = ringside.trade(venue.id, side * ETH, MARGIN, measure=True)
    quote, position, leverage = ringside.returned(receipt)
    assert venue.fills(receipt) == [(side * ETH, quote)]
    assert position == venue.size(venue.seat()) == side * ETH
    assert leverage > 0
    assert ringside.idle() == DEPOSIT - MARGIN


@sides
def test_owner_closes_and_withdraws_all_there_is(
    ringside, vault, usdc, account, client, venue, side
):
    wallet = usdc.balanceOf(client)
    opened = ringside.trade(venue.id, side * 2 * ETH, MARGIN)
    closed = ringside.trade(venue.id, -side * 2 * ETH)
    free = venue.free(venue.seat()) // UNIT
    send(vault.pull, account, venue.id, ETH_USD, free, free, sender=client)
    send(vault.withdraw, account, vault.idle(account), client, sender=client)
    # A round trip costs the difference of its two prices, and two seconds of funding: half a cent.
    lost = side * (venue.fills(opened)[0][1] - venue.fills(closed)[0][1])
    assert lost > 0
    back = usdc.balanceOf(client) - wallet
    assert abs(DEPOSIT - back - lost // UNIT) <= USDC // 200
    assert venue.equity(venue.seat()) <= UNIT
    assert vault.idle(account) == 0


def test_owner_takes_out_a_profit(ringside, vault, account, client, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(2_200))
    market.settle(ringside.w3, ringside.addresses)
    ringside.trade(venue.id, -2 * ETH)
    free = venue.free(venue.seat()) // UNIT
    send(vault.pull, account, venue.id, ETH_USD, free, free, sender=client)
    profit = vault.idle(account) - DEPOSIT
    # 2 ETH from 2,000 to 2,200, less fees, price impact and funding.
    assert 370 * USDC < profit < 400 * USDC


def test_owner_posts_and_pulls_margin(ringside, vault, account, client, venue):
    posted = send(vault.post, account, venue.id, ETH_USD, MARGIN, 0, sender=client)
    assert venue.deposited(venue.seat()) == MARGIN
    assert vault.idle(account) == DEPOSIT - MARGIN
    (event,) = posted.decode_logs(vault.MarginPosted)
    assert (event.account, event.venue, event.amount) == (account, venue.id, MARGIN)
    pulled = send(vault.pull, account, venue.id, ETH_USD, MARGIN - 1, MARGIN - 1, sender=client)
    assert venue.deposited(venue.seat()) == 1
    assert vault.idle(account) == DEPOSIT - 1
    (event,) = pulled.decode_logs(vault.MarginPulled)
    assert (event.account, event.venue, event.amount) == (account, venue.id, MARGIN - 1)


def test_owner_pulls_free_margin_from_under_a_position(ringside, vault, account, client, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    free = venue.free(venue.seat()) // UNIT
    assert 4_000 * USDC < free < MARGIN
    with pytest.raises(Refused):
        send(vault.pull, account, venue.id, ETH_USD, free + USDC, 0, sender=client)
    send(vault.pull, account, venue.id, ETH_USD, free - USDC, free - USDC, sender=client)
    assert vault.idle(account) == DEPOSIT - MARGIN + free - USDC


def test_pull_of_the_largest_number_takes_all_that_is_free(ringside, vault, account, client, venue):
    ringside.trade(venue.id, ETH, 3 * MARGIN)
    ringside.mine_at(ringside.now + 6 * 3600)
    before = vault.idle(account)
    send(vault.pull, account, venue.id, ETH_USD, MAX, MARGIN, sender=client)
    assert vault.idle(account) > before + MARGIN
    ringside.trade(venue.id, -ETH)
    send(vault.pull, account, venue.id, ETH_USD, MAX, 1, sender=client)
    send(vault.pull, account, venue.id, ETH_USD, MAX, 0, sender=client)
    assert ringside.view(account).seats[venue.id].margin.equity == 0


def test_pull_insists_on_what_the_caller_insists_on(vault, account, client, venue):
    send(vault.post, account, venue.id, ETH_USD, MARGIN, 0, sender=client)
    with reverts(vault.PaidShort, least=100 * USDC + 1, received=100 * USDC):
        send(vault.pull, account, venue.id, ETH_USD, 100 * USDC, 100 * USDC + 1, sender=client)
    send(vault.pull, account, venue.id, ETH_USD, 100 * USDC, 100 * USDC, sender=client)


@pytest.mark.parametrize("amount", [MARGIN + 1, 2**128, MAX - 1])
def test_pull_of_more_than_there_is_takes_nothing(vault, account, client, venue, amount):
    send(vault.post, account, venue.id, ETH_USD, MARGIN, 0, sender=client)
    with pytest.raises(Refused):
        send(vault.pull, account, venue.id, ETH_USD, amount, 0, sender=client)
    assert vault.idle(account) == DEPOSIT - MARGIN


def test_owner_bounds_a_trade_to_the_unit(ringside, venue):
    quote = ringside.would_return(venue.id, ETH, MARGIN)[0]
    with reverts(venue.seat_type.BeyondLimit, quote=quote, limit=quote - 1):
        ringside.trade(venue.id, ETH, MARGIN, limitQuote=quote - 1)
    ringside.trade(venue.id, ETH, MARGIN, limitQuote=quote)
    assert venue.size(venue.seat()) == ETH


def test_owner_bounds_a_sale_to_the_unit(ringside, venue):
    quote = ringside.would_return(venue.id, -ETH, MARGIN)[0]
    with reverts(venue.seat_type.BeyondLimit, quote=quote, limit=quote + 1):
        ringside.trade(venue.id, -ETH, MARGIN, limitQuote=quote + 1)
    ringside.trade(venue.id, -ETH, MARGIN, limitQuote=quote)
    assert venue.size(venue.seat()) == -ETH


def test_nothing_is_pulled_or_swept_where_there_is_no_seat(vault, usdc, account, client, venue):
    with reverts(vault.NoSeat, account=account, venue=venue.id):
        send(vault.pull, account, venue.id, ETH_USD, 1, 0, sender=client)
    with reverts(vault.NoSeat, account=account, venue=venue.id):
        send(vault.sweep, account, venue.id, usdc, sender=client)


def test_amounts_of_nothing_are_refused(ringside, vault, account, client, venue):
    with reverts(vault.ZeroAmount):
        send(vault.post, account, venue.id, ETH_USD, 0, 0, sender=client)
    with reverts(vault.ZeroAmount):
        send(vault.pull, account, venue.id, ETH_USD, 0, 0, sender=client)
    with reverts(vault.ZeroAmount):
        ringside.trade(venue.id, 0)


@pytest.mark.parametrize("amount", [DEPOSIT + 1, MAX])
def test_more_margin_than_is_idle_is_refused(ringside, vault, account, client, venue, amount):
    with reverts(vault.NotEnoughIdle, idle=DEPOSIT, needed=amount):
        send(vault.post, account, venue.id, ETH_USD, amount, 0, sender=client)
    with reverts(vault.NotEnoughIdle, idle=DEPOSIT, needed=amount):
        ringside.trade(venue.id, ETH, amount)


def test_margin_and_tip_of_any_size_are_refused_by_name(ringside, vault, venue):
    with reverts(vault.NotEnoughIdle, idle=DEPOSIT, needed=MAX):
        ringside.trade(venue.id, ETH, MAX, tip=MAX)


def test_a_venue_that_does_not_exist_is_refused(ringside, vault, venues, account, client):
    with reverts(venues.UnknownVenue, venue=3):
        send(vault.post, account, 3, ETH_USD, 1, 0, sender=client)
    with reverts(venues.UnknownVenue, venue=3):
        send(vault.pull, account, 3, ETH_USD, 1, 0, sender=client)
    with reverts(venues.UnknownVenue, venue=3):
        ringside.trade(3, ETH)


def test_an_owner_may_tip_without_a_cap(ringside, vault, client, stranger, venue):
    ringside.trade(venue.id, ETH, MARGIN, tip=20_000 * USDC, payee=stranger.address)
    assert vault.idle(account_id(stranger.address)) == 20_000 * USDC
    assert ringside.idle() == DEPOSIT - MARGIN - 20_000 * USDC
