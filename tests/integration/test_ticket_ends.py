"""How a ticket ends, told from the venue's state alone: filled, dropped, or flagged and liquidated
before anybody looked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import BTC_USD, DEPOSIT, ETH, ETH_USD, ONE, USDC, Refused, few, reverts, send
from tickets import (
    MARGIN,
    UNIT,
    UNKNOWN,
    WINDOW,
    commit,
    own_commit,
    own_settle,
    progress,
    settle,
    take,
    ticket_order,
    undone,
)

from devnet import DevnetError
from devnet.anvil import BLOCK_INTERVAL
from ringside.accounts import account_id
from ringside.orders import Bounds, Conditions, Tickets

TIP = 10 * USDC
THIN = 115 * USDC
"""Margin of which little is left when the price falls by a twentieth."""
FALLEN = 1_900
FEE_OF_AN_ORDER = 4 * ONE


def expire(ringside, venue, market=ETH_USD, by=None):
    sender = by or ringside.actors["stranger"]
    return send(ringside.vault.expire, ringside.account, venue, market, sender=sender)


# ----------------------------------------------------------------- four tests by name


def test_fill_then_liquidate_then_settle_is_booked_filled_at_a_price_unknown(
    ringside, vault, account, keeper, synthetix
):
    order = ticket_order(ringside, tip=TIP, max_margin=THIN)
    commit(ringside, order, (synthetix.id, ETH, THIN))
    synthetix.execute()
    synthetix.move(FALLEN)
    synthetix.liquidate()
    assert synthetix.position() == (0, 0, 0, 0, 0)
    event = settle(ringside, synthetix.id)
    assert (event.filled, event.quote) == (ETH, UNKNOWN)
    p = progress(ringside, order)
    assert (p.used, p.pending, p.open, p.failures, p.cost) == (ETH, 0, 0, 0, 0)
    # It was filled, so whoever committed it is paid, and it is not filled twice.
    assert vault.idle(account_id(keeper.address)) == TIP
    assert vault.reserved(account) == 0
    assert vault.idle(account) == DEPOSIT - THIN - TIP
    with reverts(ringside.desk.Overfilled, left=0, asked=ETH):
        commit(ringside, order, (synthetix.id, ETH, 0))
    assert vault.active(account) == 0


def test_flagged_while_pending_then_settle_is_booked_cancelled(
    ringside, vault, account, keeper, synthetix
):
    take(synthetix, ETH, THIN)
    order = ticket_order(ringside, size=-ETH // 2, tip=TIP)
    commit(ringside, order, (synthetix.id, -ETH // 2, 0))
    before, earned = synthetix.position(), synthetix.earned("attacker")
    synthetix.move(FALLEN)
    synthetix.flag(by="attacker")
    assert (synthetix.order()[0], synthetix.position()) == (0, before)
    assert synthetix.earned("attacker") - earned == FEE_OF_AN_ORDER
    event = settle(ringside, synthetix.id, 2)
    assert (event.filled, event.quote) == (0, 0)
    p = progress(ringside, order)
    assert (p.used, p.failures, p.cost, p.tip) == (0, 1, 4 * USDC, 0)
    assert vault.reserved(account) == vault.idle(account_id(keeper.address)) == 0
    # A flagged position is the venue's: nothing else happens there until it is liquidated.
    with pytest.raises(Refused, match=b"Position flagged".hex()):
        commit(ringside, order, (synthetix.id, -ETH // 2, 0))
    synthetix.liquidate()
    # Then there is none to reduce, and the pocket can be used anew.
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    synthetix.execute()
    own_settle(ringside, synthetix.id)
    assert synthetix.size() == ETH


@pytest.mark.parametrize(("most", "max_cost", "wasted"), [(3, 100, 3), (9, 14, 3), (1, 100, 1)])
def test_a_keeper_that_commits_dust_and_lets_it_expire_gets_no_more_than_the_order_signed(
    ringside, desk, vault, account, attacker, synthetix, most, max_cost, wasted
):
    """He drops his own tickets at the venue, which pays their deposits to whoever does."""
    take(synthetix, 2 * ETH)
    tickets = Tickets(most=most, max_cost=max_cost * USDC, max_loss=ONE // 100)
    order = ticket_order(ringside, size=-ETH, tip=TIP, tickets=tickets)
    margin, earned = synthetix.margin(), synthetix.earned("attacker")
    for number in range(wasted):
        commit(ringside, order, (synthetix.id, -1, 0), by=attacker)
        # Dust at the order's price cannot pay its own deposit, so the venue never fills it.
        with pytest.raises(DevnetError, match="Price impact exceeded"), undone(ringside):
            synthetix.execute(by="attacker")
        synthetix.drop(by="attacker")
        settle(ringside, synthetix.id, number + 2, by=attacker)
    dear = wasted < most
    error = desk.TicketsTooDear if dear else desk.TooManyTickets
    with reverts(error, most=max_cost * USDC if dear else most):
        commit(ringside, order, (synthetix.id, -1, 0), by=attacker)
    gone = synthetix.earned("attacker") - earned
    assert gone == wasted * FEE_OF_AN_ORDER
    assert gone <= max_cost * ONE
    # The margin paid that and nothing more, but for what the position itself gained or lost.
    assert abs(margin - gone - synthetix.margin()) < ONE
    assert progress(ringside, order).cost * UNIT == gone
    # No tip was earned.
    assert vault.idle(account_id(attacker.address)) == vault.reserved(account) == 0


def test_whoever_expires_the_dust_first_brings_the_deposit_back(
    ringside, attacker, keeper, synthetix
):
    order = ticket_order(ringside)
    commit(ringside, order, (synthetix.id, ETH, MARGIN), by=attacker)
    margin, earned = synthetix.margin(), synthetix.earned("attacker")
    synthetix.pass_window()
    expire(ringside, synthetix.id, by=keeper)
    assert synthetix.margin() == margin + FEE_OF_AN_ORDER
    with pytest.raises(DevnetError, match="no previous order"):
        synthetix.send("cancelOffchainDelayedOrder", synthetix.seat().address, by="attacker")
    assert synthetix.earned("attacker") == earned


def test_a_ticket_in_the_way_of_a_stop_holds_it_up_for_the_venues_window_and_no_longer(
    ringside, vault, account, keeper, synthetix
):
    take(synthetix, 2 * ETH)
    far = ticket_order(ringside, size=-ETH, limit_price=3_000 * ONE)
    commit(ringside, far, (synthetix.id, -ETH, 0))
    since = synthetix.order()[2]
    stop = ticket_order(
        ringside,
        nonce=2,
        size=-2 * ETH,
        bounds=Bounds(reduce_only=True),
        conditions=Conditions(trigger_price=1_950 * ONE),
    )
    synthetix.move(1_940)
    leg = synthetix.id, -2 * ETH, 0
    with reverts(vault.TicketOpen, account=account, venue=synthetix.id, market=ETH_USD):
        commit(ringside, stop, leg)
    with pytest.raises(DevnetError, match="Price impact exceeded"):
        synthetix.execute()
    ringside.mine_at(since + WINDOW)
    with pytest.raises(Refused, match=b"cannot cancel yet".hex()), undone(ringside):
        expire(ringside, synthetix.id)
    with reverts(vault.TicketOpen, venue=synthetix.id):
        commit(ringside, stop, leg)

    # One second later it can, and the stop follows in the next block.
    synthetix.pass_window()
    assert ringside.now == since + WINDOW + 1
    expire(ringside, synthetix.id, by=keeper)
    receipt = commit(ringside, stop, leg)
    assert receipt.timestamp - (since + WINDOW + 1) == 2 * BLOCK_INTERVAL
    synthetix.execute()
    assert settle(ringside, synthetix.id, 3).filled == -2 * ETH
    assert synthetix.size() == 0
    settle(ringside, synthetix.id, 2)
    assert progress(ringside, far).failures == 1


def test_a_ticket_that_a_stranger_dropped_is_out_of_a_stops_way_at_once(ringside, synthetix):
    take(synthetix, 2 * ETH)
    far = ticket_order(ringside, size=-ETH, limit_price=3_000 * ONE)
    commit(ringside, far, (synthetix.id, -ETH, 0))
    synthetix.drop()
    stop = ticket_order(ringside, nonce=2, size=-2 * ETH)
    commit(ringside, stop, (synthetix.id, -2 * ETH, 0))
    assert settle(ringside, synthetix.id, 2).filled == 0


# ------------------------------------------------------------------------- dropped


def test_a_ticket_cancelled_by_a_stranger_costs_its_deposit(ringside, synthetix):
    order = ticket_order(ringside)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    margin = synthetix.margin()
    synthetix.drop(by="stranger")
    assert settle(ringside, synthetix.id).filled == 0
    assert synthetix.margin() == margin
    assert synthetix.earned("stranger") == FEE_OF_AN_ORDER


@pytest.mark.parametrize("held", [0, 2 * ETH], ids=["flat", "with a position"])
def test_a_ticket_expired_through_the_seat_costs_nothing(
    ringside, vault, account, client, synthetix, held
):
    if held:
        take(synthetix, held)
    order = ticket_order(ringside, tip=TIP)
    number = 2 if held else 1
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    before = synthetix.position()
    synthetix.pass_window()
    receipt = expire(ringside, synthetix.id)
    (event,) = receipt.decode_logs(vault.TicketSettled)
    assert (event.number, event.filled, event.tip) == (number, 0, 0)
    after = synthetix.position()
    gained = before[4] * (after[3] - before[3]) // ONE
    received = synthetix.funding(held, before[1], after[1]) if held else 0
    assert after[2] == before[2] + gained + received + FEE_OF_AN_ORDER
    assert after[4] == held
    assert vault.reserved(account) == 0
    assert vault.outcome(account, synthetix.id, ETH_USD, number).settled
    # The desk is told by whoever comes.
    assert settle(ringside, synthetix.id, number).filled == 0
    assert progress(ringside, order).failures == 1


def test_a_ticket_is_not_expired_before_its_time_nor_where_there_is_none(
    ringside, vault, account, synthetix
):
    with reverts(vault.NoSeat, account=account, venue=synthetix.id):
        expire(ringside, synthetix.id)
    with reverts(vault.FillsAtOnce, venue=0):
        expire(ringside, 0)
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    with pytest.raises(Refused, match=b"cannot cancel yet".hex()):
        expire(ringside, synthetix.id)
    synthetix.drop()
    own_settle(ringside, synthetix.id)
    with reverts(synthetix.seat().NoTicket, instrument=synthetix.instrument()):
        expire(ringside, synthetix.id)


def test_a_ticket_that_was_filled_is_not_expired_and_can_be_settled(ringside, synthetix):
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    synthetix.execute()
    with pytest.raises(Refused, match=b"no previous order".hex()):
        expire(ringside, synthetix.id)
    assert own_settle(ringside, synthetix.id).filled == ETH


# ------------------------------------------------------------------------ who settles


def test_what_the_owner_settles_at_the_vault_is_booked_by_the_desk_later(
    ringside, vault, account, client, keeper, synthetix
):
    order = ticket_order(ringside, tip=TIP)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    synthetix.execute()
    told = own_settle(ringside, synthetix.id, by=client)
    assert (told.number, told.filled, told.tip) == (1, ETH, TIP)
    assert vault.idle(account_id(keeper.address)) == TIP
    assert progress(ringside, order).pending == ETH
    # Also once the next ticket is open in the same pocket.
    own_commit(ringside, synthetix.id, ETH, 0)
    event = settle(ringside, synthetix.id)
    assert (event.filled, event.quote) == (ETH, told.quote)
    p = progress(ringside, order)
    assert (p.used, p.pending, p.open) == (ETH, 0, 0)
    assert vault.idle(account_id(keeper.address)) == TIP


@pytest.mark.parametrize("who", ["client", "keeper", "stranger", "attacker"])
def test_anyone_settles_and_it_makes_no_difference_who(
    ringside, vault, account, keeper, synthetix, who
):
    order = ticket_order(ringside, tip=TIP)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    synthetix.execute()
    event = settle(ringside, synthetix.id, by=ringside.actors[who])
    assert event.filled == ETH
    assert vault.idle(account_id(keeper.address)) == TIP


def test_settling_an_open_ticket_changes_nothing_and_the_desk_says_so(
    ringside, desk, vault, account, synthetix
):
    order = ticket_order(ringside, tip=TIP)
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    held = vault.ticket(account, synthetix.id, ETH_USD)
    assert own_settle(ringside, synthetix.id) is None
    assert vault.ticket(account, synthetix.id, ETH_USD) == held
    assert held.open
    assert vault.reserved(account) == TIP
    assert not vault.outcome(account, synthetix.id, ETH_USD, 1).settled
    with reverts(desk.TicketOpen, account=account, venue=synthetix.id, market=ETH_USD, number=1):
        settle(ringside, synthetix.id)
    # Nor when its window has passed and nobody has dropped it.
    synthetix.pass_window()
    assert own_settle(ringside, synthetix.id) is None


def test_settling_where_there_is_no_ticket_is_refused(ringside, vault, account, synthetix):
    with reverts(vault.NoSeat, account=account, venue=synthetix.id):
        own_settle(ringside, synthetix.id)
    take(synthetix, ETH)
    with reverts(vault.NoTicket, account=account, venue=synthetix.id, market=ETH_USD):
        own_settle(ringside, synthetix.id)


def test_two_markets_pockets_do_not_know_of_each_other(ringside, vault, account, synthetix):
    one = ticket_order(ringside, tip=TIP)
    other = ticket_order(ringside, nonce=2, tip=TIP // 2, market="BTC-USD", size=-ETH // 10)
    other = other.with_(limit_price=0)
    commit(ringside, one, (synthetix.id, ETH, MARGIN))
    commit(ringside, other, (synthetix.id, -ETH // 10, MARGIN))
    assert vault.reserved(account) == TIP + TIP // 2
    synthetix.execute("BTC-USD")
    assert settle(ringside, synthetix.id, 1, BTC_USD).filled == -ETH // 10
    assert vault.reserved(account) == TIP
    assert synthetix.seat().pending(synthetix.instrument()) == ETH
    # Margin and trades go on in the one while the other waits.
    send(vault.pull, account, synthetix.id, BTC_USD, USDC, 0, sender=ringside.actors["client"])
    own_commit(ringside, synthetix.id, ETH // 10, 0, market=BTC_USD)
    synthetix.execute("BTC-USD")
    own_settle(ringside, synthetix.id, BTC_USD)
    assert synthetix.size("BTC-USD") == 0
    # The seat is not empty while a ticket is open in any of them.
    assert vault.active(account) == 1 << synthetix.id
    synthetix.drop()
    assert settle(ringside, synthetix.id).filled == 0
    assert vault.active(account) == vault.reserved(account) == 0


# -------------------------------------------------------------------- what cannot be told


@pytest.mark.parametrize("filled", [True, False], ids=["filled", "dropped"])
def test_where_the_venue_cannot_tell_a_fill_from_a_cancel_it_was_a_fill_of_unknown_price(
    ringside, vault, account, keeper, synthetix, filled
):
    """A position that there was before, and that is gone: in both cases the venue says the same."""
    take(synthetix, ETH, THIN)
    order = ticket_order(ringside, size=ETH // 10, tip=TIP)
    commit(ringside, order, (synthetix.id, ETH // 10, 0))
    if filled:
        synthetix.execute()
    synthetix.move(FALLEN)
    synthetix.liquidate()
    event = settle(ringside, synthetix.id, 2)
    assert (event.filled, event.quote) == (ETH // 10, UNKNOWN)
    assert progress(ringside, order).used == ETH // 10
    assert vault.outcome(account, synthetix.id, ETH_USD, 2).quote == 2**128 - 1
    assert vault.idle(account_id(keeper.address)) == TIP


def test_a_close_that_left_nothing_was_no_close_but_a_liquidation(ringside, synthetix):
    """What closes a position leaves its margin, so that this can be told."""
    take(synthetix, ETH, THIN)
    order = ticket_order(ringside, size=-ETH)
    commit(ringside, order, (synthetix.id, -ETH, 0))
    synthetix.move(FALLEN)
    synthetix.liquidate()
    event = settle(ringside, synthetix.id, 2)
    assert (event.filled, event.quote) == (0, 0)
    assert progress(ringside, order).failures == 1


@given(
    held=st.integers(-3, 3).map(lambda n: n * ETH // 2),
    size=st.integers(-6, 6).filter(bool).map(lambda n: n * ETH // 3),
    end=st.sampled_from(["filled", "dropped", "expired"]),
)
@few(10)
def test_every_end_but_a_liquidation_is_told_exactly(ringside, synthetix, held, size, end):
    with undone(ringside):
        first = 1
        if held:
            take(synthetix, held)
            first = 2
        order = ticket_order(ringside, size=size, limit_price=0 if size < 0 else 10_000 * ONE)
        commit(ringside, order, (synthetix.id, size, MARGIN))
        if end == "filled":
            synthetix.execute()
        elif end == "dropped":
            synthetix.drop()
        else:
            synthetix.pass_window()
            expire(ringside, synthetix.id)
        event = settle(ringside, synthetix.id, first)
        assert event.filled == (size if end == "filled" else 0)
        assert (event.quote == 0) == (end != "filled")
        assert event.quote != UNKNOWN
        assert synthetix.size() == held + event.filled
