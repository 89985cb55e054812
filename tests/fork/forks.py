"""Chains that fork others: a network as `networks.yaml` has it, or one that is played by a local
chain with the venues on it; Ringside is deployed on the fork."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3 import Web3

from devnet import DevnetError, anvil, state
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.chain import DEPLOYER, Chain
from devnet.feeds import aggregator
from devnet.ringside import CAPS
from devnet.venues import VENUES
from ringside.accounts import account_id
from ringside.orders import market_id
from ringside.units import DAY

NETWORKS = Path(__file__).with_name("networks.yaml")
PLAYED = "played"
"""The network that needs no RPC address."""
GRACE, HEARTBEAT = 3_600, DAY
CLIENT, KEEPER, STRANGER = 3, 4, 5
START_TIMEOUT = 60.0
"""Seconds that a fork may take to answer: the first block comes over the network."""
MOST_SLOTS = 60


@dataclass(frozen=True)
class Place:
    """A venue there: our seat contract, what its constructor takes after vault and token, and the
    markets by their instruments."""

    name: str
    seat: str
    arguments: tuple[Any, ...]
    markets: Mapping[str, bytes]


@dataclass(frozen=True)
class Network:
    """A chain as data. `url` is where it is read from; `unchecked` are the places in the file that
    nothing in the lock file vouches for."""

    name: str
    url: str
    chain_id: int
    block: int
    usdc: str
    sequencer: str
    feeds: Mapping[str, str]
    venues: tuple[Place, ...]
    unchecked: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Which of the two this is, for whoever reads the run's output."""
        if self.name == PLAYED:
            return f"forks: no RPC address is set; a local chain plays mainnet, block {self.block}"
        kept = f"; not held against the chain yet: {', '.join(self.unchecked)}"
        return f"forks: {self.name}, block {self.block}{kept if self.unchecked else ''}"


def named(path: Path = NETWORKS, environment: Mapping[str, str] = os.environ) -> list[Network]:
    """The networks for whose RPC address there is a variable in the environment."""
    found = []
    for name, entry in yaml.safe_load(path.read_text()).items():
        if url := environment.get(entry["rpc"]):
            found.append(_network(name, url, entry))
    return found


def _network(name: str, url: str, entry: Mapping[str, Any]) -> Network:
    unchecked: list[str] = []

    def plain(value: Any, where: str) -> Any:
        if isinstance(value, dict):
            if not value["checked"]:
                unchecked.append(where)
            return value["value"]
        return value

    venues = tuple(
        Place(
            venue,
            at["seat"],
            tuple(plain(value, f"{venue}[{i}]") for i, value in enumerate(at["arguments"])),
            {market: _instrument(value) for market, value in at["markets"].items()},
        )
        for venue, at in entry["venues"].items()
    )
    return Network(
        name,
        url,
        entry["chain_id"],
        plain(entry["block"], "block"),
        plain(entry["usdc"], "usdc"),
        plain(entry["sequencer"], "sequencer"),
        {market: plain(feed, market) for market, feed in entry["feeds"].items()},
        venues,
        tuple(unchecked),
    )


def played(w3: Web3, addresses: Mapping[str, Any]) -> Network:
    """The local chain behind `w3`, at its latest block, as if it were a network."""
    venues = []
    for module in VENUES:
        seat, instrument = module.SEAT
        at = addresses["venues"][module.NAME]
        keys = {name: _instrument(parts[instrument]) for name, parts in at["markets"].items()}
        venues.append(Place(module.NAME, seat, module.seat_arguments(at), keys))
    return Network(
        PLAYED,
        w3.provider.endpoint_uri,  # type: ignore[attr-defined]
        w3.eth.chain_id,
        w3.eth.block_number,
        addresses["usdc"],
        addresses["sequencer"],
        addresses["feeds"],
        tuple(venues),
    )


def _instrument(value: int | str) -> bytes:
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")


@contextmanager
def origin() -> Iterator[tuple[Web3, dict[str, Any]]]:
    """A local chain with the venues on it."""
    built = state.ensure()
    with anvil.running(state.free_port()) as w3:
        yield w3, state.load(w3, built)


@contextmanager
def forked(network: Network) -> Iterator[Web3]:
    """A chain that goes on from the network's block, and asks for what it does not have yet. What
    it was told is kept nowhere: anvil's own cache goes by chain id and block alone, and would show
    one origin's state for another's.

    Raises:
        DevnetError: it did not start; with what anvil said.
    """
    port = state.free_port()
    command = [
        *(str(anvil.binary()), "--host", "127.0.0.1", "--port", str(port), "--silent"),
        *("--fork-url", network.url, "--fork-block-number", str(network.block)),
        *("--chain-id", str(network.chain_id), "--no-storage-caching"),
        *("--hardfork", anvil.HARDFORK, "--gas-limit", str(anvil.BLOCK_GAS_LIMIT)),
        *("--prune-history", "1000", "--retries", "5"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        w3 = anvil.connect(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + START_TIMEOUT
        while not w3.is_connected():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                said = process.stderr.read().decode(errors="replace") if process.stderr else ""
                raise DevnetError(f"{network.name} cannot be forked: {said.strip()[:500]}")
            time.sleep(0.05)
        rpc(w3, "anvil_setBlockTimestampInterval", anvil.BLOCK_INTERVAL)
        rpc(w3, "evm_setTime", w3.eth.get_block("latest")["timestamp"])
        yield w3
    finally:
        anvil.stop(process)


def deal(w3: Web3, token: Any, who: str, amount: int) -> None:
    """Gives somebody so much of a token, by finding where it keeps balances.

    Raises:
        DevnetError: no mapping of its first storage slots is that of the balances.
    """
    for slot in range(MOST_SLOTS):
        place = "0x" + keccak(encode(["address", "uint256"], [who, slot])).hex()
        before = bytes(w3.eth.get_storage_at(token.address, int(place, 16))).hex().zfill(64)
        rpc(w3, "anvil_setStorageAt", token.address, place, f"0x{amount:064x}")
        if token.functions.balanceOf(who).call() == amount:
            return
        rpc(w3, "anvil_setStorageAt", token.address, place, "0x" + before)
    raise DevnetError(f"{token.address} keeps no balances in its first {MOST_SLOTS} slots")


@dataclass
class Fork:
    """Ringside on a fork, and a client with money in the vault."""

    w3: Web3
    network: Network
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chain, network = Chain(self.w3), self.network
        chain = self.chain
        self.client = chain.accounts[CLIENT]
        self.account = account_id(self.client)
        self.usdc = chain.at(compiled("LocalUSDC"), network.usdc)
        usdc = self.usdc.address
        access = chain.deploy(compiled("Access"), chain.accounts[DEPLOYER])
        sequencer = Web3.to_checksum_address(network.sequencer)
        self.venues = chain.deploy(compiled("Venues"), access.address, sequencer, GRACE)
        self.vault = chain.deploy(compiled("Vault"), usdc, self.venues.address)
        parts = self.vault.address, self.venues.address
        quotes = chain.deploy(compiled("Quotes"), *parts)
        bundles = chain.deploy(compiled("Bundles"), *parts, quotes.address, usdc)
        self.desk = chain.deploy(compiled("Desk"), bundles.address, usdc)
        self.lens = chain.deploy(compiled("Lens"), *parts, self.desk.address, usdc)
        for market, feed in network.feeds.items():
            feed = Web3.to_checksum_address(feed)
            chain.send(self.venues, "addMarket", market, feed, HEARTBEAT)
        self.implementations = {}
        for place in network.venues:
            told = [
                Web3.to_checksum_address(value) if isinstance(value, str) else value
                for value in place.arguments
            ]
            seat = chain.deploy(compiled(place.seat), self.vault.address, usdc, *told)
            self.ids[place.name] = len(self.ids)
            self.implementations[place.name] = seat
            chain.send(self.venues, "addVenue", place.name, seat.address, *CAPS)
            for market, instrument in place.markets.items():
                if market in network.feeds:
                    key = market_id(market)
                    chain.send(self.venues, "list", self.ids[place.name], key, instrument)

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """What is done inside never happened."""
        mark, at = rpc(self.w3, "evm_snapshot"), self.chain.block()["timestamp"]
        try:
            yield
        finally:
            rpc(self.w3, "evm_revert", mark)
            rpc(self.w3, "evm_setTime", at)

    def fund(self, amount: int) -> None:
        """The client's account, from his wallet."""
        deal(self.w3, self.usdc, self.client, amount)
        self.chain.send(self.usdc, "approve", self.vault.address, amount, role=CLIENT)
        self.own("deposit", self.account, amount)

    def own(self, name: str, *args: Any) -> Any:
        """By the client, at the vault."""
        return self.chain.send(self.vault, name, *args, role=CLIENT)

    def seat(self, venue: str) -> Any:
        place = self.vault.functions.seatOf(self.account, self.ids[venue]).call()[0]
        (name,) = (p.seat for p in self.network.venues if p.name == venue)
        return self.chain.at(compiled(name), place)

    def instrument(self, venue: str, market: str) -> bytes:
        (found,) = (p.markets[market] for p in self.network.venues if p.name == venue)
        return found

    def oracle(self, market: str) -> int:
        """1e18 USD."""
        feed = self.chain.at(aggregator(), self.network.feeds[market])
        answer = feed.functions.latestRoundData().call()[1]
        return int(answer) * 10**18 // 10 ** int(feed.functions.decimals().call())
