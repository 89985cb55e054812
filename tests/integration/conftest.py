"""One chain for all tests: the real venues and Ringside on it, put back after every test by Ape."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from stage import Ringside, build
from standing import Standing
from tickets import SynthetixView
from venue_views import PerpView, RageView

from devnet import anvil, state
from devnet.chain import Chain
from devnet.feeds import aggregator
from ringside.orders import venue_set

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ape finds the devnet's own anvil running: fixed times, no traces kept, ten times as fast."""
    if any(HERE in item.path.parents for item in items):
        stack = ExitStack()
        w3 = stack.enter_context(anvil.running(state.free_port()))
        os.environ["APE_FOUNDRY_HOST"] = w3.provider.endpoint_uri
        config.add_cleanup(stack.close)


@pytest.fixture(scope="session")
def ringside(chain: Any, project: Any, accounts: Any) -> Ringside:
    return build(chain.provider.web3, project, accounts)


@pytest.fixture(params=[PerpView, RageView], ids=["perp-v2", "rage"])
def venue(request: Any, ringside: Ringside) -> Any:
    """Each real venue in turn, seen through its own views and events."""
    return request.param(ringside)


@pytest.fixture
def perp(ringside: Ringside) -> PerpView:
    return PerpView(ringside)


@pytest.fixture
def rage(ringside: Ringside) -> RageView:
    return RageView(ringside)


@pytest.fixture
def synthetix(ringside: Ringside) -> SynthetixView:
    return SynthetixView(ringside)


@pytest.fixture
def usdc(ringside: Ringside) -> Any:
    return ringside.usdc


@pytest.fixture
def vault(ringside: Ringside) -> Any:
    return ringside.vault


@pytest.fixture
def desk(ringside: Ringside) -> Any:
    return ringside.desk


@pytest.fixture
def lens(ringside: Ringside) -> Any:
    return ringside.lens


@pytest.fixture
def venues(ringside: Ringside) -> Any:
    return ringside.venues


@pytest.fixture
def account(ringside: Ringside) -> bytes:
    """The client's: 100,000 USDC idle, the Desk approved."""
    return ringside.account


@pytest.fixture
def governor(ringside: Ringside) -> Any:
    return ringside.actors["governor"]


@pytest.fixture
def client(ringside: Ringside) -> Any:
    return ringside.actors["client"]


@pytest.fixture
def keeper(ringside: Ringside) -> Any:
    return ringside.actors["keeper"]


@pytest.fixture
def attacker(ringside: Ringside) -> Any:
    return ringside.actors["attacker"]


@pytest.fixture
def stranger(ringside: Ringside) -> Any:
    return ringside.actors["stranger"]


@pytest.fixture
def neighbour(ringside: Ringside) -> Any:
    return ringside.actors["neighbour"]


@pytest.fixture
def newcomer(ringside: Ringside) -> Any:
    """Somebody without an account yet."""
    return ringside.actors["newcomer"]


@pytest.fixture
def stand_in(ringside: Ringside) -> int:
    """A third venue, which trades anything at 2,000 USD without a fee: exact arithmetic for
    prices."""
    return ringside.add_venue("StandInSeat")[0]


@pytest.fixture
def feed(ringside: Ringside) -> Any:
    """Makes ETH's oracle answer what it should, as of when it should."""
    chain = Chain(ringside.w3)
    contract = chain.at(aggregator(), ringside.addresses["feeds"]["ETH-USD"])

    def answer(value: int, updated_at: int) -> None:
        chain.send(contract, "updateRoundData", 99, value, updated_at, updated_at)

    return answer


@pytest.fixture
def standing(ringside: Ringside) -> Standing:
    """The client is hedged at both venues, and has granted the contract what it needs."""
    place = ringside.addresses["ringside"]["policies"]
    made = Standing(ringside, ringside.project.Policies.at(place))
    made.grant()
    made.hedge()
    return made


@pytest.fixture
def policies(standing: Standing) -> Any:
    return standing.policies


@pytest.fixture
def both(synthetix, stand_in):
    """Synthetix and a venue that fills anything at once, at 2,000."""
    return venue_set([synthetix.id, stand_in])
