"""Capacity is exact: the venue fills it and refuses one wei more."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from bench.live import RageTrader, ask, eth_calls, send, transact
from devnet import feeds
from devnet.chain import DEPLOYER
from ringside.chain.abi import encode, selector
from ringside.venues.base import BelowMinimum, BeyondCapacity
from ringside.venues.uniswap_v3 import MAX_SQRT_RATIO, MIN_SQRT_RATIO

MARKETS = ["ETH-USD", "BTC-USD"]
OUT_OF_BAND, OVER_TICKS = "EX_OPB", "EX_OPLAS"
SLIPPAGE = selector("SlippageBeyondTolerance()").hex()
LOW_NOTIONAL = selector("LowNotionalValue(uint256)").hex()


def refusals(local, venue, market, sizes, block):
    return [a.refused for a in ask(local.w3, local.traders[venue], market, sizes, block)]


@pytest.mark.parametrize("market", MARKETS)
def test_perp_fills_capacity_and_refuses_one_wei_more(local, disturb, market):
    rng = random.Random(market)
    reasons = set()
    for _ in range(5):
        snapshot = local.snapshot()
        curve = snapshot.states["perp-v2", market].curve
        for sign in (1, -1):
            most = curve.capacity(sign)
            at, beyond = refusals(
                local, "perp-v2", market, [sign * most, sign * (most + 1)], snapshot.block.number
            )
            assert at == ""
            reason = next(r for r in (OUT_OF_BAND, OVER_TICKS) if r in beyond)
            reasons.add(reason)
            with pytest.raises(BeyondCapacity, match="perp-v2"):
                curve.quote(sign * (most + 1))
        disturb(rng, "perp-v2", market)
    assert reasons == {OUT_OF_BAND, OVER_TICKS}


def test_perp_counts_from_the_tick_recorded_within_fifteen_seconds(local):
    """A second trade in the same direction has less room than the first; after 15 s it has more
    again."""
    venue, market = "perp-v2", "ETH-USD"
    before = local.snapshot().states[venue, market].curve.capacity(-1)
    local.advance(20)
    send(local.w3, local.traders[venue], market, -before // 2)
    snapshot = local.snapshot()
    after = snapshot.states[venue, market].curve.capacity(-1)
    assert after <= before - before // 2 + 1
    sizes = [-after, -after - 1]
    at, beyond = refusals(local, venue, market, sizes, snapshot.block.number)
    assert at == ""
    assert OVER_TICKS in beyond
    local.advance(20)
    assert local.snapshot().states[venue, market].curve.capacity(-1) > after


@pytest.mark.parametrize("market", MARKETS)
def test_rage_fills_capacity_whole_and_one_wei_more_only_in_part(local, disturb, market):
    rng = random.Random(market)
    trader = local.traders["rage"]
    assert isinstance(trader, RageTrader)
    for _ in range(3):
        snapshot = local.snapshot()
        curve = snapshot.states["rage", market].curve
        block = snapshot.block.number
        for sign, limit in ((1, MAX_SQRT_RATIO - 1), (-1, MIN_SQRT_RATIO + 1)):
            most = curve.capacity(sign)
            at, beyond = ask(local.w3, trader, market, [sign * most, sign * (most + 1)], block)
            assert (at.refused, at.filled) == ("", sign * most)
            assert (beyond.refused, beyond.filled) == ("", sign * most)  # Silently in part.
            requests = [trader.request(market, sign * (most + n), limit) for n in (0, 1)]
            whole, refused = eth_calls(local.w3, requests, block)
            assert isinstance(whole, bytes)
            assert isinstance(refused, str)
            assert SLIPPAGE in refused
            with pytest.raises(BeyondCapacity, match="rage"):
                curve.quote(sign * (most + 1))
        disturb(rng, "rage", market)


@pytest.mark.parametrize("market", MARKETS)
def test_rage_refuses_one_wei_below_the_minimum(local, market):
    snapshot = local.snapshot()
    curve = snapshot.states["rage", market].curve
    for sign in (1, -1):
        least = curve.minimum(sign)
        sizes = [sign * least, sign * (least - 1)]
        at, below = refusals(local, "rage", market, sizes, snapshot.block.number)
        assert at == ""
        assert LOW_NOTIONAL in below
        with pytest.raises(BelowMinimum, match="rage"):
            curve.quote(sign * (least - 1))


def owner_calls(local, to, data):
    """A transaction of the venue's owner, who is the deployer here."""
    sender = local.w3.eth.accounts[DEPLOYER]
    transact(local.w3, {"from": sender, "to": to, "data": "0x" + data.hex()})


def test_perp_refuses_a_sell_that_just_reaches_an_initialised_tick_at_the_limit(local):
    """A sell that ends on a boundary is past it: the pool's tick is one less, over the limit."""
    venue, market = "perp-v2", "ETH-USD"
    names = local.addresses["venues"][venue]
    pool = local.snapshot().states[venue, market].curve.pool
    for at in (tick for tick, _ in reversed(pool.ticks) if 0 < pool.tick - tick <= 1_000):
        data = encode(
            "setMaxTickCrossedWithinBlock(address,uint24)",
            *(names["markets"][market]["base_token"], pool.tick - at),
        )
        owner_calls(local, names["exchange"], data)
        snapshot = local.snapshot()
        most = snapshot.states[venue, market].curve.capacity(-1)
        sizes = [-most, -most - 1]
        block = snapshot.block.number
        within, beyond = refusals(local, venue, market, sizes, block)
        assert within == ""
        assert OVER_TICKS in beyond


@pytest.mark.parametrize("percent", [75, 88, 115, 140])
def test_perp_outside_the_band_lets_trades_go_no_further_out(local, percent):
    """The oracle alone moves: away from it there is next to no room, towards it the ticks limit."""
    venue, market = "perp-v2", "ETH-USD"
    feeds.move(local.w3, local.addresses["feeds"], market, Decimal(20 * percent))
    snapshot = local.snapshot()
    curve = snapshot.states[venue, market].curve
    for sign in (1, -1):
        most = curve.capacity(sign)
        sizes = [sign * most, sign * (most + 1)]
        within, beyond = refusals(local, venue, market, sizes, snapshot.block.number)
        assert within == ""
        assert (OUT_OF_BAND if (sign > 0) == (percent < 100) else OVER_TICKS) in beyond


@pytest.mark.parametrize(("venue", "arguments"), [("perp-v2", ()), ("rage", (10,))])
def test_a_paused_venue_has_no_capacity_and_a_resumed_one_has(local, venue, arguments):
    kinds = "uint256" if arguments else ""
    house = local.addresses["venues"][venue]["clearing_house"]
    before = local.snapshot().states[venue, "ETH-USD"].curve
    owner_calls(local, house, encode(f"pause({kinds})", *arguments))
    curve = local.snapshot().states[venue, "ETH-USD"].curve
    assert (curve.capacity(1), curve.capacity(-1)) == (0, 0)
    with pytest.raises(BeyondCapacity):
        curve.quote(10**18)
    owner_calls(local, house, encode(f"unpause({kinds})", *arguments))
    curve = local.snapshot().states[venue, "ETH-USD"].curve
    assert curve.capacity(1) == before.capacity(1)


def test_a_changed_fee_is_in_the_next_snapshot(local):
    venue, market = "perp-v2", "ETH-USD"
    names = local.addresses["venues"][venue]
    base = names["markets"][market]["base_token"]
    owner_calls(local, names["market_registry"], encode("setFeeRatio(address,uint24)", base, 2_500))
    snapshot = local.snapshot()
    sizes = [10**19, -(10**19)]
    answers = ask(local.w3, local.traders[venue], market, sizes, snapshot.block.number)
    curve = snapshot.states[venue, market].curve
    assert [a.all_in for a in answers] == [curve.quote(size).all_in for size in sizes]
