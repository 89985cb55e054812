"""A curve is a replica: it says what the venue itself does, over random sizes and states."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_utils.crypto import keccak

from bench.live import PerpTrader, RageTrader, ask, transact
from ringside.chain.abi import signed
from ringside.units import USDC_TO_USD
from ringside.venues.base import Curve
from ringside.venues.pool import PoolCurve

VENUES = ["perp-v2", "rage", "synthetix"]
POOLS = ["perp-v2", "rage"]
MARKETS = ["ETH-USD", "BTC-USD"]
STATES, SIZES = 4, 20


def event(receipt: Any, signature: str) -> bytes:
    """The data of the one event of that signature."""
    topic = keccak(text=signature)
    (log,) = (log for log in receipt["logs"] if bytes(log["topics"][0]) == topic)
    return bytes(log["data"])


def some_sizes(rng: random.Random, curve: Curve) -> list[int]:
    """Both signs, over orders of magnitude, capacity and minimum among them."""
    sizes = []
    for sign in (1, -1):
        least, most = curve.minimum(sign), curve.capacity(sign)
        if most:
            sizes += [sign * max(least, int(most * rng.random() ** 5)) for _ in range(SIZES)]
            sizes += [sign * least, sign * most]
    return sizes


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("market", MARKETS)
def test_a_quote_is_what_the_venue_would_do_to_the_unit(local, disturb, venue, market):
    rng = random.Random(f"{venue} {market}")
    for _ in range(STATES):
        disturb(rng, venue, market)
        snapshot = local.snapshot()
        curve = snapshot.states[venue, market].curve
        sizes = some_sizes(rng, curve)
        answers = ask(local.w3, local.traders[venue], market, sizes, snapshot.block.number)
        for size, answer in zip(sizes, answers, strict=True):
            assert (answer.refused, answer.filled) == ("", size)
            assert curve.quote(size).all_in == answer.all_in


@pytest.mark.parametrize("market", MARKETS)
def test_perp_quotes_agree_with_the_periphery_quoter_in_notional_and_within_a_wei_in_all_in(
    local, disturb, market
):
    rng = random.Random(market)
    disturb(rng, "perp-v2", market)
    snapshot = local.snapshot()
    curve = snapshot.states["perp-v2", market].curve
    trader = local.traders["perp-v2"]
    assert isinstance(trader, PerpTrader)
    sizes = some_sizes(rng, curve)
    for size, (notional, all_in) in zip(
        sizes, trader.quoter(market, sizes, snapshot.block.number), strict=True
    ):
        quote = curve.quote(size)
        assert abs(quote.notional - notional) <= 1
        # The Quoter takes the fee on the whole, the exchange on each step: a wei a step at most.
        assert abs(quote.all_in - all_in) <= 10


@pytest.mark.parametrize("market", MARKETS)
def test_rage_quotes_agree_with_the_swap_simulator_in_size_all_in_and_fee(local, disturb, market):
    rng = random.Random(market)
    disturb(rng, "rage", market)
    snapshot = local.snapshot()
    curve = snapshot.states["rage", market].curve
    trader = local.traders["rage"]
    assert isinstance(trader, RageTrader)
    sizes = some_sizes(rng, curve)
    for size, (filled, all_in, fee) in zip(
        sizes, trader.simulate(market, sizes, snapshot.block.number), strict=True
    ):
        quote = curve.quote(size)
        assert (filled, all_in, fee) == (size, quote.all_in, quote.fee)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_mined_perp_trade_reports_the_quoted_notional_and_fee(local, sign):
    trader = local.traders["perp-v2"]
    quote = local.snapshot().states["perp-v2", "ETH-USD"].curve.quote(sign * 321 * 10**18 + 7)
    receipt = transact(local.w3, trader.request("ETH-USD", quote.size))
    signature = "PositionChanged(address,address,int256,int256,uint256,int256,int256,uint256)"
    data = event(receipt, signature)
    assert (signed(data), signed(data, 1), signed(data, 2)) == (
        quote.size,
        -sign * quote.notional,
        quote.fee,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_a_mined_rage_trade_reports_the_quoted_size_and_all_in(local, sign):
    trader = local.traders["rage"]
    quote = local.snapshot().states["rage", "ETH-USD"].curve.quote(sign * 321 * 10**18 + 7)
    receipt = transact(local.w3, trader.request("ETH-USD", quote.size))
    data = event(receipt, "TokenPositionChanged(uint256,uint32,int256,int256,uint160,uint160)")
    all_in = -sign * quote.all_in // USDC_TO_USD
    assert (signed(data), signed(data, 1)) == (quote.size, all_in)


@pytest.mark.parametrize("venue", POOLS)
def test_the_sizes_reach_across_three_initialised_ticks_both_ways(local, venue):
    curve = local.snapshot().states[venue, "ETH-USD"].curve
    assert isinstance(curve, PoolCurve)
    for sign in (1, -1):
        end = curve.swap(sign * curve.capacity(sign)).tick
        low, high = sorted((curve.pool.tick, end))
        assert sum(low < tick <= high for tick, _ in curve.pool.ticks) >= 3
