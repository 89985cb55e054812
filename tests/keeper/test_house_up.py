"""`make up`: a chain, a keeper and a client, from nothing to a fill at a venue that fills later."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from story import FOREVER, TICKETS
from test_service_process import free_port

from devnet import anvil, house, state
from devnet import ringside as own
from ringside import wire
from ringside.accounts import Right, account_id
from ringside.chain.contracts import Ringside
from ringside.keeper.tickets import Ticket
from ringside.orders import Order, sign
from ringside.service.hermes import Hermes, NoPrice
from ringside.units import ONE, USDC


class Up:
    """What runs, and its client."""

    def __init__(self, w3: Any, addresses: dict[str, Any], folder: Path, port: int) -> None:
        self.w3, self.ringside = w3, Ringside.at(w3, addresses)
        password = (folder / "password").read_text().strip()
        stored = json.loads((folder / "client.json").read_text())
        self.client = Account.from_key(Account.decrypt(stored, password))
        self.account = account_id(self.client.address)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def send(self, call: Any) -> None:
        """A transaction that the client signs itself."""
        at = self.client.address
        nonce = self.w3.eth.get_transaction_count(at)
        tx = call.build_transaction({"from": at, "nonce": nonce, "gas": 1_000_000})
        raw = self.client.sign_transaction(tx).raw_transaction
        receipt = self.w3.eth.wait_for_transaction_receipt(self.w3.eth.send_raw_transaction(raw))
        assert receipt["status"] == 1

    def begin(self) -> None:
        """Deposits, and lets the Desk work."""
        at, vault = self.ringside, self.ringside.vault
        self.send(at.usdc.functions.approve(vault.address, 100_000 * USDC))
        self.send(vault.functions.deposit(self.account, 100_000 * USDC))
        rights = int(Right.TRADE | Right.MOVE | Right.PAY)
        grant = at.desk.address, rights, FOREVER, 2**64 - 1, 2**128 - 1
        self.send(vault.functions.setOperator(self.account, grant))
        head, until = self.w3.eth.block_number, time.monotonic() + 30
        while self.http.get("/v1/venues").json()["block"] < head and time.monotonic() < until:
            time.sleep(0.05)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    port = state.free_port()
    with anvil.running(port) as w3:
        addresses = own.deploy(w3, state.load(w3))
        api = free_port()
        with house.running(w3, addresses, f"http://127.0.0.1:{port}", api, folder):
            yield Up(w3, addresses, folder, api)


def test_a_newcomer_deposits_signs_and_is_filled_at_the_venue_that_fills_later(up: Up) -> None:
    up.begin()
    order = Order(
        up.account,
        "ETH-USD",
        5 * ONE,
        limit_price=2_200 * ONE,
        max_margin=5_000 * USDC,
        tip=USDC,
        venues=1 << up.ringside.venue_ids["synthetix"],
        deadline=FOREVER,
        nonce=1,
        tickets=TICKETS,
    )
    signature = "0x" + sign(order, up.ringside.domain, up.client.key).hex()
    body = {"order": wire.message(order), "signature": signature}
    answer = up.http.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    until = time.monotonic() + 90
    while time.monotonic() < until:
        # While anvil mines a venue may be unreadable for a moment.
        seats = up.ringside.account(up.account, ["ETH-USD"]).seats
        held = seats["synthetix"].positions.get("ETH-USD")
        size = held.size if held is not None else 0
        if size:
            break
        time.sleep(0.2)
    assert size == 5 * ONE


def test_hermes_that_is_not_there_or_says_something_else_gives_no_price(up: Up) -> None:
    ticket = Ticket(up.account, "synthetix", 2, "ETH-USD", 1, b"\1" * 32, ONE, 0, 1)
    for url, why in (
        (f"http://127.0.0.1:{free_port()}", "gives no price"),
        (str(up.http.base_url), "gives no price"),
    ):
        with pytest.raises(NoPrice, match=why):
            Hermes(url, up.ringside)(ticket)
