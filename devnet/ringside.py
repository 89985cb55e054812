"""Ringside's own contracts on the local chain: deployed on top of the venues, as compiled by
Ape."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from devnet.artifacts import compiled
from devnet.chain import DEPLOYER, Chain
from devnet.venues import VENUES
from ringside.orders import market_id
from ringside.units import USDC

GRACE = 3_600
"""Seconds after a sequencer's outage in which no trigger fires, as in Chainlink's own example."""
CAPS = 10**9 * USDC, 10**8 * USDC
"""What operators may have posted at a venue, in all and for one account: more than anybody has."""
HEARTBEAT = 86_400
"""Seconds after which a feed's answer is stale here: a day, Chainlink's longest, since a local feed
moves only when told to."""


def deploy(w3: Web3, addresses: dict[str, Any]) -> dict[str, Any]:
    """Deploy and register everything; returns `addresses` with a part `ringside` added."""
    chain = Chain(w3)
    usdc = addresses["usdc"]
    access = chain.deploy(compiled("Access"), chain.accounts[DEPLOYER])
    venues = chain.deploy(compiled("Venues"), access.address, addresses["sequencer"], GRACE)
    vault = chain.deploy(compiled("Vault"), usdc, venues.address)
    quotes = chain.deploy(compiled("Quotes"), vault.address, venues.address)
    parts = (vault.address, venues.address, quotes.address)
    bundles = chain.deploy(compiled("Bundles"), *parts, usdc)
    desk = chain.deploy(compiled("Desk"), bundles.address, usdc)
    lens = chain.deploy(compiled("Lens"), vault.address, venues.address, desk.address, usdc)

    for market, feed in addresses["feeds"].items():
        chain.send(venues, "addMarket", market, feed, HEARTBEAT)
    ids: dict[str, int] = {}
    seats: dict[str, str] = {}
    for module in VENUES:
        name, (contract, instrument) = module.NAME, module.SEAT
        venue = addresses["venues"][name]
        told = module.seat_arguments(venue)
        seat = chain.deploy(compiled(contract), vault.address, usdc, *told)
        ids[name], seats[name] = len(ids), seat.address
        chain.send(venues, "addVenue", name, seat.address, *CAPS)
        for market, parts in venue["markets"].items():
            value = parts[instrument]
            key = (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")
            chain.send(venues, "list", ids[name], market_id(market), key)
    policies = chain.deploy(compiled("Policies"), vault.address, venues.address, desk.address)
    board = chain.deploy(compiled("Board"))
    contracts = {
        "access": access,
        "venues": venues,
        "vault": vault,
        "quotes": quotes,
        "desk": desk,
        "lens": lens,
        "policies": policies,
        "board": board,
    }
    ringside = {name: contract.address for name, contract in contracts.items()}
    return {**addresses, "ringside": {**ringside, "seats": seats, "venue_ids": ids}}
