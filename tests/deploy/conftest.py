"""A chain with the real venues and nothing of ours on it; every test finds it so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from devnet import DevnetError, anvil, state
from devnet.anvil import rpc
from devnet.artifacts import compiled
from devnet.chain import DEPLOYER, Chain
from devnet.ringside import plan_of
from ringside.deploy.plan import Owners, Plan
from ringside.deploy.run import DeployError, Deployment

DAY = 86_400
DELAY = 2 * DAY


@dataclass
class Site:
    """Where somebody deploys; `plan` hands every role to other accounts than the deployer's."""

    w3: Web3
    addresses: dict[str, Any]
    folder: Path

    @property
    def chain(self) -> Chain:
        return Chain(self.w3)

    def actor(self, number: int) -> str:
        return str(self.w3.eth.accounts[number])

    @property
    def owners(self) -> Owners:
        admin, governor, guardian = (self.actor(n) for n in (5, 6, 7))
        return Owners(admin=admin, governor=governor, guardian=guardian, delay=DELAY)

    @property
    def plan(self) -> Plan:
        plan = plan_of(self.addresses)
        # One more than any venue lists.
        markets = {**plan.markets, "SOL-USD": plan.markets["ETH-USD"]}
        return plan.model_copy(update={"owners": self.owners, "markets": markets})

    @property
    def file(self) -> Path:
        return self.folder / "deployments" / "here.yaml"

    def deployment(self, plan: Plan | None = None) -> Deployment:
        """As a new process would begin it, or go on."""
        deployer = self.actor(DEPLOYER)
        return Deployment(self.w3, plan or self.plan, self.file, deployer, artifact)

    def send(self, tx: dict[str, Any]) -> dict[str, Any]:
        whole = {key: value for key, value in tx.items() if value is not None}
        try:
            receipt = self.chain.transact(whole, self.actor(DEPLOYER), "a step")
        except DevnetError as no:
            raise DeployError(str(no)) from no
        return {
            "status": receipt["status"],
            "block": receipt["blockNumber"],
            "hash": receipt["transactionHash"],
        }

    @property
    def nonce(self) -> int:
        """How many transactions the deployer has sent."""
        return int(self.w3.eth.get_transaction_count(self.w3.eth.accounts[DEPLOYER]))

    def at(self, made: Deployment, name: str, contract: str) -> Any:
        place = made.record.contracts[name].address
        return self.w3.eth.contract(address=place, abi=compiled(contract).abi)  # type: ignore[arg-type]


def artifact(name: str) -> tuple[list[dict[str, Any]], str]:
    found = compiled(name)
    return found.abi, found.bytecode


@pytest.fixture(scope="session")
def loaded() -> Iterator[tuple[Web3, dict[str, Any]]]:
    built = state.ensure()
    with anvil.running(state.free_port()) as w3:
        yield w3, state.load(w3, built)


@pytest.fixture
def bare(loaded: tuple[Web3, dict[str, Any]], tmp_path: Path) -> Iterator[Site]:
    """Where nothing is deployed yet."""
    w3, addresses = loaded
    before = rpc(w3, "evm_snapshot")
    yield Site(w3, addresses, tmp_path)
    rpc(w3, "evm_revert", before)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Where the plan was carried out once."""
    built = state.ensure()
    with anvil.running(state.free_port()) as w3:
        found = Site(w3, state.load(w3, built), tmp_path_factory.mktemp("deployed"))
        found.deployment().run(found.send)
        yield found


@pytest.fixture
def site(deployed: Site) -> Iterator[Site]:
    """The same, for a test that changes it."""
    before = rpc(deployed.w3, "evm_snapshot")
    yield deployed
    rpc(deployed.w3, "evm_revert", before)


@pytest.fixture
def made(site: Site) -> Deployment:
    """What is deployed, as a new process finds it."""
    return site.deployment()
