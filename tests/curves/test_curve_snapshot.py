"""One reading per block, never silently wrong, and replayable."""

from __future__ import annotations

import json

import pytest

from bench.live import RageTrader, ask, transact
from devnet.anvil import rpc
from ringside import venues
from ringside.chain.abi import encode
from ringside.chain.multicall import Call, ReadFailed, aggregate
from ringside.venues import rage
from ringside.venues.base import Stale
from ringside.venues.pool import PoolCurve


@pytest.fixture
def requests_made(local, monkeypatch):
    """The JSON-RPC requests that go over the wire: a list per HTTP request, of the methods in
    it."""
    made = []
    session = local.w3.provider._request_session_manager
    real = session.make_post_request

    def counted(endpoint, data, *arguments, **options):
        body = json.loads(data)
        made.append([r["method"] for r in (body if isinstance(body, list) else [body])])
        return real(endpoint, data, *arguments, **options)

    monkeypatch.setattr(session, "make_post_request", counted)
    return made


def batches(made):
    return [methods for methods in made if methods[0] == "eth_call"]


def test_a_snapshot_is_one_header_and_one_batch(local, requests_made):
    snapshot = local.snapshot()
    assert len(snapshot.states) == len(local.markets.configs)
    header, batch = requests_made
    assert header == ["eth_getBlockByNumber"]
    assert batch.count("eth_call") == 1
    assert set(batch) == {"eth_call", "eth_getStorageAt"}


def test_a_snapshot_of_an_older_block_is_that_blocks(local):
    old = local.snapshot()
    local.advance(100)
    again = venues.snapshot(local.w3, local.markets, old.block.number)
    assert again.block == old.block
    assert again.readings == old.readings


def test_readings_replay_to_the_same_quotes_without_a_chain(local):
    snapshot = local.snapshot()
    again = venues.replay(snapshot.block, snapshot.readings)
    for key, state in snapshot.states.items():
        for size in (10**18, -(10**18)):
            assert again.states[key].curve.quote(size) == state.curve.quote(size)
        assert again.states[key].funding_rate == state.funding_rate


def test_a_new_tick_is_noticed_and_costs_one_more_reading(local, requests_made):
    venue, market = "rage", "ETH-USD"
    names, trader = local.addresses["venues"][venue], local.traders[venue]
    assert isinstance(trader, RageTrader)
    curve = local.snapshot().states[venue, market].curve
    assert isinstance(curve, PoolCurve)
    tick = curve.pool.tick // 10 * 10
    change = encode(
        "updateRangeOrder(uint256,uint32,(int24,int24,int128,uint160,uint16,bool,uint8,bool))",
        *(trader.account, names["markets"][market]["pool_id"]),
        *(tick - 70, tick + 90, 10**16, 0, 0, 0, 0, 0),
    )
    transact(local.w3, trader._request(names["clearing_house"], change))
    requests_made.clear()
    snapshot = local.snapshot()
    assert len(batches(requests_made)) == 2
    curve = snapshot.states[venue, market].curve
    sizes = [curve.capacity(1), -curve.capacity(-1), 10**19, -(10**19)]
    answers = ask(local.w3, trader, market, sizes, snapshot.block.number)
    assert [a.all_in for a in answers] == [curve.quote(s).all_in for s in sizes]
    requests_made.clear()
    local.snapshot()
    assert len(batches(requests_made)) == 1


def test_a_call_that_fails_is_an_error_unless_it_may(local):
    to = local.addresses["venues"]["perp-v2"]["exchange"]
    block = local.w3.eth.block_number
    broken = Call(to, encode("getMaxTickCrossedWithinBlock(uint256)", 1))
    with pytest.raises(ReadFailed, match=to):
        aggregate(local.w3, [broken], block)
    assert aggregate(local.w3, [Call(broken.to, broken.data, optional=True)], block) == [None]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_pool_pushed_to_the_end_of_its_range_is_still_read(local, sign):
    """Rage fills beyond its liquidity in part and leaves the price where Uniswap's range ends."""
    trader = local.traders["rage"]
    most = local.snapshot().states["rage", "ETH-USD"].curve.capacity(sign)
    transact(local.w3, trader.request("ETH-USD", sign * (most + 10**18)))
    snapshot = local.snapshot()
    assert snapshot.failures == {}
    curve = snapshot.states["rage", "ETH-USD"].curve
    assert isinstance(curve, PoolCurve)
    assert abs(curve.pool.tick) > 887_000
    assert curve.capacity(sign) == 0
    size = -sign * curve.capacity(-sign)
    (answer,) = ask(local.w3, trader, "ETH-USD", [size], snapshot.block.number)
    assert (answer.filled, answer.all_in) == (size, curve.quote(size).all_in)


# A revert with a reason of nothing, all gas burnt, one word of nonsense.
@pytest.mark.parametrize("code", ["0x5f5ffd", "0xfe", "0x60205ff3"])
def test_a_venue_that_misbehaves_is_named_and_takes_no_other_with_it(local, code):
    names = local.addresses["venues"]["perp-v2"]["markets"]["ETH-USD"]
    rpc(local.w3, "anvil_setCode", names["base_token"], code)
    snapshot = local.snapshot()
    assert set(snapshot.failures) == {("perp-v2", "ETH-USD")}
    assert len(snapshot.states) == len(local.markets.configs) - 1


def test_a_pool_that_never_adds_up_is_named_and_takes_no_other_with_it(local, monkeypatch):
    def never(config, results, block):
        raise Stale(config, "made to fail")

    class Broken:
        load, calls, parse, leg = rage.load, rage.calls, staticmethod(never), rage.leg

    monkeypatch.setitem(local.markets.modules, "rage", Broken)
    snapshot = local.snapshot()
    assert {venue for venue, _ in snapshot.failures} == {"rage"}
    assert {venue for venue, _ in snapshot.states} == {"perp-v2", "synthetix"}
