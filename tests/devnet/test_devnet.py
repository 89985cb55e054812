"""The local chain: what it promises to whoever builds on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from web3 import Web3

from devnet import DevnetError, anvil, feeds, market, pools, state
from devnet.anvil import BLOCK_INTERVAL, rpc
from devnet.artifacts import hardhat
from devnet.chain import Chain
from devnet.venues import VENUES, perp_v2, rage, synthetix

MARKETS = ("ETH-USD", "BTC-USD")
ONE_TICK = Decimal("0.0001")
"""Relative width of a Uniswap tick."""
TEN_BASIS_POINTS = Decimal("0.001")
ORDER = {"ETH-USD": 25 * 10**18, "BTC-USD": 10**18}
"""Sizes (1e18) of the orders quoted: $50k and $60k."""


def distance(a: int, b: int) -> Decimal:
    """Relative difference of two prices."""
    return abs(Decimal(a) / Decimal(b) - 1)


def perp_impact(w3: Web3, addresses: dict[str, Any], name: str, size: int) -> Decimal:
    """Average price against the index, without fees, of `size` (1e18, signed) at Perp v2."""
    quoter = Chain(w3).at(hardhat(perp_v2.PERIPHERY, "lens/Quoter"), addresses["quoter"])
    token = addresses["markets"][name]["base_token"]
    quoted = quoter.functions.swap((token, size < 0, size < 0, abs(size), 0)).call()
    return distance(abs(quoted[3]), abs(size) * int(feeds.START_PRICES[name]))


def rage_impact(w3: Web3, addresses: dict[str, Any], name: str, size: int) -> Decimal:
    """The same at Rage Trade."""
    simulator = Chain(w3).at(rage.artifact("lens/SwapSimulator"), addresses["swap_simulator"])
    pool_id = addresses["markets"][name]["pool_id"]
    quoted = simulator.functions.simulateSwapView(
        addresses["clearing_house"], pool_id, size, 0, False
    ).call()
    fees = quoted[3] + quoted[4]
    return distance(abs(quoted[2] - fees) * 10**12, abs(size) * int(feeds.START_PRICES[name]))


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.NAME)
def test_mark_equals_index_when_the_chain_starts(devnet: Any, venue: Any, name: str) -> None:
    w3, addresses = devnet
    seen = venue.prices(w3, addresses["venues"][venue.NAME], name)
    assert seen.index == feeds.START_PRICES[name] * 10**18
    assert distance(seen.spot, seen.index) < ONE_TICK / 100
    assert distance(seen.mark, seen.index) <= ONE_TICK


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_a_fifty_thousand_dollar_order_moves_each_venue_as_designed(
    devnet: Any, name: str, side: int
) -> None:
    w3, addresses = devnet
    size = side * ORDER[name]
    perp = perp_impact(w3, addresses["venues"]["perp-v2"], name, size)
    shallow = rage_impact(w3, addresses["venues"]["rage"], name, size)
    assert Decimal("0.0006") < perp < Decimal("0.0010")
    assert Decimal("0.0010") < shallow < Decimal("0.0018")


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("ETH-USD", [2_020, 1_980, 2_200, 1_870, 2_000]),
        ("BTC-USD", [69_000, 58_650, 60_000]),
    ],
)
def test_venues_follow_a_moving_oracle(devnet: Any, name: str, moves: list[int]) -> None:
    w3, addresses = devnet
    for price in moves:
        market.move(w3, addresses, name, Decimal(price))
        for venue in VENUES:
            seen = venue.prices(w3, addresses["venues"][venue.NAME], name)
            assert seen.index == price * 10**18
            assert distance(seen.spot, seen.index) < ONE_TICK / 4
    market.settle(w3, addresses)
    for venue in VENUES:
        seen = venue.prices(w3, addresses["venues"][venue.NAME], name)
        assert distance(seen.mark, seen.index) <= ONE_TICK


def test_pools_stay_when_only_the_oracle_moves(devnet: Any) -> None:
    w3, addresses = devnet
    market.move(w3, addresses, "ETH-USD", Decimal(2_100), arbitrage=False)
    for venue in VENUES:
        seen = venue.prices(w3, addresses["venues"][venue.NAME], "ETH-USD")
        assert seen.index == 2_100 * 10**18
        followed = venue is synthetix  # it has no price of its own
        assert distance(seen.spot, (2_100 if followed else 2_000) * 10**18) < ONE_TICK / 100


def test_arbitrage_does_nothing_at_the_index(devnet: Any) -> None:
    w3, addresses = devnet
    before = w3.eth.block_number
    market.follow(w3, addresses, "ETH-USD")
    assert w3.eth.block_number == before


@pytest.mark.parametrize("name", MARKETS)
def test_sizes_within_reach_cross_three_ticks_at_each_venue(devnet: Any, name: str) -> None:
    """Within ten percent of the mark, Perp's own limit, either way."""
    w3, addresses = devnet
    for venue, key, bands, spacing in (
        ("perp-v2", "pool", perp_v2.BANDS, perp_v2.TICK_SPACING),
        ("rage", "vpool", rage.BANDS, rage.TICK_SPACING),
    ):
        pool = pools.pool(w3, addresses["venues"][venue]["markets"][name][key])
        sqrt_x96, tick = pool.functions.slot0().call()[:2]
        ends = {end for band in bands for end in pools.edges(band, sqrt_x96, spacing)}
        live = [end for end in ends if pool.functions.ticks(end).call()[0] > 0]
        assert len([end for end in live if tick < end < tick + 950]) >= 3
        assert len([end for end in live if tick - 950 < end <= tick]) >= 3


def test_a_loaded_state_is_the_one_that_was_built() -> None:
    built = state.ensure()
    on_disk = json.loads((built.folder / state.ADDRESSES_FILE).read_text())
    with anvil.running(state.free_port()) as w3:
        addresses = state.load(w3)
        assert addresses == built.addresses == on_disk
        assert perp_impact(w3, addresses["venues"]["perp-v2"], "ETH-USD", 10**18) < TEN_BASIS_POINTS
        assert rage_impact(w3, addresses["venues"]["rage"], "ETH-USD", -(10**18)) < TEN_BASIS_POINTS


def test_time_goes_on_from_the_dump_and_not_from_the_clock(devnet: Any) -> None:
    w3, _ = devnet
    loaded = w3.eth.get_block("latest")
    for _ in range(3):
        rpc(w3, "evm_mine")
    latest = w3.eth.get_block("latest")
    assert latest["number"] == loaded["number"] + 3
    assert latest["timestamp"] == loaded["timestamp"] + 3 * BLOCK_INTERVAL
    Chain(w3).advance(1_000)
    assert w3.eth.get_block("latest")["timestamp"] == latest["timestamp"] + 1_000


def test_a_second_build_gives_the_same_addresses() -> None:
    with anvil.running(state.free_port()) as w3:
        assert state.deploy(w3) == state.ensure().addresses


def test_every_contract_fits_the_size_limit(devnet: Any) -> None:
    w3, addresses = devnet
    limit = 24_576  # EIP-170

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, str) and Web3.is_address(value):
            yield value

    for address in walk(addresses):
        assert 0 < len(w3.eth.get_code(Web3.to_checksum_address(address))) <= limit


@pytest.mark.parametrize("price", ["NaN", "Infinity", "0", "-1", "1e-9", "1e9"])
def test_a_price_that_cannot_be_changes_nothing(devnet: Any, price: str) -> None:
    w3, addresses = devnet

    def everything() -> list[Any]:
        seen = [v.prices(w3, addresses["venues"][v.NAME], "ETH-USD") for v in VENUES]
        return [*seen, feeds.read(w3, addresses["feeds"], "ETH-USD")]

    before = everything()
    with pytest.raises(DevnetError, match=r"is no price|stays where it was"):
        market.move(w3, addresses, "ETH-USD", Decimal(price))
    assert everything() == before


def test_a_second_chain_does_not_take_the_firsts_port(devnet: Any) -> None:
    w3, _ = devnet
    port = int(w3.provider.endpoint_uri.rsplit(":", 1)[1])
    with pytest.raises(DevnetError, match="is taken"), anvil.running(port):
        pass
    assert w3.eth.chain_id == anvil.CHAIN_ID
