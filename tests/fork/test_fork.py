"""A seat does at the venue as it stands on its own chain what it does on the local one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_account import Account
from forks import CLIENT, KEEPER, STRANGER, Fork, forked, named, origin, played

from devnet import DevnetError, feeds
from devnet.feeds import START_PRICES
from ringside.accounts import Right
from ringside.orders import Domain, Order, market_id, sign, venue_set
from ringside.units import ONE, USDC

MNEMONIC = "test test test test test test test test test test test junk"
MARKET = "ETH-USD"
KEY = market_id(MARKET)
MARGIN = 1_000 * USDC
SIZE = ONE // 2
MAX = 2**256 - 1
READ_GAS = 30_000_000
FAR = 3
"""Percent that a price may be off the oracle's, here: pools stand where their traders left them."""


@dataclass(frozen=True)
class Instant:
    """One venue that fills at once, on a fork."""

    fork: Fork
    name: str

    @property
    def id(self) -> int:
        return self.fork.ids[self.name]

    @property
    def instrument(self) -> bytes:
        return self.fork.instrument(self.name, MARKET)

    def terms(self, size: int, margin: int) -> tuple[Any, ...]:
        limit = MAX if size > 0 else 0
        nobody = self.fork.client
        return (self.fork.account, self.id, KEY, size, limit, margin, 0, nobody, 0, nobody, True)

    def trade(self, size: int, margin: int = 0) -> tuple[int, int, int]:
        """By the owner: whole price, position, leverage."""
        terms = self.terms(size, margin)
        told = self.fork.vault.functions.trade(terms).call({"from": self.fork.client})
        self.fork.own("trade", terms)
        return told[0], told[1], told[2]

    def held(self) -> int:
        return int(self.fork.seat(self.name).functions.held(self.instrument).call())


@pytest.fixture
def instant(fork: Fork, request: Any) -> Instant:
    if request.param not in fork.ids:
        pytest.skip(f"{request.param} does not stand on {fork.network.name}")
    return Instant(fork, request.param)


at_once = pytest.mark.parametrize("instant", ["perp-v2", "rage"], indirect=True)
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@at_once
@sides
def test_an_owner_enters_and_leaves(instant: Instant, side: int) -> None:
    """At a price near the oracle's; and what comes home is what went there, less two fees."""
    fork, oracle = instant.fork, instant.fork.oracle(MARKET)
    fair = SIZE * oracle // ONE
    paid, position, leverage = instant.trade(side * SIZE, MARGIN)
    assert position == instant.held() == side * SIZE
    assert abs(paid - fair) <= fair * FAR // 100
    assert leverage > 0
    fork.own("close", fork.account, instant.id, KEY, 0 if side > 0 else MAX)
    assert instant.held() == 0
    fork.own("pull", fork.account, instant.id, KEY, MAX, 0)
    idle = fork.vault.functions.idle(fork.account).call()
    deposit = fork.usdc.functions.balanceOf(fork.vault.address).call()
    assert idle == deposit
    fork.own("withdraw", fork.account, idle, fork.client)
    home = fork.usdc.functions.balanceOf(fork.client).call()
    assert home == idle
    assert home >= 20_000 * USDC - fair * 2 // 100 // 10**12


@at_once
@sides
def test_a_quote_is_what_that_very_trade_does(instant: Instant, side: int) -> None:
    seat = instant.fork.implementations[instant.name]
    quoted, whole = seat.functions.quote(instant.instrument, side * SIZE).call()
    assert whole
    paid, _, _ = instant.trade(side * SIZE, MARGIN)
    assert 0 <= (paid - quoted) * side <= 1  # Whole units of 1e-18 USD, against the trader.


@at_once
def test_a_keeper_fills_a_signed_order_and_no_worse(instant: Instant) -> None:
    fork = instant.fork
    rights = int(Right.TRADE | Right.MOVE | Right.PAY)
    grant = fork.desk.address, rights, 2**40 - 1, 10 * USDC, 2**128 - 1
    fork.own("setOperator", fork.account, grant)
    Account.enable_unaudited_hdwallet_features()
    key = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{CLIENT}").key
    domain = Domain(fork.network.chain_id, fork.desk.address)
    order = Order(
        account=fork.account, market=MARKET, size=SIZE, max_margin=MARGIN, tip=USDC,
        limit_price=fork.oracle(MARKET) * (100 + FAR) // 100, venues=venue_set([instant.id]),
        deadline=2**40, nonce=1,
    )  # fmt: skip

    def fill(wanted: Order) -> list[Any]:
        legs, receipt = [(instant.id, SIZE, MARGIN)], (0, bytes(32))
        return [wanted.tuple, sign(wanted, domain, key), legs, receipt]

    dear = order.with_(limit_price=fork.oracle(MARKET) * (100 - FAR) // 100)
    with pytest.raises(DevnetError, match="reverted"):
        fork.chain.send(fork.desk, "fill", *fill(dear), role=KEEPER)
    fork.chain.send(fork.desk, "fill", *fill(order), role=KEEPER)
    assert instant.held() == SIZE
    with pytest.raises(DevnetError, match="reverted"):
        fork.chain.send(fork.desk, "fill", *fill(order), role=KEEPER)


@at_once
def test_nobody_but_the_vault_calls_a_seat(instant: Instant) -> None:
    fork = instant.fork
    instant.trade(SIZE, MARGIN)
    seat = fork.seat(instant.name)
    terms = instant.instrument, -SIZE, 0, 0, False, False
    for role in (CLIENT, KEEPER):
        with pytest.raises(DevnetError, match="reverted"):
            fork.chain.send(seat, "trade", *terms, role=role)
        with pytest.raises(DevnetError, match="reverted"):
            fork.chain.send(seat, "pull", instant.instrument, 1, role=role)


def test_the_lens_reads_every_venue(fork: Fork) -> None:
    for name, number in fork.ids.items():
        loss = 0 if name != "synthetix" else ONE // 20
        fork.own("post", fork.account, number, KEY, MARGIN, loss)
    view = fork.lens.functions.account(fork.account, [KEY]).call({"gas": READ_GAS})
    seats = view[5]
    assert len(seats) == len(fork.ids)
    for seat in seats:
        _, _, made, isolated, readable, _, _, margin, (market,) = seat
        assert made
        assert readable
        assert market[1]
        equity = (market[4] if isolated else margin)[0]
        assert abs(equity - MARGIN * 10**12) <= MARGIN * 10**12 * FAR // 100


def test_a_ticket_that_nobody_executes_comes_back(fork: Fork) -> None:
    """Its margin too, less what two exchanges cost. (To execute it takes a price of Pyth's that is
    signed, of that very second.)"""
    if "synthetix" not in fork.ids:
        pytest.skip(f"synthetix does not stand on {fork.network.name}")
    number, oracle = fork.ids["synthetix"], fork.oracle(MARKET)
    idle = fork.vault.functions.idle(fork.account).call()
    limit = SIZE * oracle // ONE * 105 // 100
    nobody = fork.client
    terms = fork.account, number, KEY, SIZE, limit, MARGIN, 0, nobody, 0, nobody, True
    fork.own("commit", terms, ONE // 20)
    fork.chain.advance(600)
    fork.chain.send(fork.vault, "expire", fork.account, number, KEY, role=STRANGER)
    told = fork.vault.functions.outcome(fork.account, number, KEY, 1).call()
    assert told[0]
    assert told[1] == 0
    fork.own("pull", fork.account, number, KEY, MAX, 0)
    back = fork.vault.functions.idle(fork.account).call()
    assert idle - back <= MARGIN * 2 * FAR // 100


# ------------------------------------------------------------------- the path itself


def test_a_fork_stays_at_its_block_and_reads_its_own_origin() -> None:
    """Two origins of the same chain id and height, at different prices: what one fork was told is
    not shown by the other, and what an origin does later is shown by neither."""
    seen = []
    for price in (1_900, 2_100):
        with origin() as (w3, addresses):
            feeds.move(w3, addresses["feeds"], MARKET, START_PRICES[MARKET] * price // 2_000)
            network = played(w3, addresses)
            feeds.move(w3, addresses["feeds"], MARKET, START_PRICES[MARKET])
            with forked(network) as fork:
                assert fork.eth.block_number == network.block < w3.eth.block_number
                seen.append((network.block, feeds.read(fork, addresses["feeds"], MARKET)))
    assert seen[0][0] == seen[1][0]
    assert [price for _, price in seen] == [1_900, 2_100]


def test_a_network_is_read_once_its_address_is_named() -> None:
    """And what nothing vouches for is said."""
    assert named(environment={}) == []
    (network,) = named(environment={"RINGSIDE_FORK_ARBITRUM": "http://127.0.0.1:1"})
    assert (network.name, network.chain_id) == ("arbitrum", 42161)
    assert network.venues[0].markets[MARKET][-4:].hex() == "a237af5e"
    assert "arbitrum" in network.told
    assert "sequencer" in network.told
    with pytest.raises(DevnetError, match="arbitrum cannot be forked"), forked(network):
        pass


def test_a_network_in_the_file_is_read_as_the_one_that_is_played(tmp_path: Path) -> None:
    """One chain, told both ways."""
    with origin() as (w3, addresses):
        wanted = played(w3, addresses)
    venues = {
        place.name: {
            "seat": place.seat,
            "arguments": [{"value": value, "checked": True} for value in place.arguments],
            "markets": {name: "0x" + key.hex() for name, key in place.markets.items()},
        }
        for place in wanted.venues
    }
    entry = {
        **{"rpc": "SOMEWHERE", "chain_id": wanted.chain_id, "block": wanted.block},
        **{"usdc": wanted.usdc, "sequencer": {"value": wanted.sequencer, "checked": False}},
        **{"feeds": wanted.feeds, "venues": venues},
    }
    file = tmp_path / "networks.yaml"
    file.write_text(yaml.safe_dump({"somewhere": entry}))
    (found,) = named(file, {"SOMEWHERE": wanted.url})
    assert found.unchecked == ("sequencer",)
    assert replace(found, name=wanted.name, unchecked=()) == wanted
