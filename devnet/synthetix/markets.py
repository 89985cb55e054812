"""One perp market of Synthetix: a proxy that routes to four implementations and their views."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.contract import Contract

from devnet.artifacts import Artifact, synthetix_setting
from devnet.artifacts import synthetix as artifact
from devnet.synthetix.core import Core

NO_LEGACY = "0x" + "00" * 20
IMPLEMENTATIONS = (
    *("PerpsV2Market", "PerpsV2MarketDelayedIntent", "PerpsV2MarketDelayedExecution"),
    "PerpsV2MarketLiquidate",
)
VIEWS = "PerpsV2MarketViews"
WHOLE = {
    *("nextPriceConfirmWindow", "delayedOrderConfirmWindow", "minDelayTimeDelta"),
    *("maxDelayTimeDelta", "offchainDelayedOrderMinAge", "offchainDelayedOrderMaxAge"),
}
"""Parameters that count rounds or seconds; every other number has 18 decimals."""
UPKEEP = {
    *("acceptOwnership", "isResolverCached", "marketState", "messageSender", "nominateNewOwner"),
    *("nominatedOwner", "owner", "proxy", "rebuildCache", "resolver", "resolverAddressesRequired"),
    *("setMessageSender", "setProxy"),
}
"""Functions every implementation has for its owner: not routed."""


@cache
def interface() -> Artifact:
    """Everything the proxy of a market answers to, with the events it emits."""
    abi: dict[str, dict[str, Any]] = {}
    for name in (*IMPLEMENTATIONS, VIEWS):
        for entry in artifact(name).abi:
            kind, called = entry["type"], entry.get("name", "")
            if kind == "event" or (kind == "function" and called not in UPKEEP):
                abi.setdefault(f"{kind} {called}", entry)
    return Artifact("PerpsV2", list(abi.values()), "")


def market(w3: Web3, address: str) -> Contract:
    """The market whose proxy stands at `address`."""
    return w3.eth.contract(address=Web3.to_checksum_address(address), abi=interface().abi)


def text(name: str) -> bytes:
    """A name as Synthetix keeps it: bytes32, padded on the right."""
    return name.encode().ljust(32, b"\0")


def published(market_key: str) -> dict[str, Any]:
    """The parameters of a market on Optimism, from `mainnet-ovm/perpsv2-markets.json`."""
    (found,) = (
        row for row in synthetix_setting("perpsv2-markets.json") if row["marketKey"] == market_key
    )
    return dict(found)


def price_feed_id(asset: str) -> str:
    """Pyth's id of an asset's price, from `mainnet-ovm/offchain-feeds.json`."""
    (found,) = (row for row in synthetix_setting("offchain-feeds.json") if row["asset"] == asset)
    return str(found["feedId"])


def open_market(core: Core, market_key: str) -> dict[str, str]:
    """Deploy a market with its published parameters; returns its addresses and names."""
    chain, owner, parameters = core.chain, core.owner, published(market_key)
    asset, key = parameters["asset"], text(market_key)
    state = chain.deploy(artifact("PerpsV2MarketState"), owner, [], text(asset), key, NO_LEGACY)
    proxy = chain.deploy(artifact("ProxyPerpsV2"), owner)
    parts = {
        name: chain.deploy(
            artifact(name, core.libraries), proxy.address, state.address, owner, core.resolver
        )
        for name in IMPLEMENTATIONS
    }
    chain.send(state, "addAssociatedContracts", [part.address for part in parts.values()])
    chain.send(state, "linkOrInitializeState")
    parts[VIEWS] = chain.deploy(artifact(VIEWS), state.address, owner, core.resolver)
    core.rebuild(list(parts.values()))
    for name, part in parts.items():
        _route(core, proxy, name, part)
    chain.send(core["FuturesMarketManager"], "addProxiedMarkets", [proxy.address])

    execution = parts["PerpsV2MarketDelayedExecution"].address
    feed_id = price_feed_id(asset)
    chain.send(core["PerpsV2ExchangeRate"], "addAssociatedContracts", [execution])
    chain.send(core["PerpsV2ExchangeRate"], "setOffchainPriceFeedId", text(asset), feed_id)
    settings = core["PerpsV2MarketSettings"]
    chain.send(settings, "setParameters", key, _parameters(settings, parameters))
    return {
        "market": proxy.address,
        "state": state.address,
        "key": "0x" + key.hex(),
        "asset": asset,
        "price_feed_id": feed_id,
    }


def _route(core: Core, proxy: Contract, name: str, part: Contract) -> None:
    for entry in artifact(name).abi:
        if entry["type"] == "function" and entry["name"] not in UPKEEP:
            selector = function_abi_to_4byte_selector(entry)  # type: ignore[arg-type]
            reads = entry["stateMutability"] in ("view", "pure")
            core.chain.send(proxy, "addRoute", selector, part.address, reads)


def _parameters(settings: Contract, values: dict[str, Any]) -> tuple[Any, ...]:
    """The values in the order of the struct that `setParameters` takes."""
    struct = settings.get_function_by_name("setParameters").abi["inputs"][1]
    return tuple(_parameter(str(part["name"]), values) for part in struct["components"])


def _parameter(name: str, values: dict[str, Any]) -> int | bytes:
    if name == "offchainMarketKey":
        return text(values[name])
    value = Decimal(values[name])
    return int(value if name in WHOLE else value.scaleb(18))
