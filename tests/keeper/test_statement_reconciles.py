"""Whatever is done with an account, once it is closed its statement explains every dollar."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import DEPOSIT, EXAMPLES, LATER, MARKETS, TICKETS, TIP, Story

from devnet import feeds
from devnet.feeds import START_PRICES
from ringside.accounts import account_id
from ringside.orders import Bounds, market_id, venue_set
from ringside.statement import StillOpen, Unreadable, statement
from ringside.units import ONE, USDC, usdc_to_usd

VENUES = ("perp-v2", "rage", LATER)
UNIT = usdc_to_usd(1)


def deposits(story: Story, amount: int) -> None:
    story.deposit(amount)


def fills(story: Story, market: str, worth: int, ids: list[int]) -> None:
    """By the keeper, at one venue or split, tickets followed to their end; what the account holds
    the other way may be in the way."""
    size = worth * ONE // story.price(market)
    bounds = Bounds(open_against=True)
    order = story.order(market, size, venues=venue_set(ids), bounds=bounds, tickets=TICKETS)
    _, receipts = story.fill(order)
    tickets = [t for receipt in receipts for t in story.keeper.committed(receipt, order)]
    endings = [story.keeper.follow(t, story.prices, story.chain.advance) for t in tickets]
    assert all(ending.filled for ending in endings)


def lets_expire(story: Story, market: str, worth: int) -> None:
    """A ticket that nobody executes: its deposit comes back, less nothing."""
    size = worth * ONE // story.price(market)
    terms = story.terms(LATER, market, size, abs(worth) // UNIT // 2)
    story.own("commit", terms, ONE)
    story.chain.advance(31)
    story.own("expire", story.account, story.ringside.venue_ids[LATER], market_id(market))


def pays(story: Story, amount: int) -> None:
    """To a stranger, from idle, as a tip by itself."""
    story.own("pay", story.account, story.stranger, amount)


def trades(story: Story, venue: str, market: str, worth: int) -> None:
    """By the owner."""
    size = worth * ONE // story.price(market)
    story.trade(venue, market, size, abs(worth) // UNIT // 2)


def posts(story: Story, venue: str, amount: int) -> None:
    story.post(venue, amount)


def pulls(story: Story, venue: str, percent: int) -> None:
    """A part of what is far beyond the maintenance margin, if there is any."""
    if amount := spare(story, venue, percent):
        story.pull(venue, amount)


def pulls_in_kind(story: Story, venue: str, percent: int) -> None:
    """The same, in whatever the venue keeps, to the owner's wallet."""
    if amount := spare(story, venue, percent):
        number = story.ringside.venue_ids[venue]
        where = (story.account, number, market_id("ETH-USD"), amount, story.client)
        story.own("pullInKind", *where)


def spare(story: Story, venue: str, percent: int) -> int:
    """USDC that may leave the pocket of the first market."""
    seat = story.seats[venue]
    pocket = seat.pocket_of("ETH-USD") if seat.made else None
    if pocket is None:
        return 0
    return max(min(pocket.free, pocket.equity - 6 * pocket.maintenance), 0) * percent // 100 // UNIT


def moves(story: Story, market: str, percent: Decimal) -> None:
    """The oracle, and the arbitrageurs behind it; never far from where it began."""
    price = START_PRICES[market] * (100 + percent) / 100
    story.move(market, price.quantize(Decimal("0.01")))


def waits(story: Story, seconds: int) -> None:
    """The oracles publish anew afterwards: a venue whose price is stale lets nobody out."""
    story.chain.advance(seconds)
    for market, feed in story.ringside.addresses["feeds"].items():
        feeds.move(story.w3, {market: feed}, market, Decimal(story.price(market)) / ONE)


MARKET, VENUE = st.sampled_from(MARKETS), st.sampled_from(VENUES)
AMOUNT = st.integers(1, 5_000 * USDC)
WORTH = st.builds(
    lambda dollars, dust, side: side * (dollars * ONE + dust),
    st.integers(200, 15_000),
    st.integers(0, ONE),
    st.sampled_from([1, -1]),
)
STEPS = st.one_of(
    st.tuples(st.just(fills), MARKET, WORTH, st.sampled_from([[0, 1], [0, 1, 2], [0], [1], [2]])),
    st.tuples(st.just(trades), VENUE, MARKET, WORTH),
    st.tuples(st.just(pulls), VENUE, st.integers(1, 100)),
    st.tuples(st.just(pulls_in_kind), VENUE, st.integers(1, 100)),
    st.tuples(st.just(lets_expire), MARKET, WORTH),
    st.tuples(st.just(pays), AMOUNT),
    st.tuples(st.just(moves), MARKET, st.decimals(-5, 5, places=2)),
    st.tuples(st.just(waits), st.integers(1, 2 * 86_400)),
    st.tuples(st.just(posts), VENUE, AMOUNT),
    st.tuples(st.just(deposits), AMOUNT),
)


@settings(EXAMPLES, max_examples=15)
@given(steps=st.lists(STEPS, min_size=5, max_size=12))
def test_every_dollar_is_explained_whatever_happened(shared: Story, steps):
    story = shared
    with story.rolled_back():
        story.deposit()
        for act, *arguments in steps:
            act(story, *arguments)
        story.leave()
        told = story.statement()
        assert told.difference == 0
        assert told.held == 0
        assert told.deposited == usdc_to_usd(sum(e["amount"] for e in story.logs("Deposited")))
        assert told.withdrawn == usdc_to_usd(sum(e["amount"] for e in story.logs("Withdrawn")))
        tips = [e["tip"] for e in (*story.logs("Traded"), *story.logs("TicketSettled"))]
        tips += [e["amount"] for e in story.logs("Paid")]
        assert told.tips == usdc_to_usd(sum(tips))
        assert told.protocol_fees == 0
        for ledger in told.ledgers:
            if ledger.venue == LATER:
                continue
            assert all(abs(rounding) < UNIT for rounding in ledger.roundings)
            # Only what is pulled is settled, and only so often can anything be lost.
            pulled = ("MarginPulled", "PulledInKind")
            most = sum(len(story.logs(event, ledger.venue)) for event in pulled)
            assert len(ledger.roundings) <= most


def test_a_story_with_all_three_venues_is_explained_to_the_last_digit(story: Story):
    """A fill and tickets by the keeper, one of them dropped; margin in kind; a price that moved."""
    fills(story, "ETH-USD", 12_345 * ONE + 7, [0, 1])
    fills(story, "ETH-USD", 9_876 * ONE + 5, [2])
    lets_expire(story, "BTC-USD", -3_000 * ONE - 1)
    fills(story, "BTC-USD", -15_000 * ONE, [0, 1, 2])
    waits(story, 5_000)
    moves(story, "ETH-USD", Decimal("1.37"))
    pulls(story, LATER, 50)
    pulls_in_kind(story, LATER, 50)
    pulls_in_kind(story, "rage", 50)
    pays(story, 123_456)
    story.leave()
    told = story.statement()
    assert told.difference == 0
    assert told.held == 0
    assert {ledger.venue for ledger in told.ledgers} == set(VENUES)
    (later,) = (ledger for ledger in told.ledgers if ledger.venue == LATER)
    assert later.deposits > 0
    assert later.conversion > 0
    assert told.in_kind > 0
    assert told.tips > usdc_to_usd(123_456)


def test_margin_in_the_isolated_pockets_is_held_and_what_is_reserved_too(story: Story):
    for name in MARKETS:
        story.post(LATER, 1_000 * USDC, name)
    told = story.statement()
    assert told.difference == 0
    pockets = story.seats[LATER].pockets
    assert told.held == usdc_to_usd(DEPOSIT - 2_000 * USDC) + sum(
        p.equity for p in pockets.values()
    )


def test_a_pocket_that_cannot_be_read_is_no_statement(story: Story):
    """A stale price at the venue: what is there is unknown, and not nothing."""
    story.post(LATER, 1_000 * USDC)
    story.chain.advance(26 * 3_600)
    with pytest.raises(Unreadable, match="what is held at synthetix cannot be read"):
        story.statement()


def test_an_open_ticket_has_no_statement_yet(story: Story):
    story.own("commit", story.terms(LATER, "ETH-USD", ONE, 1_000 * USDC), ONE)
    with pytest.raises(StillOpen, match="a ticket for ETH-USD is still open at synthetix"):
        story.statement()


def test_what_a_keeper_earned_by_tickets_is_in_its_own_statement(story: Story):
    """The keeper's account is the client's neighbour: it has deposited nothing."""
    fills(story, "ETH-USD", 4_000 * ONE, [2])
    fills(story, "ETH-USD", 4_000 * ONE, [0])
    keeper = account_id(story.keeper.sender.address)
    told = statement(story.ringside, keeper, story.blocks)
    assert told.difference == 0
    assert told.tips == -told.held == -2 * usdc_to_usd(TIP)


def test_an_account_that_never_traded_is_explained(story: Story):
    assert story.statement().held == usdc_to_usd(DEPOSIT)
    assert story.statement().difference == 0
    story.leave()
    assert story.statement().withdrawn == usdc_to_usd(DEPOSIT)
    assert story.statement().difference == 0


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("side", [1, -1])
def test_an_open_position_has_no_statement_yet(story: Story, venue, side):
    story.trade(venue, "ETH-USD", side * ONE, 1_000 * USDC)
    with pytest.raises(StillOpen, match=f"1 ETH-USD is still open at {venue}"):
        story.statement()


@settings(EXAMPLES, max_examples=4)
@given(data=st.data())
def test_margin_left_at_a_venue_is_held(shared: Story, data):
    story = shared
    with story.rolled_back():
        story.deposit()
        for venue in VENUES:
            size = data.draw(st.integers(ONE // 10, 5 * ONE))
            story.trade(venue, "ETH-USD", size, 5_000 * USDC)
            story.trade(venue, "ETH-USD", -size)
        told = story.statement()
        assert told.held > usdc_to_usd(DEPOSIT) * 99 // 100
        # What a venue has not settled yet is shown in whole units of the token.
        assert abs(told.difference) < 2 * UNIT
