"""The built chain, cached: build it once, load it anywhere.

`build/devnet/<key>/` holds anvil's dump in parts and `addresses.json`; the key is a hash of
everything the build depends on.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3 import Web3

from devnet import ROOT, DevnetError, anvil, feeds, market, pools
from devnet.anvil import BLOCK_INTERVAL, CHAIN_ID, rpc
from devnet.artifacts import local_usdc, multicall3, permit2
from devnet.chain import Chain
from devnet.venues import VENUES, Site

CACHE = ROOT / "build" / "devnet"
STATE_FILES = ("history.json.gz", "accounts.json.gz")
"""The parts of the dump in the order they are loaded: what anvil loads adds to what it has."""
ADDRESSES_FILE = "addresses.json"

UNISWAP_DEPLOYER = Web3.to_checksum_address("0x6C9FC64A53c1b71FB3f9Af64d1ae3A4931A5f4E9")
"""The account whose first transaction made the Uniswap v3 factory on every chain. Rage Trade has
the resulting address compiled in."""
UNISWAP_FACTORY = "0x1F98431c8aD98523631AE4a59f267346ea31F984"
ONE_ETHER = 10**18
GZIP_MAGIC = b"\x1f\x8b"
REQUEST_LIMIT = 2_000_000
"""Bytes of hexadecimal text that fit in one JSON-RPC request to a default anvil."""


@dataclass(frozen=True)
class Built:
    """A built state: the folder it is in and what stands where in it."""

    folder: Path
    addresses: dict[str, Any]


def key() -> str:
    """Hash of everything the state is built from."""
    digest = hashlib.sha256()
    sources = sorted((ROOT / "devnet").rglob("*.py"))
    for path in [ROOT / "package-lock.json", *sources]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(local_usdc().bytecode.encode())
    return digest.hexdigest()[:16]


def ensure() -> Built:
    """The cached state, built first if the cache has none for the present sources."""
    name = key()
    found = _read(CACHE / name)
    if found is not None:
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    with _lock(CACHE / ".lock"):
        found = _read(CACHE / name)  # another process may have built it while this one waited
        if found is not None:
            return found
        for old in CACHE.iterdir():
            if old.is_dir():
                shutil.rmtree(old, ignore_errors=True)
        # Built aside and renamed when complete: nobody ever reads half a state.
        folder = Path(tempfile.mkdtemp(dir=CACHE, prefix=".building-"))
        folder.chmod(0o755)
        build(folder)
        folder.rename(CACHE / name)
    found = _read(CACHE / name)
    assert found is not None
    return found


def load(w3: Web3, built: Built | None = None) -> dict[str, Any]:
    """Load the built state into the running anvil behind `w3`; returns the addresses.

    The next block follows the dump's latest by BLOCK_INTERVAL, and so on: the wall clock plays no
    part, and neither does `evm_increaseTime`. Set the next block's timestamp to move time.
    """
    built = built or ensure()
    if w3.eth.chain_id != CHAIN_ID:
        raise DevnetError(f"The state belongs on chain id {CHAIN_ID}, not {w3.eth.chain_id}.")
    for part in STATE_FILES:
        rpc(w3, "anvil_loadState", "0x" + (built.folder / part).read_bytes().hex())
    rpc(w3, "anvil_setBlockTimestampInterval", BLOCK_INTERVAL)
    # Loading leaves anvil's own clock where it was, which may be later than the dump.
    rpc(w3, "evm_setTime", w3.eth.get_block("latest")["timestamp"])
    return built.addresses


def build(folder: Path) -> None:
    """Deploy everything on a fresh chain and leave its state and addresses in `folder`."""
    with anvil.running(free_port()) as w3:
        addresses = deploy(w3)
        dump = rpc(w3, "anvil_dumpState")
    for name, part in _parts(bytes.fromhex(str(dump).removeprefix("0x"))).items():
        (folder / name).write_bytes(part)
    (folder / ADDRESSES_FILE).write_text(json.dumps(addresses, indent=2) + "\n")


def deploy(w3: Web3) -> dict[str, Any]:
    """Deploy the token, the oracles and every venue on an empty chain; returns the addresses."""
    chain = Chain(w3)
    usdc = chain.deploy(local_usdc())
    standard = {"multicall3": multicall3(), "permit2": permit2(CHAIN_ID)}
    for address, code in standard.values():
        rpc(w3, "anvil_setCode", address, code)
    site = Site(chain, usdc, _uniswap_factory(chain), feeds.deploy(chain))
    addresses = {
        "chain_id": CHAIN_ID,
        "usdc": usdc.address,
        **{name: address for name, (address, _) in standard.items()},
        "feeds": site.feeds,
        "sequencer": feeds.sequencer(chain),
        "venues": {venue.NAME: venue.deploy(site) for venue in VENUES},
    }
    market.settle(w3, addresses)
    return addresses


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _uniswap_factory(chain: Chain) -> Any:
    """Deploy the factory at the address it has everywhere, as its own deployer at nonce zero."""
    rpc(chain.w3, "anvil_setBalance", UNISWAP_DEPLOYER, hex(ONE_ETHER))
    rpc(chain.w3, "anvil_impersonateAccount", UNISWAP_DEPLOYER)
    factory = chain.deploy(pools.factory(), sender=UNISWAP_DEPLOYER)
    rpc(chain.w3, "anvil_stopImpersonatingAccount", UNISWAP_DEPLOYER)
    if factory.address != UNISWAP_FACTORY:
        raise DevnetError(
            f"The Uniswap factory landed at {factory.address}: start on an empty chain."
        )
    return factory


def _parts(dump: bytes) -> dict[str, bytes]:
    """The dump without the traces and return data of past transactions, in parts, gzipped.

    An anvil started without --no-request-size-limit (as Ape starts it) refuses request bodies over
    2 MB: the traces alone are more, and blocks and accounts together are too. Blocks, receipts and
    logs stay, so that history can still be asked for.
    """
    state = json.loads(gzip.decompress(dump) if dump.startswith(GZIP_MAGIC) else dump)
    for transaction in state["transactions"]:
        transaction["info"].update(traces=[], out=None)
    contents = ({**state, "accounts": {}}, {**state, "blocks": [], "transactions": []})
    parts = {}
    for name, content in zip(STATE_FILES, contents, strict=True):
        text = json.dumps(content, separators=(",", ":")).encode()
        parts[name] = gzip.compress(text, mtime=0)
        if 2 * len(parts[name]) > REQUEST_LIMIT:
            raise DevnetError(f"{name} is too large for one anvil_loadState request: split it.")
    return parts


def _read(folder: Path) -> Built | None:
    try:
        addresses = json.loads((folder / ADDRESSES_FILE).read_text())
    except FileNotFoundError:
        return None
    return Built(folder, addresses)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
