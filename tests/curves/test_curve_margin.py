"""Room, liquidation price and funding are the venue's own."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from bench.live import PerpTrader, RageTrader, ask, eth_calls, send, transact
from devnet import feeds
from devnet.chain import DEPLOYER
from ringside.chain.abi import encode, selector, signed
from ringside.units import DAY, ONE, USDC_TO_USD

VENUES = ["perp-v2", "rage"]
NO_MARGIN = {
    "perp-v2": "CH_NEFC",
    "rage": selector("InvalidTransactionNotEnoughMargin(int256,int256)").hex(),
}
TRADERS = {"perp-v2": PerpTrader, "rage": RageTrader}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("dollars", [100, 5_000, 250_000])
def test_a_fresh_account_fills_its_room_and_is_refused_a_thousandth_more(
    local, disturb, venue, dollars
):
    market = "ETH-USD"
    disturb(random.Random(dollars), venue, market)
    trader = TRADERS[venue](local.w3, local.addresses, margin=dollars * 10**6, index=8)
    snapshot = local.snapshot()
    state = snapshot.states[venue, market]
    for sign in (1, -1):
        room = state.room(dollars * ONE, sign)
        assert 0 < room < state.curve.capacity(sign)
        sizes = [sign * room, sign * (room + room // 1_000)]
        at, beyond = ask(local.w3, trader, market, sizes, snapshot.block.number)
        assert at.refused == ""
        assert at.filled == sign * room
        assert NO_MARGIN[venue] in beyond.refused


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("held", [1, -1])
def test_an_account_with_a_position_has_room_to_add_and_to_turn(local, venue, held):
    market, dollars = "ETH-USD", 50_000
    trader = TRADERS[venue](local.w3, local.addresses, margin=dollars * 10**6, index=8)
    before = local.snapshot().states[venue, market]
    position = held * before.room(dollars * ONE, held) // 2
    send(local.w3, trader, market, position)
    snapshot = local.snapshot()
    state = snapshot.states[venue, market]
    paid = -before.curve.quote(position).all_in * held
    for sign in (1, -1):
        room = state.room(dollars * ONE, sign, position, paid)
        sizes = [sign * room, sign * (room + room // 1_000)]
        at, beyond = ask(local.w3, trader, market, sizes, snapshot.block.number)
        assert at.refused == ""
        assert NO_MARGIN[venue] in beyond.refused


@pytest.mark.parametrize("oracle", [1_750, 2_250])
def test_rage_values_at_the_oracle_when_the_pool_is_too_far_off(local, oracle):
    market, dollars = "ETH-USD", 50_000
    feeds.move(local.w3, local.addresses["feeds"], market, Decimal(oracle))
    local.advance(2_000)
    trader = RageTrader(local.w3, local.addresses, margin=dollars * 10**6, index=8)
    snapshot = local.snapshot()
    state = snapshot.states["rage", market]
    assert state.mark_price == state.index_price
    for sign in (1, -1):
        room = state.room(dollars * ONE, sign)
        sizes = [sign * room, sign * (room + room // 1_000)]
        at, beyond = ask(local.w3, trader, market, sizes, snapshot.block.number)
        assert at.refused == ""
        assert NO_MARGIN["rage"] in beyond.refused


def test_rage_without_a_twap_values_at_the_tick_a_trade_leaves(local):
    market, dollars = "ETH-USD", 2_000_000
    names = local.addresses["venues"]["rage"]
    pool = names["markets"][market]
    # As before, but for a TWAP of a day, which is longer than the pool remembers.
    settings = (2_000, 1_000, 1_000, 86_400, True, True, pool["oracle"])
    call = "updatePoolSettings(uint32,(uint16,uint16,uint16,uint32,bool,bool,address))"
    data = "0x" + encode(call, pool["pool_id"], *settings).hex()
    owner = local.w3.eth.accounts[DEPLOYER]
    transact(local.w3, {"from": owner, "to": names["clearing_house"], "data": data})
    trader = RageTrader(local.w3, local.addresses, margin=dollars * 10**6, index=8)
    snapshot = local.snapshot()
    state = snapshot.states["rage", market]
    for sign in (1, -1):
        room = state.room(dollars * ONE, sign)
        sizes = [sign * room, sign * (room + room // 1_000)]
        at, beyond = ask(local.w3, trader, market, sizes, snapshot.block.number)
        assert at.refused == ""
        assert NO_MARGIN["rage"] in beyond.refused


@pytest.mark.parametrize("held", [1, -1])
def test_rage_is_at_its_maintenance_requirement_at_the_liquidation_price(local, held):
    market, dollars = "ETH-USD", 50_000
    trader = RageTrader(local.w3, local.addresses, margin=dollars * 10**6, index=8)
    before = local.snapshot().states["rage", market]
    position = held * before.room(dollars * ONE, held) * 9 // 10
    send(local.w3, trader, market, position)
    state = local.snapshot().states["rage", market]
    paid = -before.curve.quote(position).all_in * held
    call = encode("getAccountMarketValueAndRequiredMargin(uint256,bool)", trader.account, False)
    answer = eth_calls(
        local.w3,
        [trader._request(trader.names["clearing_house"], call)],
        local.w3.eth.block_number,
    )[0]
    assert isinstance(answer, bytes)
    value, required = signed(answer) * USDC_TO_USD, signed(answer, 1) * USDC_TO_USD
    spare = value - required
    ours = dollars * ONE + paid + position * state.mark_price // ONE
    needs = abs(position) * state.mark_price // ONE * state.maintenance_margin_ratio // ONE
    assert abs(spare - (ours - needs)) < ONE // 100  # Two seconds of funding and the last cent.
    price = state.liquidation_price(dollars * ONE, position, paid)
    assert price is not None
    assert (state.mark_price - price) * held > 0
    left = dollars * ONE + paid + position * price // ONE
    assert abs(left - abs(position) * price // ONE // 10) < 10**6


@pytest.mark.parametrize("held", [1, -1])
def test_perp_is_at_its_maintenance_requirement_at_the_liquidation_price(local, held):
    market, dollars = "ETH-USD", 50_000
    trader = PerpTrader(local.w3, local.addresses, margin=dollars * 10**6, index=8)
    before = local.snapshot().states["perp-v2", market]
    position = held * before.room(dollars * ONE, held) * 9 // 10
    send(local.w3, trader, market, position)
    state = local.snapshot().states["perp-v2", market]
    paid = -before.curve.quote(position).all_in * held
    names = trader.names
    value, requirement = eth_calls(
        local.w3,
        [
            trader._request(
                names["clearing_house"], encode("getAccountValue(address)", trader.who)
            ),
            trader._request(
                names["account_balance"],
                encode("getMarginRequirementForLiquidation(address)", trader.who),
            ),
        ],
        local.w3.eth.block_number,
    )
    assert isinstance(value, bytes)
    assert isinstance(requirement, bytes)
    ours = dollars * ONE + paid + position * state.mark_price // ONE
    needs = abs(position) * state.mark_price // ONE * state.maintenance_margin_ratio // ONE
    assert abs(signed(value) - ours) < ONE // 100
    assert abs(signed(requirement) - needs) < 100
    price = state.liquidation_price(dollars * ONE, position, paid)
    assert price is not None
    assert (state.mark_price - price) * held > 0
    left = dollars * ONE + paid + position * price // ONE
    assert abs(left - abs(position) * price // ONE // 16) < 10**6


def test_the_perp_funding_rate_is_what_a_position_owes(local):
    market, size = "ETH-USD", 100 * ONE
    trader = local.traders["perp-v2"]
    assert isinstance(trader, PerpTrader)
    send(local.w3, trader, market, size)
    settled = local.snapshot().timestamp
    local.advance(1_800)
    snapshot = local.snapshot()
    rate = snapshot.states["perp-v2", market].funding_rate
    base = trader.names["markets"][market]["base_token"]
    owed, index_twap = eth_calls(
        local.w3,
        [
            trader._request(
                trader.names["exchange"],
                encode("getPendingFundingPayment(address,address)", trader.who, base),
            ),
            trader._request(base, encode("getIndexPrice(uint256)", 900)),
        ],
        snapshot.block.number,
    )
    assert isinstance(owed, bytes)
    assert isinstance(index_twap, bytes)
    expected = rate * signed(index_twap) // ONE * size // ONE
    expected = expected * (snapshot.timestamp - settled) // DAY
    assert rate > 0
    assert abs(signed(owed) - expected) <= abs(expected) // 10**9 + 10


def test_the_rage_funding_rate_is_positive_when_the_pool_is_above_the_oracle(local):
    send(local.w3, local.traders["rage"], "ETH-USD", 300 * ONE)
    local.advance(1_800)
    state = local.snapshot().states["rage", "ETH-USD"]
    expected = (state.mark_price - state.index_price) * ONE // state.index_price
    assert state.funding_rate > 0
    assert abs(state.funding_rate - expected) < ONE // 10**9
