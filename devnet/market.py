"""Moving a market: the oracle first, then the traders who follow it at every venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from web3 import Web3
from web3.exceptions import Web3Exception

from devnet import DevnetError, feeds
from devnet.anvil import rpc
from devnet.chain import Chain
from devnet.venues import VENUES

SETTLE_TIME = 31 * 60
"""Seconds after which every venue's averages (30 minutes at most) have forgotten the past."""


def move(
    w3: Web3, addresses: dict[str, Any], market: str, price: Decimal, *, arbitrage: bool = True
) -> None:
    """Set the market's oracle to `price` (USD) and, unless told otherwise, let venues follow."""
    if market not in addresses["feeds"]:
        known = ", ".join(addresses["feeds"])
        raise DevnetError(f"There is no market {market}; there are {known}.")
    least = Decimal(1).scaleb(-feeds.FEED_DECIMALS)
    if not price.is_finite() or price < least:
        raise DevnetError(f"{price} is no price: give USD, {least:f} or more.")
    before = rpc(w3, "evm_snapshot")
    try:
        feeds.move(w3, addresses["feeds"], market, price)
        if arbitrage:
            follow(w3, addresses, market)
    except (DevnetError, Web3Exception, OverflowError) as error:
        # A price that the venues cannot reach would leave the chain out of joint.
        rpc(w3, "evm_revert", before)
        raise DevnetError(
            f"{market} cannot go to {price:f} in one step, and stays where it was: {error}"
        ) from None


def follow(w3: Web3, addresses: dict[str, Any], market: str) -> None:
    """Bring every venue's price of the market to the oracle's."""
    for venue in VENUES:
        venue.arbitrage(w3, addresses["venues"][venue.NAME], market)


def settle(w3: Web3, addresses: dict[str, Any]) -> None:
    """Let time pass until every average is today's price, and publish each oracle's price anew.

    Without the new rounds no consumer's heartbeat would hold after that time.
    """
    Chain(w3).advance(SETTLE_TIME)
    for market in addresses["feeds"]:
        price = feeds.read(w3, addresses["feeds"], market)
        feeds.move(w3, addresses["feeds"], market, price)
