"""With Ringside paused and its keepers gone, the owner's wallet gets everything out."""

import pytest
from leaving import (
    DEPOSIT_OF_AN_ORDER,
    MARGIN,
    PERP,
    RAGE,
    SYNTHETIX,
    Owner,
    kinds,
    refusals,
    why,
)
from stage import DEPOSIT, ETH, ETH_USD, NO_RECEIPT, ONE, USDC, reverts, send

from devnet.anvil import rpc
from devnet.venues import synthetix
from ringside.chain.contracts import abi
from ringside.exit.plan import Kind
from ringside.exit.state import RESERVE_LIFE
from ringside.orders import Bounds, Tickets, venue_set

GIFT = 123 * USDC + 456_789
TIP = USDC


@pytest.fixture
def owner(ringside) -> Owner:
    return Owner(ringside)


@pytest.fixture
def wallet(usdc, client):
    """What the wallet has gained since the start, USDC (1e6)."""
    before = usdc.balanceOf(client)
    return lambda: usdc.balanceOf(client) - before


@pytest.fixture
def received(ringside, vault):
    """USDC (1e6) that a report's pulls brought home, by the vault's own events."""

    def add(report):
        at = ringside.w3.eth.contract(address=vault.address, abi=abi("Vault"))
        first, last = report.before.block + 1, report.after.block
        found = at.events.MarginPulled().get_logs(from_block=first, to_block=last)
        return sum(event["args"]["amount"] for event in found)

    return add


def nothing_is_left(ringside, report):
    """Nobody holds anything of the client's any more: not the vault, no seat, no venue."""
    account = ringside.account
    assert report.left == ()
    assert ringside.vault.idle(account) == ringside.vault.reserved(account) == 0
    assert ringside.vault.active(account) == 0
    for seat in report.after.seats:
        assert seat.resting == ()
        for spot in seat.spots:
            assert spot.size == 0
            assert spot.ticket is None
        equities = [s.equity for s in seat.spots] if seat.isolated else [seat.equity]
        # Less than one unit of USDC.
        assert all(0 <= equity < 10**12 for equity in equities)


# ------------------------------------------------------------------------- the drill


def test_with_every_keeper_dead_everything_ends_in_the_wallet(
    ringside, owner, vault, usdc, desk, client, keeper, wallet, received
):
    owner.everywhere()
    # An order of the client's that a keeper made a ticket of, with a tip set aside; more of it
    # could be filled.
    order = ringside.order(
        size=2 * ETH,
        venues=venue_set([PERP, RAGE, SYNTHETIX]),
        tip=2 * TIP,
        bounds=Bounds(open_against=True),
        tickets=Tickets(most=5, max_cost=100 * USDC, max_loss=10**16),
    )
    signature = ringside.signed(order, client)
    terms = order.tuple, signature
    send(desk.commit, *terms, (SYNTHETIX, ETH, MARGIN), NO_RECEIPT, sender=keeper)
    assert vault.reserved(ringside.account) == TIP
    # Gifts in every seat: USDC, coin, and the venue's own token.
    stranger = ringside.actors["stranger"]
    send(usdc.mint, stranger, GIFT, sender=stranger)
    send(usdc.transfer, owner.seat(PERP), GIFT, sender=stranger)
    rpc(ringside.w3, "anvil_setBalance", owner.seat(RAGE), hex(7 * ETH))
    synthetix.issue(ringside.w3, owner.names, owner.seat(SYNTHETIX), 55 * ETH)
    owner.ringside_is_gone()
    idle, coin = vault.idle(ringside.account), ringside.w3.eth.get_balance(client.address)

    report = owner.leaves()

    nothing_is_left(ringside, report)
    assert owner.sent[0]["to"] == desk.address
    assert kinds(report)[0] is Kind.EPOCH
    # To the unit: what was idle, the tip of the ticket that was dropped, every pull, the gift.
    assert wallet() == idle + TIP + received(report) + GIFT == report.withdrawn
    # The venues paid all but two fees a position and the price of converting: a tenth of a percent.
    assert DEPOSIT + GIFT - 100 * USDC < wallet() < DEPOSIT + GIFT + 60 * USDC
    paid_for_gas = 10**17
    assert ringside.w3.eth.get_balance(client.address) - coin > 7 * ETH - paid_for_gas
    # And the vault has what is the neighbour's, no more and no less.
    assert usdc.balanceOf(vault) == DEPOSIT
    # No keeper can bring any of it back.
    for call, leg in ((desk.commit, (SYNTHETIX, ETH, 0)), (desk.fill, [(PERP, ETH, 0)])):
        with reverts(desk.WrongEpoch, epoch=1):
            send(call, *terms, leg, NO_RECEIPT, sender=keeper)


def test_the_epoch_is_raised_before_anything_else(ringside, owner, desk, client, keeper):
    """The wallet goes dark right after its first transaction: that one has ended every order."""
    owner.everywhere()
    order = ringside.order(size=ETH)
    signature = ringside.signed(order, client)
    owner.cut_after(1)
    with pytest.raises(ConnectionError):
        owner.leaves()
    assert [tx["to"] for tx in owner.sent] == [desk.address]
    with reverts(desk.WrongEpoch, epoch=1):
        legs = [(PERP, ETH, 0)]
        send(desk.fill, order.tuple, signature, legs, NO_RECEIPT, sender=keeper)


@pytest.mark.parametrize("after", [2, 6, 8, 11])
def test_an_exit_that_broke_off_is_continued_by_the_next(ringside, owner, usdc, vault, after):
    owner.everywhere()
    owner.ringside_is_gone()
    owner.cut_after(after)
    with pytest.raises(ConnectionError):
        owner.leaves()
    owner.cut_after(None)
    nothing_is_left(ringside, owner.leaves())
    assert usdc.balanceOf(vault) == DEPOSIT


def test_an_exit_from_nothing_sends_nothing(ringside, owner):
    owner.everywhere()
    nothing_is_left(ringside, owner.leaves())
    owner.sent.clear()
    report = owner.leaves()
    assert owner.sent == []
    assert report.done == report.left == ()


def test_idle_money_alone_leaves_in_two_transactions(ringside, owner, wallet):
    report = owner.leaves()
    assert kinds(report) == [Kind.EPOCH, Kind.WITHDRAW]
    assert wallet() == DEPOSIT


def test_each_of_an_owners_accounts_leaves_by_itself(ringside, owner, vault, client, wallet):
    other = ringside.open_account(client, "other", amount=500 * USDC)
    report = owner.exit(account=other).run()
    assert report.left == ()
    assert vault.idle(other) == 0
    assert vault.idle(ringside.account) == DEPOSIT
    assert wallet() == 500 * USDC


def test_an_operator_named_loses_its_rights(ringside, owner, vault, desk):
    report = owner.leaves(revoke=(desk.address,))
    assert kinds(report) == [Kind.EPOCH, Kind.REVOKE, Kind.WITHDRAW]
    assert vault.operators(ringside.account, desk.address).rights == 0


# ------------------------------------------------------------------- tickets


def test_a_pending_ticket_that_opens_is_waited_for_and_dropped_for_its_deposit(
    ringside, owner, vault, wallet
):
    owner.commit(ETH)
    owner.ringside_is_gone()
    report = owner.leaves()
    assert kinds(report) == [
        *(Kind.EPOCH, Kind.WITHDRAW),
        *(Kind.EXPIRE, Kind.PULL, Kind.WITHDRAW),
    ]
    nothing_is_left(ringside, report)
    # Nothing was traded: only the exchange there and back, a twentieth of a percent each.
    assert DEPOSIT - 6 * USDC < wallet() < DEPOSIT - 4 * USDC


def test_a_ticket_that_fills_while_the_owner_waits_is_settled_and_closed(ringside, owner):
    owner.commit(ETH)
    owner.while_waiting(lambda: owner.execute())
    report = owner.leaves()
    nothing_is_left(ringside, report)
    done = kinds(report)
    assert Kind.EXPIRE not in done
    assert done.count(Kind.SETTLE) == 2
    assert done.count(Kind.COMMIT) == 1


def test_without_a_price_the_report_says_what_to_bring_and_the_next_exit_goes_on(ringside, owner):
    owner.buys_later(ETH)
    report = owner.leaves(prices=False)
    assert owner.size_later() == ETH
    # Twice ordered, never executed, and dropped through the seat: the deposits came back.
    assert kinds(report).count(Kind.COMMIT) == kinds(report).count(Kind.EXPIRE) == 2
    assert "Pyth" in why(report, "synthetix ETH-USD")
    nothing_is_left(ringside, owner.leaves())


def test_a_strangers_price_serves_as_well_as_ones_own(ringside, owner):
    owner.buys_later(ETH)
    owner.while_waiting(lambda: owner.execute())
    report = owner.leaves(prices=False)
    nothing_is_left(ringside, report)
    assert kinds(report).count(Kind.COMMIT) == 1


def test_who_executes_its_own_close_gets_the_deposit(ringside, owner, client):
    owner.buys_later(ETH)
    owner.leaves()
    assert owner.susd.functions.balanceOf(client.address).call() == DEPOSIT_OF_AN_ORDER


def test_under_suspension_the_order_is_dropped_as_a_stranger_would(ringside, owner, vault, wallet):
    owner.buys_later(ETH)
    owner.commit(ETH, margin=0)
    owner.suspend()
    ringside.trade(PERP, ETH, MARGIN)
    report = owner.leaves()
    refused = refusals(report)
    said = "Synthetix is suspended. Operation prohibited"
    assert refused[Kind.EXPIRE, "synthetix", "ETH-USD"] == said
    assert {Kind.CANCEL, Kind.SETTLE} <= set(kinds(report))
    # Nothing else goes there for now, and the rest is out.
    assert "suspended" in why(report, "synthetix ETH-USD")
    assert vault.ticket(ringside.account, SYNTHETIX, ETH_USD).open is False
    assert owner.flat(PERP)
    assert wallet() > DEPOSIT - MARGIN - 10 * USDC
    # It is out when the suspension is over; the deposit is the stranger's, who is the owner.
    owner.suspend(False)
    nothing_is_left(ringside, owner.leaves())


def test_what_is_set_aside_for_a_ticket_that_nobody_can_settle_comes_back_after_a_day(
    ringside, owner, vault, desk, client, keeper, wallet
):
    order = ringside.order(
        size=ETH,
        venues=venue_set([SYNTHETIX]),
        tip=TIP,
        tickets=Tickets(most=1, max_cost=100 * USDC, max_loss=10**16),
    )
    signature = ringside.signed(order, client)
    leg = SYNTHETIX, ETH, MARGIN
    send(desk.commit, order.tuple, signature, leg, NO_RECEIPT, sender=keeper)
    owner.breaks(SYNTHETIX)
    report = owner.leaves()
    assert wallet() == DEPOSIT - MARGIN - TIP
    assert f"{TIP // USDC} USDC" in why(report, "the vault")
    since = vault.ticket(ringside.account, SYNTHETIX, ETH_USD).since
    ringside.mine_at(since + RESERVE_LIFE)
    report = owner.leaves()
    assert kinds(report) == [Kind.EPOCH, Kind.RECLAIM, Kind.WITHDRAW]
    assert wallet() == DEPOSIT - MARGIN


# --------------------------------------------------------- positions worth nothing


@pytest.mark.parametrize(
    ("venue", "name", "step", "error"),
    [
        (PERP, "perp-v2", Kind.CLOSE, "CH_NEFCM"),
        (RAGE, "rage", Kind.CLOSE, "InvalidTransactionNotEnoughMargin"),
        (SYNTHETIX, "synthetix", Kind.COMMIT, "Position can be liquidated"),
    ],
)
def test_a_position_worth_nothing_is_named_and_the_others_leave(
    ringside, owner, vault, wallet, venue, name, step, error
):
    if venue == SYNTHETIX:
        owner.buys_later(12 * ETH)
    else:
        ringside.trade(venue, 12 * ETH, MARGIN)
    others = [other for other in (PERP, RAGE) if other != venue]
    for other in others:
        send(vault.post, ringside.account, other, ETH_USD, MARGIN, 0, sender=owner.client)
    owner.market_falls(1_550)
    owner.ringside_is_gone()
    report = owner.leaves(any_price=True)
    assert refusals(report)[step, name, "ETH-USD"] == error
    assert "may be liquidated" in why(report, f"{name} ETH-USD")
    assert all(owner.flat(other) for other in others)
    assert wallet() == DEPOSIT - MARGIN
    # Liquidated, there is nothing left of it, and nothing to say.
    if venue == SYNTHETIX:
        owner.liquidate()
        nothing_is_left_there = owner.leaves()
        assert nothing_is_left_there.left == nothing_is_left_there.done == ()


def test_a_flagged_position_does_nothing_and_stops_no_other(ringside, owner, wallet):
    owner.buys_later(20 * ETH)
    ringside.trade(PERP, ETH // 100, MARGIN)
    owner.market_falls(1_700)
    owner.flag()
    # Whatever the price does next.
    owner.market_falls(2_000)
    report = owner.leaves()
    assert refusals(report) == {}
    assert Kind.COMMIT not in kinds(report)
    assert "flagged" in why(report, "synthetix ETH-USD")
    assert owner.flat(PERP)
    assert DEPOSIT - MARGIN - 5 * USDC < wallet() < DEPOSIT - MARGIN + 5 * USDC


# ------------------------------------------------------------- what a venue may delay


def test_a_perp_market_paused_by_its_owner_stays_until_it_is_closed(ringside, owner, wallet):
    ringside.trade(PERP, ETH, MARGIN)
    owner.perp_market("pause")
    ringside.mine_at(ringside.now + 2)
    report = owner.leaves()
    assert refusals(report) == {(Kind.CLOSE, "perp-v2", "ETH-USD"): "CH_MNO"}
    assert "paused" in why(report, "perp-v2 ETH-USD")
    # Its free margin keeps it alive, unless the owner wants that too.
    assert "--strip" in why(report, "perp-v2")
    assert wallet() == DEPOSIT - MARGIN
    owner.leaves(strip=True)
    assert wallet() > DEPOSIT - 500 * USDC
    # Five days on anybody may close the market, and it settles at the price of then.
    ringside.mine_at(ringside.now + 5 * 86_400 + 1)
    owner.perp_market("close()", role=9)
    report = owner.leaves()
    nothing_is_left(ringside, report)
    assert wallet() > DEPOSIT - 10 * USDC


def test_perps_tick_limit_lets_a_part_go_at_a_time(ringside, owner, wallet):
    ringside.trade(PERP, 40 * ETH, 30_000 * USDC)
    ringside.mine_at(ringside.now + 60)
    owner.perp_ticks(9)
    report = owner.leaves(patience=300)
    closed = [done for done in report.done if done.step.kind is Kind.CLOSE and not done.refused]
    assert 1 < len(closed) < 6
    assert refusals(report).keys() == {(Kind.CLOSE, "perp-v2", "ETH-USD")}
    nothing_is_left(ringside, report)


def test_without_patience_the_rest_stays_for_the_next_exit(ringside, owner):
    ringside.trade(PERP, 40 * ETH, 30_000 * USDC)
    ringside.mine_at(ringside.now + 60)
    owner.perp_ticks(9)
    report = owner.leaves(patience=0)
    assert 0 < report.after.spot(PERP, "ETH-USD").size < 40 * ETH
    assert "limit" in why(report, "perp-v2 ETH-USD")
    nothing_is_left(ringside, owner.leaves(patience=300))


def test_at_perps_price_band_nothing_closes_until_the_price_is_back(ringside, owner, wallet):
    ringside.trade(PERP, ETH, MARGIN)
    owner.moves(2_300)
    report = owner.leaves()
    assert refusals(report) == {(Kind.CLOSE, "perp-v2", "ETH-USD"): "EX_OPB"}
    assert "price band" in why(report, "perp-v2 ETH-USD")
    assert wallet() == DEPOSIT - MARGIN
    owner.moves(2_000)
    nothing_is_left(ringside, owner.leaves())


def test_a_price_beyond_the_owners_slippage_is_refused_unless_any_will_do(ringside, owner):
    ringside.trade(RAGE, ETH, MARGIN)
    owner.moves(2_300)
    report = owner.leaves()
    assert refusals(report) == {(Kind.CLOSE, "rage", "ETH-USD"): "BeyondLimit"}
    assert "--at-any-price" in why(report, "rage ETH-USD")
    nothing_is_left(ringside, owner.leaves(any_price=True))


def test_below_rages_smallest_order_dust_stays_and_the_margin_leaves(ringside, owner, wallet):
    dust = 4 * 10**12
    ringside.trade(RAGE, ETH, MARGIN)
    ringside.trade(RAGE, dust - ETH)
    report = owner.leaves()
    refused = refusals(report)
    assert refused[Kind.CLOSE, "rage", "ETH-USD"] == "LowNotionalValue"
    assert "smallest order" in why(report, "rage ETH-USD")
    # All but the least margin that the venue wants where anything is open.
    assert Kind.PULL in kinds(report)
    assert DEPOSIT - 30 * USDC < wallet() < DEPOSIT - 20 * USDC


@pytest.mark.parametrize(
    ("sold", "max_loss", "error"),
    [(12_000_000, 2 * ONE // 100, "SPL"), (9_000_000, ONE // 1_000, "PaidShort")],
    ids=["dry", "dear"],
)
def test_with_the_pool_dry_or_dear_the_venues_own_token_leaves_in_kind(
    ringside, owner, client, wallet, sold, max_loss, error
):
    owner.buys_later(ETH)
    owner.drain_pool(sold)
    report = owner.leaves(max_loss=max_loss)
    assert refusals(report)[Kind.PULL, "synthetix", "ETH-USD"] == error
    assert "--in-kind" in why(report, "synthetix ETH-USD")
    assert wallet() == DEPOSIT - MARGIN
    before = owner.susd.functions.balanceOf(client.address).call()
    margin = report.after.spot(SYNTHETIX, "ETH-USD").equity
    report = owner.leaves(max_loss=max_loss, in_kind=True)
    nothing_is_left(ringside, report)
    assert owner.susd.functions.balanceOf(client.address).call() - before == margin
    assert margin > 4_900 * ETH


# --------------------------------------------------------------------- hostile venues


@pytest.mark.parametrize("venue", [PERP, RAGE, SYNTHETIX])
def test_a_venue_that_reverts_on_every_call_holds_nobody_else(
    ringside, owner, vault, wallet, venue
):
    owner.everywhere()
    owner.breaks(venue)
    report = owner.leaves()
    name = ("perp-v2", "rage", "synthetix")[venue]
    assert all(x.where.startswith(name) for x in report.left)
    assert "cannot be read" in why(report, f"{name} ETH-USD")
    assert all(owner.flat(other) for other in (PERP, RAGE, SYNTHETIX) if other != venue)
    lost = 2 * MARGIN if venue == SYNTHETIX else MARGIN
    assert DEPOSIT - lost - 60 * USDC < wallet() < DEPOSIT - lost
    assert vault.idle(ringside.account) == 0


@pytest.mark.parametrize(
    "contract",
    [
        *("StuckSeat", "ShortPayingSeat", "HalfFillingSeat", "LyingSeat"),
        *("RevertBombSeat", "ReturnBombSeat", "GasBurningSeat"),
    ],
)
def test_a_hostile_fourth_venue_costs_no_more_than_what_is_there(
    ringside, owner, vault, wallet, contract
):
    venue, _ = ringside.add_venue(contract)
    send(vault.post, ringside.account, venue, ETH_USD, 1_000 * USDC, 0, sender=owner.client)
    if contract not in ("StuckSeat", "HalfFillingSeat"):
        ringside.trade(venue, ETH)
    ringside.trade(PERP, ETH, MARGIN)
    ringside.trade(RAGE, -ETH, MARGIN)
    report = owner.leaves()
    assert owner.flat(PERP)
    assert owner.flat(RAGE)
    assert vault.idle(ringside.account) == 0
    assert all(x.where.startswith(contract) for x in report.left)
    assert wallet() > DEPOSIT - 1_000 * USDC - 20 * USDC
    if contract in ("RevertBombSeat", "ReturnBombSeat", "GasBurningSeat"):
        # What cannot be valued is closed and pulled all the same.
        assert report.left == ()
        assert wallet() > DEPOSIT - 20 * USDC


def test_a_strangers_key_gets_nothing_out(ringside, owner, vault, attacker):
    """The exit needs the owner's key: with another it refused at every step."""
    ringside.trade(PERP, ETH, MARGIN)
    owner.sends_as(attacker)
    report = owner.leaves()
    assert kinds(report) == []
    assert not any(done.transaction for done in report.done)
    assert vault.idle(ringside.account) == DEPOSIT - MARGIN


def test_the_plan_that_is_shown_is_the_plan_that_is_done(ringside, owner):
    owner.everywhere()
    way = owner.exit()
    shown = [(step.kind, step.where) for step in way.plan(way.read())]
    done = [(step.step.kind, step.step.where) for step in way.run().done]
    assert sorted(shown, key=str) == sorted(done, key=str)
