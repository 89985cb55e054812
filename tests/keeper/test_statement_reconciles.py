"""Whatever is done with an account, once it is closed its statement explains every dollar."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import DEPOSIT, EXAMPLES, MARKETS, Story

from devnet.feeds import START_PRICES
from ringside.orders import venue_set
from ringside.statement import StillOpen
from ringside.units import ONE, USDC, usdc_to_usd

VENUES = ("perp-v2", "rage")
UNIT = usdc_to_usd(1)


def deposits(story: Story, amount: int) -> None:
    story.deposit(amount)


def fills(story: Story, market: str, worth: int, ids: list[int]) -> None:
    """By the keeper, at one venue or split."""
    size = worth * ONE // story.price(market)
    order = story.order(market, size, venues=venue_set(ids))
    _, receipt = story.fill(order)
    assert story.filled(receipt)["size"] == size


def trades(story: Story, venue: str, market: str, worth: int) -> None:
    """By the owner."""
    size = worth * ONE // story.price(market)
    story.trade(venue, market, size, abs(worth) // UNIT // 2)


def posts(story: Story, venue: str, amount: int) -> None:
    story.post(venue, amount)


def pulls(story: Story, venue: str, percent: int) -> None:
    """A part of what is far beyond the maintenance margin, if there is any."""
    pocket = story.seats[venue].pocket
    if pocket is not None:
        spare = min(pocket.free, pocket.equity - 6 * pocket.maintenance) * percent // 100
        if spare >= UNIT:
            story.pull(venue, spare // UNIT)


def moves(story: Story, market: str, percent: Decimal) -> None:
    """The oracle, and the arbitrageurs behind it; never far from where it began."""
    price = START_PRICES[market] * (100 + percent) / 100
    story.move(market, price.quantize(Decimal("0.01")))


def waits(story: Story, seconds: int) -> None:
    story.chain.advance(seconds)


MARKET, VENUE = st.sampled_from(MARKETS), st.sampled_from(VENUES)
AMOUNT = st.integers(1, 5_000 * USDC)
WORTH = st.builds(
    lambda dollars, dust, side: side * (dollars * ONE + dust),
    st.integers(200, 15_000),
    st.integers(0, ONE),
    st.sampled_from([1, -1]),
)
STEPS = st.one_of(
    st.tuples(st.just(fills), MARKET, WORTH, st.sampled_from([[0, 1], [0, 1], [0], [1]])),
    st.tuples(st.just(trades), VENUE, MARKET, WORTH),
    st.tuples(st.just(pulls), VENUE, st.integers(1, 100)),
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
        assert told.tips == usdc_to_usd(sum(e["tip"] for e in story.logs("Traded")))
        for ledger in told.ledgers:
            assert all(abs(rounding) < UNIT for rounding in ledger.roundings)
            # Only what is pulled is settled, and only so often can anything be lost.
            assert len(ledger.roundings) <= len(story.logs("MarginPulled", ledger.venue))


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
