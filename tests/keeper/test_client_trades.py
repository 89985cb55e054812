"""A client trades with the keeper as it runs: a process of its own, paid by nothing but tips."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from eth_account import Account
from story import Story
from test_service_process import Process, process

from ringside import AsyncClient, Client
from ringside.cli.main import cli

__all__ = ["process"]

ETH, BTC = "ETH/USD:USDC", "BTC/USD:USDC"


@pytest.fixture
def url(process: Process) -> str:
    """Of a keeper that loses nothing: a tip that does not pay for its gas is not worked for."""
    file = process.folder / "ringside.toml"
    file.write_text(file.read_text().replace('loss = "1000"', 'loss = "0"'))
    process.start()
    return f"http://127.0.0.1:{process.port}"


@pytest.fixture
def client(url: str, story: Story) -> Iterator[Client]:
    with Client(url, Account.from_key(story.key)) as made:
        yield made


def done(client: Client, order: Any) -> Any:
    """The order once it is done, told by the stream."""
    for told in client.watch_orders(after=0):
        if told["id"] == order["id"] and told["status"] != "open":
            return told
    raise AssertionError("the stream ended")


def test_an_order_is_filled_held_and_closed_and_every_dollar_is_accounted_for(
    client: Client, story: Story
) -> None:
    bought = client.create_order(ETH, "market", "buy", 2)
    assert done(client, bought)["status"] == "closed"
    order = client.fetch_order(bought["id"])
    assert (order["filled"], order["remaining"]) == (2, 0)
    trades = client.fetch_my_trades(ETH)
    assert sum(trade["amount"] for trade in trades) == 2
    assert {(trade["order"], trade["side"]) for trade in trades} == {(bought["id"], "buy")}
    assert all(trade["price"] <= bought["price"] for trade in trades)
    held = client.fetch_positions([ETH])
    assert sum(one["contracts"] for one in held) == 2
    assert {one["side"] for one in held} == {"long"}

    sold = client.create_order(ETH, "market", "sell", None, params={"closeAll": True})
    assert done(client, sold)["status"] == "closed"
    assert client.fetch_positions() == []
    statement = client.fetch_statement()
    assert (statement["deposited"], statement["difference"]) == (200_000, 0)
    tips = sum(trade["fee"]["cost"] for trade in client.fetch_my_trades())
    assert statement["tips"] == tips


def test_a_bundle_is_filled_together_for_who_awaits_it(url: str, story: Story) -> None:
    async def trade() -> tuple[list[Any], Any]:
        async with AsyncClient(url, Account.from_key(story.key)) as client:
            steps = [
                {"symbol": ETH, "type": "market", "side": "buy", "amount": 1},
                {"symbol": BTC, "type": "market", "side": "sell", "amount": "0.1"},
            ]
            made = await client.create_bundle(steps)
            async for told in client.watch_orders(after=0):
                if told["status"] != "open":
                    assert told["id"] == made["id"]
                    assert told["status"] == "closed"
                    break
            return await client.fetch_positions(), await client.fetch_my_trades()

    positions, trades = asyncio.run(trade())
    assert {(one["symbol"], one["side"]) for one in positions} == {(ETH, "long"), (BTC, "short")}
    assert len({trade["id"].split("-")[0] for trade in trades}) == 1


def test_the_guides_examples_run(client: Client, story: Story) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
    first, *examples = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    assert "client = Client(" in first
    names: dict[str, Any] = {"client": client, "signer": client.signer}
    for example in examples:
        exec(example, names)
    assert names["told"]["status"] == "closed"
    assert names["stop"]["triggerPrice"] == 1_500


@pytest.fixture
def typed(
    process: Process, url: str, story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """A command as the owner types it."""
    keystore = tmp_path / "client.json"
    made = Account.encrypt(story.key, "secret", kdf="pbkdf2", iterations=2)
    keystore.write_text(json.dumps(made))
    monkeypatch.setenv("RINGSIDE_PASSWORD_FILE", str(process.folder / "password"))
    monkeypatch.setenv("RINGSIDE_API", url)
    monkeypatch.setenv("RINGSIDE_KEY", str(keystore))
    return lambda *words: CliRunner(mix_stderr=False).invoke(cli, words)


def test_an_order_that_is_typed_is_waited_for_until_it_is_done(
    typed: Callable[..., Result], client: Client
) -> None:
    words = "order", "ETH-USD", "buy", "1", "--yes", "--wait", "--json"
    filled = typed(*words)
    assert filled.exit_code == 0, filled.stderr
    assert json.loads(filled.stdout)["status"] == "closed"

    elsewhere = threading.Timer(2.0, client.cancel_all_orders)
    elsewhere.start()
    gone = typed(*words, "--limit", "1500")
    elsewhere.join()
    assert gone.exit_code == 1, gone.stderr
    assert json.loads(gone.stdout)["status"] == "canceled"
