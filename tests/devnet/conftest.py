"""One local chain for every test here, put back after each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from web3 import Web3

from devnet import anvil, state
from devnet.anvil import rpc


@pytest.fixture(scope="session")
def chain() -> Iterator[tuple[Web3, dict[str, Any]]]:
    with anvil.running(state.free_port()) as w3:
        yield w3, state.load(w3)


@pytest.fixture
def devnet(chain: tuple[Web3, dict[str, Any]]) -> Iterator[tuple[Web3, dict[str, Any]]]:
    """The loaded chain, put back afterwards as it was."""
    snapshot = rpc(chain[0], "evm_snapshot")
    yield chain
    rpc(chain[0], "evm_revert", snapshot)
