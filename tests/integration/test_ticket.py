"""A leg at a venue that fills later is a ticket: committed, executed by whoever brings a price,
settled by anyone."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stage import DEPOSIT, ETH, ETH_USD, ONE, USDC, few, reverts, send
from tickets import (
    MARGIN,
    UNIT,
    commit,
    own_commit,
    progress,
    settle,
    take,
    ticket_order,
    undone,
)

from devnet import DevnetError
from ringside.accounts import account_id
from ringside.orders import Bounds, Tickets, venue_set

ANYWHERE = 0b111
TIP = 10 * USDC
RATE = 10**15
"""The protocol's fee: 0.1 % of notional."""
cheaply = few(8)


def lost(synthetix, margin=MARGIN):
    """What a flat pocket's first ticket may cost, USDC rounded up: what went in is not margin
    now."""
    return -(-(margin * UNIT - synthetix.margin()) // UNIT)


@pytest.fixture
def ticket(ringside, synthetix):
    """One of two ETH bought on a ticket, for half of the tip."""
    order = ticket_order(ringside, size=2 * ETH, tip=TIP, max_margin=2 * MARGIN)
    return order, commit(ringside, order, (synthetix.id, ETH, MARGIN))


def test_a_ticket_is_counted_as_filled_and_its_tip_set_aside(
    ringside, desk, vault, account, keeper, synthetix, ticket
):
    order, receipt = ticket
    p = progress(ringside, order)
    assert (p.used, p.pending, p.open, p.failures, p.done) == (ETH, ETH, 1, 0, False)
    assert (p.margin, p.tip, p.cost) == (MARGIN, TIP // 2, lost(synthetix))
    assert 4 * USDC < p.cost < 8 * USDC
    assert vault.reserved(account) == TIP // 2
    assert vault.idle(account) == DEPOSIT - MARGIN - TIP // 2
    assert vault.idle(account_id(keeper.address)) == 0
    (event,) = receipt.decode_logs(desk.Committed)
    assert (event.number, event.size, event.filler) == (1, ETH, keeper.address)
    assert (event.key, event.account) == (order.digest(ringside.domain), account)
    (event,) = receipt.decode_logs(vault.TicketCommitted)
    assert (event.number, event.size, event.margin, event.tip) == (1, ETH, MARGIN, TIP // 2)
    assert synthetix.seat().pending(synthetix.instrument()) == synthetix.order()[0] == ETH
    assert synthetix.size() == 0


def test_a_stranger_executes_and_settles_and_the_tip_is_the_committers(
    ringside, vault, account, keeper, synthetix, ticket
):
    order, _ = ticket
    cost = lost(synthetix)
    fill = synthetix.fill_in(synthetix.execute())
    event = settle(ringside, synthetix.id)
    assert event.key == order.digest(ringside.domain)
    assert event.filled == synthetix.size() == ETH
    p = progress(ringside, order)
    assert (p.used, p.pending, p.open, p.failures) == (ETH, 0, 0, 0)
    assert (p.margin, p.tip, p.cost) == (MARGIN, TIP // 2, 0)
    assert vault.reserved(account) == 0
    assert vault.idle(account) == DEPOSIT - MARGIN - TIP // 2
    assert vault.idle(account_id(keeper.address)) == TIP // 2
    # Price, fee, deposit and exchange: all that it took, none of it the tip.
    assert -(-(event.quote - fill.notional - fill.fee) // UNIT) == cost
    assert synthetix.seat().pending(synthetix.instrument()) == 0


def test_a_cancelled_ticket_gives_its_tip_back_and_the_order_is_open_again(
    ringside, vault, account, keeper, synthetix, ticket
):
    order, _ = ticket
    cost = lost(synthetix)
    synthetix.drop()
    event = settle(ringside, synthetix.id)
    assert (event.filled, event.quote) == (0, 0)
    p = progress(ringside, order)
    assert (p.used, p.pending, p.tip, p.open, p.failures) == (0, 0, 0, 0, 1)
    assert (p.margin, p.cost) == (MARGIN, cost)
    assert vault.reserved(account) == vault.idle(account_id(keeper.address)) == 0
    assert vault.idle(account) == DEPOSIT - MARGIN

    receipt = commit(ringside, order, (synthetix.id, 2 * ETH, MARGIN))
    assert receipt.decode_logs(ringside.desk.Committed)[0].number == 2
    synthetix.execute()
    settle(ringside, synthetix.id, number=2)
    p = progress(ringside, order)
    assert (p.used, p.pending, p.tip, p.failures) == (2 * ETH, 0, TIP, 1)
    assert vault.idle(account_id(keeper.address)) == TIP
    assert synthetix.size() == 2 * ETH


# ---------------------------------------------------------------------- the bound


def worst_fee(synthetix):
    """The dearest that the venue may charge, 1e18: its higher rate, without a dynamic fee here."""
    rates = ("takerFeeOffchainDelayedOrder", "makerFeeOffchainDelayedOrder")
    return max(synthetix.setting(name) for name in rates)


def fill_price(synthetix, size, price):
    """What the venue would fill at, were this the oracle's price: off it by the mean skew."""
    synthetix.move(price)
    return synthetix.ask("fillPrice", size)[0]


def tightest(synthetix, side, price):
    """The limit that one ETH at this price just meets, at the venue's worst fee."""
    fee = worst_fee(synthetix)
    at_risk = MARGIN * UNIT - margin_after(synthetix)
    if side > 0:
        return -(-price * (ONE + fee) // ONE) + at_risk + TIP * UNIT
    return price * (ONE - fee) // ONE - at_risk - TIP * UNIT


def margin_after(synthetix):
    """What a first ticket with `MARGIN` leaves in the pocket."""
    ringside = synthetix.ringside
    with undone(ringside):
        own_commit(ringside, synthetix.id, ETH, MARGIN)
        return synthetix.margin()


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_a_fill_at_exactly_the_bound_passes_and_a_limit_tighter_by_one_unit_refuses_it(
    ringside, synthetix, side
):
    price = Decimal("2003.21")
    with undone(ringside):
        at = fill_price(synthetix, side * ETH, price)
    for tighter in (0, 1):
        limit = tightest(synthetix, side, at) - side * tighter
        order = ticket_order(ringside, size=side * ETH, limit_price=limit, tip=TIP)
        with undone(ringside):
            receipt = commit(ringside, order, (synthetix.id, side * ETH, MARGIN))
            (event,) = receipt.decode_logs(ringside.desk.Committed)
            assert event.limitQuote == limit - side * TIP * UNIT
            if tighter:
                assert side * (at - synthetix.order()[1]) > 0
                with pytest.raises(DevnetError, match="Price impact exceeded"):
                    synthetix.execute(price=price)
                continue
            assert synthetix.order()[1] == at
            synthetix.execute(price=price)
            quote = settle(ringside, synthetix.id).quote
            assert side * (limit - quote) >= TIP * UNIT


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
@given(
    size=st.integers(ETH // 10, 20 * ETH),
    moved=st.integers(-300, 300),
    spare=st.integers(-200, 300),
)
@example(size=ETH, moved=100, spare=0)
@cheaply
def test_the_venue_fills_within_the_bound_alone_and_then_all_of_it_is_within_the_limit(
    ringside, synthetix, side, size, moved, spare
):
    """Both in basis points: where the price goes after the order, and how far the limit is."""
    price = Decimal(2_000) * (10_000 + moved) / 10_000
    limit = 2_000 * ONE * (10_000 + side * spare) // 10_000
    order = ticket_order(
        ringside, size=side * size, limit_price=limit, tip=TIP, max_margin=20 * MARGIN
    )
    with undone(ringside):
        commit(ringside, order, (synthetix.id, side * size, 10 * MARGIN))
        bound = synthetix.order()[1]
        with undone(ringside):
            meets = side * (bound - fill_price(synthetix, side * size, price)) >= 0
        if not meets:
            with pytest.raises(DevnetError, match="Price impact exceeded"):
                synthetix.execute(price=price)
            return
        synthetix.execute(price=price)
        quote = settle(ringside, synthetix.id).quote
        assert side * (limit * size - (quote + side * TIP * UNIT) * ONE) >= 0


def test_the_bound_satisfies_the_distance_from_the_oracle_too(ringside, synthetix):
    plain = ticket_order(ringside, tip=TIP)
    bounded = plain.with_(bounds=Bounds(max_deviation=ONE // 100))
    with undone(ringside):
        receipt = commit(ringside, bounded, (synthetix.id, ETH, MARGIN))
        (event,) = receipt.decode_logs(ringside.desk.Committed)
        assert event.limitQuote == 2_020 * ONE - TIP * UNIT
    receipt = commit(ringside, plain, (synthetix.id, ETH, MARGIN))
    (event,) = receipt.decode_logs(ringside.desk.Committed)
    assert event.limitQuote == 10_000 * ONE - TIP * UNIT


def test_the_bound_satisfies_best_execution_against_venues_that_fill_at_once(
    ringside, synthetix, stand_in
):
    """Of which the best asks 2,000."""
    venues = venue_set([synthetix.id, stand_in])
    order = ticket_order(ringside, tip=TIP, venues=venues, bounds=Bounds(tolerance=ONE // 50))
    receipt = commit(ringside, order, (synthetix.id, ETH, MARGIN))
    (event,) = receipt.decode_logs(ringside.desk.Committed)
    assert event.limitQuote == 2_040 * ONE
    assert synthetix.order()[1] < 2_040 * ONE


# ------------------------------------------------------------------- what is refused


def test_an_order_that_signs_nothing_about_tickets_has_none(ringside, desk, synthetix):
    order = ticket_order(ringside, tickets=None)
    with reverts(desk.NoTickets):
        commit(ringside, order, (synthetix.id, ETH, MARGIN))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_tickets_fail_or_are_open_than_signed(ringside, desk, synthetix, most):
    tickets = Tickets(most=most, max_cost=100 * USDC, max_loss=ONE)
    order = ticket_order(ringside, size=3 * ETH, max_margin=3 * MARGIN, tickets=tickets)
    for number in range(1, most + 1):
        commit(ringside, order, (synthetix.id, ETH, MARGIN if number == 1 else 0))
        synthetix.drop()
        settle(ringside, synthetix.id, number)
    with reverts(desk.TooManyTickets, most=most):
        commit(ringside, order, (synthetix.id, ETH, 0 if most else MARGIN))


def test_an_open_ticket_counts_as_one_that_may_fail(ringside, desk, synthetix, account):
    """The venue has filled it, and the desk does not know."""
    order = ticket_order(
        ringside, size=3 * ETH, max_margin=3 * MARGIN, tickets=Tickets(1, 100 * USDC, ONE)
    )
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    synthetix.execute()
    with reverts(desk.TooManyTickets, most=1):
        commit(ringside, order, (synthetix.id, ETH, 0))
    settle(ringside, synthetix.id)
    commit(ringside, order, (synthetix.id, ETH, 0))


def test_failed_tickets_cost_no_more_than_signed(ringside, desk, synthetix):
    with undone(ringside):
        own_commit(ringside, synthetix.id, ETH, MARGIN)
        first = lost(synthetix)
    # A second one with no margin costs the deposit alone.
    deposit = synthetix.setting("minKeeperFee") // UNIT
    assert deposit == 4 * USDC
    for most, passes in ((first, 1), (first + deposit - 1, 1), (first + deposit, 2)):
        order = ticket_order(ringside, tickets=Tickets(most=5, max_cost=most, max_loss=ONE))
        with undone(ringside):
            for number in range(1, passes + 1):
                commit(ringside, order, (synthetix.id, ETH, MARGIN if number == 1 else 0))
                synthetix.drop()
                settle(ringside, synthetix.id, number)
            with reverts(desk.TicketsTooDear, most=most, cost=first + passes * deposit):
                commit(ringside, order, (synthetix.id, ETH, 0))
    order = ticket_order(ringside, tickets=Tickets(most=5, max_cost=first - 1, max_loss=ONE))
    with reverts(desk.TicketsTooDear, most=first - 1, cost=first):
        commit(ringside, order, (synthetix.id, ETH, MARGIN))


def test_a_ticket_that_filled_costs_nothing_of_what_failed_ones_may(ringside, synthetix):
    tickets = Tickets(most=1, max_cost=6 * USDC, max_loss=ONE)
    order = ticket_order(ringside, size=3 * ETH, max_margin=3 * MARGIN, tickets=tickets)
    for number in (1, 2, 3):
        commit(ringside, order, (synthetix.id, ETH, MARGIN if number == 1 else 0))
        synthetix.execute()
        settle(ringside, synthetix.id, number)
    assert synthetix.size() == 3 * ETH
    assert progress(ringside, order).cost == 0


def test_exchanging_the_margin_loses_no_more_than_signed(ringside, synthetix):
    """The pool's own fee is 0.05 %, so that half of it is not enough."""
    tight = ticket_order(ringside, tickets=Tickets(2, 20 * USDC, max_loss=ONE // 4_000))
    with pytest.raises(Exception, match=b"Too little received".hex()):
        commit(ringside, tight, (synthetix.id, ETH, MARGIN))
    commit(
        ringside,
        tight.with_(tickets=Tickets(2, 20 * USDC, ONE // 1_000)),
        (synthetix.id, ETH, MARGIN),
    )


def test_a_ticket_that_was_not_made_or_is_booked_already_is_not_booked(
    ringside, desk, account, synthetix, ticket
):
    for number in (0, 2):
        with reverts(desk.NoTicket, account=account, venue=synthetix.id, number=number):
            settle(ringside, synthetix.id, number)
    with reverts(desk.NoTicket, venue=0):
        settle(ringside, 0)
    synthetix.execute()
    settle(ringside, synthetix.id)
    with reverts(desk.NoTicket, market=ETH_USD, number=1):
        settle(ringside, synthetix.id)


def test_a_ticket_the_owner_made_himself_is_not_the_desks(ringside, desk, synthetix):
    own_commit(ringside, synthetix.id, ETH, MARGIN)
    synthetix.execute()
    with reverts(desk.NoTicket, number=1):
        settle(ringside, synthetix.id)


def test_there_is_one_ticket_at_a_time_in_a_pocket(
    ringside, desk, vault, account, synthetix, ticket
):
    order, _ = ticket
    with reverts(vault.TicketOpen, account=account, venue=synthetix.id, market=ETH_USD):
        commit(ringside, order, (synthetix.id, ETH, 0))
    with reverts(desk.TicketOpen, account=account, venue=synthetix.id, number=1):
        settle(ringside, synthetix.id)
    synthetix.execute()
    # What is resolved is settled by whoever comes next.
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    assert vault.outcome(account, synthetix.id, ETH_USD, 1).filled == ETH
    settle(ringside, synthetix.id, 1)
    with reverts(desk.TicketOpen, number=2):
        settle(ringside, synthetix.id, 2)


def test_a_venue_that_fills_later_takes_no_fill_and_one_that_fills_at_once_no_ticket(
    ringside, vault, synthetix, perp
):
    order = ticket_order(ringside, venues=ANYWHERE)
    with reverts(vault.FillsLater, venue=synthetix.id):
        ringside.fill(order, (synthetix.id, ETH, MARGIN))
    with reverts(vault.FillsAtOnce, venue=perp.id):
        commit(ringside, order, (perp.id, ETH, MARGIN))


def test_coin_sent_with_a_ticket_is_refused_where_the_venue_wants_none(ringside, synthetix):
    order = ticket_order(ringside)
    with reverts(synthetix.seat().NoCoinWanted, sent=1):
        commit(ringside, order, (synthetix.id, ETH, MARGIN), value=1)


def test_a_ticket_takes_no_margin_out_and_no_more_in_than_its_share(ringside, desk, synthetix):
    order = ticket_order(ringside, size=2 * ETH, max_margin=2 * MARGIN)
    with reverts(desk.TooMuchMargin, share=0, asked=1):
        commit(ringside, order, (synthetix.id, ETH, -1))
    with reverts(desk.TooMuchMargin, share=MARGIN, asked=MARGIN + 1):
        commit(ringside, order, (synthetix.id, ETH, MARGIN + 1))
    commit(ringside, order, (synthetix.id, ETH, MARGIN))
    synthetix.drop()
    settle(ringside, synthetix.id)
    # What a failed one took stays taken.
    with reverts(desk.TooMuchMargin, share=0, asked=1):
        commit(ringside, order, (synthetix.id, ETH, 1))


def test_a_limit_that_deposit_and_exchange_use_up_is_refused_by_name(ringside, synthetix):
    order = ticket_order(ringside, size=ETH // 1_000, limit_price=2_100 * ONE, tip=0)
    with reverts(synthetix.seat().LimitTooTight, limitQuote=2_100 * ONE // 1_000):
        commit(ringside, order, (synthetix.id, ETH // 1_000, MARGIN))


# ----------------------------------------------------------------------- the protocol


def test_the_protocols_fee_is_set_aside_and_goes_to_the_collector_with_the_fill(
    ringside, vault, venues, account, governor, newcomer, synthetix
):
    collector = newcomer
    send(venues.setCollector, collector, sender=governor)
    send(venues.setFee, ETH_USD, RATE, sender=governor)
    fee = 2 * USDC  # 0.1 % of 2,000.
    order = ticket_order(ringside, tip=TIP)
    for number, filled in ((1, False), (2, True)):
        idle = vault.idle(account)
        margin = MARGIN if number == 1 else 0
        receipt = commit(ringside, order, (synthetix.id, ETH, margin))
        (event,) = receipt.decode_logs(ringside.desk.Committed)
        assert event.limitQuote == 10_000 * ONE - (TIP + fee) * UNIT
        assert vault.reserved(account) == TIP + fee
        assert vault.idle(account) == idle - margin - TIP - fee
        if filled:
            synthetix.execute()
        else:
            synthetix.drop()
        settle(ringside, synthetix.id, number)
        assert vault.reserved(account) == 0
        assert vault.idle(account) == idle - margin - filled * (TIP + fee)
        assert vault.idle(account_id(collector.address)) == filled * fee


def test_a_paused_venue_takes_tickets_of_operators_that_reduce_and_settles_all(
    ringside, vault, venues, governor, synthetix
):
    take(synthetix, 2 * ETH)
    order = ticket_order(ringside, max_margin=0)
    commit(ringside, order, (synthetix.id, ETH, 0))
    send(venues.pause, synthetix.id, sender=governor)
    synthetix.execute()
    settle(ringside, synthetix.id, 2)
    with reverts(vault.VenuePaused, venue=synthetix.id):
        commit(ringside, order.with_(nonce=2), (synthetix.id, ETH, 0))
    with reverts(vault.VenuePaused, venue=synthetix.id):
        commit(
            ringside,
            order.with_(nonce=3, size=-4 * ETH, limit_price=0),
            (synthetix.id, -4 * ETH, 0),
        )
    commit(
        ringside, order.with_(nonce=4, size=-3 * ETH, limit_price=0), (synthetix.id, -3 * ETH, 0)
    )
    synthetix.execute()
    settle(ringside, synthetix.id, 3)
    assert synthetix.size() == 0
