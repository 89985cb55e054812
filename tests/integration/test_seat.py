"""A seat obeys its vault alone, gives back all it comes to hold, and says what its venue says."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from eth_utils.address import is_address
from stage import ALL_VENUES, BTC_USD, DEPOSIT, ETH, ETH_USD, MAX, ONE, USDC, Refused, reverts, send

from devnet import market
from devnet.anvil import rpc
from devnet.chain import ARBITRAGEUR, Chain
from ringside.accounts import account_id
from ringside.units import DAY

MARGIN = 5_000 * USDC
UNIT = 10**12
LATER = 2
"""The venue that fills later."""
ANSWERS_ZERO = "0x60005f5260205ff3"
"""The code of a contract that answers every call with a zero."""
ETHER = "0x" + "00" * 20
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@pytest.fixture
def seat(vault, account, client, venue):
    """The client's seat, with margin and no position."""
    send(vault.post, account, venue.id, ETH_USD, MARGIN, 0, sender=client)
    return venue.seat()


def addresses(values: Any) -> Iterator[str]:
    for value in values.values():
        if isinstance(value, dict):
            yield from addresses(value)
        elif isinstance(value, str) and is_address(value):
            yield value


# ------------------------------------------------------------------------ who calls


@pytest.mark.parametrize("place", ["seat", "implementation"])
def test_nobody_but_the_vault_calls_a_seat(ringside, venue, seat, client, place):
    """Not even its owner; and the implementation obeys nobody else either."""
    called = seat if place == "seat" else venue.seat_type
    instrument = venue.instrument()
    for method, arguments in (
        ("enter", ()),
        ("trade", (instrument, ETH, MAX, 0, False, False)),
        ("close", (instrument, 0)),
        ("post", (instrument, 1, 0)),
        ("pull", (instrument, 1)),
        ("pullInKind", (instrument, 1, client.address)),
        ("sweep", (ringside.usdc.address, client.address)),
    ):
        with reverts(venue.seat_type.NotVault, caller=client.address):
            send(getattr(called, method), *arguments, sender=client)


def test_nobody_but_the_vault_calls_a_seat_that_fills_later(
    ringside, project, vault, account, client
):
    send(vault.post, account, LATER, ETH_USD, MARGIN, ONE // 10, sender=client)
    instrument = ringside.venues.route(LATER, ETH_USD).instrument
    places = vault.seatOf(account, LATER).seat, ringside.venues.implementation(LATER)
    for called in map(project.SynthetixSeat.at, places):
        for method, arguments in (
            ("enter", ()),
            ("commit", (instrument, ETH, MAX, 0, 0, False)),
            ("settle", (instrument, b"")),
            ("expire", (instrument,)),
            ("post", (instrument, 1, ONE)),
            ("pull", (instrument, 1)),
            ("pullInKind", (instrument, 1, client.address)),
            ("sweep", (ringside.usdc.address, client.address)),
        ):
            with reverts(called.NotVault, caller=client.address):
                send(getattr(called, method), *arguments, sender=client)


def test_the_address_of_a_seat_is_known_before_it_is_made(ringside, vault, account, client, venue):
    before = vault.seatOf(account, venue.id)
    assert not before.made
    send(vault.post, account, venue.id, ETH_USD, MARGIN, 0, sender=client)
    after = vault.seatOf(account, venue.id)
    assert after.made
    assert after.seat == before.seat
    assert venue.deposited(venue.seat()) == MARGIN


def test_every_account_has_a_seat_of_its_own_at_every_venue(vault, account, client, neighbour):
    accounts = [account, account_id(client.address, "other"), account_id(neighbour.address)]
    seats = {vault.seatOf(each, venue).seat for each in accounts for venue in (0, 1, LATER)}
    assert len(seats) == 9


def test_a_seat_is_made_once(ringside, vault, venue):
    first = ringside.trade(venue.id, ETH, MARGIN)
    second = ringside.trade(venue.id, ETH)
    assert len(first.decode_logs(vault.SeatMade)) == 1
    assert second.decode_logs(vault.SeatMade) == []


def test_a_seat_lets_nobody_but_its_venue_take_from_it(ringside, usdc, venue, seat, client):
    places = {*addresses(ringside.addresses), client.address, seat.address}
    allowed = {place for place in places if usdc.allowance(seat, place)}
    assert allowed == {venue.spender}
    assert usdc.allowance(seat, venue.spender) == MAX


def test_a_seat_keeps_no_money(ringside, vault, usdc, account, client, venue):
    ringside.trade(venue.id, ETH, MARGIN)
    ringside.trade(venue.id, -ETH)
    send(vault.pull, account, venue.id, ETH_USD, USDC, USDC, sender=client)
    assert usdc.balanceOf(venue.seat()) == 0


# ---------------------------------------------------------------------------- gifts


def test_a_gift_of_the_settlement_token_goes_to_the_owner(
    ringside, vault, usdc, account, client, seat, venue
):
    send(usdc.mint, seat, 7 * USDC, sender=client)
    before = usdc.balanceOf(client)
    send(vault.sweep, account, venue.id, usdc, sender=client)
    assert usdc.balanceOf(client) - before == 7 * USDC
    assert usdc.balanceOf(seat) == 0
    assert vault.idle(account) == DEPOSIT - MARGIN
    assert venue.deposited(seat) == MARGIN


def test_a_gift_is_not_taken_for_margin(ringside, vault, usdc, account, client, seat, venue):
    send(usdc.mint, seat, 7 * USDC, sender=client)
    send(vault.post, account, venue.id, ETH_USD, USDC, 0, sender=client)
    receipt = send(vault.pull, account, venue.id, ETH_USD, 100 * USDC, 0, sender=client)
    (event,) = receipt.decode_logs(vault.MarginPulled)
    assert event.amount == 100 * USDC
    assert venue.deposited(seat) == MARGIN - 99 * USDC
    assert usdc.balanceOf(seat) == 7 * USDC


def test_a_gift_of_another_token_goes_to_the_owner(project, vault, account, client, seat, venue):
    other = client.deploy(project.LocalUSDC)
    send(other.mint, seat, 9, sender=client)
    send(vault.sweep, account, venue.id, other, sender=client)
    assert (other.balanceOf(client), other.balanceOf(seat)) == (9, 0)


def test_a_gift_of_ether_goes_to_the_owner(project, vault, account, client, stranger, seat, venue):
    stranger.deploy(project.ForcedEther, seat, value=10**17)
    assert seat.balance == 10**17
    before = client.balance
    receipt = send(vault.sweep, account, venue.id, ETHER, sender=client)
    assert client.balance - before == 10**17 - receipt.gas_used * receipt.gas_price
    assert seat.balance == 0


def test_nobody_else_sweeps(ringside, vault, usdc, account, client, attacker, keeper, seat, venue):
    send(usdc.mint, seat, 7 * USDC, sender=client)
    send(vault.setOperator, account, (keeper.address, 3, MAX >> 216, 0, ALL_VENUES), sender=client)
    for actor in (attacker, keeper):
        with reverts(vault.NotOwner, account=account, caller=actor.address):
            send(vault.sweep, account, venue.id, usdc, sender=actor)


def test_an_owner_that_refuses_ether_leaves_it_in_the_seat(
    ringside, project, vault, usdc, client, venue
):
    owner = client.deploy(project.ContractOwner)
    account = account_id(owner.address)
    send(usdc.mint, client, MARGIN, sender=client)
    send(usdc.approve, vault, MARGIN, sender=client)
    send(vault.deposit, account, MARGIN, sender=client)
    send(
        owner.run,
        vault,
        vault.post.encode_input(account, venue.id, ETH_USD, MARGIN, 0),
        sender=client,
    )
    client.deploy(project.ForcedEther, venue.seat(account), value=1)
    with reverts(venue.seat_type.SweepFailed, token=ETHER):
        send(owner.run, vault, vault.sweep.encode_input(account, venue.id, ETHER), sender=client)


# ------------------------------------------------------------------- exactly as asked


def test_a_venue_that_fills_something_else_is_refused(ringside, venue):
    third, implementation = ringside.add_venue("HalfFillingSeat")
    with reverts(implementation.NotExact, asked=ETH, done=ETH // 2):
        ringside.trade(third, ETH, MARGIN)
    with reverts(implementation.NotExact, asked=-ETH, done=-ETH // 2):
        ringside.trade(third, -ETH, MARGIN)
    assert ringside.idle() == DEPOSIT


def test_dust_that_the_venue_hides_is_counted(ringside, perp):
    """Perp v2 shows a position of less than ten units as none, and counts it on."""
    ringside.trade(perp.id, ETH, MARGIN)
    ringside.trade(perp.id, -ETH - 1)
    assert perp.size(perp.seat()) == 0
    assert perp.seat().position(perp.instrument()).size == -1
    ringside.trade(perp.id, -ETH)
    assert perp.seat().position(perp.instrument()).size == -ETH - 1


def test_dust_that_a_liquidator_leaves_does_not_lock_the_market(ringside, perp):
    """The venue shows less than ten units as no position, but counts it on: so does the seat."""
    ringside.trade(perp.id, 10 * ETH, 3_000 * USDC)
    for price in (1_900, 1_800, 1_760, 1_740, 1_720):
        market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(price))
        market.settle(ringside.w3, ringside.addresses)
    seat, token = perp.seat().address, perp.tokens["ETH-USD"]
    chain = Chain(ringside.w3)
    chain.send(perp.house, "liquidate", seat, token, 10 * ETH - 5, role=ARBITRAGEUR)
    assert perp.balance.functions.getTakerPositionSize(seat, token).call() == 0
    ringside.trade(perp.id, ETH, MARGIN)
    ringside.trade(perp.id, -ETH)


@pytest.mark.parametrize("size", [2**127 - 1, -(2**127), 2**255 - 1, -(2**255)])
def test_a_size_that_the_venue_cannot_trade_is_refused(ringside, venue, size):
    with pytest.raises(Refused):
        ringside.trade(venue.id, size, MARGIN)
    assert ringside.idle() == DEPOSIT


# ---------------------------------------------------------------------------- reads


@sides
@pytest.mark.parametrize("price", [2_000, 2_120, 1_900], ids=["still", "up", "down"])
def test_margin_and_position_are_what_the_venue_says(ringside, venue, seat, side, price):
    ringside.trade(venue.id, side * 2 * ETH)
    ringside.trade(venue.id, -side * ETH // 20, market=BTC_USD)
    if price != 2_000:
        market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(price))
        market.settle(ringside.w3, ringside.addresses)
    margin = seat.margin(bytes(32))
    assert margin.equity == venue.equity(seat)
    assert margin.backing == venue.backing(seat) > 0
    assert margin.free == venue.free(seat) > 0
    assert margin.maintenance == venue.maintenance(seat) > 0
    assert abs(margin.leverage - venue.leverage(seat) * ONE) <= 1 + margin.leverage // 10**9
    for name, size in (("ETH-USD", side * 2 * ETH), ("BTC-USD", -side * ETH // 20)):
        position = seat.position(venue.instrument(name))
        assert position.size == venue.size(seat, name) == size
        assert position.markPrice == venue.mark(name)
        feed = {"ETH-USD": price, "BTC-USD": 60_000}[name]
        assert abs(position.indexPrice - feed * ONE) <= feed * ONE // 10**9


def test_a_seat_without_a_position_shows_its_margin(venue, seat):
    margin = seat.margin(bytes(32))
    assert margin.equity == margin.backing == margin.free == MARGIN * UNIT
    assert (margin.maintenance, margin.leverage) == (0, 0)
    position = seat.position(venue.instrument())
    assert (position.size, position.fundingOwed) == (0, 0)


@pytest.fixture
def premium(ringside, perp):
    """The venues' price of ETH away from the oracle's, and every average settled so."""

    def premium(price):
        market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(price), arbitrage=False)
        # Until somebody trades there, Perp v2's feed averages a moved price wrongly: see the view.
        perp.notice_price()
        market.settle(ringside.w3, ringside.addresses)

    return premium


@sides
@pytest.mark.parametrize("price", [1_960, 2_040], ids=["longs pay", "shorts pay"])
def test_funding_owed_is_what_the_venue_settles(ringside, venue, seat, premium, side, price):
    ringside.trade(venue.id, side * 2 * ETH)
    premium(price)
    later = ringside.now + 6 * 3_600
    before = rpc(ringside.w3, "evm_snapshot")
    ringside.mine_at(later)
    owed = seat.position(venue.instrument()).fundingOwed
    rpc(ringside.w3, "evm_revert", before)

    ringside.send_at(later)
    receipt = ringside.trade(venue.id, -side * ETH)
    assert receipt.timestamp == later
    assert abs(owed) > USDC * UNIT // 10
    assert (owed > 0) == ((side > 0) == (price < 2_000))
    assert abs(venue.funding_paid(receipt) - owed) < venue.UNIT_OF_PRICE + 1
    assert seat.position(venue.instrument()).fundingOwed == 0


@sides
@pytest.mark.parametrize("price", [1_960, 2_040], ids=["longs pay", "shorts pay"])
def test_funding_grows_at_the_rate_shown(ringside, venue, seat, premium, side, price):
    ringside.trade(venue.id, side * 2 * ETH)
    premium(price)
    instrument = venue.instrument()
    start = seat.position(instrument)
    # The premium over the oracle, a day: 2,000 against the price moved to.
    expected = Fraction(2_000 - price, price)
    assert abs(Fraction(start.fundingRate, ONE) - expected) < abs(expected) / 100
    then = ringside.now
    ringside.mine_at(then + 3_600)
    grown = seat.position(instrument).fundingOwed - start.fundingOwed
    by_rate = Fraction(start.fundingRate * side * 2 * ETH, ONE) * venue.funding_price() / ONE
    assert abs(grown - by_rate * 3_600 / DAY) <= abs(grown) / 10**5 + UNIT
    assert grown != 0


@pytest.mark.parametrize(("price", "sign"), [(1_500, 1), (2_600, -1)])
def test_a_funding_rate_is_never_beyond_the_venues_cap(
    perp, vault, account, client, premium, price, sign
):
    send(vault.post, account, perp.id, ETH_USD, MARGIN, 0, sender=client)
    premium(price)
    assert perp.seat().position(perp.instrument()).fundingRate == sign * ONE // 10


def test_a_price_of_zero_is_an_error_and_not_a_number(ringside, venue, seat, stranger):
    rpc(ringside.w3, "anvil_setCode", venue.oracle(), ANSWERS_ZERO)
    if venue.NAME == "perp-v2":
        with reverts(venue.seat_type.BadVenuePrice):
            send(seat.position, venue.instrument(), sender=stranger)
    with pytest.raises(Refused):  # Rage Trade's own views divide by the price.
        send(seat.position, venue.instrument(), sender=stranger)
    with pytest.raises(Refused):
        ringside.trade(venue.id, ETH, measure=True)


def test_an_instrument_that_the_venue_does_not_know_is_an_error(venue, seat, stranger):
    with pytest.raises(Refused):
        send(seat.position, (0xDEAD).to_bytes(32, "big"), sender=stranger)
