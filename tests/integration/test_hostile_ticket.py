"""Venues that fill later and in part, lie about it, never answer, or answer with a revert."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stage import BTC_USD, DEPOSIT, ETH, ETH_USD, MAX, ONE, USDC, few, reverts, send
from tickets import UNIT, commit, own_commit, own_settle, progress, settle, ticket_order, undone

from ringside.accounts import account_id
from ringside.orders import CLOSE_LONGS, Bounds, Conditions, Tickets, venue_set

SENT = 1_000 * USDC
TIP = 10 * USDC
DAY = 86_400
AT_RISK = 2 * ONE
"""The stand-in's deposit."""
cheaply = few(12)


@pytest.fixture
def honest(ringside):
    """The stand-in that fills later: as much as it likes, and never the rest."""
    return ringside.add_venue("DelayedStandInSeat")[0]


@pytest.fixture
def lying(ringside):
    return ringside.add_venue("LyingDelayedSeat")[0]


@pytest.fixture
def dead(ringside):
    return ringside.add_venue("DeadDelayedSeat")[0]


def order_there(ringside, venue, **changes):
    changes = {"venues": venue_set([venue]), "max_margin": SENT, "tip": TIP, **changes}
    return ticket_order(ringside, **changes)


def answers(ringside, venue, method, *args, contract="DelayedStandInSeat"):
    """The venue says or does something, by anybody."""
    seat = ringside.seat_at(venue, contract)
    send(getattr(seat, method), *args, sender=ringside.actors["stranger"])


# --------------------------------------------------------------------------- in part


@given(
    size=st.integers(1, 10 * ETH),
    part=st.integers(0, 10**6),
    tip=st.integers(0, TIP),
    side=st.sampled_from([1, -1]),
)
@example(size=3, part=333_334, tip=10, side=1)
@example(size=ETH, part=10**6, tip=TIP, side=-1)
@cheaply
def test_a_ticket_filled_in_part_is_booked_and_its_tip_paid_in_proportion(
    ringside, vault, account, keeper, honest, size, part, tip, side
):
    filled = size * part // 10**6
    order = order_there(ringside, honest, size=side * size, tip=tip, limit_price=0)
    if side > 0:
        order = order.with_(limit_price=MAX)
    with undone(ringside):
        commit(ringside, order, (honest, side * size, SENT))
        assert vault.reserved(account) == tip
        answers(ringside, honest, "execute", side * filled)
        event = settle(ringside, honest)
        paid = tip * filled // size
        assert event.filled == side * filled
        assert vault.idle(account_id(keeper.address)) == paid
        assert vault.idle(account) == DEPOSIT - SENT - paid
        assert vault.reserved(account) == 0
        p = progress(ringside, order)
        assert (p.used, p.pending, p.tip, p.open) == (filled, 0, paid, 0)
        # The part that was not filled keeps its cost, rounded up.
        failed = size - abs(filled)
        cost = -(-(AT_RISK // UNIT) * failed // size)
        assert (p.failures, p.cost) == (0 if filled else 1, cost)


@given(parts=st.lists(st.integers(0, 100), min_size=1, max_size=4), tip=st.integers(0, TIP))
@cheaply
def test_an_order_goes_on_where_a_partial_fill_left_it_and_its_tips_add_up(
    ringside, desk, vault, account, keeper, honest, parts, tip
):
    tickets = Tickets(most=9, max_cost=100 * USDC, max_loss=0)
    order = order_there(ringside, honest, size=7 * ETH, tip=tip, tickets=tickets)
    with undone(ringside):
        left = 7 * ETH
        for number, part in enumerate((*parts, 100), 1):
            if left == 0:
                break
            commit(ringside, order, (honest, left, SENT if number == 1 else 0))
            filled = left * part // 100
            answers(ringside, honest, "execute", filled)
            assert settle(ringside, honest, number).filled == filled
            left -= filled
            p = progress(ringside, order)
            assert p.used == 7 * ETH - left
            paid = vault.idle(account_id(keeper.address))
            assert paid == p.tip <= tip * p.used // (7 * ETH)
            assert vault.idle(account) == DEPOSIT - SENT - paid
            assert vault.reserved(account) == 0
        assert vault.idle(account_id(keeper.address)) == tip
        with reverts(desk.Overfilled, left=0, asked=1):
            commit(ringside, order, (honest, 1, 0))


def test_the_protocols_fee_is_paid_in_proportion_too(
    ringside, venues, vault, account, governor, newcomer, keeper, honest
):
    send(venues.setCollector, newcomer, sender=governor)
    send(venues.setFee, ETH_USD, ONE // 1_000, sender=governor)
    order = order_there(ringside, honest)
    commit(ringside, order, (honest, ETH, SENT))
    assert vault.reserved(account) == TIP + 2 * USDC
    answers(ringside, honest, "execute", ETH // 4)
    settle(ringside, honest)
    assert vault.idle(account_id(newcomer.address)) == USDC // 2
    assert vault.idle(account_id(keeper.address)) == TIP // 4
    assert vault.idle(account) == DEPOSIT - SENT - TIP // 4 - USDC // 2
    assert vault.reserved(account) == 0


def test_what_was_not_filled_is_given_back_to_the_group(ringside, desk, account, honest):
    order = order_there(ringside, honest, conditions=Conditions(group=3, group_size=ETH))
    commit(ringside, order, (honest, ETH, SENT))
    answers(ringside, honest, "execute", ETH // 4)
    settle(ringside, honest)
    assert desk.groupUsed(account, 3) == ETH // 4


# ------------------------------------------------------------------------------ lies


@given(
    filled=st.one_of(
        st.integers(-(2**255), 2**255 - 1),
        st.integers(-(2**119), 2**119 - 1),
        st.integers(-2 * ETH, 2 * ETH),
    ),
    quote=st.integers(0, MAX),
    buys=st.booleans(),
)
@example(filled=5 * ETH, quote=0, buys=True)
@example(filled=-ETH, quote=MAX, buys=True)
@example(filled=ETH, quote=1, buys=False)
@example(filled=-(2**255), quote=0, buys=True)
@example(filled=-(2**119), quote=0, buys=True)
@cheaply
def test_a_lie_about_a_fill_costs_the_margin_there_and_the_signed_tip_at_most(
    ringside, vault, account, keeper, lying, filled, quote, buys
):
    size = ETH if buys else -ETH
    order = order_there(ringside, lying, size=size, limit_price=2_500 * ONE if buys else 0)
    with undone(ringside):
        commit(ringside, order, (lying, size, SENT))
        answers(ringside, lying, "say", False, filled, quote, contract="LyingDelayedSeat")
        if -(2**119) <= filled < 2**119:
            assert settle(ringside, lying).filled == filled
        else:
            # What fits no record is refused by name, and the ticket stays open.
            with reverts(ringside.seat_at(lying, "LyingDelayedSeat").NotExact, done=filled):
                settle(ringside, lying)
            assert vault.reserved(account) == TIP
            return
        told = min(abs(filled), ETH)
        paid = TIP * told // ETH
        assert vault.idle(account_id(keeper.address)) == paid <= TIP
        assert vault.idle(account) == DEPOSIT - SENT - paid
        assert vault.reserved(account) == 0
        # Never more than was asked for, so that the order cannot be filled beyond its size.
        p = progress(ringside, order)
        assert (p.used, p.pending, p.open) == (told, 0, 0)
        assert p.tip == paid


def test_a_ticket_that_is_never_resolved_holds_up_its_own_pocket_and_nothing_else(
    ringside, desk, vault, account, client, lying, the_rest_goes_on
):
    order = order_there(ringside, lying)
    commit(ringside, order, (lying, ETH, SENT))
    ringside.mine_at(ringside.now + 7 * DAY)
    assert own_settle(ringside, lying) is None
    with reverts(desk.TicketOpen, number=1):
        settle(ringside, lying)
    with reverts(vault.TicketOpen, venue=lying):
        own_commit(ringside, lying, ETH, SENT)
    for call in (vault.pull, vault.post):
        with reverts(vault.TicketOpen, account=account, venue=lying, market=ETH_USD):
            send(call, account, lying, ETH_USD, USDC, 0, sender=client)
    send(vault.reclaim, account, lying, ETH_USD, sender=client)
    the_rest_goes_on()


def test_a_venue_that_wakes_up_after_its_reserve_was_taken_back_pays_no_tip(
    ringside, vault, account, client, keeper, lying
):
    order = order_there(ringside, lying)
    commit(ringside, order, (lying, ETH, SENT))
    ringside.mine_at(ringside.now + DAY)
    send(vault.reclaim, account, lying, ETH_USD, sender=client)
    answers(ringside, lying, "say", False, ETH, 1, contract="LyingDelayedSeat")
    assert settle(ringside, lying).filled == ETH
    assert vault.idle(account) == DEPOSIT - SENT
    assert vault.idle(account_id(keeper.address)) == vault.reserved(account) == 0


# ------------------------------------------------------------------------- close all


@pytest.fixture
def long(ringside, honest):
    """One ETH, and an order that closes it by a ticket."""
    commit(ringside, order_there(ringside, honest, tip=0), (honest, ETH, SENT))
    answers(ringside, honest, "execute", ETH)
    settle(ringside, honest)
    return order_there(ringside, honest, nonce=2, size=CLOSE_LONGS, max_margin=0, limit_price=0)


def test_an_order_to_close_all_is_ended_where_its_ticket_failed_with_nothing_left(
    ringside, vault, account, keeper, honest, long
):
    """Closed by the venue meanwhile: anyone may end the order, and nobody is paid for it."""
    commit(ringside, long, (honest, -ETH, 0))
    for filled in (-ETH, 0):  # The position is gone, and the order says it had no part in that.
        answers(ringside, honest, "execute", filled)
    assert settle(ringside, honest, 2).filled == 0
    assert not progress(ringside, long).done
    ringside.fill(long)
    assert progress(ringside, long).done
    assert vault.idle(account_id(keeper.address)) == vault.reserved(account) == 0


def test_what_a_ticket_left_of_a_position_an_order_to_close_all_closes_by_another(
    ringside, honest, long
):
    commit(ringside, long, (honest, -ETH, 0))
    answers(ringside, honest, "execute", -ETH // 4)
    settle(ringside, honest, 2)
    assert not progress(ringside, long).done
    commit(ringside, long, (honest, -3 * ETH // 4, 0))
    answers(ringside, honest, "execute", -3 * ETH // 4)
    settle(ringside, honest, 3)
    assert progress(ringside, long).done


# ------------------------------------------------------------------------------ dead


@pytest.fixture
def the_rest_goes_on(ringside, vault, usdc, perp, client, neighbour, account):
    """Fills, reads and exits elsewhere, of the client and of a neighbour."""

    def check():
        neighbours = account_id(neighbour.address)
        order = ringside.order(nonce=99, venues=2**64 - 1)
        ringside.fill(order, (perp.id, ETH, SENT))
        ringside.trade(perp.id, ETH, SENT, account=neighbours, by=neighbour)
        seen = ringside.view(account, ETH_USD).seats[perp.id]
        assert seen.readable
        assert seen.markets[0].position.size == ETH
        closing = ringside.order(nonce=100, size=CLOSE_LONGS, venues=2**64 - 1, max_margin=0)
        ringside.fill(closing, (perp.id, -ETH, 0))
        ringside.trade(perp.id, -ETH, account=neighbours, by=neighbour)
        for owner, whose in ((client, account), (neighbour, neighbours)):
            free = perp.free(perp.seat(whose)) // UNIT
            send(vault.pull, whose, perp.id, ETH_USD, free, free, sender=owner)
            wallet, idle = usdc.balanceOf(owner), vault.idle(whose)
            send(vault.withdraw, whose, idle, owner, sender=owner)
            assert usdc.balanceOf(owner) - wallet == idle > DEPOSIT - SENT - 30 * USDC
        assert vault.reserved(account) == 0

    return check


def test_a_venue_that_reverts_on_every_call_blocks_nothing_elsewhere(
    ringside, vault, account, client, dead, the_rest_goes_on
):
    order = order_there(ringside, dead)
    commit(ringside, order, (dead, ETH, SENT))
    seat = ringside.seat_at(dead, "DeadDelayedSeat")
    for call in (
        lambda: settle(ringside, dead),
        lambda: own_settle(ringside, dead),
        lambda: send(vault.expire, account, dead, ETH_USD, sender=client),
        lambda: send(vault.pull, account, dead, ETH_USD, MAX, 0, sender=client),
        lambda: send(vault.pullInKind, account, dead, ETH_USD, MAX, client, sender=client),
        lambda: send(vault.post, account, dead, ETH_USD, SENT, 0, sender=client),
        lambda: own_commit(ringside, dead, ETH, SENT),
    ):
        with reverts(seat.Dead):
            call()
    ringside.mine_at(ringside.now + DAY)
    send(vault.reclaim, account, dead, ETH_USD, sender=client)
    the_rest_goes_on()


def test_a_position_that_a_dead_venue_may_hold_does_not_stop_an_opening_elsewhere(
    ringside, dead, stand_in
):
    commit(ringside, order_there(ringside, dead), (dead, ETH, SENT))
    venues = venue_set([dead, stand_in])
    order = ringside.order(nonce=2, size=-ETH, venues=venues, bounds=Bounds())
    ringside.fill(order, (stand_in, -ETH, 0))


def test_a_market_that_answers_no_more_keeps_no_other_from_settling(
    ringside, vault, account, governor
):
    """Whether something is held there is not known, so the venue still counts."""
    venue, _ = ringside.add_venue("HalfDeadDelayedSeat", BTC_USD, 2)
    send(ringside.venues.list, venue, ETH_USD, (1).to_bytes(32, "big"), sender=governor)
    own_commit(ringside, venue, ETH, SENT, market=BTC_USD)
    answers(ringside, venue, "execute", 0)
    own_settle(ringside, venue, BTC_USD)
    assert vault.active(account) & 1 << venue == 0
    answers(ringside, venue, "bury", (2).to_bytes(32, "big"), contract="HalfDeadDelayedSeat")
    own_commit(ringside, venue, ETH, SENT)
    answers(ringside, venue, "execute", 0)
    assert own_settle(ringside, venue).filled == 0
    assert vault.active(account) & 1 << venue


def test_what_is_set_aside_for_a_dead_venue_comes_back_after_a_day_and_not_before(
    ringside, vault, account, client, stranger, keeper, dead
):
    order = order_there(ringside, dead)
    made = commit(ringside, order, (dead, ETH, SENT)).timestamp
    idle = vault.idle(account)
    assert vault.RESERVE_LIFE() == DAY
    with reverts(vault.NotOwner, account=account, caller=stranger.address):
        send(vault.reclaim, account, dead, ETH_USD, sender=stranger)
    ringside.mine_at(made + DAY - 1)
    with reverts(vault.StillReserved, until=made + DAY), undone(ringside):
        send(vault.reclaim, account, dead, ETH_USD, sender=client)
    ringside.mine_at(made + DAY)
    receipt = send(vault.reclaim, account, dead, ETH_USD, sender=client)
    (event,) = receipt.decode_logs(vault.Reclaimed)
    assert (event.venue, event.market, event.amount) == (dead, ETH_USD, TIP)
    assert vault.reserved(account) == 0
    assert vault.idle(account) == idle + TIP
    # Once, and no more; the ticket itself stays open.
    receipt = send(vault.reclaim, account, dead, ETH_USD, sender=client)
    assert receipt.decode_logs(vault.Reclaimed)[0].amount == 0
    assert vault.idle(account) == idle + TIP
    assert vault.ticket(account, dead, ETH_USD).open
    assert vault.idle(account_id(keeper.address)) == 0


@pytest.mark.parametrize("filled", [2**125, -(2**255)])
def test_a_venue_that_claims_an_absurd_fill_locks_no_reserve(
    ringside, vault, account, client, lying, filled
):
    commit(ringside, order_there(ringside, lying), (lying, ETH, SENT))
    answers(ringside, lying, "say", False, filled, 0, contract="LyingDelayedSeat")
    ringside.mine_at(ringside.now + DAY)
    receipt = send(vault.reclaim, account, lying, ETH_USD, sender=client)
    assert receipt.decode_logs(vault.Reclaimed)[0].amount == TIP
    assert vault.reserved(account) == 0


def test_what_can_be_settled_is_settled_and_not_taken_back(
    ringside, vault, account, client, keeper, honest
):
    commit(ringside, order_there(ringside, honest), (honest, ETH, SENT))
    answers(ringside, honest, "execute", ETH)
    ringside.mine_at(ringside.now + DAY)
    receipt = send(vault.reclaim, account, honest, ETH_USD, sender=client)
    assert not receipt.decode_logs(vault.Reclaimed)
    (event,) = receipt.decode_logs(vault.TicketSettled)
    assert (event.filled, event.tip) == (ETH, TIP)
    assert vault.idle(account_id(keeper.address)) == TIP
    assert settle(ringside, honest).filled == ETH


def test_there_is_nothing_to_reclaim_where_no_ticket_is_open(
    ringside, vault, account, client, honest
):
    with reverts(vault.NoTicket, account=account, venue=honest, market=ETH_USD):
        send(vault.reclaim, account, honest, ETH_USD, sender=client)
    commit(ringside, order_there(ringside, honest), (honest, ETH, SENT))
    answers(ringside, honest, "execute", ETH)
    settle(ringside, honest)
    ringside.mine_at(ringside.now + DAY)
    with reverts(vault.NoTicket, account=account, venue=honest, market=ETH_USD):
        send(vault.reclaim, account, honest, ETH_USD, sender=client)
