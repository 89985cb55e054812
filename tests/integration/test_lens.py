"""The Lens shows all of an account in one call, and each part of it as its own contract does."""

from contextlib import suppress

import pytest
from stage import BTC_USD, DEPOSIT, ETH, ETH_USD, ONE, USDC, selector, send
from web3.exceptions import Web3Exception

from devnet.anvil import BLOCK_INTERVAL
from devnet.chain import Chain
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.accounts import account_id
from ringside.orders import market_id

MARGIN = 5_000 * USDC
MOST_LOSS = ONE // 10
LATER = 2
"""The venue that fills later, and keeps a pocket for each market."""
MARGIN_FIELDS = ("equity", "backing", "free", "maintenance", "leverage")
FIELDS = ("size", "fundingOwed", "markPrice", "indexPrice", "fundingRate")


def test_an_account_nobody_has_used_is_empty(ringside, vault, newcomer):
    account = account_id(newcomer.address, "new")
    view = ringside.view(account, ETH_USD)
    assert (view.owner, view.idle, view.epoch) == (newcomer.address, 0, 0)
    assert (view.reserved, view.active) == (0, 0)
    assert [seat.venue for seat in view.seats] == [0, 1, LATER]
    for seat in view.seats:
        assert seat.seat == vault.seatOf(account, seat.venue).seat
        assert (seat.made, seat.readable, seat.resting, seat.markets) == (False, False, 0, [])


def test_an_account_shows_its_idle_and_epoch(ringside, desk, account, client):
    send(desk.raiseEpoch, account, 3, sender=client)
    view = ringside.view(account)
    assert (view.owner, view.idle, view.epoch) == (client.address, DEPOSIT, 3)
    assert (view.reserved, view.active) == (0, 0)


def test_an_account_shows_where_it_may_hold_a_position(ringside, account, perp, rage):
    ringside.trade(rage.id, ETH, MARGIN)
    assert ringside.view(account).active == 1 << rage.id
    ringside.trade(perp.id, ETH, MARGIN)
    assert ringside.view(account).active == 1 << rage.id | 1 << perp.id
    ringside.trade(rage.id, -ETH)
    assert ringside.view(account).active == 1 << perp.id


def test_a_seat_shows_what_it_says_itself(ringside, account, venue):
    ringside.trade(venue.id, 2 * ETH, MARGIN)
    ringside.trade(venue.id, -ETH // 20, market=BTC_USD)
    ringside.mine_at(ringside.now + 3_600)
    view = ringside.view(account, BTC_USD, ETH_USD).seats[venue.id]
    seat = venue.seat()
    margin = seat.margin(bytes(32))
    assert (view.made, view.readable, view.isolated) == (True, True, False)
    for name in MARGIN_FIELDS:
        assert getattr(view.margin, name) == getattr(margin, name) > 0
    for shown, market in zip(view.markets, ("BTC-USD", "ETH-USD"), strict=True):
        position = seat.position(venue.instrument(market))
        assert (shown.market, shown.readable) == (market_id(market), True)
        assert (shown.pending, *shown.margin) == (0,) * 6
        assert shown.position.size == venue.size(seat, market) != 0
        for name in FIELDS:
            assert getattr(shown.position, name) == getattr(position, name)


def test_markets_that_a_venue_does_not_list_are_left_out_there(
    ringside, venues, account, client, governor
):
    other, _ = ringside.add_venue("StandInSeat", BTC_USD)
    for venue, market in ((0, ETH_USD), (1, ETH_USD), (LATER, ETH_USD), (other, BTC_USD)):
        send(ringside.vault.post, account, venue, market, MARGIN, MOST_LOSS, sender=client)
    feed = ringside.addresses["feeds"]["ETH-USD"]
    send(venues.addMarket, "SOL-USD", feed, 60, sender=governor)
    asked = [market_id("SOL-USD"), ETH_USD, market_id("DOGE-USD"), BTC_USD, ETH_USD]
    view = ringside.view(account, *asked)
    shown = [[seen.market for seen in seat.markets] for seat in view.seats]
    assert shown == [[ETH_USD, BTC_USD, ETH_USD]] * 3 + [[BTC_USD]]


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


def test_too_little_gas_never_shows_a_sound_venue_as_unreadable(
    ringside, vault, account, client, perp, rage
):
    """Whatever gas it gets, the read fails or is whole: no venue is blamed for the reader."""
    for venue in (perp, rage):
        ringside.trade(venue.id, ETH, MARGIN)
    send(vault.post, account, LATER, ETH_USD, MARGIN, MOST_LOSS, sender=client)
    blamed = []
    for gas in range(200_000, 4_500_000, 100_000):
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


# ----------------------------------------------------- a venue of isolated pockets


@pytest.fixture
def later(ringside, account):
    """The account's seat at the venue that fills later, and what may be done there."""
    return Later(ringside, account)


class Later:
    """The venue that fills later, told in few words."""

    def __init__(self, ringside, account):
        self.ringside, self.account = ringside, account
        self.venue = ringside.addresses["venues"]["synthetix"]

    @property
    def seat(self):
        return self.ringside.seat_at(LATER, "SynthetixSeat", self.account)

    def instrument(self, market):
        return self.ringside.venues.route(LATER, market).instrument

    def commit(self, size, margin, market=ETH_USD, **changes):
        terms = self.ringside._terms(LATER, size, margin, market=market, **changes)
        client = self.ringside.actors["client"]
        return send(self.ringside.vault.commit, terms, MOST_LOSS, sender=client)

    def execute(self, market="ETH-USD"):
        """As the venue's keepers do."""
        chain = Chain(self.ringside.w3)
        chain.advance(BLOCK_INTERVAL)
        proxy = markets.market(self.ringside.w3, self.venue["markets"][market]["market"])
        updates, fee = synthetix.price_update(self.ringside.w3, self.venue, market)
        execute = "executeOffchainDelayedOrder"
        chain.send(proxy, execute, self.seat.address, updates, value=fee)

    def settle(self, market=ETH_USD):
        keeper = self.ringside.actors["keeper"]
        send(self.ringside.vault.settle, self.account, LATER, market, b"", sender=keeper)

    def view(self, *asked):
        return self.ringside.view(self.account, *asked).seats[LATER]


def test_an_isolated_seat_shows_the_margin_of_each_market_and_none_of_its_own(
    ringside, vault, account, client, later
):
    for market, amount in ((ETH_USD, MARGIN), (BTC_USD, 2 * MARGIN)):
        send(vault.post, account, LATER, market, amount, MOST_LOSS, sender=client)
    view = later.view(BTC_USD, ETH_USD)
    assert (view.made, view.isolated, view.readable) == (True, True, True)
    assert tuple(view.margin) == (0,) * 5
    assert [shown.market for shown in view.markets] == [BTC_USD, ETH_USD]
    for shown in view.markets:
        margin = later.seat.margin(later.instrument(shown.market))
        assert (shown.readable, shown.pending, shown.position.size) == (True, 0, 0)
        assert shown.margin.equity == margin.equity > 0
        for name in MARGIN_FIELDS:
            assert getattr(shown.margin, name) == getattr(margin, name)
    bitcoin, ether = (shown.margin.equity for shown in view.markets)
    assert bitcoin > ether > 0


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_a_ticket_is_shown_as_pending_until_it_is_settled(
    ringside, vault, account, stranger, later, side
):
    tip = {"tip": 3 * USDC, "payee": stranger.address}
    later.commit(side * ETH, MARGIN, **tip)
    view = ringside.view(account, BTC_USD, ETH_USD)
    assert (view.reserved, view.active) == (3 * USDC, 1 << LATER)
    assert view.idle == DEPOSIT - MARGIN - 3 * USDC
    bitcoin, ether = view.seats[LATER].markets
    assert (bitcoin.pending, bitcoin.position.size) == (0, 0)
    assert (ether.pending, ether.position.size, ether.readable) == (side * ETH, 0, True)

    later.execute()
    ether = later.view(ETH_USD).markets[0]
    assert (ether.pending, ether.position.size) == (side * ETH, side * ETH)

    later.settle()
    view = ringside.view(account, ETH_USD)
    assert (view.reserved, view.active) == (0, 1 << LATER)
    ether = view.seats[LATER].markets[0]
    assert (ether.pending, ether.position.size) == (0, side * ETH)
    position = later.seat.position(later.instrument(ETH_USD))
    margin = later.seat.margin(later.instrument(ETH_USD))
    assert tuple(ether.position) == tuple(getattr(position, name) for name in FIELDS)
    assert tuple(ether.margin) == tuple(getattr(margin, name) for name in MARGIN_FIELDS)
    assert ether.margin.leverage > 0


def test_an_isolated_market_that_cannot_be_read_hides_no_other(ringside, account, perp, later):
    """Its seat is no less there, its tickets are shown, and the other venues' are whole."""
    ringside.trade(perp.id, ETH, MARGIN)
    later.commit(ETH, MARGIN)
    place = later.venue["markets"]["ETH-USD"]["market"]
    ringside.w3.provider.make_request("anvil_setCode", [place, "0xfe"])
    view = ringside.view(account, BTC_USD, ETH_USD)
    broken, sound = view.seats[LATER], view.seats[perp.id]
    assert (broken.made, broken.isolated) == (True, True)
    assert [shown.readable for shown in broken.markets] == [True, False]
    assert broken.markets[1].pending == ETH
    assert tuple(broken.markets[1].margin) == (0,) * 5
    assert (sound.readable, sound.markets[1].readable) == (True, True)
