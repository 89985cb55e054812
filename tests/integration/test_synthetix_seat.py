"""The seat at Synthetix against the venue's own views, and who may do what with it."""

from decimal import Decimal
from fractions import Fraction

import pytest
from stage import DEPOSIT, ETH, ETH_USD, MAX, ONE, USDC, Refused, reverts, send
from tickets import MARGIN, own_commit, own_settle, take, undone

from devnet.artifacts import synthetix as artifact
from devnet.chain import DEPLOYER
from devnet.synthetix.markets import text
from devnet.venues.synthetix import issue
from ringside.accounts import account_id

DAY = 86_400
TIP = 10 * USDC
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def read(synthetix, market="ETH-USD"):
    """What the seat says of a pocket: margin and position."""
    seat, instrument = synthetix.seat(), synthetix.instrument(market)
    return seat.margin(instrument), seat.position(instrument)


# ------------------------------------------------------------------------------ views


@sides
@pytest.mark.parametrize("price", [1_950, 2_050])
def test_equity_free_margin_and_position_are_what_the_venue_says(synthetix, side, price):
    take(synthetix, side * 3 * ETH)
    synthetix.ringside.mine_at(synthetix.ringside.now + 6 * 3_600)
    synthetix.move(price)
    seat = synthetix.seat().address
    margin, position = read(synthetix)
    assert margin.equity == synthetix.ask("remainingMargin", seat)[0]
    assert margin.free == synthetix.ask("accessibleMargin", seat)[0] < margin.equity
    assert position.size == side * 3 * ETH
    assert position.size == synthetix.seat().held(synthetix.instrument())
    assert position.markPrice == position.indexPrice == price * ONE
    assert position.fundingOwed == -synthetix.ask("accruedFunding", seat)[0] != 0
    assert position.fundingRate == synthetix.ask("currentFundingRate") != 0
    # Unrealised profit backs nothing.
    profit = synthetix.ask("profitLoss", seat)[0]
    assert profit != 0
    assert margin.backing == margin.equity - max(profit, 0)
    notional = abs(synthetix.ask("notionalValue", seat)[0])
    assert margin.leverage == -(-notional * ONE // margin.backing)


def test_a_flat_pocket_is_all_free_and_needs_nothing(ringside, vault, account, client, synthetix):
    send(vault.post, account, synthetix.id, ETH_USD, MARGIN, ONE, sender=client)
    margin, position = read(synthetix)
    assert margin.equity == margin.backing == margin.free == synthetix.margin() > 0
    assert margin.maintenance == margin.leverage == position.size == position.fundingOwed == 0


@sides
def test_a_position_is_liquidated_where_equity_reaches_maintenance(ringside, synthetix, side):
    """Down to the smallest step of the oracle's price, all at the same second."""
    take(synthetix, side * 30 * ETH, 4_000 * USDC)
    safe, gone = 2_000 * 10**8, (2_000 - side * 200) * 10**8
    while abs(safe - gone) > 1:
        middle = (safe + gone) // 2
        with undone(ringside):
            synthetix.move(Decimal(middle).scaleb(-8))
            margin, _ = read(synthetix)
            liquidated = synthetix.ask("canLiquidate", synthetix.seat().address)
        assert (margin.equity <= margin.maintenance) == liquidated
        safe, gone = (safe, middle) if liquidated else (middle, gone)
    # Thirty units move by the smallest step thirty times.
    assert abs(margin.equity - margin.maintenance) < 10**12


@pytest.mark.parametrize(("skewed", "pays"), [(-1, "shorts"), (1, "longs")])
def test_the_side_that_weighs_more_pays_and_the_other_is_owed(ringside, synthetix, skewed, pays):
    """A pocket on either side; the maker is short, a large trader turns that round."""
    take(synthetix, ETH)
    if skewed > 0:
        large = ringside.open_account(ringside.actors["newcomer"], amount=2_000_000 * USDC)
        terms = {"account": large, "by": ringside.actors["newcomer"]}
        own_commit(ringside, synthetix.id, 2_000 * ETH, 1_000_000 * USDC, **terms)
        synthetix.execute(seat=synthetix.seat(large).address)
    assert (synthetix.ask("marketSkew") > 0) == (skewed > 0)
    ringside.mine_at(ringside.now + 5 * DAY)
    synthetix.move(2_000)
    _, long = read(synthetix)
    assert (long.fundingRate > 0) == (pays == "longs")
    before = synthetix.position()
    owed = long.fundingOwed
    ringside.mine_at(ringside.now + 3_600)
    _, later = read(synthetix)
    grown = later.fundingOwed - owed
    assert (grown > 0) == (pays == "longs")
    # The rate itself moves in a straight line: what is paid goes by its mean.
    mean = Fraction(long.fundingRate + later.fundingRate, 2)
    expected = mean * before[4] / ONE * 2_000 * 3_600 / DAY
    assert abs(grown - expected) < abs(expected) / 10**6


def test_a_pocket_is_its_markets_alone(ringside, synthetix):
    seat_type = ringside.project.SynthetixSeat.at(
        ringside.addresses["ringside"]["seats"]["synthetix"]
    )
    assert seat_type.isolated()
    assert seat_type.delayed()
    take(synthetix, ETH)
    margin, position = read(synthetix, "BTC-USD")
    assert margin.equity == margin.free == margin.leverage == position.size == 0


def test_without_a_price_of_the_venues_there_is_no_number(ringside, synthetix, stranger):
    take(synthetix, ETH)
    synthetix.move(0)
    seat, instrument = synthetix.seat(), synthetix.instrument()
    for view in (seat.margin, seat.position):
        with reverts(seat.BadVenuePrice):
            send(view, instrument, sender=stranger)
    # The size is not a matter of price.
    assert seat.held(instrument) == ETH


# ----------------------------------------------------------------- the owner, directly


def test_the_owner_commits_settles_and_closes_without_the_desk(
    ringside, vault, account, client, synthetix
):
    receipt = own_commit(ringside, synthetix.id, 2 * ETH, MARGIN, by=client)
    (event,) = receipt.decode_logs(vault.TicketCommitted)
    assert (event.account, event.number, event.size) == (account, 1, 2 * ETH)
    synthetix.execute()
    assert own_settle(ringside, synthetix.id).filled == 2 * ETH
    own_commit(ringside, synthetix.id, -2 * ETH)
    synthetix.execute()
    assert own_settle(ringside, synthetix.id).number == 2
    assert synthetix.size() == 0
    send(vault.pull, account, synthetix.id, ETH_USD, MAX, 0, sender=client)
    assert synthetix.margin() == 0
    assert DEPOSIT - 25 * USDC < vault.idle(account) < DEPOSIT


def test_what_fills_at_once_and_what_fills_later_are_called_by_their_own_names(
    ringside, vault, account, client, synthetix, perp
):
    with reverts(vault.FillsLater, venue=synthetix.id):
        ringside.trade(synthetix.id, ETH, MARGIN)
    with reverts(vault.FillsLater, venue=synthetix.id):
        send(vault.close, account, synthetix.id, ETH_USD, 0, sender=client)
    with reverts(vault.FillsAtOnce, venue=perp.id):
        own_commit(ringside, perp.id, ETH, MARGIN)
    for call in (vault.settle, vault.expire):
        arguments = (b"",) if call == vault.settle else ()
        with reverts(vault.FillsAtOnce, venue=perp.id):
            send(call, account, perp.id, ETH_USD, *arguments, sender=client)


def test_while_a_ticket_is_open_its_pocket_waits_and_then_everything_settles_it_first(
    ringside, vault, account, client, synthetix
):
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    calls = (
        lambda: own_commit(ringside, synthetix.id, ETH, 0),
        lambda: send(vault.post, account, synthetix.id, ETH_USD, USDC, ONE, sender=client),
        lambda: send(vault.pull, account, synthetix.id, ETH_USD, USDC, 0, sender=client),
        lambda: send(vault.pullInKind, account, synthetix.id, ETH_USD, USDC, client, sender=client),
    )
    for call in calls:
        with reverts(vault.TicketOpen, account=account, venue=synthetix.id, market=ETH_USD):
            call()
    synthetix.execute()
    for call in calls:
        with undone(ringside):
            (event,) = call().decode_logs(vault.TicketSettled)
            assert (event.number, event.filled) == (1, ETH)
    own_settle(ringside, synthetix.id)
    with reverts(vault.NoTicket, account=account, venue=synthetix.id, market=ETH_USD):
        own_settle(ringside, synthetix.id)
    with reverts(vault.NoTicket, account=account, venue=synthetix.id, market=ETH_USD):
        send(vault.reclaim, account, synthetix.id, ETH_USD, sender=client)


def test_what_is_set_aside_for_a_ticket_nobody_resolves_comes_back_after_a_day(
    ringside, vault, account, client, keeper, synthetix
):
    receipt = own_commit(ringside, synthetix.id, ETH, MARGIN, tip=TIP, payee=keeper.address)
    until = receipt.timestamp + vault.RESERVE_LIFE()
    with reverts(vault.StillReserved, until=until):
        send(vault.reclaim, account, synthetix.id, ETH_USD, sender=client)
    ringside.mine_at(until)
    send(vault.reclaim, account, synthetix.id, ETH_USD, sender=client)
    assert vault.reserved(account) == 0
    assert vault.idle(account) == DEPOSIT - MARGIN
    # The ticket is still there, and ends as any; there is no tip in it any more.
    synthetix.move(2_000)
    receipt = send(vault.expire, account, synthetix.id, ETH_USD, sender=client)
    (event,) = receipt.decode_logs(vault.TicketSettled)
    assert (event.filled, event.tip) == (0, 0)
    assert vault.idle(account) == DEPOSIT - MARGIN
    assert vault.idle(account_id(keeper.address)) == 0


def test_the_venue_counts_as_active_from_the_first_ticket_until_nothing_is_left(
    ringside, vault, account, client, synthetix
):
    active = 1 << synthetix.id
    send(vault.post, account, synthetix.id, ETH_USD, MARGIN, ONE, sender=client)
    assert vault.active(account) == 0
    own_commit(ringside, synthetix.id, ETH)
    assert vault.active(account) == active
    with undone(ringside):
        synthetix.drop()
        own_settle(ringside, synthetix.id)
        assert vault.active(account) == 0
    synthetix.execute()
    own_settle(ringside, synthetix.id)
    assert vault.active(account) == active
    take(synthetix, -ETH // 10, MARGIN, "BTC-USD")
    take(synthetix, -ETH, 0)
    assert vault.active(account) == active
    take(synthetix, ETH // 10, 0, "BTC-USD")
    assert vault.active(account) == 0


def test_a_suspended_venue_lets_a_stranger_drop_a_ticket_and_it_is_settled(
    ringside, vault, account, client, synthetix
):
    """Margin waits for as long as the venue says."""
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    status = synthetix.chain.at(artifact("SystemStatus"), synthetix.places["system_status"])
    owner = synthetix.chain.accounts[DEPLOYER]
    terms = text("System"), owner, True, True
    synthetix.chain.send(status, "updateAccessControl", *terms)
    synthetix.chain.send(status, "suspendSystem", 1)
    synthetix.pass_window()
    with pytest.raises(Refused, match=b"Synthetix is suspended".hex()):
        send(vault.expire, account, synthetix.id, ETH_USD, sender=client)
    synthetix.drop()
    assert own_settle(ringside, synthetix.id).filled == 0
    with pytest.raises(Refused, match=b"Synthetix is suspended".hex()):
        send(vault.pull, account, synthetix.id, ETH_USD, MAX, 0, sender=client)
    synthetix.chain.send(status, "resumeSystem")
    send(vault.pull, account, synthetix.id, ETH_USD, MAX, 0, sender=client)
    assert vault.idle(account) > DEPOSIT - 10 * USDC


# -------------------------------------------------------------------------- the vault's


def test_every_function_that_does_something_is_the_vaults(
    synthetix, account, client, keeper, stranger
):
    take(synthetix, ETH)
    seat, instrument = synthetix.seat(), synthetix.instrument()
    for caller in (client, keeper, stranger):
        for method, *args in (
            (seat.enter,),
            (seat.post, instrument, 1, ONE),
            (seat.pull, instrument, 1),
            (seat.pullInKind, instrument, 1, caller),
            (seat.sweep, synthetix.susd.address, caller),
            (seat.commit, instrument, ETH, MAX, 0, ONE, False),
            (seat.settle, instrument, b""),
            (seat.expire, instrument),
        ):
            with reverts(seat.NotVault, caller=caller.address):
                send(method, *args, sender=caller)


def test_the_implementation_is_nobodys_seat(ringside, client, synthetix):
    implementation = ringside.project.SynthetixSeat.at(
        ringside.addresses["ringside"]["seats"]["synthetix"]
    )
    with reverts(implementation.NotVault, caller=client.address):
        send(implementation.enter, sender=client)


def test_a_gift_to_the_seat_is_the_owners(ringside, vault, account, client, synthetix):
    take(synthetix, ETH)
    gift = 5 * ONE
    issue(ringside.w3, synthetix.places, synthetix.seat().address, gift)
    before = synthetix.susd.functions.balanceOf(client.address).call()
    send(vault.sweep, account, synthetix.id, synthetix.susd.address, sender=client)
    assert synthetix.susd.functions.balanceOf(client.address).call() - before == gift
