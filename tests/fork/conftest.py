"""One fork for all tests of a network, put back after every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from forks import PLAYED, Fork, Network, forked, named, origin, played

from ringside.units import USDC

DEPOSIT = 20_000 * USDC


TOLD: list[str] = []
"""Which networks were forked."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says which of the two it was: a network's own chain, or one that plays it."""
    for line in TOLD:
        terminalreporter.write_line(line)


def pytest_generate_tests(metafunc: Any) -> None:
    """Every network that is named in the environment, or the one that is played."""
    if "network" in metafunc.fixturenames:
        networks = named() or [None]
        ids = [network.name if network else PLAYED for network in networks]
        metafunc.parametrize("network", networks, ids=ids, scope="session", indirect=True)


@pytest.fixture(scope="session")
def network(request: Any) -> Iterator[Network]:
    if request.param is not None:
        yield request.param
        return
    with origin() as (w3, addresses):
        yield played(w3, addresses)


@pytest.fixture(scope="session")
def shared_fork(network: Network) -> Iterator[Fork]:
    TOLD.append(network.told)
    with forked(network) as w3:
        yield Fork(w3, network)


@pytest.fixture
def fork(shared_fork: Fork) -> Iterator[Fork]:
    with shared_fork.rolled_back():
        shared_fork.fund(DEPOSIT)
        yield shared_fork
