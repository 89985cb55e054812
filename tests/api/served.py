"""The API, served on a free port by a thread, over the story's chain and a database of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from eth_account import Account
from eth_account.messages import encode_defunct
from story import Story

from ringside import wire
from ringside.api.app import create_app
from ringside.api.house import House, Limits
from ringside.keeper.look import Looker
from ringside.keeper.receipts.store import Receipts
from ringside.orders import Bundle, Order
from ringside.service.config import Config
from ringside.store.database import Database
from ringside.store.schema import metadata

FREELY = Limits(client_rate=1e6, client_burst=1e6, account_rate=1e6, account_burst=1e6)
"""Nobody is held up, but where that is what a test is about."""


class Served:
    """A house that answers at `url`, and its client."""

    def __init__(
        self,
        story: Story,
        folder: Path,
        limits: Limits = FREELY,
        database: Database | None = None,
    ) -> None:
        if database is None:
            database = Database(f"sqlite:///{folder / 'house.db'}")
            metadata.create_all(database.engine)
        self.story, self.woken = story, 0
        self.house = House(
            *(database, story.ringside, Looker(story.ringside), Config(port=0, poll=0.05)),
            Receipts(folder / "receipts"),
            wake=self._wake,
            limits=limits,
            needs_engine=False,
        )
        self.app = create_app(self.house)
        self.url = ""

    def _wake(self) -> None:
        self.woken += 1

    @property
    def running(self) -> Any:
        return self.app.state.running

    @contextmanager
    def open(self) -> Iterator[Served]:
        """Serves while inside."""
        config = uvicorn.Config(self.app, port=0, log_level="error", ws="websockets-sansio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(base_url=self.url, timeout=30) as self.http:
                yield self
        finally:
            server.should_exit = True
            thread.join(20)
            self.house.database.close()

    def caught_up(self) -> None:
        """Waits until the house has seen the newest block."""
        head, until = self.story.w3.eth.block_number, time.monotonic() + 10
        while self.running.market.seen is None or self.running.market.seen.block.number < head:
            assert time.monotonic() < until, "the house does not follow the chain"
            time.sleep(0.01)

    # ------------------------------------------------------------------ the client

    def body(self, order: Order | Bundle, signature: bytes | None = None, **more: Any) -> Any:
        """What is posted for an order that the client signed."""
        kind = "bundle" if isinstance(order, Bundle) else "order"
        signed = self.story.sign(order) if signature is None else signature
        return {kind: wire.message(order), "signature": "0x" + signed.hex(), **more}

    def post(self, order: Order | Bundle, signature: bytes | None = None, **more: Any) -> Any:
        return self.http.post("/v1/orders", json=self.body(order, signature, **more))

    def key(self, order: Order | Bundle) -> str:
        return "0x" + order.digest(self.story.ringside.domain).hex()

    def challenge(self, address: str) -> str:
        found = self.http.post("/v1/session/challenge", json={"address": address})
        assert found.status_code == 200, found.text
        return str(found.json()["message"])

    def signed_in(self, key: bytes | None = None) -> dict[str, str]:
        """Headers with a session of the key's owner, the client by default."""
        owner = Account.from_key(key or self.story.key)
        message = self.challenge(owner.address)
        signature = owner.sign_message(encode_defunct(text=message)).signature
        found = self.session(message, signature)
        assert found.status_code == 201, found.text
        return {"Authorization": f"Bearer {found.json()['token']}"}

    def session(self, message: str, signature: bytes) -> Any:
        body = {"message": message, "signature": "0x" + bytes(signature).hex()}
        return self.http.post("/v1/session", json=body)


def strictly(**limits: Any) -> Limits:
    """The freest limits but for these."""
    return replace(FREELY, **limits)


STRANGER_KEY = bytes.fromhex("11" * 32)
