"""What the keeper makes of conditions, bundles and positions held the other way: its plan says what
the chain says, before the chain does."""

from dataclasses import replace
from decimal import Decimal

import pytest
from story import LATER, MARKETS, TICKETS, TIP, Story

from devnet import feeds
from ringside.chain.contracts import Refused
from ringside.keeper.calls import of_step
from ringside.keeper.conditions import Moment
from ringside.keeper.oneshot import Interrupted
from ringside.keeper.plan import NotNow, PlanError, plan
from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    Bounds,
    Bundle,
    Conditions,
    Mode,
    venue_set,
)
from ringside.units import ONE, USDC

ETH, BTC = MARKETS
AT_ONCE = 0b11


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request):
    return request.param


def publish(story: Story, price: int) -> None:
    feeds.move(story.w3, story.ringside.addresses["feeds"], ETH, Decimal(price))


def held(story: Story, name: str = ETH) -> dict[str, int]:
    found = {v: seat.positions.get(name) for v, seat in story.seats.items() if seat.made}
    return {venue: at.size for venue, at in found.items() if at and at.size}


def anyhow(story: Story, order):
    """Filled although its conditions say no: the plan is made without them."""
    view = story.keeper.look(order)
    chosen = story.keeper.plan(order.with_(conditions=None), view)
    return story.keeper.submit(replace(chosen, order=order), story.sign(order))


def refused_by_both(story: Story, order, error: type[PlanError], name: str, **view) -> None:
    """By the plan in a sentence, and by the chain by this name."""
    with pytest.raises(error):
        story.keeper.plan(order)
    with pytest.raises(Refused) as refused:
        anyhow(story, order)
    assert refused.value.name == name


# ------------------------------------------------------------------ conditions


def test_a_stop_is_refused_before_its_trigger_and_filled_after(story: Story, side):
    story.trade("rage", ETH, side * ONE, 1_000 * USDC)
    order = story.order(
        *(ETH, -side * ONE),
        venues=AT_ONCE,
        limit_price=(10**4 * ONE if side < 0 else 0),
        bounds=Bounds(reduce_only=True),
        conditions=Conditions(trigger_price=(2_000 - side * 20) * ONE, trigger_above=side < 0),
    )
    refused_by_both(story, order, NotNow, "NotTriggered")
    publish(story, 2_000 - side * 20)
    story.fill(order)
    assert held(story) == {}


def test_what_is_not_due_is_refused(story: Story):
    later = story.chain.block()["timestamp"] + 1_000
    order = story.order(ETH, ONE, venues=AT_ONCE, conditions=Conditions(not_before=later))
    refused_by_both(story, order, NotNow, "NotYet")
    story.chain.advance(1_000)
    story.fill(order)


def test_a_schedule_is_filled_slice_by_slice(story: Story):
    begin = story.chain.block()["timestamp"]
    terms = Conditions(not_before=begin, interval=600, slice=ONE, catch_up=1)
    order = story.order(ETH, 4 * ONE, venues=AT_ONCE, conditions=terms)
    order = order.with_(deadline=begin + 10**6)
    assert story.fill(order)[0].size == ONE
    refused_by_both(story, order, NotNow, "BeyondSlice")
    story.chain.advance(600)
    assert story.fill(order)[0].size == ONE
    story.chain.advance(3 * 600)
    assert story.fill(order)[0].size == 2 * ONE
    assert sum(held(story).values()) == 4 * ONE


def test_one_of_a_group_fills_what_the_other_left(story: Story):
    terms = Conditions(group=5, group_size=3 * ONE)
    first = story.order(ETH, 2 * ONE, venues=AT_ONCE, conditions=terms)
    second = story.order(ETH, 2 * ONE, venues=AT_ONCE, conditions=terms)
    story.fill(first)
    assert story.fill(second)[0].size == ONE
    refused_by_both(story, second, NotNow, "BeyondGroup")


def test_the_moment_is_what_the_feed_and_the_sequencer_say(story: Story):
    order = story.order(ETH, ONE, conditions=Conditions(trigger_price=ONE))
    publish(story, 1_987)
    block = story.chain.block()
    moment = story.keeper.look(order).moment
    assert moment == Moment(
        block["timestamp"],
        1_987 * ONE,
        block["timestamp"],
        86_400,
        up_since=moment.up_since,
        grace=3_600,
    )
    assert moment.up_since is not None
    assert moment.time - moment.up_since > 3_600


# ------------------------------------------------------------------ held the other way


def test_the_opposite_position_is_closed_first_on_the_chain_too(story: Story, side):
    story.trade("rage", ETH, -side * 2 * ONE, 2_000 * USDC)
    order = story.order(ETH, side * 5 * ONE, venues=AT_ONCE)
    chosen, _ = story.fill(order)
    sizes = {leg.venue: abs(leg.size) for leg in chosen.legs}
    assert sizes["rage"] >= 2 * ONE
    assert sum(held(story).values()) == side * 3 * ONE


def test_an_order_without_tickets_need_not_close_where_only_a_ticket_could(story: Story):
    story.trade(LATER, ETH, -ONE, 1_000 * USDC)
    chosen, _ = story.fill(story.order(ETH, 2 * ONE, venues=0b111))
    assert not chosen.tickets
    assert sum(held(story).values()) == ONE


def test_a_ticket_that_closes_goes_before_the_fill_that_opens(story: Story, side):
    story.trade(LATER, ETH, -side * ONE, 1_000 * USDC)
    order = story.order(ETH, side * 4 * ONE, tickets=TICKETS)
    chosen, receipts = story.fill(order)
    assert chosen.closes_by_ticket
    (ticket,) = story.keeper.committed(receipts[0], order)
    assert story.keeper.follow(ticket, story.prices, story.chain.advance).filled == side * ONE
    assert LATER not in held(story)
    assert sum(held(story).values()) == side * 3 * ONE


def test_closing_all_takes_every_position_whatever_its_size(story: Story, side):
    for venue in story.ringside.venue_ids:
        story.trade(venue, ETH, side * ONE, 1_000 * USDC)
    size = CLOSE_LONGS if side > 0 else CLOSE_SHORTS
    limit = 0 if side > 0 else 10**4 * ONE
    order = story.order(ETH, size, max_margin=0, limit_price=limit, tickets=TICKETS)
    _, receipts = story.fill(order)
    assert held(story) == {LATER: side * ONE}
    (ticket,) = story.keeper.committed(receipts[-1], order)
    story.keeper.follow(ticket, story.prices, story.chain.advance)
    assert held(story) == {}
    assert story.keeper.look(order).progress.done
    with pytest.raises(PlanError, match="Nothing of the order is left"):
        story.keeper.plan(order)


def test_what_is_refused_half_way_tells_what_was_done(story: Story):
    """The fill goes through; the ticket after it would cost more than the order has left."""
    order = story.order(ETH, 20 * ONE, tickets=TICKETS, max_margin=10**4 * USDC)
    view = story.keeper.look(order)
    chosen = plan(
        *(order, view.account, view.states, story.ringside.venue_ids), most_delayed=ONE // 2
    )
    assert len(chosen.transactions) == 2
    (ticket,) = chosen.tickets
    greedy = replace(chosen, tickets=(replace(ticket, margin=10**4 * USDC),))
    with pytest.raises(Interrupted) as interrupted:
        story.keeper.submit(greedy, story.sign(order))
    assert len(interrupted.value.receipts) == 1
    assert interrupted.value.refused.name == "TooMuchMargin"


# ------------------------------------------------------------------ bundles


def bundle_of(story: Story, mode: Mode, *orders) -> Bundle:
    steps = tuple(order.terms for order in orders)
    return Bundle(story.account, steps, mode, orders[-1].deadline, orders[-1].nonce)


def flip(story: Story, mode: Mode, later: bool = False) -> Bundle:
    """Out of a long at Rage, into a short of Bitcoin at Perp v2 (or where fills come later)."""
    story.trade("rage", ETH, 2 * ONE, 2_000 * USDC)
    ids = story.ringside.venue_ids
    out = story.order(ETH, -2 * ONE, venues=venue_set([ids["rage"]]), max_margin=0)
    where, tickets = (LATER, TICKETS) if later else ("perp-v2", None)
    enter = story.order(BTC, -ONE // 20, venues=venue_set([ids[where]]), tickets=tickets)
    return bundle_of(story, mode, out, enter)


def test_a_flip_is_one_signature_and_one_transaction(story: Story):
    bundle = flip(story, Mode.ATOMIC)
    plans, receipt = story.keeper.fill_bundle(bundle, story.sign(bundle))
    assert receipt["status"] == 1
    assert [chosen.size for chosen in plans] == [-2 * ONE, -ONE // 20]
    assert held(story) == {}
    assert held(story, BTC) == {"perp-v2": -ONE // 20}
    assert sum(entry["tip"] for entry in story.logs("Traded")) == 2 * TIP
    with pytest.raises(Refused, match="NonceSpent"):
        story.keeper.fill_bundle(
            bundle.with_(steps=bundle.steps[1:]), story.sign(bundle.with_(steps=bundle.steps[1:]))
        )


def test_a_step_that_cannot_be_filled_whole_stops_all_of_an_atomic_bundle(story: Story):
    bundle = flip(story, Mode.ATOMIC)
    dear = replace(bundle.steps[1], limit_price=10**6 * ONE)
    whole = bundle.with_(steps=(bundle.steps[0], dear))
    with pytest.raises(PlanError, match="worse than the order's limit"):
        story.keeper.fill_bundle(whole, story.sign(whole))
    assert held(story) == {"rage": 2 * ONE}


def test_steps_open_one_after_the_other(story: Story):
    bundle = flip(story, Mode.STEPWISE)
    signature = story.sign(bundle)
    with pytest.raises(PlanError, match="Step 1 of the bundle is not open: step 0 comes first"):
        story.keeper.fill_step(bundle, 1, signature)
    story.keeper.fill_step(bundle, 0, signature)
    assert held(story) == {}
    story.keeper.fill_step(bundle, 1, signature)
    assert held(story, BTC) == {"perp-v2": -ONE // 20}


def test_a_step_may_be_a_ticket(story: Story):
    bundle = flip(story, Mode.STEPWISE, later=True)
    signature = story.sign(bundle)
    story.keeper.fill_step(bundle, 0, signature)
    chosen = story.keeper.plan_step(bundle, 1)
    (leg,) = chosen.tickets
    receipt = story.keeper.commit_step(bundle, 1, leg, signature)
    (ticket,) = story.keeper.committed(receipt, bundle.order(1))
    assert ticket.key == bundle.step_key(story.ringside.domain, 1)
    assert story.keeper.follow(ticket, story.prices, story.chain.advance).filled == -ONE // 20
    assert held(story, BTC) == {LATER: -ONE // 20}


def test_a_step_in_proportion_follows_the_one_before(story: Story):
    """A quarter of the first is filled by a stranger: a quarter of the second is open."""
    bundle = flip(story, Mode.PROPORTIONAL)
    signature = story.sign(bundle)
    with pytest.raises(PlanError, match="Step 1 of the bundle is not open"):
        story.keeper.plan_step(bundle, 1)
    chosen = story.keeper.plan_step(bundle, 0)
    quarter = replace(chosen.legs[0], size=-ONE // 2)
    part = replace(chosen, legs=(quarter,))
    data = of_step(bundle, 0, part, part.legs, signature)
    story.send({"from": story.stranger, "to": story.desk.address, "data": data, "gas": 6_000_000})
    assert held(story) == {"rage": 3 * ONE // 2}
    opened, _ = story.keeper.fill_step(bundle, 1, signature)
    assert opened.size == -ONE // 80


@pytest.mark.parametrize("mode", [Mode.ATOMIC, Mode.STEPWISE])
def test_a_step_that_finds_nothing_to_close_is_completed_without_legs(story: Story, mode):
    both = venue_set([story.ringside.venue_ids[name] for name in ("perp-v2", "rage")])
    out = story.order(ETH, CLOSE_LONGS, venues=both, max_margin=0, limit_price=0)
    bundle = bundle_of(story, mode, out, story.order(ETH, -ONE, venues=both))
    signature = story.sign(bundle)
    if mode is Mode.ATOMIC:
        plans, _ = story.keeper.fill_bundle(bundle, signature)
        assert [chosen.size for chosen in plans] == [0, -ONE]
    else:
        chosen, receipts = story.keeper.fill_step(bundle, 0, signature)
        assert (chosen.size, chosen.total_price, len(receipts)) == (0, 0, 1)
        story.keeper.fill_step(bundle, 1, signature)
    assert sum(held(story).values()) == -ONE
