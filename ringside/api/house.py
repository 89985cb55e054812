"""What the routes need of the keeper, and how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ringside.chain.contracts import Ringside
from ringside.eip712 import Domain as SigningDomain
from ringside.keeper.look import Looker
from ringside.keeper.receipts.store import Receipts
from ringside.orders import Domain
from ringside.policies import Domain as PolicyDomain
from ringside.service.config import Config
from ringside.service.quarantine import Quarantine
from ringside.store.database import Database


@dataclass(frozen=True)
class Limits:
    """What one caller may take. Rates are requests a second, with a burst on top; times are
    seconds, sizes bytes."""

    body: int = 64 * 1024
    client_rate: float = 50.0
    client_burst: float = 200.0
    account_rate: float = 20.0
    account_burst: float = 100.0
    remembered: int = 50_000
    """Callers whose rates are remembered at once."""
    orders_waiting: int = 5_000
    """Orders that wait for the database at most."""
    group: int = 500
    """Orders stored in one transaction at most."""
    account_age: float = 10.0
    """What is known of an account is good for so long, unless something happens to it: but nobody
    is refused, or shown what he has, by anything older than the newest block."""
    session: float = 12 * 3_600
    challenge: float = 300.0
    challenges: int = 100_000
    """Challenges that may be open at once."""
    streams: int = 500
    streams_per_owner: int = 8
    heartbeat: float = 15.0
    send: float = 10.0
    """A stream that does not take a message within this is dropped."""
    behind: float = 120.0
    """The node is not ready with a block older than this, save on a local chain."""
    turned: float = 30.0
    """The engine is not ready if it turned longer ago than this."""


@dataclass
class Status:
    """How the keeper stands; the engine's thread writes it, the routes read it. `leader` is `None`
    where nobody said; `turned_at` is the last turn of the engine (Unix seconds), `None` before the
    first."""

    accepting: bool = True
    draining: bool = False
    leader: bool | None = None
    turned_at: float | None = None


def _nothing() -> None:
    pass


@dataclass
class House:
    """The keeper as the routes see it. `wake` tells the engine, from any thread, that there is
    something to do; `origin` is the address under which clients know the API, which sessions are
    signed for: by default, that of the configuration."""

    database: Database
    ringside: Ringside
    looker: Looker
    config: Config
    receipts: Receipts
    wake: Callable[[], None] = _nothing
    clock: Callable[[], float] = time.time
    quarantine: Quarantine = field(default_factory=Quarantine)
    status: Status = field(default_factory=Status)
    limits: Limits = field(default_factory=Limits)
    origin: str = ""
    needs_engine: bool = True
    """Whether the API is ready only while an engine turns in this process."""

    domain: SigningDomain = field(init=False)
    policy_domain: SigningDomain = field(init=False)
    chain_id: int = field(init=False)

    def __post_init__(self) -> None:
        self.chain_id = int(self.ringside.w3.eth.chain_id)
        # Kept, since the deployment would ask the chain for every order.
        self.domain = Domain(self.chain_id, self.ringside.desk.address)
        self.policy_domain = PolicyDomain(self.chain_id, self.ringside.policies.address)
        self.origin = (self.origin or f"http://{self.config.host}:{self.config.port}").rstrip("/")

    @property
    def site(self) -> str:
        """The origin's host and port, as a wallet shows it."""
        return self.origin.split("://", 1)[-1]

    @property
    def markets(self) -> list[str]:
        return list(self.ringside.addresses["feeds"])
