"""A ticket from its commit to its end, and why the venue would not fill it."""

from decimal import Decimal

import pytest
from story import KEEPER, LATER, MARKETS, STRANGER, TICKETS, TIP, Story

from devnet import feeds
from devnet.synthetix import markets
from devnet.venues import synthetix
from ringside.chain.contracts import Refused
from ringside.keeper.plan import PlanError
from ringside.keeper.tickets import reason_of
from ringside.orders import Bounds, venue_set
from ringside.units import ONE, USDC, usdc_to_usd

ETH = "ETH-USD"
WINDOW = 30
"""Seconds in which the venue takes a price for an order."""
WAITING = ["Requested", "Pending"]


@pytest.fixture(params=[1, -1], ids=["buy", "sell"])
def side(request):
    return request.param


def order_later(story: Story, size: int = 5 * ONE, **changes):
    """An order for the venue that fills later alone."""
    number = story.ringside.venue_ids[LATER]
    fields = {"venues": venue_set([number]), "tickets": TICKETS, "max_margin": 5_000 * USDC}
    return story.order(ETH, size, **{**fields, **changes})


def commit(story: Story, size: int = 5 * ONE, **changes):
    """The order and its one ticket, pending."""
    order = order_later(story, size, **changes)
    _, (receipt,) = story.fill(order)
    (ticket,) = story.keeper.committed(receipt, order)
    return order, ticket


def follow(story: Story, ticket, prices=None):
    return story.keeper.follow(ticket, prices or story.prices, story.chain.advance)


def progress(story: Story, order):
    return story.keeper.look(order).progress


def at_price(story: Story, price: Decimal, ago: int = 0):
    """A source whose price is this, published so many seconds before the latest block."""

    def prices(ticket):
        names = story.ringside.addresses["venues"][LATER]
        time = story.chain.block()["timestamp"] - ago
        return synthetix.price_update(story.w3, names, ticket.market, price, time)

    return prices


def test_a_ticket_is_followed_from_requested_to_filled(story: Story, side):
    order, ticket = commit(story, side * 5 * ONE)
    assert progress(story, order).pending == 5 * ONE
    assert story.seats[LATER].pending == {ETH: ticket.size}
    ending = follow(story, ticket)
    assert [step.state for step in ending.steps] == [*WAITING, "Executed", "Filled"]
    assert (ending.filled, ending.reason) == (order.size, "")
    seen = progress(story, order)
    assert (seen.filled, seen.pending, seen.open) == (5 * ONE, 0, 0)
    assert story.seats[LATER].positions[ETH].size == order.size
    # The keeper has the tip, as an account of its own, and the client's price kept to the limit.
    assert story.logs("TicketSettled")[0]["tip"] == TIP
    assert (ending.quote * ONE - order.limit_price * abs(order.size)) * side < 0


def test_a_ticket_costs_no_more_than_was_planned(story: Story, side):
    order = order_later(story, side * 5 * ONE)
    chosen, (receipt,) = story.fill(order)
    (ticket,) = story.keeper.committed(receipt, order)
    quote = follow(story, ticket).quote
    planned = chosen.total - side * usdc_to_usd(chosen.tip)
    # The pool that exchanges the margin has a depth, which the plan leaves to its headroom.
    assert abs(quote - planned) < ONE
    assert (chosen.worst_price * abs(order.size) // ONE - quote) * side > 0


def test_an_order_over_all_venues_is_a_fill_and_a_ticket(story: Story, side):
    story.keeper.most_delayed = ONE // 2
    try:
        order = story.order(ETH, side * 20 * ONE, tickets=TICKETS, max_margin=10_000 * USDC)
        bare = order.with_(venues=venue_set([0, 1]))
        assert story.keeper.plan(bare).tickets == ()
        chosen, receipts = story.fill(order)
    finally:
        story.keeper.most_delayed = ONE
    assert len(receipts) == len(chosen.transactions)
    tickets = [t for receipt in receipts for t in story.keeper.committed(receipt, order)]
    assert len(tickets) == len(chosen.tickets)
    for ticket in tickets:
        assert follow(story, ticket).filled == ticket.size
    held = [seat.positions[ETH].size for seat in story.seats.values() if seat.made]
    assert sum(held) == order.size
    assert progress(story, order).pending == 0


def test_a_pending_ticket_keeps_the_next_order_away(story: Story):
    commit(story)
    with pytest.raises(PlanError, match="None of the venues"):
        story.keeper.plan(order_later(story))


# ------------------------------------------------------------------ why it is cancelled


def cancelled(story: Story, order, ending, reason):
    """What holds of every cancel: the order is as free as before, and the deposit came back."""
    assert ending.steps[-1].state == "Cancelled"
    assert (ending.filled, ending.reason) == (0, reason)
    seen = progress(story, order)
    assert (seen.used, seen.pending, seen.open, seen.failures) == (0, 0, 0, 1)
    assert story.ringside.account(story.account, MARKETS).reserved == 0
    assert story.seats[LATER].pending == {}
    assert story.seats[LATER].positions[ETH].size == 0


@pytest.mark.parametrize(
    ("price", "ago", "reason"),
    [("2300", 0, "price too far"), ("2000", 3_600, "stale"), ("2012", 0, "slippage")],
)
def test_a_price_that_the_venue_refuses_ends_in_a_cancel_with_its_reason(
    story: Story, price, ago, reason
):
    plain = order_later(story)
    limit = story.keeper.plan(plain).worst_price
    story.nonce -= 1
    order, ticket = commit(story, limit_price=limit)
    prices = at_price(story, Decimal(price), ago)
    story.chain.advance(2)
    assert story.keeper.why(ticket, prices) == reason
    before = story.chain.block()["timestamp"]
    ending = follow(story, ticket, prices)
    assert story.chain.block()["timestamp"] - before >= WINDOW - 4
    cancelled(story, order, ending, reason)


def test_a_ticket_that_nobody_brought_a_price_for_is_too_old(story: Story):
    order, ticket = commit(story)
    story.chain.advance(WINDOW + 1)
    assert story.keeper.why(ticket, story.prices) == "too old"
    ending = follow(story, ticket)
    assert [step.state for step in ending.steps] == ["Requested", "Expired", "Cancelled"]
    cancelled(story, order, ending, "too old")


def test_a_ticket_that_a_stranger_dropped_is_settled_all_the_same(story: Story):
    order, ticket = commit(story)
    story.chain.advance(WINDOW + 1)
    proxy = story.ringside.addresses["venues"][LATER]["markets"][ETH]["market"]
    seat = story.seats[LATER].seat
    market = markets.market(story.w3, proxy)
    story.chain.send(market, "cancelOffchainDelayedOrder", seat, role=STRANGER)
    ending = follow(story, ticket)
    assert [step.state for step in ending.steps] == ["Requested", "Cancelled"]
    cancelled(story, order, ending, "too old")


def test_what_somebody_else_executed_and_settled_is_found_filled(story: Story):
    _, ticket = commit(story)
    story.execute(ETH)
    story.keeper.settle(ticket)
    ending = follow(story, ticket)
    assert ending.filled == ticket.size
    assert ending.steps[-1].state == "Filled"
    assert ending.receipts == []


def test_a_position_flagged_while_the_ticket_waits_is_said_to_be_liquidated(story: Story):
    story.trade(LATER, ETH, 20 * ONE, 2_000 * USDC)
    number = story.ringside.venue_ids[LATER]
    reducing = Bounds(reduce_only=True)
    order = story.order(
        ETH, -ONE, venues=venue_set([number]), tickets=TICKETS, bounds=reducing, limit_price=0
    )
    _, (receipt,) = story.fill(order)
    (ticket,) = story.keeper.committed(receipt, order)
    feeds.move(story.w3, story.ringside.addresses["feeds"], ETH, Decimal(1_900))
    proxy = story.ringside.addresses["venues"][LATER]["markets"][ETH]["market"]
    market, seat = markets.market(story.w3, proxy), story.seats[LATER].seat
    story.chain.send(market, "flagPosition", seat, role=STRANGER)
    ending = follow(story, ticket)
    assert (ending.filled, ending.reason) == (0, "liquidated in between")


# ------------------------------------------------------------------ one step at a time


def test_an_open_ticket_cannot_be_settled_or_expired_before_its_time(story: Story):
    _, ticket = commit(story)
    with pytest.raises(Refused) as refused:
        story.keeper.settle(ticket)
    assert refused.value.name == "TicketOpen"
    with pytest.raises(Refused, match="cannot cancel yet"):
        story.keeper.expire(ticket)


def test_a_price_as_old_as_the_order_is_stale(story: Story):
    _, ticket = commit(story)
    with pytest.raises(Refused) as refused:
        story.keeper.execute(ticket, story.prices)
    assert reason_of(refused.value) == "stale"


def test_the_keeper_that_executes_is_paid_the_deposit(story: Story):
    _, ticket = commit(story)
    story.chain.advance(2)
    susd = story.ringside.addresses["venues"][LATER]["susd"]
    token = story.w3.eth.contract(address=susd, abi=story.ringside.usdc.abi)
    who = story.chain.accounts[KEEPER]
    before = token.functions.balanceOf(who).call()
    story.keeper.execute(ticket, story.prices)
    assert token.functions.balanceOf(who).call() - before == 4 * ONE
