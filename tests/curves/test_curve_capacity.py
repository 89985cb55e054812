"""Capacity is exact: the venue fills it and refuses one wei more."""

from __future__ import annotations

import random

import pytest
from bench.live import RageDesk, ask, eth_calls, send

from ringside.chain.abi import selector
from ringside.venues.base import BelowMinimum, BeyondCapacity
from ringside.venues.uniswap_v3 import MAX_SQRT_RATIO, MIN_SQRT_RATIO

MARKETS = ["ETH-USD", "BTC-USD"]
OUT_OF_BAND, OVER_TICKS = "EX_OPB", "EX_OPLAS"
SLIPPAGE = selector("SlippageBeyondTolerance()").hex()
LOW_NOTIONAL = selector("LowNotionalValue(uint256)").hex()


def refusals(local, venue, market, sizes, block):
    return [a.refused for a in ask(local.w3, local.desks[venue], market, sizes, block)]


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
    """A second trade in the same direction has less room than the first; after 15 s it has more again."""
    venue, market = "perp-v2", "ETH-USD"
    before = local.snapshot().states[venue, market].curve.capacity(-1)
    local.advance(20)
    send(local.w3, local.desks[venue], market, -before // 2)
    snapshot = local.snapshot()
    after = snapshot.states[venue, market].curve.capacity(-1)
    assert after <= before - before // 2 + 1
    sizes = [-after, -after - 1]
    at, beyond = refusals(local, venue, market, sizes, snapshot.block.number)
    assert at == "" and OVER_TICKS in beyond
    local.advance(20)
    assert local.snapshot().states[venue, market].curve.capacity(-1) > after


@pytest.mark.parametrize("market", MARKETS)
def test_rage_fills_capacity_whole_and_one_wei_more_only_in_part(local, disturb, market):
    rng = random.Random(market)
    desk = local.desks["rage"]
    assert isinstance(desk, RageDesk)
    for _ in range(3):
        snapshot = local.snapshot()
        curve = snapshot.states["rage", market].curve
        block = snapshot.block.number
        for sign, limit in ((1, MAX_SQRT_RATIO - 1), (-1, MIN_SQRT_RATIO + 1)):
            most = curve.capacity(sign)
            at, beyond = ask(local.w3, desk, market, [sign * most, sign * (most + 1)], block)
            assert (at.refused, at.filled) == ("", sign * most)
            assert (beyond.refused, beyond.filled) == ("", sign * most)  # Silently in part.
            requests = [desk.request(market, sign * (most + n), limit) for n in (0, 1)]
            whole, refused = eth_calls(local.w3, requests, block)
            assert isinstance(whole, bytes)
            assert isinstance(refused, str) and SLIPPAGE in refused
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
        assert at == "" and LOW_NOTIONAL in below
        with pytest.raises(BelowMinimum, match="rage"):
            curve.quote(sign * (least - 1))
