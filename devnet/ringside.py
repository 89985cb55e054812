"""Ringside's own contracts on the local chain: deployed on top of the venues, as compiled by
Ape."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from web3 import Web3

from devnet.artifacts import compiled
from devnet.chain import DEPLOYER, Chain
from devnet.venues import VENUES
from ringside.deploy.plan import Market, Plan, Venue
from ringside.deploy.run import Deployment
from ringside.units import USDC

GRACE = 3_600
"""Seconds after a sequencer's outage in which no trigger fires, as in Chainlink's own example."""
CAPS = 10**9 * USDC, 10**8 * USDC
"""What operators may have posted at a venue, in all and for one account (USDC
1e6): more than anybody has."""
HEARTBEAT = 86_400
"""Seconds after which a feed's answer is stale here: a day, Chainlink's longest, since a local feed
moves only when told to."""


def plan_of(addresses: dict[str, Any]) -> Plan:
    """What is deployed here: everything the venues have, and every role the deployer's."""
    venues = []
    for module in VENUES:
        name, (contract, instrument) = module.NAME, module.SEAT
        venue = addresses["venues"][name]
        markets = {market: parts[instrument] for market, parts in venue["markets"].items()}
        told = module.seat_arguments(venue)
        cap, own = (Decimal(one) / USDC for one in CAPS)
        venues.append(
            Venue(
                name=name, seat=contract, arguments=told, cap=cap, account_cap=own, markets=markets
            )
        )
    markets = {
        name: Market(feed=feed, heartbeat=HEARTBEAT) for name, feed in addresses["feeds"].items()
    }
    return Plan(
        token=addresses["usdc"],
        sequencer=addresses["sequencer"],
        grace=GRACE,
        markets=markets,
        venues=tuple(venues),
    )


def deploy(w3: Web3, addresses: dict[str, Any]) -> dict[str, Any]:
    """Deploy and register everything, as `scripts/deploy.py` does; returns `addresses` with a part
    `ringside` added."""
    chain = Chain(w3)
    deployer = chain.accounts[DEPLOYER]

    def artifact(name: str) -> tuple[list[dict[str, Any]], str]:
        found = compiled(name)
        return found.abi, found.bytecode

    def send(tx: dict[str, Any]) -> dict[str, Any]:
        receipt = chain.transact({k: v for k, v in tx.items() if v is not None}, deployer, "a step")
        return {
            "status": receipt["status"],
            "block": receipt["blockNumber"],
            "hash": receipt["transactionHash"],
        }

    made = Deployment(w3, plan_of(addresses), None, deployer, artifact)
    made.run(send)
    return {**addresses, "ringside": made.addresses}
