"""A keeper over a database of its own on the story's chain, and what its client does with it."""

from __future__ import annotations

import time
from pathlib import Path

from eth_account import Account
from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH
from story import MNEMONIC, Story

from devnet.anvil import rpc
from ringside.keeper.decide import Settings
from ringside.keeper.look import Looker
from ringside.keeper.receipts.store import Receipts
from ringside.orders import Bundle, Order
from ringside.service.costs import Costs
from ringside.service.engine import Engine, Turned
from ringside.service.keys import LocalSigner
from ringside.service.lanes import Fees, Lanes
from ringside.service.planner import Planner
from ringside.service.watcher import Watcher
from ringside.store import book, ledger, outbox
from ringside.store.book import Entry, Received, State
from ringside.store.database import Database
from ringside.units import ONE

LANES = 4, 6
"""Which of anvil's accounts the keeper sends from."""
PLENTY = 1_000 * ONE
"""USD that a transaction may cost beyond its tip: here nobody looks at gas but where it is said."""


def signer(index: int) -> LocalSigner:
    """The signer of one of anvil's accounts."""
    path = f"{ETHEREUM_DEFAULT_PATH[:-1]}{index}"
    return LocalSigner(bytes(Account.from_mnemonic(MNEMONIC, account_path=path).key))


class House:
    """The service's parts, put together as `run.assemble` does."""

    def __init__(self, story: Story, folder: Path, fees: Fees | None = None) -> None:
        self.story, self.folder, self.fees = story, folder, fees or Fees(priority=0)
        self.mines = True
        self.since = story.w3.eth.block_number
        self.database = Database(f"sqlite:///{folder}/keeper.db")
        self.database.migrate()
        self.engine = self._engine()

    def _engine(self) -> Engine:
        at = self.story.ringside
        costs = Costs(loss=PLENTY)
        watcher = Watcher(self.database, at, self.since)
        signers = [signer(index) for index in LANES]
        lanes = Lanes(self.database, at.w3, signers, self.fees)
        planner = Planner(at, Looker(at), Settings(), costs)
        receipts = Receipts(self.folder / "receipts")
        parts = self.database, at, watcher, lanes, planner, receipts, costs
        return Engine(*parts, prices=self.story.prices)

    def restart(self) -> None:
        """As after a kill: what was in memory is gone."""
        self.engine.lanes.close()
        self.engine = self._engine()

    def accept(self, request: Order | Bundle, policy: str = "") -> bytes:
        """Takes an order in; returns its digest."""
        key = request.digest(self.story.ringside.domain)
        one = Received(key, request, self.story.sign(request), "api", policy, time.time())
        with self.database.write() as connection:
            told = book.accept(connection, [one])
        assert told[key] is State.RECEIVED, told
        return key

    def turn(self, times: int = 1) -> Turned:
        """Turns, and lets the chain mine what was sent."""
        for _ in range(times):
            turned = self.engine.turn()
            self._mined()
        return turned

    def _mined(self) -> None:
        """Anvil answers before it has mined."""
        with self.database.read() as connection:
            sent = [one for one in outbox.under_way(connection) if one.attempts]
        until = time.monotonic() + 2
        for one in sent if self.mines else []:
            while time.monotonic() < until:
                if self.story.w3.eth.get_transaction_count(one.wanted.lane) > (one.nonce or 0):
                    break
                time.sleep(0.002)

    def entry(self, key: bytes) -> Entry:
        with self.database.read() as connection:
            return book.by_key(connection, [key])[key]

    def states(self, key: bytes) -> list[str]:
        """Every state that an order was in, in order, each once in a row."""
        with self.database.read() as connection:
            events = book.happened(connection, 0, limit=10_000)
        found: list[str] = []
        for event in events:
            if event.key == key and event.kind == "order" and found[-1:] != [event.body["state"]]:
                found.append(event.body["state"])
        return found

    def fills(self) -> list[ledger.Fill]:
        """The client's fills that stand."""
        with self.database.read() as connection:
            return ledger.fills_of(connection, self.story.account)

    def mine(self, blocks: int = 1) -> None:
        rpc(self.story.w3, "anvil_mine", hex(blocks), hex(2))
