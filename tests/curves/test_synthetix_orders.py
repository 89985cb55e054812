"""What becomes of an order at Synthetix, what it leaves behind, and how the ledger books it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bench.live import SynthetixTrader
from devnet import DevnetError, feeds
from devnet.artifacts import local_usdc
from devnet.artifacts import synthetix as artifact
from devnet.chain import DEPLOYER
from devnet.synthetix import exchange
from ringside.units import ONE, USDC_TO_USD, mul_div_to_zero
from ringside.venues.synthetix import ledger

VENUE, ETH, BTC = "synthetix", "ETH-USD", "BTC-USD"
DEPOSIT = 4 * ONE
STRANGER = 9
NOTHING = [0, 0, 0, 0, 0]
"""A position that is gone: id, funding index, margin, price, size."""


class Client:
    """A trader who comes and goes with USDC."""

    def __init__(self, local: Any) -> None:
        self.local, self.names = local, local.addresses["venues"][VENUE]
        self.trader = SynthetixTrader(local.w3, local.addresses, margin=0, index=8)
        self.chain, self.who = self.trader.chain, self.trader.who
        self.usdc = self.chain.at(local_usdc(), local.addresses["usdc"])
        self.susd = self.chain.at(artifact("ProxyERC20"), self.names["susd"])
        self.router = self.chain.at(exchange.router(), self.names["swap_router"])
        self.first = local.w3.eth.block_number + 1

    def swap(self, source: Any, target: Any, amount: int) -> None:
        self.chain.send(source, "approve", self.router.address, amount, role=8)
        fee, deadline = self.names["pool_fee"], 2**64
        terms = (source.address, target.address, fee, self.who, deadline, amount, 0, 0)
        self.chain.send(self.router, "exactInputSingle", terms, role=8)

    def arrive(self, dollars: int) -> None:
        self.chain.send(self.usdc, "mint", self.who, dollars * 10**6, role=DEPLOYER)
        self.swap(self.usdc, self.susd, dollars * 10**6)

    def susd_held(self) -> int:
        return int(self.susd.functions.balanceOf(self.who).call())

    def post(self, market: str, amount: int) -> None:
        self.trader.send(market, "transferMargin", amount)

    def leave(self) -> None:
        for market in (ETH, BTC):
            self.trader.send(market, "withdrawAllMargin")
        self.swap(self.susd, self.usdc, self.susd_held())

    def position(self, market: str = ETH) -> list[int]:
        return list(self.trader.ask(market, "positions", self.who))

    def pending(self, market: str = ETH) -> int:
        return int(self.trader.ask(market, "delayedOrders", self.who)[1])

    def cancel(self, market: str, role: int) -> None:
        self.trader.send(market, "cancelOffchainDelayedOrder", self.who, role=role)

    def move(self, market: str, price: Decimal) -> None:
        feeds.move(self.local.w3, self.local.addresses["feeds"], market, price)

    def liquidate(self, market: str) -> None:
        for name in ("flagPosition", "liquidatePosition"):
            self.trader.send(market, name, self.who, role=STRANGER)

    def ledger(self, first: int | None = None, last: int | None = None) -> Any:
        blocks = (first or self.first, last or self.local.w3.eth.block_number)
        return ledger(self.local.w3, self.local.addresses, self.who, blocks)


@pytest.fixture
def client(local) -> Client:
    made = Client(local)
    made.arrive(50_000)
    made.post(ETH, 20_000 * ONE)
    made.post(BTC, 20_000 * ONE)
    return made


def unexplained(found: Any) -> int:
    """What a ledger leaves open once everything is closed, withdrawn and changed back."""
    costs = found.fees + found.funding_paid + found.rounding - found.proceeds
    return int(found.margin * USDC_TO_USD - costs)


def test_a_fill_is_told_by_the_size_and_its_price_and_fee_by_the_position(client):
    trader = client.trader
    for size in (10 * ONE, 7 * ONE, -3 * ONE, -30 * ONE):
        trader.submit(ETH, size)
        before = client.position()
        client.local.advance(2)
        trader.execute(ETH)
        after, fill = client.position(), client.ledger().fills[-1]
        assert after[4] == before[4] + size
        assert abs(size) * after[3] // ONE == fill.notional
        sequence = [trader.ask(ETH, "fundingSequence", p[1]) for p in (before, after)]
        gained = mul_div_to_zero(before[4], after[3] - before[3], ONE)
        received = mul_div_to_zero(before[4], sequence[1] - sequence[0], ONE)
        assert before[2] + gained + (received if before[4] else 0) - after[2] == fill.fee
        assert before[0] in (0, after[0])
    held = client.position()
    trader.trade(ETH, -held[4])
    assert client.position()[:2] + client.position()[3:] == [0, 0, 0, 0]
    assert client.position()[2] > 0


@pytest.mark.parametrize("held", [0, 10 * ONE])
def test_a_strangers_cancel_leaves_the_position_to_the_last_digit(client, held):
    if held:
        client.trader.trade(ETH, held)
    client.trader.submit(ETH, 5 * ONE)
    before = client.position()
    client.local.advance(31)
    client.cancel(ETH, STRANGER)
    assert (client.pending(), client.position()) == (0, before)
    assert client.ledger().deposits == DEPOSIT * (2 if held else 1)


def test_the_owners_cancel_brings_the_deposit_back(client):
    client.trader.submit(ETH, 5 * ONE)
    before = client.position()
    client.local.advance(31)
    client.cancel(ETH, 8)
    assert client.position()[2] == before[2] + DEPOSIT
    assert client.ledger().deposits == 0


def test_while_the_system_is_suspended_only_a_stranger_can_cancel_and_susd_stays_put(client):
    client.trader.submit(ETH, 5 * ONE)
    client.local.advance(31)
    status = client.chain.at(artifact("SystemStatus"), client.names["system_status"])
    owner = client.chain.accounts[DEPLOYER]
    client.chain.send(status, "updateAccessControl", b"System".ljust(32, b"\0"), owner, True, True)
    client.chain.send(status, "suspendSystem", 1)
    with pytest.raises(DevnetError, match="suspended"):
        client.cancel(ETH, 8)
    client.cancel(ETH, STRANGER)
    assert client.pending() == 0
    with pytest.raises(DevnetError, match="suspended"):
        client.post(ETH, -ONE)
    with pytest.raises(DevnetError, match="suspended"):
        client.chain.send(client.susd, "transfer", owner, ONE, role=8)


def test_near_liquidation_the_owner_cannot_cancel_and_a_stranger_can(client):
    """The deposit does not lift the margin over what a liquidation would take."""
    client.trader.trade(ETH, 200 * ONE)
    client.trader.submit(ETH, -5 * ONE)
    client.move(ETH, Decimal(1_912))
    client.local.advance(31)
    assert client.trader.ask(ETH, "canLiquidate", client.who)
    with pytest.raises(DevnetError, match="Position can be liquidated"):
        client.cancel(ETH, 8)
    client.cancel(ETH, STRANGER)
    assert client.pending() == 0


@pytest.mark.parametrize("held", [0, 10 * ONE])
def test_what_was_filled_and_then_liquidated_leaves_nothing_either(client, held):
    if held:
        client.trader.trade(ETH, held)
    client.trader.trade(ETH, 200 * ONE)
    client.move(ETH, Decimal(1_900))
    client.liquidate(ETH)
    assert client.position() == NOTHING


def test_after_the_order_the_venues_own_simulation_counts_the_deposit_as_gone(client):
    """With just the least margin an order is taken, and the simulation then says it cannot be
    filled."""
    client.post(ETH, -int(client.position()[2]) + 41 * ONE)
    size = ONE // 100
    assert client.trader.ask(ETH, "postTradeDetails", size, 0, 2, client.who)[5] == 0
    client.trader.submit(ETH, size)
    assert client.trader.ask(ETH, "postTradeDetails", size, 0, 2, client.who)[5] == 8


def test_a_flag_drops_the_order_without_an_event_and_liquidation_leaves_nothing(client):
    trader = client.trader
    trader.trade(ETH, 200 * ONE)
    trader.submit(ETH, -5 * ONE)
    before = client.position()
    client.move(ETH, Decimal(1_900))
    trader.send(ETH, "flagPosition", client.who, role=STRANGER)
    assert (client.pending(), client.position()) == (0, before)
    assert trader.ask(ETH, "isFlagged", client.who)
    # One for the fill before, one for the flag.
    earned = client.susd.functions.balanceOf(client.chain.accounts[STRANGER]).call()
    assert earned == 2 * DEPOSIT
    client.move(ETH, Decimal(2_000))  # Healthy again, and liquidated all the same.
    trader.send(ETH, "liquidatePosition", client.who, role=STRANGER)
    assert client.position() == NOTHING
    assert not trader.ask(ETH, "isFlagged", client.who)
    client.leave()
    assert client.ledger().deposits == 2 * DEPOSIT
    assert unexplained(client.ledger()) == 0


@pytest.mark.parametrize("price", ["57000", "55000"], ids=["with something left", "in debt"])
def test_a_liquidation_takes_all_the_margin_there_was(client, price):
    client.trader.trade(BTC, 6 * ONE)
    client.local.advance(3_600)
    client.move(BTC, Decimal(price))
    client.liquidate(BTC)
    found = client.ledger()
    assert found.position(BTC) == 0
    assert (found.fills[-1].penalty > 0) == (price == "57000")
    client.leave()
    assert unexplained(client.ledger()) == 0


def test_a_whole_life_adds_up_to_the_wei_in_one_piece_and_in_two(client):
    trader = client.trader
    trader.trade(ETH, 31 * ONE + 7)
    client.local.advance(5_000)
    client.move(ETH, Decimal("2013.37"))
    trader.trade(BTC, -(ONE // 3))
    trader.submit(ETH, 11 * ONE + 1)
    client.local.advance(2)
    trader.execute(ETH, role=8)  # By itself: the deposit comes back.
    middle = client.local.w3.eth.block_number
    client.post(ETH, client.susd_held() // 2)
    client.local.advance(40_000)
    client.move(ETH, Decimal("1987.654321"))
    trader.submit(ETH, ONE)
    client.local.advance(31)
    client.cancel(ETH, 8)
    trader.submit(ETH, ONE)
    client.local.advance(31)
    client.cancel(ETH, STRANGER)
    trader.trade(ETH, -50 * ONE - 3)  # Across zero.
    client.local.advance(777)
    for market in (ETH, BTC):
        trader.trade(market, -client.position(market)[4])
    client.leave()
    assert client.susd_held() == 0
    found = client.ledger()
    assert unexplained(found) == 0
    assert found.deposits == DEPOSIT * 6
    assert set(found.funding) == {ETH, BTC}
    assert 40 * ONE < found.conversion < 60 * ONE
    assert all(abs(lost) < 10 for lost in found.roundings)
    parts = client.ledger(last=middle), client.ledger(first=middle + 1)
    assert sum((p.fills for p in parts), ()) == found.fills
    for name in ("margin", "fees", "funding_paid", "rounding", "proceeds", "deposits"):
        assert sum(getattr(p, name) for p in parts) == getattr(found, name)
