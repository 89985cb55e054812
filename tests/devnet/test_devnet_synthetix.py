"""Synthetix on the local chain: an order's two steps, and what they cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from web3 import Web3

from devnet import DevnetError, feeds, market
from devnet.anvil import BLOCK_INTERVAL
from devnet.artifacts import local_usdc, mock_pyth, synthetix_setting
from devnet.artifacts import synthetix as artifact
from devnet.chain import Chain
from devnet.synthetix import exchange, markets
from devnet.venues import synthetix

ONE = 10**18
ETH = "ETH-USD"
TRADER, KEEPER = 5, 6
"""Which of anvil's accounts."""
MARGIN = 10_000 * ONE
SIZE = 50 * ONE
KEEPER_FEE = 4 * ONE
MAKER_FEE, TAKER_FEE = 10**12, 6 * 10**14
"""Of notional (1e18): 0.0001 % and 0.06 %."""
SKEW_SCALE = 1_000_000 * ONE
MIN_AGE, MAX_AGE = 1, 30
"""Seconds."""
MOST = 2**128 - 1
NO_LIMIT = {True: MOST, False: 0}
"""A buyer's and a seller's limit that every price meets."""
DAY = 86_400


def scaled(a: int, b: int) -> int:
    """a · b (both 1e18), rounded towards zero as the contracts do."""
    product = abs(a * b) // ONE
    return product if (a < 0) == (b < 0) else -product


def fill_price(price: int, skew: int, size: int) -> int:
    """The published formula: the average of the premium before and after the trade."""
    parts = [price + scaled(price, int(Decimal(s) * ONE / SKEW_SCALE)) for s in (skew, skew + size)]
    return sum(parts) // 2


class Desk:
    """One trader and one keeper at the ETH market."""

    def __init__(self, w3: Web3, addresses: dict[str, Any]) -> None:
        self.w3, self.addresses, self.chain = w3, addresses, Chain(w3)
        self.venue = addresses["venues"]["synthetix"]
        self.market = markets.market(w3, self.venue["markets"][ETH]["market"])
        self.susd = self.chain.at(artifact("ProxyERC20"), self.venue["susd"])
        self.who, self.keeper = self.chain.accounts[TRADER], self.chain.accounts[KEEPER]

    def read(self, name: str, *args: Any) -> Any:
        return self.market.functions[name](*args).call()

    def send(self, name: str, *args: Any, role: int = TRADER, value: int = 0) -> None:
        self.chain.send(self.market, name, *args, role=role, value=value)

    def fund(self, amount: int = MARGIN) -> None:
        synthetix.issue(self.w3, self.venue, self.who, amount)
        self.send("transferMargin", amount)

    def submit(self, size: int = SIZE) -> int:
        """Commit to an order; returns when, in seconds."""
        self.send("submitOffchainDelayedOrder", size, NO_LIMIT[size > 0])
        return int(self.chain.block()["timestamp"])

    def execute(
        self, *, role: int = KEEPER, price: Decimal | None = None, at: int | None = None
    ) -> None:
        data, fee = synthetix.price_update(self.w3, self.venue, ETH, price, at)
        self.send("executeOffchainDelayedOrder", self.who, data, role=role, value=fee)

    def trade(self, size: int = SIZE) -> None:
        self.submit(size)
        self.chain.advance(BLOCK_INTERVAL)
        self.execute()

    def balance(self, of: str) -> int:
        return int(self.susd.functions.balanceOf(of).call())


@pytest.fixture
def desk(devnet: Any) -> Desk:
    return Desk(*devnet)


def test_the_parameters_are_those_of_optimism(desk: Desk) -> None:
    settings = desk.chain.at(artifact("PerpsV2MarketSettings"), desk.venue["market_settings"])
    for name, key in synthetix.MARKET_KEYS.items():
        published = markets.published(key)
        assert desk.venue["markets"][name]["key"] == "0x" + markets.text(key).hex()
        for parameter, value in published.items():
            if parameter in markets.WHOLE or parameter in ("skewScale", "maxPD", "maxLeverage"):
                one = 1 if parameter in markets.WHOLE else ONE
                found = settings.functions[parameter](markets.text(key)).call()
                assert found == Decimal(value) * one
    assert settings.functions.minKeeperFee().call() == KEEPER_FEE
    feed = {row["asset"]: row["feedId"] for row in synthetix_setting("offchain-feeds.json")}
    assert desk.venue["markets"][ETH]["price_feed_id"] == feed["sETH"]


@pytest.mark.parametrize("size", [SIZE, -SIZE], ids=["buy", "sell"])
def test_a_committed_order_fills_at_the_published_formula(desk: Desk, size: int) -> None:
    desk.fund()
    skew = desk.read("marketSkew")
    assert skew == -synthetix.SHORTS[ETH]
    submitted = desk.submit(size)
    order = desk.read("delayedOrders", desk.who)
    assert order[:6] == (True, size, NO_LIMIT[size > 0], 0, 0, KEEPER_FEE)
    assert order[6:] == (0, submitted, bytes(32))
    assert desk.read("positions", desk.who)[2] == MARGIN - KEEPER_FEE

    desk.chain.advance(BLOCK_INTERVAL)
    desk.execute(price=Decimal("2001.5"))
    fill = fill_price(2_001_500_000_000_000_000_000, skew, size)
    fee = scaled(abs(scaled(size, fill)), MAKER_FEE if size > 0 else TAKER_FEE)
    _, _, margin, last_price, held = desk.read("positions", desk.who)
    assert (held, last_price) == (size, fill)
    assert margin == MARGIN - KEEPER_FEE - fee
    assert desk.read("marketSkew") == skew + size
    assert desk.read("delayedOrders", desk.who)[1] == 0
    assert desk.balance(desk.keeper) == KEEPER_FEE


def test_who_executes_their_own_order_keeps_the_keepers_fee(desk: Desk) -> None:
    desk.fund()
    desk.submit()
    desk.chain.advance(BLOCK_INTERVAL)
    desk.execute(role=TRADER)
    notional = scaled(SIZE, desk.read("positions", desk.who)[3])
    assert desk.read("positions", desk.who)[2] == MARGIN - scaled(notional, MAKER_FEE)


def test_an_order_waits_for_a_price_that_is_new_enough(desk: Desk) -> None:
    desk.fund()
    submitted = desk.submit()
    desk.chain.advance(BLOCK_INTERVAL)
    with pytest.raises(DevnetError, match="price not updated"):
        desk.execute(at=submitted)
    with pytest.raises(DevnetError, match="executability not reached"):
        desk.execute(at=submitted + MIN_AGE)
    desk.execute(at=submitted + MIN_AGE + 1)
    assert desk.read("positions", desk.who)[4] == SIZE


def test_an_older_price_changes_nothing(desk: Desk) -> None:
    """The oracle ignores it silently, and the order is filled at the price it has."""
    desk.fund()
    submitted = desk.submit()
    desk.chain.advance(10)
    oracle = desk.chain.at(mock_pyth(), desk.venue["pyth"])
    data, fee = synthetix.price_update(desk.w3, desk.venue, ETH, Decimal(1_990), submitted + 8)
    desk.chain.send(oracle, "updatePriceFeeds", data, value=fee)
    desk.execute(price=Decimal(2_010), at=submitted + 5)
    assert desk.read("positions", desk.who)[3] < 1_990 * ONE


@pytest.mark.parametrize("role", [TRADER, KEEPER], ids=["owner", "anyone"])
def test_an_order_too_old_can_only_be_cancelled(desk: Desk, role: int) -> None:
    desk.fund()
    desk.submit()
    desk.chain.advance(MAX_AGE - 2 * BLOCK_INTERVAL)
    with pytest.raises(DevnetError, match="cannot cancel yet"):
        desk.send("cancelOffchainDelayedOrder", desk.who, role=role)
    desk.chain.advance(2 * BLOCK_INTERVAL)
    with pytest.raises(DevnetError, match="order too old, use cancel"):
        desk.execute()
    desk.send("cancelOffchainDelayedOrder", desk.who, role=role)
    assert desk.read("delayedOrders", desk.who)[1] == 0
    refund = KEEPER_FEE if role == TRADER else 0
    assert desk.read("remainingMargin", desk.who) == [MARGIN - KEEPER_FEE + refund, False]
    assert desk.balance(desk.keeper) == KEEPER_FEE - refund


def test_margin_stays_while_an_order_is_pending(desk: Desk) -> None:
    desk.fund()
    synthetix.issue(desk.w3, desk.venue, desk.who, ONE)
    desk.submit()
    for amount in (ONE, -ONE):
        with pytest.raises(DevnetError, match="Pending order exists"):
            desk.send("transferMargin", amount)
    with pytest.raises(DevnetError, match="previous order exists"):
        desk.submit()
    desk.chain.advance(BLOCK_INTERVAL)
    desk.execute()
    desk.send("transferMargin", ONE)
    desk.send("transferMargin", -ONE)
    assert desk.balance(desk.who) == ONE


def test_a_price_far_from_the_feed_fills_nothing(desk: Desk) -> None:
    desk.fund()
    desk.submit()
    desk.chain.advance(BLOCK_INTERVAL)
    with pytest.raises(DevnetError, match="price divergence too high"):
        desk.execute(price=Decimal(2_250))
    desk.execute(price=Decimal(2_190))


def test_shorts_pay_longs_while_shorts_outweigh(desk: Desk) -> None:
    desk.fund()
    desk.trade()
    skew, velocity = desk.read("marketSkew"), desk.read("currentFundingVelocity")
    most = int(Decimal(markets.published("sETHPERP")["maxFundingVelocity"]) * ONE)
    assert velocity == scaled(skew * ONE // SKEW_SCALE, most)
    rate = desk.read("currentFundingRate")
    assert rate < 0
    desk.chain.advance(DAY)
    later = desk.read("currentFundingRate")
    assert abs(later - rate - velocity) <= 2
    market.settle(desk.w3, desk.addresses)
    funding, invalid = desk.read("accruedFunding", desk.who)
    owed = Decimal(-(rate + later)) / 2 * 50 * 2_000
    assert not invalid
    assert abs(Decimal(funding) / owed - 1) < Decimal("0.05")


def test_a_position_is_liquidated_once_the_oracle_has_moved(desk: Desk) -> None:
    desk.fund(6_000 * ONE)
    desk.trade()
    with pytest.raises(DevnetError, match="Position cannot be liquidated"):
        desk.send("flagPosition", desk.who, role=KEEPER)
    price, invalid = desk.read("liquidationPrice", desk.who)
    assert not invalid
    earned = desk.balance(desk.keeper)
    market.move(desk.w3, desk.addresses, ETH, Decimal(int(price)).scaleb(-18) - 1)
    assert desk.read("canLiquidate", desk.who)
    desk.send("flagPosition", desk.who, role=KEEPER)
    assert desk.read("isFlagged", desk.who)
    with pytest.raises(DevnetError, match="Position flagged"):
        desk.submit(-SIZE)
    skew = desk.read("marketSkew")
    desk.send("liquidatePosition", desk.who, role=KEEPER)
    assert desk.read("positions", desk.who)[2:] == (0, 0, 0)
    assert desk.read("marketSkew") == skew - SIZE
    assert desk.balance(desk.keeper) > earned


def test_a_lopsided_market_liquidates_nobody(desk: Desk) -> None:
    """Where the skew is beyond maxPD of the scale, only endorsed accounts may."""
    desk.fund(60_000 * ONE)
    desk.trade(-500 * ONE)
    price, _ = desk.read("liquidationPrice", desk.who)
    market.move(desk.w3, desk.addresses, ETH, Decimal(int(price)).scaleb(-18) + 1)
    desk.send("flagPosition", desk.who, role=KEEPER)
    with pytest.raises(DevnetError, match="instantaneous P/D exceeded"):
        desk.send("liquidatePosition", desk.who, role=KEEPER)


def test_rates_are_fresh_and_can_go_stale(desk: Desk) -> None:
    for name in synthetix.MARKET_KEYS:
        proxy = markets.market(desk.w3, desk.venue["markets"][name]["market"])
        price, invalid = proxy.functions.assetPrice().call()
        assert (price, invalid) == (feeds.START_PRICES[name] * ONE, False)
    synthetix.issue(desk.w3, desk.venue, desk.who, ONE)
    desk.chain.advance(25 * 3_600)
    assert desk.read("assetPrice")[1]
    with pytest.raises(DevnetError, match="Invalid price"):
        desk.send("transferMargin", ONE)
    market.settle(desk.w3, desk.addresses)
    desk.send("transferMargin", ONE)


def test_an_update_costs_what_it_says(desk: Desk) -> None:
    desk.fund()
    desk.submit()
    desk.chain.advance(BLOCK_INTERVAL)
    data, fee = synthetix.price_update(desk.w3, desk.venue, ETH)
    call = ("executeOffchainDelayedOrder", desk.who, data)
    with pytest.raises(DevnetError, match="Not enough eth"):
        desk.send(*call, value=fee - 1)
    before = desk.w3.eth.get_balance(desk.venue["pyth"])
    desk.send(*call, value=fee + ONE)
    assert desk.w3.eth.get_balance(desk.venue["pyth"]) == before + fee


def test_dollars_change_hands_at_par_less_the_fee(desk: Desk) -> None:
    usdc = desk.chain.at(local_usdc(), desk.addresses["usdc"])
    router = desk.chain.at(exchange.router(), desk.venue["swap_router"])
    fee = desk.venue["pool_fee"]
    amount = 100_000
    kept = 1 - Decimal(fee).scaleb(-6)

    def swap(source: Any, target: Any, units: int) -> None:
        desk.chain.send(source, "approve", router.address, units, role=TRADER)
        deadline = desk.chain.block()["timestamp"] + DAY
        terms = (source.address, target.address, fee, desk.who, deadline, units, 0, 0)
        desk.chain.send(router, "exactInputSingle", terms, role=TRADER)

    desk.chain.send(usdc, "mint", desk.who, amount * 10**6)
    swap(usdc, desk.susd, amount * 10**6)
    got = Decimal(desk.balance(desk.who)).scaleb(-18)
    assert Decimal("0.9999") < got / amount / kept < 1
    swap(desk.susd, usdc, desk.balance(desk.who))
    back = Decimal(usdc.functions.balanceOf(desk.who).call()).scaleb(-6)
    assert abs(back / amount / kept**2 - 1) < Decimal("0.0001")
    assert desk.balance(desk.who) == 0
