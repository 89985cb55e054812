"""Synthetix Perps V2, from the bytecode of its live deployment on Optimism.

Margin is sUSD. An order is committed first, and filled by whoever then brings a price of Pyth that
is newer; the price of everything else is the Chainlink feed's. Nobody makes a market: a fill is off
the oracle's price by the market's skew, and the pool of all who hold Synthetix's debt is the other
side. Pyth alone is a stand-in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from web3 import Web3

from devnet import pyth
from devnet.anvil import BLOCK_INTERVAL
from devnet.artifacts import synthetix as artifact
from devnet.chain import MAKER, Chain
from devnet.synthetix import core, exchange, markets
from devnet.synthetix.core import ONE, Core
from devnet.venues import Prices, Site

NAME = "synthetix"
SEAT = ("SynthetixSeat", "market")

MARKET_KEYS = {"ETH-USD": "sETHPERP", "BTC-USD": "sBTCPERP"}
SHORTS = {"ETH-USD": 800 * ONE, "BTC-USD": 40 * ONE}
"""Base (1e18) the maker is short in each market, so that there is skew and funding. Where the skew
is above 0.1202 % of the skew scale (1,202 ETH, 120 BTC) nobody but a few named accounts may
liquidate a position."""
SHORT_MARGIN = 10_000_000 * ONE
"""sUSD (1e18) behind each of them: out of reach of any move here."""
ANY_PRICE = 0
"""A seller's limit that every price meets."""


def deploy(site: Site) -> dict[str, Any]:
    """Deploy the system, both markets, the way from USDC to sUSD, and the maker's positions."""
    chain = site.chain
    oracle = pyth.deploy(chain)
    assets = {m: markets.published(key)["asset"] for m, key in MARKET_KEYS.items()}
    rates = {markets.text(asset): site.feeds[m] for m, asset in assets.items()}
    system = core.deploy(chain, rates, oracle)
    swaps = exchange.deploy(site, system)
    addresses = {
        "susd": system["ProxysUSD"].address,
        "pyth": oracle.address,
        "resolver": system.resolver,
        "manager": system["FuturesMarketManager"].address,
        "market_settings": system["PerpsV2MarketSettings"].address,
        "exchange_rate": system["PerpsV2ExchangeRate"].address,
        "exchange_rates": system["ExchangeRates"].address,
        "circuit_breaker": system["CircuitBreaker"].address,
        "system_status": system["SystemStatus"].address,
        "issuer": system["Issuer"].address,
        "fee_pool": system["FeePool"].address,
        "swap_router": swaps.router,
        "susd_pool": swaps.pool,
        "pool_fee": exchange.POOL_FEE,
        "usdc_is_token0": swaps.usdc_is_token0,
        "markets": {m: markets.open_market(system, key) for m, key in MARKET_KEYS.items()},
    }
    for market, size in SHORTS.items():
        _go_short(system, addresses, market, size)
    return addresses


def seat_arguments(addresses: dict[str, Any]) -> tuple[Any, ...]:
    """What a seat is told: the resolver, sUSD, the router and the pool's fee (1e6)."""
    return tuple(addresses[name] for name in ("resolver", "susd", "swap_router", "pool_fee"))


def arbitrage(w3: Web3, addresses: dict[str, Any], market: str) -> None:
    """Nothing to do: the venue prices by the oracle, and every fill brings its own Pyth price."""


def prices(w3: Web3, addresses: dict[str, Any], market: str) -> Prices:
    """The oracle's price (1e18), thrice: a fill differs from it by the skew alone."""
    proxy = markets.market(w3, addresses["markets"][market]["market"])
    price, _ = proxy.functions.assetPrice().call()
    return Prices(spot=price, mark=price, index=price)


def price_update(
    w3: Web3,
    addresses: dict[str, Any],
    market: str,
    price: Decimal | None = None,
    publish_time: int | None = None,
) -> tuple[list[bytes], int]:
    """Pyth's update data for a market and the fee in wei: what executing an order takes.

    In USD and seconds; unless told otherwise the Chainlink feed's price as of the latest block. An
    order can be executed with a price published more than `offchainDelayedOrderMinAge` after the
    block of the order: let that time pass first.
    """
    if price is None:
        price = Decimal(prices(w3, addresses, market).index).scaleb(-18)
    if publish_time is None:
        publish_time = int(w3.eth.get_block("latest")["timestamp"])
    feed_id = addresses["markets"][market]["price_feed_id"]
    return pyth.update(w3, addresses["pyth"], feed_id, price, publish_time)


def issue(w3: Web3, addresses: dict[str, Any], to: str, amount: int) -> None:
    """Mint `amount` sUSD (1e18) to a local account the way the bridge from Ethereum does."""
    chain = Chain(w3)
    issuer = chain.at(artifact("Issuer"), addresses["issuer"])
    chain.send(issuer, "issueSynthsWithoutDebt", core.SUSD, to, amount)


def _go_short(system: Core, addresses: dict[str, Any], market: str, size: int) -> None:
    chain = system.chain
    maker = chain.accounts[MAKER]
    proxy = markets.market(chain.w3, addresses["markets"][market]["market"])
    system.issue(maker, SHORT_MARGIN)
    chain.send(proxy, "transferMargin", SHORT_MARGIN, role=MAKER)
    chain.send(proxy, "submitOffchainDelayedOrder", -size, ANY_PRICE, role=MAKER)
    chain.advance(BLOCK_INTERVAL)
    data, fee = price_update(chain.w3, addresses, market)
    chain.send(proxy, "executeOffchainDelayedOrder", maker, data, role=MAKER, value=fee)
