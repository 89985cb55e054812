"""Legs at a venue that fills later, from commit to their end, by the service alone."""

from story import TICKETS

from ringside.store import ledger
from ringside.store.book import State
from ringside.units import ONE

SIZE = 5 * ONE


def later(house, story, **changes):
    """An order that only Synthetix may fill."""
    venue = 1 << story.ringside.venue_ids["synthetix"]
    return house.accept(story.order("ETH-USD", SIZE, venues=venue, tickets=TICKETS, **changes))


def test_a_ticket_is_committed_executed_and_settled_and_the_order_filled(house, story):
    key = later(house, story)
    house.turn(2)
    assert house.entry(key).reason == "a ticket is open"
    story.chain.advance(3)
    house.turn(4)
    assert house.entry(key).state is State.FILLED
    assert house.states(key) == ["received", "pending", "filled"]
    assert story.seats["synthetix"].positions["ETH-USD"].size == SIZE


def test_a_ticket_that_nobody_executes_expires_and_the_order_is_tried_again(house, story):
    house.engine.tickets.prices = None
    key = later(house, story)
    house.turn(2)
    story.chain.advance(600)
    house.turn(3)
    with house.database.read() as connection:
        assert not [one for one in ledger.pending(connection) if one.number == 1]
    assert house.entry(key).state in (State.WORKING, State.PENDING)
    assert house.entry(key).filled == 0


def test_killed_between_commit_and_settlement_the_order_is_filled_once(house, story):
    key = later(house, story)
    house.turn(2)
    house.restart()
    story.chain.advance(3)
    house.turn(1)
    house.restart()
    house.turn(4)
    assert house.entry(key).state is State.FILLED
    assert story.seats["synthetix"].positions["ETH-USD"].size == SIZE
