"""Pyth, as a stand-in: prices come with the transaction that uses them, here without signatures.

The contract is MockPyth of Pyth's own SDK. In production the update data is what the project's web
service hands out, and the oracle checks who signed it.
"""

from __future__ import annotations

from decimal import Decimal

from web3 import Web3
from web3.contract import Contract

from devnet.artifacts import mock_pyth
from devnet.chain import Chain

DECIMALS = 8
"""Of the USD prices of Pyth."""
VALID_TIME = 60
"""Seconds for which a reader that names no age takes a price."""
UPDATE_FEE = 1
"""Wei for each price brought along."""
CONFIDENCE = 2_000
"""The half width of the confidence interval is the price divided by this."""


def deploy(chain: Chain) -> Contract:
    """The oracle, without any price."""
    return chain.deploy(mock_pyth(), VALID_TIME, UPDATE_FEE)


def update(
    w3: Web3, oracle: str, feed_id: str, price: Decimal, publish_time: int
) -> tuple[list[bytes], int]:
    """Update data for one price (USD) as of `publish_time`, and the fee in wei.

    The oracle ignores it, without an error, if it holds a price as new or newer.
    """
    pyth = Chain(w3).at(mock_pyth(), oracle)
    value = int(price.scaleb(DECIMALS))
    interval = value // CONFIDENCE
    # (id, price, interval, exponent, average, its interval, publish time, the one before)
    made = pyth.functions.createPriceFeedUpdateData(
        feed_id, value, interval, -DECIMALS, value, interval, publish_time, publish_time - 1
    ).call()
    data = [bytes(made)]
    return data, int(pyth.functions.getUpdateFee(data).call())
