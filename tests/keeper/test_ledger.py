"""What each venue's events say of a seat, against the chain itself."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import EXAMPLES, MARKETS, Story

from bench.live import PerpTrader
from devnet.anvil import rpc
from devnet.chain import Chain
from devnet.venues import perp_v2, rage
from ringside.accounts import account_id
from ringside.chain.contracts import abi
from ringside.orders import market_id
from ringside.units import ONE, USDC, usdc_to_usd

BASE = {"ETH-USD": ONE, "BTC-USD": ONE // 30}
SIGNS = st.sampled_from([1, -1])
UNIT = usdc_to_usd(1)
FEW = settings(EXAMPLES, max_examples=4)
AMOUNTS = st.builds(lambda a, sign: sign * a, st.integers(ONE // 100, 20 * ONE), SIGNS)
HOUR = 3_600


@pytest.fixture(params=["perp-v2", "rage"])
def venue(request):
    return request.param


@pytest.fixture(params=MARKETS)
def market(request):
    return request.param


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request):
    return request.param


def test_fills_cost_what_the_vault_measured(story: Story, venue, market):
    @FEW
    @given(st.lists(AMOUNTS, min_size=1, max_size=3))
    def check(amounts):
        with story.rolled_back():
            story.post(venue, 50_000 * USDC)
            for amount in amounts:
                story.trade(venue, market, amount * BASE[market] // ONE)
            told, measured = story.ledger(venue).fills, story.logs("Traded", venue)
            assert len(told) == len(measured) == len(amounts)
            for fill, event in zip(told, measured, strict=True):
                assert (fill.market, fill.size) == (market, event["size"])
                assert market_id(fill.market) == event["market"]
                sign = 1 if fill.size > 0 else -1
                assert fill.notional + sign * fill.fee == event["quote"]
                assert fill.fee > 0
                assert fill.penalty == 0
            held = story.seats[venue].positions[market].size
            assert story.ledger(venue).position(market) == held

    check()


def test_funding_is_what_the_venue_said_was_owed(story: Story, venue, market, side):
    story.trade(venue, market, side * 20 * BASE[market], 40_000 * USDC)
    story.move(market, story.price(market) * Decimal("1.02") / ONE, arbitrage=False)
    # Perp v2's own view extrapolates its last price across a move that it was not told of.
    story.trade(venue, market, side * BASE[market])
    story.chain.advance(4 * HOUR)
    owed = story.seats[venue].positions[market].funding_owed
    assert abs(owed) > USDC * UNIT
    before = story.ledger(venue).funding.get(market, 0)
    # In a block of the same time nothing more accrues.
    rpc(story.w3, "evm_setNextBlockTimestamp", story.chain.block()["timestamp"])
    story.trade(venue, market, -side * BASE[market])
    settled = story.ledger(venue).funding[market] - before
    assert abs(settled - owed) <= (UNIT if venue == "rage" else 0)
    # Settled then and there, but for the seconds since that block.
    assert abs(story.seats[venue].positions[market].funding_owed) < abs(owed) // 1_000


def test_margin_is_what_the_vault_sent_and_got_back(story: Story, venue):
    @FEW
    @given(st.integers(1, 9_000 * USDC), st.integers(1, 9_000 * USDC), st.integers(1, 100))
    def check(with_the_trade, posted, percent):
        with story.rolled_back():
            story.trade(venue, "ETH-USD", ONE, 10_000 * USDC + with_the_trade)
            story.post(venue, posted)
            free = story.seats[venue].pocket.free // UNIT
            story.pull(venue, max(free * percent // 100, 1))
            story.trade(venue, "ETH-USD", -ONE)
            story.pull(venue, 1)
            sent = sum(entry["margin"] for entry in story.logs("Traded", venue))
            sent += sum(entry["amount"] for entry in story.logs("MarginPosted", venue))
            back = sum(entry["amount"] for entry in story.logs("MarginPulled", venue))
            assert story.ledger(venue).margin == sent - back

    check()


def test_a_neighbours_trades_are_not_in_the_ledger(story: Story, venue):
    story.trade(venue, "ETH-USD", ONE, 5_000 * USDC)
    alone = story.ledger(venue)
    neighbour = account_id(story.client, "other")
    story.own("deposit", neighbour, 5_000 * USDC)
    terms = story.terms(venue, "ETH-USD", 2 * ONE, 5_000 * USDC)
    story.own("trade", (neighbour, *terms[1:]))
    assert story.ledger(venue) == alone
    assert len(alone.fills) == 1


# -------------------------------------------------------------------- liquidation


def liquidate(story: Story, venue: str, market: str) -> None:
    """By a stranger, as much as the venue lets it."""
    places, chain = story.ringside.addresses["venues"][venue], Chain(story.w3)
    seat = story.seats[venue].seat
    if venue == "perp-v2":
        # Who liquidates there takes the position over, and must be able to.
        PerpTrader(story.w3, story.ringside.addresses, index=5)
        house = chain.at(perp_v2.core("ClearingHouse"), places["clearing_house"])
        chain.send(house, "liquidate", seat, places["markets"][market]["base_token"], role=5)
    else:
        house = chain.at(
            rage.artifact("protocol/clearinghouse/ClearingHouse"), places["clearing_house"]
        )
        contract = story.w3.eth.contract(address=seat, abi=abi("RageSeat"))
        number = contract.functions.accountId().call()
        chain.send(
            house, "liquidateTokenPosition", number, places["markets"][market]["pool_id"], role=5
        )


def lose(story: Story, venue: str, market: str, side: int, percent: int) -> int:
    """Opens a position of about $40,000 with $9,000, and moves the price against it; its size."""
    size = side * 20 * BASE[market]
    story.trade(venue, market, size, 9_000 * USDC)
    price = Decimal(story.price(market)) / ONE * (100 - side * percent) / 100
    story.move(market, price.quantize(Decimal("0.01")))
    story.chain.advance(HOUR)
    story.move(market, price.quantize(Decimal("0.01")))
    return size


def test_a_liquidation_is_in_the_ledger_and_the_statement_reconciles(
    story: Story, venue, market, side
):
    size = lose(story, venue, market, side, 18)
    before = story.seats[venue].pocket
    assert 0 < before.equity < before.maintenance
    liquidate(story, venue, market)

    *_, fill = story.ledger(venue).fills
    assert fill.penalty > 0
    assert fill.size * side < 0
    held = story.seats[venue].positions[market].size
    assert story.ledger(venue).position(market) == held == size + fill.size
    story.leave()
    told = story.statement()
    assert told.difference == 0
    assert told.fees >= fill.penalty
    assert told.withdrawn < told.deposited


def test_a_debt_that_the_venue_bears_is_in_the_ledger(story: Story, venue, market, side):
    lose(story, venue, market, side, 24)
    assert story.seats[venue].pocket.equity < 0
    liquidate(story, venue, market)
    *_, fill = story.ledger(venue).fills
    assert fill.penalty < 0
    story.leave()
    told = story.statement()
    assert told.held == 0
    assert told.deposited - told.withdrawn == 9_000 * USDC * UNIT
    # Perp v2 rounds the debt up to a whole unit, and nothing is left to pull that would settle it.
    assert abs(told.difference) < UNIT
