"""The oracle: one Chainlink aggregator a market, shared by every venue and by Ringside."""

from __future__ import annotations

from decimal import Decimal

from web3 import Web3

from devnet.artifacts import Artifact, chainlink
from devnet.chain import Chain

FEED_DECIMALS = 8
"""Decimals of every USD feed of Chainlink."""
START_PRICES = {"ETH-USD": Decimal(2_000), "BTC-USD": Decimal(60_000)}
"""USD per unit of base when the chain starts."""


def aggregator() -> Artifact:
    """Chainlink's own mock aggregator: every answer is a new round, at the block's time."""
    return chainlink("v0.7", "MockV3Aggregator")


def to_answer(price: Decimal) -> int:
    """A price in USD as the feed states it (1e8)."""
    return int(price.scaleb(FEED_DECIMALS))


def deploy(chain: Chain) -> dict[str, str]:
    """One feed per market, at its start price; market -> address."""
    return {
        market: chain.deploy(aggregator(), FEED_DECIMALS, to_answer(price)).address
        for market, price in START_PRICES.items()
    }


def sequencer(chain: Chain) -> str:
    """A sequencer uptime feed in Chainlink's shape, up since a day: zero is up, and what it says
    began when its round did."""
    feed = chain.deploy(aggregator(), 0, 0)
    now = chain.block()["timestamp"]
    chain.send(feed, "updateRoundData", 1, 0, now, now - 86_400)
    return feed.address


def move(w3: Web3, feeds: dict[str, str], market: str, price: Decimal) -> None:
    """Publish `price` (USD) as the market's next round."""
    chain = Chain(w3)
    chain.send(chain.at(aggregator(), feeds[market]), "updateAnswer", to_answer(price))


def read(w3: Web3, feeds: dict[str, str], market: str) -> Decimal:
    """The market's latest price in USD."""
    answer = Chain(w3).at(aggregator(), feeds[market]).functions.latestAnswer().call()
    return Decimal(answer).scaleb(-FEED_DECIMALS)
