"""`close`: the owner's own way out of a position, as far as the venue lets."""

from decimal import Decimal

import pytest
from leaving import MARGIN, PERP, RAGE, SYNTHETIX, Owner
from stage import ALL_RIGHTS, ALL_VENUES, BTC_USD, ETH, ETH_USD, MAX, ONE, PAY_CAP, reverts, send

from devnet import market
from ringside.accounts import account_id
from ringside.units import price_against

sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
ANY = {1: 0, -1: MAX}
"""A limit that every price meets, by the side of the position."""


@pytest.fixture
def owner(ringside) -> Owner:
    return Owner(ringside)


@pytest.fixture
def close(ringside, vault, client):
    """Closes at a venue, by the client unless told otherwise; the vault's event."""

    def by(venue, limit, name=ETH_USD, sender=client, account=None):
        receipt = send(vault.close, account or ringside.account, venue, name, limit, sender=sender)
        (event,) = receipt.decode_logs(vault.Traded)
        return receipt, event

    return by


@pytest.fixture
def would_close(ringside, vault, client):
    """What a close would return now: (by how much, whole price)."""

    def ask(venue, limit, name=ETH_USD):
        args = ringside.account, venue, name, limit
        return tuple(vault.close.call(*args, sender=client, skip_trace=True))

    return ask


@sides
def test_a_position_is_closed_at_the_venues_price(ringside, vault, close, would_close, venue, side):
    ringside.trade(venue.id, side * ETH, MARGIN)
    done, quote = would_close(venue.id, ANY[side])
    assert done == -side * ETH
    receipt, event = close(venue.id, ANY[side])
    assert venue.fills(receipt) == [(-side * ETH, event.quote)]
    assert (event.size, event.margin, event.tip, event.fee) == (-side * ETH, 0, 0, 0)
    # The price of a block before, but for a block's funding and averages.
    assert abs(event.quote - quote) <= venue.UNIT_OF_PRICE
    assert venue.size(venue.seat()) == 0
    assert vault.active(ringside.account) == 0


@sides
def test_the_limit_is_met_to_the_unit(ringside, vault, close, would_close, venue, side):
    ringside.trade(venue.id, side * ETH, MARGIN)
    _, quote = would_close(venue.id, ANY[side])
    price = price_against(quote, -side * ETH)
    # A unit beyond what the venue pays, or takes, is refused; that very price is not.
    step = side * venue.UNIT_OF_PRICE
    with reverts(ringside.seat_at(venue.id, venue.SEAT).BeyondLimit, quote=quote):
        send(
            vault.close,
            ringside.account,
            venue.id,
            ETH_USD,
            price + step,
            sender=ringside.actors["client"],
        )
    _, event = close(venue.id, price)
    assert event.quote == quote


def test_the_largest_number_is_a_limit_like_any(ringside, close, venue):
    ringside.trade(venue.id, -ETH, MARGIN)
    _, event = close(venue.id, MAX)
    assert event.size == ETH


def test_one_market_is_closed_and_the_other_stays(ringside, vault, close, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    ringside.trade(venue.id, -ETH // 20, market=BTC_USD)
    close(venue.id, 0)
    assert venue.size(venue.seat()) == 0
    assert venue.size(venue.seat(), "BTC-USD") == -ETH // 20
    assert vault.active(ringside.account) == 1 << venue.id
    close(venue.id, MAX, BTC_USD)
    assert vault.active(ringside.account) == 0


def test_with_nothing_to_close_nothing_happens(ringside, close, would_close, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    ringside.trade(venue.id, -ETH)
    assert would_close(venue.id, 0) == (0, 0)
    _, event = close(venue.id, 0)
    assert (event.size, event.quote) == (0, 0)


def test_where_there_never_was_a_seat_there_is_nothing_to_close(ringside, vault, client, venue):
    with reverts(vault.NoSeat, account=ringside.account, venue=venue.id):
        send(vault.close, ringside.account, venue.id, ETH_USD, 0, sender=client)


def test_an_account_can_be_closed_by_its_owner_alone(ringside, vault, attacker, client, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    grant = attacker.address, ALL_RIGHTS & 3, 2**40 - 1, PAY_CAP, ALL_VENUES
    send(vault.setOperator, ringside.account, grant, sender=client)
    with reverts(vault.NotOwner, account=ringside.account, caller=attacker.address):
        send(vault.close, ringside.account, venue.id, ETH_USD, 0, sender=attacker)
    assert venue.size(venue.seat()) == ETH


def test_a_neighbours_position_is_not_touched(ringside, vault, close, neighbour, venue):
    theirs = account_id(neighbour.address)
    ringside.trade(venue.id, ETH, MARGIN)
    ringside.trade(venue.id, ETH, MARGIN, account=theirs, by=neighbour)
    close(venue.id, 0)
    assert venue.size(venue.seat(theirs)) == ETH


@sides
def test_no_pause_of_ours_stops_it(ringside, owner, close, venue, side):
    ringside.trade(venue.id, side * ETH, MARGIN)
    owner.ringside_is_gone()
    _, event = close(venue.id, ANY[side])
    assert event.size == -side * ETH


def test_at_a_venue_that_fills_later_there_is_no_close(ringside, vault, owner, client):
    owner.buys_later(ETH)
    with reverts(vault.FillsLater, venue=SYNTHETIX):
        send(vault.close, ringside.account, SYNTHETIX, ETH_USD, 0, sender=client)


@sides
def test_perp_closes_as_far_as_its_tick_limit_and_the_rest_later(
    ringside, vault, owner, close, perp, side
):
    whole = side * 40 * ETH
    ringside.trade(PERP, whole, 30_000 * 10**6)
    ringside.mine_at(ringside.now + 60)
    owner.perp_ticks(9)
    receipt, event = close(PERP, ANY[side])
    assert venue_part(event.size, -whole)
    assert perp.fills(receipt) == [(event.size, event.quote)]
    assert perp.size(perp.seat()) == whole + event.size
    assert vault.active(ringside.account) == 1 << PERP
    closed = event.size
    for _ in range(5):
        ringside.mine_at(ringside.now + 16)
        closed += close(PERP, ANY[side])[1].size
        if closed == -whole:
            break
    assert perp.size(perp.seat()) == 0
    assert vault.active(ringside.account) == 0


def venue_part(part, whole):
    return 0 < part < whole if whole > 0 else whole < part < 0


def test_the_limit_of_a_partial_close_is_that_of_the_part(
    ringside, owner, close, would_close, vault, client
):
    ringside.trade(PERP, 40 * ETH, 30_000 * 10**6)
    ringside.mine_at(ringside.now + 60)
    owner.perp_ticks(9)
    done, quote = would_close(PERP, 0)
    price = price_against(quote, done)
    assert abs(done) < 40 * ETH
    with reverts(ringside.seat_at(PERP, "PerpV2Seat").BeyondLimit):
        send(vault.close, ringside.account, PERP, ETH_USD, price + 10**6, sender=client)
    assert close(PERP, price)[1].size == done


def test_in_a_closed_perp_market_the_position_settles_at_the_closed_price(
    ringside, owner, close, perp
):
    ringside.trade(PERP, 2 * ETH, MARGIN)
    owner.perp_market("pause")
    ringside.mine_at(ringside.now + 5 * 86_400 + 1)
    owner.perp_market("close()", role=9)
    _, event = close(PERP, 0)
    assert event.size == -2 * ETH
    # The index when it was paused, without a fee.
    assert event.quote == 2 * 2_000 * ONE
    assert perp.size(perp.seat()) == 0


def test_the_limit_holds_in_a_closed_market_too(ringside, owner, vault, client):
    ringside.trade(PERP, 2 * ETH, MARGIN)
    owner.perp_market("pause")
    ringside.mine_at(ringside.now + 5 * 86_400 + 1)
    owner.perp_market("close()", role=9)
    with reverts(ringside.seat_at(PERP, "PerpV2Seat").BeyondLimit, quote=4_000 * ONE):
        send(vault.close, ringside.account, PERP, ETH_USD, 2_000 * ONE + 1, sender=client)


def test_a_close_in_profit_pays_the_profit(ringside, vault, close, client, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(2_200))
    market.settle(ringside.w3, ringside.addresses)
    close(venue.id, 2_150 * ONE)
    send(vault.pull, ringside.account, venue.id, ETH_USD, MAX, 0, sender=client)
    profit = vault.idle(ringside.account) - 100_000 * 10**6
    assert 370 * 10**6 < profit < 400 * 10**6


@sides
def test_rage_closes_as_far_as_its_pool_reaches(ringside, vault, owner, close, rage, side):
    """Nearly all of the liquidity is gone: a few thousand dollars are left."""
    whole = side * 20 * ETH
    ringside.trade(RAGE, whole, 60_000 * 10**6)
    owner.rage_makers_leave(keeping=10_000)
    receipt, event = close(RAGE, ANY[side])
    assert venue_part(event.size, -whole)
    assert rage.fills(receipt) == [(event.size, event.quote)]
    assert rage.size(rage.seat()) == whole + event.size
    assert vault.active(ringside.account) == 1 << RAGE
