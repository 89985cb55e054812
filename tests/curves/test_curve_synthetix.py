"""Synthetix as it is: fills, capacity, room, liquidation and funding by the real contracts."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from bench.live import SynthetixTrader, eth_calls, transact
from devnet import DevnetError, feeds
from devnet.anvil import rpc
from devnet.chain import DEPLOYER
from ringside import venues
from ringside.chain.abi import address, encode
from ringside.units import DAY, ONE, mul_div_to_zero
from ringside.venues.base import BeyondCapacity
from ringside.venues.synthetix import bytes32

VENUE, ETH, BTC = "synthetix", "ETH-USD", "BTC-USD"
OFFCHAIN = 2


@pytest.fixture
def trader(local) -> SynthetixTrader:
    return local.traders[VENUE]


def state_of(local, market=ETH) -> Any:
    return local.snapshot().states[VENUE, market]


def fresh(local, dollars: int) -> SynthetixTrader:
    return SynthetixTrader(local.w3, local.addresses, margin=dollars * 10**6, index=8)


def by_owner(local, to: str, call: str, *arguments: int | str) -> None:
    """A transaction of the venue's owner, who is the deployer here."""
    data = "0x" + encode(call, *arguments).hex()
    transact(local.w3, {"from": local.w3.eth.accounts[DEPLOYER], "to": to, "data": data})


def part(local, name: str) -> str:
    """One of Synthetix's own contracts, as its resolver knows it."""
    names = local.addresses["venues"][VENUE]
    data = "0x" + encode("getAddress(bytes32)", bytes32(name)).hex()
    (answer,) = eth_calls(
        local.w3, [{"to": names["resolver"], "data": data}], local.w3.eth.block_number
    )
    assert isinstance(answer, bytes)
    return local.w3.to_checksum_address(address(answer))


def committed(trader: SynthetixTrader, market: str, size: int) -> str:
    """Why an order of `size` would not be taken; nothing if it would."""
    call = encode("submitOffchainDelayedOrder(int256,uint256)", size, 2**127 if size > 0 else 0)
    to = trader.names["markets"][market]["market"]
    request = {"from": trader.who, "to": to, "data": "0x" + call.hex()}
    (answer,) = eth_calls(trader.w3, [request], trader.w3.eth.block_number)
    return answer if isinstance(answer, str) else ""


def filled(trader: SynthetixTrader, market: str, size: int) -> str:
    """Why an order of `size` is not committed and then filled by a stranger; all is undone."""
    mark = rpc(trader.w3, "evm_snapshot")
    try:
        trader.trade(market, size)
    except DevnetError as refused:
        return str(refused)
    finally:
        rpc(trader.w3, "evm_revert", mark)
    return ""


@pytest.mark.parametrize("market", [ETH, BTC])
@pytest.mark.parametrize("seed", range(3))
def test_a_quote_is_the_venues_price_and_fee_whichever_way_the_skew_leans(
    local, trader, market, seed
):
    rng = random.Random(f"{market} {seed}")
    for lean in (0, 1, -1):
        state = state_of(local, market)
        if lean:  # Across zero and beyond, either way.
            size = lean * abs(state.curve.skew) * 2 + rng.randint(-ONE, ONE) - state.curve.skew
            trader.trade(market, size)
        snapshot = local.snapshot()
        curve, block = snapshot.states[VENUE, market].curve, snapshot.block.number
        assert not lean or curve.skew * lean > 0
        turn = -curve.skew
        sizes = [turn, turn - 1, turn + 1, 2 * turn, -turn, *(1, -1)]
        sizes += [rng.choice((1, -1)) * int(10 ** rng.uniform(1, 21)) for _ in range(12)]
        for size in sizes:
            if not size or abs(size) > curve.capacity(size):
                continue
            price, _ = trader.ask(market, "fillPrice", size, block=block)
            fee, _ = trader.ask(market, "orderFee", size, OFFCHAIN, block=block)
            quote = curve.quote(size)
            assert curve.fill_price(size) == price
            assert (quote.notional, quote.fee) == (abs(size) * price // ONE, fee)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_mined_fill_reports_the_quoted_notional_and_fee(local, trader, sign):
    quote = state_of(local).curve.quote(sign * 1_321 * ONE + 7)
    local.advance(3_600)  # Time passes, the oracle stands still.
    trader.submit(ETH, quote.size)
    local.advance(2)
    receipt = trader.execute(ETH)
    block = receipt["blockNumber"]
    found = trader.contract(ETH).events.PositionModified().get_logs(from_block=block)
    (event,) = (entry["args"] for entry in found if entry["args"]["tradeSize"])
    assert abs(quote.size) * event["lastPrice"] // ONE == quote.notional
    assert (event["tradeSize"], event["fee"]) == (quote.size, quote.fee)


@pytest.mark.parametrize("market", [ETH, BTC])
def test_capacity_is_taken_and_one_wei_more_is_refused(local, disturb, trader, market):
    rng = random.Random(market)
    for _ in range(3):
        curve = state_of(local, market).curve
        other = SynthetixTrader(local.w3, local.addresses, index=8)  # Without a position.
        for sign in (1, -1):
            most = curve.capacity(sign)
            assert committed(other, market, sign * most) == ""
            beyond = committed(other, market, sign * (most + 1))
            assert "Max market size exceeded" in beyond
            with pytest.raises(BeyondCapacity, match="synthetix"):
                curve.quote(sign * (most + 1))
        disturb(rng, VENUE, market)


@pytest.mark.parametrize("dollars", [51, 100, 5_000, 250_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_fresh_account_fills_its_room_and_not_one_wei_more(local, dollars, sign):
    other = fresh(local, dollars)
    room = state_of(local).room(dollars * ONE, sign)
    assert filled(other, ETH, sign * room) == ""
    assert filled(other, ETH, sign * (room + 1)) != ""


def test_margin_that_pays_the_deposit_and_nothing_more_has_no_room(local):
    """It may be committed, and could never be filled."""
    other = fresh(local, 43)
    assert state_of(local).room(43 * ONE, 1) == 0
    assert committed(other, ETH, ONE // 100) == ""
    assert "Insufficient margin" in filled(other, ETH, ONE // 100)


@pytest.mark.parametrize("held", [1, -1])
def test_an_account_with_a_position_has_room_to_add_and_to_turn(local, held):
    dollars = 50_000
    other = fresh(local, dollars)
    position = held * state_of(local).room(dollars * ONE, held) // 2
    other.trade(ETH, position)
    state = state_of(local)
    _, _, margin, price, _ = other.ask(ETH, "positions", other.who)
    paid = -mul_div_to_zero(position, price, ONE)
    for sign in (1, -1):
        room = state.room(margin, sign, position, paid)
        assert filled(other, ETH, sign * room * 99_999 // 100_000) == ""
        assert filled(other, ETH, sign * room * 100_001 // 100_000) != ""


@pytest.mark.parametrize("held", [1, -1])
def test_a_position_is_liquidated_at_its_liquidation_price_and_not_before(local, held):
    dollars, tick = 50_000, 10**10  # The feed's smallest step, in 1e18.
    other = fresh(local, dollars)
    position = held * state_of(local).room(dollars * ONE, held) * 9 // 10
    other.trade(ETH, position)
    state = state_of(local)
    _, _, _, price, _ = other.ask(ETH, "positions", other.who)
    worth, _ = other.ask(ETH, "remainingMargin", other.who)
    paid = -mul_div_to_zero(position, price, ONE)
    gain = mul_div_to_zero(position, state.mark_price, ONE) + paid
    at = state.liquidation_price(worth - gain, position, paid)
    assert (state.mark_price - at) * held > 0
    # Seconds of funding pass meanwhile: less than ten cents of price.
    for price, liquidated in ((at + held * ONE // 10, False), (at - held * ONE // 10, True)):
        stated = Decimal(price // tick * tick).scaleb(-18)
        feeds.move(local.w3, local.addresses["feeds"], ETH, stated)
        assert other.ask(ETH, "canLiquidate", other.who) is liquidated


@pytest.mark.parametrize("sign", [1, -1])
def test_a_position_beyond_the_leverage_allowed_may_close_whole_and_not_grow(local, sign):
    dollars = 50_000
    other = fresh(local, dollars)
    position = sign * state_of(local).room(dollars * ONE, sign)
    other.trade(ETH, position)
    worse = feeds.START_PRICES[ETH] * (1 - sign * Decimal("0.006"))
    feeds.move(local.w3, local.addresses["feeds"], ETH, worse)
    state = state_of(local)
    _, _, margin, price, _ = other.ask(ETH, "positions", other.who)
    paid = -mul_div_to_zero(position, price, ONE)
    assert not other.ask(ETH, "canLiquidate", other.who)
    assert state.room(margin, sign, position, paid) == 0
    assert state.room(margin, -sign, position, paid) >= abs(position)
    assert filled(other, ETH, sign * ONE // 100) != ""
    assert filled(other, ETH, -position) == ""


def test_the_funding_rate_is_what_a_position_owes(local, trader):
    size = 1_500 * ONE
    trader.trade(ETH, size)
    start = state_of(local)
    local.advance(600)
    end = state_of(local)
    accrued, _ = trader.ask(ETH, "accruedFunding", trader.who)
    mean = (start.funding_rate + end.funding_rate) // 2
    expected = mean * start.index_price // ONE * size // ONE * 600 // DAY
    assert end.funding_rate > start.funding_rate  # Longs outweigh now.
    assert abs(-accrued - expected) <= abs(expected) // 10**6 + 10


@pytest.mark.parametrize("size", [1_500, -3_000])
def test_the_funding_rate_drifts_by_the_velocity(local, trader, size):
    trader.trade(ETH, size * ONE)
    start = state_of(local)
    velocity = trader.ask(ETH, "currentFundingVelocity")
    assert start.funding_velocity == velocity
    assert start.funding_velocity * start.curve.skew > 0
    local.advance(6 * 3_600)
    drift = state_of(local).funding_rate - start.funding_rate
    assert abs(drift - velocity // 4) <= 2 * abs(velocity) // DAY + 2  # A second or two more.


def test_volatility_is_in_the_fee_and_too_much_of_it_closes_the_market(local, trader):
    settings = part(local, "SystemSettings")
    for name, value in (
        ("Threshold", ONE // 400),
        ("WeightDecay", ONE * 95 // 100),
        ("Rounds", 6),
    ):
        by_owner(local, settings, f"setExchangeDynamicFee{name}(uint256)", value)
    by_owner(local, settings, "setExchangeMaxDynamicFee(uint256)", ONE * 15 // 1_000)
    for price in (2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 2_010):
        feeds.move(local.w3, local.addresses["feeds"], ETH, Decimal(price))
    curve = state_of(local).curve
    assert curve.dynamic > 0
    for size in (ONE, -ONE, 2_000 * ONE, -2_000 * ONE):
        fee, invalid = trader.ask(ETH, "orderFee", size, OFFCHAIN)
        assert (curve.quote(size).fee, invalid) == (fee, False)
    feeds.move(local.w3, local.addresses["feeds"], ETH, Decimal(2_100))
    assert state_of(local).curve.capacity(1) == 0
    assert "Price too volatile" in committed(trader, ETH, ONE)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("suspendSystem(uint256)", ()),
        ("suspendExchange(uint256)", ()),
        ("suspendFutures(uint256)", ()),
        ("suspendFuturesMarket(bytes32,uint256)", (bytes32("sETHPERP"),)),
        ("suspendFuturesMarket(bytes32,uint256)", (bytes32("ocETHPERP"),)),
        ("suspendSynth(bytes32,uint256)", (bytes32("sETH"),)),
    ],
)
def test_what_is_suspended_has_no_capacity(local, trader, call, arguments):
    status, owner = part(local, "SystemStatus"), local.w3.eth.accounts[DEPLOYER]
    sections = {"System", "Exchange", "Futures", "Synth"}
    for section in sections:
        grant = (bytes32(section), owner, True, True)
        by_owner(local, status, "updateAccessControl(bytes32,address,bool,bool)", *grant)
    by_owner(local, status, call, *arguments, 1)
    assert committed(trader, ETH, ONE) != ""
    curve = state_of(local).curve
    assert (curve.capacity(1), curve.capacity(-1)) == (0, 0)
    with pytest.raises(BeyondCapacity):
        curve.quote(ONE)


def test_a_stale_rate_has_no_capacity(local, trader):
    local.advance(26 * 3_600)
    assert "Invalid price" in committed(trader, ETH, ONE)
    assert state_of(local).curve.capacity(1) == 0


def test_a_replaced_contract_is_noticed(local, trader):
    """Whatever the resolver names is asked from then on."""
    names = local.addresses["venues"][VENUE]
    by_owner(
        local,
        *(names["market_settings"], "setOffchainMarketKey(bytes32,bytes32)"),
        *(names["markets"][ETH]["key"], bytes32("anotherKey")),
    )
    assert local.snapshot().failures == {}
    assert local.markets.configs[VENUE, ETH].offchain_key == bytes32("anotherKey")


def test_readings_replay_without_a_chain(local):
    snapshot = local.snapshot()
    again = venues.replay(snapshot.block, snapshot.readings)
    for market in (ETH, BTC):
        assert again.states[VENUE, market] == snapshot.states[VENUE, market]


def test_an_order_costs_its_deposit_whatever_its_size_and_changing_usdc_the_pools_fee(local):
    state = state_of(local)
    settings = local.addresses["venues"][VENUE]["market_settings"]
    data = "0x" + encode("minKeeperFee()").hex()
    (fee,) = eth_calls(local.w3, [{"to": settings, "data": data}], local.w3.eth.block_number)
    assert isinstance(fee, bytes)
    assert (state.delayed, state.leg_cost) == (True, int.from_bytes(fee, "big"))
    # 0.05 %, the pool being at par to the unit of its price.
    assert abs(state.conversion - 5 * 10**14) < 10**12
