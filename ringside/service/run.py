"""The keeper's process: everything put together from its settings, and turned until it is told to
stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from ringside.chain.contracts import Ringside
from ringside.chain.node import connect
from ringside.keeper.decide import Settings
from ringside.keeper.look import Looker
from ringside.keeper.receipts.store import Receipts
from ringside.service.config import Config, ConfigError
from ringside.service.costs import Costs
from ringside.service.engine import Engine, Turned
from ringside.service.hermes import Hermes
from ringside.service.lanes import GWEI, Fees, Lanes, Signer
from ringside.service.leader import Leader
from ringside.service.planner import Planner
from ringside.service.watcher import Watcher
from ringside.store.database import Database
from ringside.units import ONE, to_units

BACKOFF = 0.5, 15.0
"""Seconds that a turn which failed is waited after: at first, and at most."""
STREAM, GATHER, LONGEST = 3, 4.0, 0.5
"""While orders stream in and none can be filled, they gather for the next turn: after how many
turns in a row that did nothing, for how many times what the last one took, and for how many seconds
at most."""
log = structlog.get_logger()


@dataclass
class Parts:
    """A keeper put together: its settings, its database, the deployment, and the engine."""

    config: Config
    database: Database
    ringside: Ringside
    engine: Engine
    leader: Leader

    def close(self) -> None:
        self.engine.lanes.close()
        self.leader.release()
        self.database.close()


def assemble(config: Config, signers: Sequence[Signer]) -> Parts:
    """
    Raises:
        ConfigError: nothing can be sent without a key; or the chain is another than the
            deployment's.
        DatabaseError, DeploymentError, NoNode: as they say.
    """
    if not signers:
        raise ConfigError(
            "keys: none is named, so nothing could be sent. Make one with `ape accounts generate "
            'keeper`, and set keys = ["keeper"].'
        )
    w3 = connect(config.rpc)
    ringside = Ringside.at(w3, config.deployment())
    database = Database(config.database)
    database.migrate()
    priority = int(config.priority_gwei * GWEI)
    fees = Fees(priority, int(config.most_gwei * GWEI), config.patience)
    lanes = Lanes(database, w3, signers, fees)
    costs = Costs(config.native, loss=to_units(config.loss))
    settings = Settings(config.policy, to_units(config.leg_cost), most_delayed=ONE)
    looker = Looker(ringside, config.since)
    watcher = Watcher(database, ringside, config.since)
    planner = Planner(ringside, looker, settings, costs)
    receipts = Receipts(Path(config.receipts))
    prices = Hermes(config.hermes, ringside) if config.hermes else None
    engine = Engine(database, ringside, watcher, lanes, planner, receipts, costs, prices)
    return Parts(config, database, ringside, engine, Leader(database))


class Runner:
    """Turns the engine while this process leads: on a new block, on a wake-up, and every `poll`
    seconds. A turn that fails is told and tried again, later each time."""

    def __init__(self, parts: Parts, told: Callable[[Turned], None] | None = None) -> None:
        self.parts, self._told = parts, told
        self._awake = threading.Event()
        self._stopped = threading.Event()
        self.turned_at = 0.0
        """When the last turn ended well (Unix seconds), 0 before any."""
        self.took = 0.0
        """Seconds that it took."""
        self.leads = False

    def wake(self) -> None:
        """Something came in: turn now."""
        self._awake.set()

    def stop(self) -> None:
        """Ends after the turn that is under way; what was sent is found again at the next start."""
        self._stopped.set()
        self._awake.set()

    def run(self) -> None:
        """Until `stop`."""
        wait, most = BACKOFF
        pause, in_vain = wait, 0
        while not self._stopped.is_set():
            try:
                led, self.leads = self.leads, False  # Until it is known again.
                self.leads = self.parts.leader.lead()
                if self.leads and not led:
                    self.parts.engine.took_over()
                turned = self._turn() if self.leads else Turned()
                pause, rest = wait, 0.0 if turned.more else self.parts.config.poll
                in_vain = in_vain + 1 if self._awake.is_set() and not _did(turned) else 0
                if in_vain > STREAM:
                    # Orders stream in, and none of the last could be filled: the next turn looks at
                    # more of them at once, and their being accepted is not held up by turns.
                    self._stopped.wait(min(self.took * GATHER, LONGEST))
            except Exception:  # Whatever it was, orders wait: it is told, and tried again.
                log.exception("a turn failed", again_in=pause)
                rest, pause = pause, min(pause * 2, most)
            self._awake.wait(rest)
            self._awake.clear()
        self.parts.leader.release()

    def _turn(self) -> Turned:
        begun = time.monotonic()
        turned = self.parts.engine.turn()
        self.turned_at, self.took = time.time(), time.monotonic() - begun
        if turned.unwound:
            log.warning("the chain was reorganised", blocks=turned.unwound, head=turned.head)
        for one in turned.ended:
            for key in one.transaction.wanted.orders:
                log.info(
                    "a transaction ended",
                    order="0x" + key.hex(),
                    stage=one.stage.value,
                    error=one.error,
                )
        if turned.sent:
            took = round(self.took * 1_000, 1)
            log.info("sent", transactions=turned.sent, block=turned.head, ms=took)
        if self._told is not None:
            self._told(turned)
        return turned


def _did(turned: Turned) -> bool:
    """Whether a turn sent anything, or learned that something sent had ended."""
    return bool(turned.sent or turned.ended or turned.unwound)


def until_told(runner: Runner) -> None:
    """Runs in this thread, the main one, until SIGTERM or SIGINT."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stop()

    before: dict[int, Any] = {
        number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        runner.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
