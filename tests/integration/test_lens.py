"""The Lens shows all of an account in one call, and each part of it as its own contract does."""

from contextlib import suppress

import pytest
from stage import BTC_USD, DEPOSIT, ETH, ETH_USD, USDC, selector, send
from web3.exceptions import Web3Exception

from ringside.accounts import account_id
from ringside.orders import market_id

MARGIN = 5_000 * USDC
FIELDS = ("size", "fundingOwed", "markPrice", "indexPrice", "fundingRate")


def test_an_account_nobody_has_used_is_empty(ringside, vault, newcomer):
    account = account_id(newcomer.address, "new")
    view = ringside.view(account, ETH_USD)
    assert (view.owner, view.idle, view.epoch) == (newcomer.address, 0, 0)
    assert [seat.venue for seat in view.seats] == [0, 1]
    for seat in view.seats:
        assert seat.seat == vault.seatOf(account, seat.venue).seat
        assert (seat.made, seat.readable, seat.resting, seat.markets) == (False, False, 0, [])


def test_an_account_shows_its_idle_and_epoch(ringside, desk, account, client):
    send(desk.raiseEpoch, account, 3, sender=client)
    view = ringside.view(account)
    assert (view.owner, view.idle, view.epoch) == (client.address, DEPOSIT, 3)


def test_a_seat_shows_what_it_says_itself(ringside, account, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    ringside.trade(venue.id, -ETH // 20, market=BTC_USD)
    ringside.mine_at(ringside.now + 3_600)
    view = ringside.view(account, BTC_USD, ETH_USD).seats[venue.id]
    seat = venue.seat()
    margin = seat.margin(bytes(32))
    assert (view.made, view.readable) == (True, True)
    for name in ("equity", "backing", "free", "maintenance", "leverage"):
        assert getattr(view.margin, name) == getattr(margin, name) > 0
    for shown, market in zip(view.markets, ("BTC-USD", "ETH-USD"), strict=True):
        position = seat.position(venue.instrument(market))
        assert (shown.market, shown.readable) == (market_id(market), True)
        assert shown.position.size == venue.size(seat, market) != 0
        for name in FIELDS:
            assert getattr(shown.position, name) == getattr(position, name)


def test_markets_that_a_venue_does_not_list_are_left_out_there(
    ringside, venues, account, client, governor
):
    third, _ = ringside.add_venue("StandInSeat", BTC_USD)
    for venue in (0, 1, third):
        send(ringside.vault.post, account, venue, ETH_USD, MARGIN, 0, sender=client)
    feed = ringside.addresses["feeds"]["ETH-USD"]
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    asked = [market_id("SOL-USD"), ETH_USD, market_id("DOGE-USD"), BTC_USD, ETH_USD]
    view = ringside.view(account, *asked)
    shown = [[seen.market for seen in seat.markets] for seat in view.seats]
    assert shown == [[ETH_USD, BTC_USD, ETH_USD]] * 2 + [[BTC_USD]]


def test_a_gift_in_a_seat_is_shown_as_resting(ringside, usdc, account, client, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    send(usdc.mint, venue.seat(), 7, sender=client)
    assert ringside.view(account).seats[venue.id].resting == 7


def test_a_gift_to_a_seat_not_made_yet_is_not_lost(ringside, vault, usdc, account, client, venue):
    send(usdc.mint, vault.seatOf(account, venue.id).seat, 7, sender=client)
    ringside.trade(venue.id, ETH, MARGIN)
    assert ringside.view(account).seats[venue.id].resting == 7
    before = usdc.balanceOf(client)
    send(vault.sweep, account, venue.id, usdc, sender=client)
    assert usdc.balanceOf(client) - before == 7


def test_a_real_venue_that_cannot_be_read_is_marked_so(ringside, account, perp, rage):
    """Rage Trade's oracle without an answer: its views fail, and Perp's are shown all the same."""
    for venue in (perp, rage):
        ringside.trade(venue.id, ETH, MARGIN)
    oracle = ringside.addresses["venues"]["rage"]["markets"]["ETH-USD"]["oracle"]
    ringside.w3.provider.make_request("anvil_setCode", [oracle, "0xfe"])
    view = ringside.view(account, ETH_USD)
    broken, sound = view.seats[rage.id], view.seats[perp.id]
    assert (broken.made, broken.readable, broken.markets[0].readable) == (True, False, False)
    assert (sound.made, sound.readable, sound.markets[0].readable) == (True, True, True)
    assert sound.margin.equity == perp.equity(perp.seat())


def test_too_little_gas_never_shows_a_sound_venue_as_unreadable(ringside, account, perp, rage):
    """Whatever gas it gets, the read fails or is whole: no venue is blamed for the reader."""
    for venue in (perp, rage):
        ringside.trade(venue.id, ETH, MARGIN)
    blamed = []
    for gas in range(200_000, 4_000_000, 100_000):
        with suppress(Web3Exception):
            for seat in ringside.view(account, ETH_USD, gas=gas).seats:
                if not (seat.readable and seat.markets[0].readable):
                    blamed.append(gas)
    assert blamed == []
    assert all(seat.readable for seat in ringside.view(account, ETH_USD).seats)


def test_a_read_with_too_little_gas_says_so(ringside, lens, account, perp):
    ringside.trade(perp.id, ETH, MARGIN)
    question = lens.account.encode_input(account, [ETH_USD])
    asked = {"to": lens.address, "data": question, "gas": 1_000_000}
    with pytest.raises(Web3Exception) as refused:
        ringside.w3.eth.call(asked)
    assert selector(lens.NotEnoughGas).hex() in str(refused.value)
