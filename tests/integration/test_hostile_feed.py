"""A price feed that says nothing, nonsense, or the price in other decimals: what needs the price is
refused, what does not goes on."""

import pytest
from stage import DEPOSIT, ETH, MAX, ONE, USDC, Refused, reverts, send

from ringside.orders import Bounds, market_id, venue_set

NAME = "GOLD-USD"
KEY = market_id(NAME)
MARGIN = 1_000 * USDC
PRICE = 2_000
"""At which the stand-in trades anything."""
HEARTBEAT = 3_600
MANNERS = {"reverts": 1, "reverts with a megabyte": 2, "burns all gas": 3, "answers short": 4}
PANIC_OVERFLOW = "0x4e487b71" + (0x11).to_bytes(32, "big").hex()


@pytest.fixture
def gold(ringside, venues, governor, stand_in):
    """A market by such a feed, listed at the stand-in; the feed."""

    def listed(decimals, answer=None):
        answer = PRICE * 10**decimals if answer is None else answer
        feed = governor.deploy(ringside.project.HostileFeed, decimals, answer)
        send(venues.addMarket, NAME, feed, HEARTBEAT, sender=governor)
        send(venues.list, stand_in, KEY, (2).to_bytes(32, "big"), sender=governor)
        return feed

    return listed


@pytest.fixture
def buy(ringside, stand_in):
    """One of it, no worse than the oracle's price but by so much; the limit price is far."""

    def buy(deviation, nonce=1, size=ETH):
        allowed, bounds = venue_set([stand_in]), Bounds(max_deviation=deviation)
        terms = {"market": NAME, "venues": allowed, "bounds": bounds, "nonce": nonce}
        return ringside.fill(ringside.order(size=size, **terms), (stand_in, size, MARGIN))

    return buy


@pytest.fixture
def owner_is_free(ringside, vault, account, client, stand_in):
    """He trades, closes, pulls and withdraws to the last unit."""

    def check():
        ringside.trade(stand_in, ETH, MARGIN, market=KEY)
        assert ringside.seat_at(stand_in, "StandInSeat").held_() == ETH
        send(vault.close, account, stand_in, KEY, 0, sender=client)
        send(vault.pull, account, stand_in, KEY, MAX, 0, sender=client)
        assert ringside.idle() == DEPOSIT
        send(vault.withdraw, account, DEPOSIT, client, sender=client)

    return check


@pytest.mark.parametrize("decimals", [0, 1, 6, 8, 18, 27, 36])
def test_a_price_counts_in_the_feeds_own_decimals_to_the_unit(
    ringside, desk, stranger, gold, buy, decimals
):
    feed = gold(decimals)
    buy(1)
    # As little less as an order for 1e-18 of a deviation sees, and the venue is too dear.
    step = 3_000 * 10 ** (decimals - 18) if decimals >= 18 else 1
    answer = PRICE * 10**decimals - step
    send(feed.say, answer, ringside.now, sender=stranger)
    fair = answer * ONE // 10**decimals
    with reverts(desk.TooFarFromOracle, total=PRICE * ONE * ONE, limit=fair * ONE + fair):
        buy(1, nonce=2)


def test_decimals_are_those_of_the_day_that_the_market_was_added(
    ringside, desk, stranger, gold, buy
):
    """A feed that is replaced behind its address scales nothing anew."""
    feed = gold(8)
    send(feed.setDecimals, 18, sender=stranger)
    buy(1)
    send(feed.say, PRICE * 10**18, ringside.now, sender=stranger)
    with reverts(desk.TooFarFromOracle):
        buy(1, nonce=2, size=-ETH)


@pytest.mark.parametrize("answer", [0, -1, -(2**255)])
def test_an_answer_that_is_no_price_is_none(desk, gold, buy, owner_is_free, answer):
    gold(8, answer)
    with reverts(desk.BadOracle, answer=answer):
        buy(ONE // 100)
    owner_is_free()


@pytest.mark.parametrize("age", [HEARTBEAT + 1, 10 * HEARTBEAT, -1_000])
def test_an_answer_that_is_stale_or_of_the_future_is_none(
    ringside, desk, stranger, gold, buy, owner_is_free, age
):
    feed = gold(8)
    updated = ringside.now - age
    send(feed.say, PRICE * 10**8, updated, sender=stranger)
    with reverts(desk.BadOracle, answer=PRICE * 10**8, updatedAt=updated):
        buy(ONE // 100)
    owner_is_free()


@pytest.mark.parametrize("answer", [2**255 - 1, 2**200])
def test_an_answer_beyond_any_sum_fills_nothing(gold, buy, owner_is_free, answer):
    gold(8, answer)
    with pytest.raises(Refused, match=PANIC_OVERFLOW):
        buy(ONE // 100)
    owner_is_free()


def test_decimals_beyond_any_sum_fill_nothing(gold, buy, owner_is_free):
    gold(78, PRICE)
    with pytest.raises(Refused, match=PANIC_OVERFLOW):
        buy(ONE // 100)
    owner_is_free()


@pytest.mark.parametrize("manner", MANNERS)
def test_a_feed_that_does_not_answer_stops_only_what_asks_it(
    ringside, stranger, gold, buy, owner_is_free, manner
):
    feed = gold(8)
    send(feed.setManner, MANNERS[manner], sender=stranger)
    idle = ringside.idle()
    with pytest.raises(Refused):
        buy(ONE // 100)
    assert ringside.idle() == idle
    # An order that signs no deviation asks no oracle, where there is no fee.
    buy(0, nonce=2)
    assert ringside.idle() == idle - MARGIN
    buy(0, nonce=3, size=-ETH)
    owner_is_free()
