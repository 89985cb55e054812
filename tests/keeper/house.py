"""A keeper over a database of its own on the story's chain, and what its client does with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH
from hexbytes import HexBytes
from story import MNEMONIC, Story
from web3.exceptions import TransactionNotFound

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


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def mined_by_hand(house: House) -> Iterator[None]:
    """Inside, the chain mines where a test says so, and nowhere else."""
    rpc(house.story.w3, "evm_setAutomine", False)
    house.mines = False
    try:
        yield
    finally:
        rpc(house.story.w3, "evm_setAutomine", True)
        house.mines = True


@contextmanager
def killed_at(owner: Any, name: str, after: bool = False) -> Iterator[None]:
    """What is inside comes to that step and is killed there, before it or after."""
    step = getattr(owner, name)

    def killed(*args: Any, **named: Any) -> None:
        if after:
            step(*args, **named)
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, killed)
        with pytest.raises(Killed):
            yield


def key_of(index: int) -> bytes:
    """The key of one of anvil's accounts."""
    path = f"{ETHEREUM_DEFAULT_PATH[:-1]}{index}"
    return bytes(Account.from_mnemonic(MNEMONIC, account_path=path).key)


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
        signers = [LocalSigner(key_of(index)) for index in LANES]
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
        """Anvil answers before it has mined, and counts a nonce before the block is its head."""
        with self.database.read() as connection:
            sent = [one for one in outbox.under_way(connection) if one.attempts]
        until = time.monotonic() + 60
        for one in sent if self.mines else []:
            while not self._on_chain(one) and time.monotonic() < until:
                time.sleep(0.002)

    def _on_chain(self, one: outbox.Transaction) -> bool:
        eth = self.story.w3.eth
        for tried in one.attempts:
            try:
                mined = eth.get_transaction_receipt(HexBytes(tried.hash))["blockNumber"]
            except TransactionNotFound:
                continue
            return mined <= eth.block_number
        return False

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
