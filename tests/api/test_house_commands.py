"""The commands that talk to the keeper's API, as an owner types them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from eth_account import Account
from served import Served

from ringside.api import logs
from ringside.cli.main import cli
from ringside.routing.policies import canonical, parse
from ringside.store import book, ledger
from ringside.units import ONE, USDC

Run = Callable[..., Result]


@pytest.fixture
def quiet() -> Iterator[None]:
    """The house, which is in the same process here, does not log into what a command prints."""
    logs.configure(io.StringIO())
    yield
    structlog.reset_defaults()


@pytest.fixture
def run(quiet: None, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command as the story's client, with what is typed at it."""
    keystore, password = tmp_path / "client.json", tmp_path / "password"
    # Few rounds: how long a keystore takes to open is not what this is about.
    made = Account.encrypt(served.story.key, "secret", kdf="pbkdf2", iterations=2)
    keystore.write_text(json.dumps(made))
    password.write_text("secret\n")
    monkeypatch.setenv("RINGSIDE_PASSWORD_FILE", str(password))
    monkeypatch.setenv("RINGSIDE_API", served.url)
    monkeypatch.setenv("RINGSIDE_KEY", str(keystore))

    def typed(*words: str, typed: str = "") -> Result:
        return CliRunner(mix_stderr=False).invoke(
            cli, [words[0], "--site", "127.0.0.1:0", *words[1:]], input=typed
        )

    return typed


def found(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_order_is_shown_and_signed_only_once_y_is_typed(run: Run, served: Served) -> None:
    words = ("order", "ETH-USD", "buy", "1.5", "--limit", "1900", "--tip", "1")
    no = run(*words, typed="\n")
    assert no.exit_code == 1
    assert "Buy 1.5 of ETH-USD at 1,900.00 USD or less, all in" in no.stderr
    assert "Nothing was signed or sent" in no.stderr
    assert found(run("orders", "--json")) == []

    yes = run(*words, typed="y\n")
    assert yes.exit_code == 0
    (one,) = found(run("orders", "--open", "--json"))
    assert (one["symbol"], one["amount"], one["price"]) == ("ETH/USD:USDC", "1.5", "1900")
    assert one["id"] in yes.stdout


def test_every_option_of_an_order_is_in_what_is_signed(run: Run, served: Served) -> None:
    made = found(
        run(
            *("order", "ETH-USD", "buy", "2", "--slippage", "1", "--trigger", "1500"),
            *("--margin", "900", "--max-leverage", "6", "--tip", "0.5", "--for", "2h"),
            *("--venues", "rage", "--whole", "--policy", "at-most:1", "--yes", "--json"),
        )
    )
    key = bytes.fromhex(made["id"][2:])
    with served.house.database.read() as connection:
        entry = book.by_key(connection, [key])[key]
    order = entry.request
    assert order.venues == 1 << served.story.ringside.venue_ids["rage"]
    assert (order.max_margin, order.tip) == (900 * USDC, USDC // 2)
    assert entry.policy == canonical(parse("at-most:1"))
    assert (order.bounds.max_leverage, order.bounds.all_or_none) == (6 * ONE, True)
    assert order.conditions.trigger_price == 1_500 * ONE
    assert order.limit_price == 1_500 * ONE * 101 // 100 + ONE // 4
    assert order.deadline == served.story.chain.block()["timestamp"] + 7_200


def test_orders_are_withdrawn_by_id_and_all_that_are_open(run: Run) -> None:
    words = ("order", "ETH-USD", "buy", "1", "--limit", "1500", "--tip", "0", "--yes", "--json")
    first, *rest = [found(run(*words))["id"] for _ in range(3)]
    assert f"{first} canceled" in run("cancel", first).stdout
    done = run("cancel", "--open", "--market", "ETH-USD")
    assert all(f"{id} canceled" in done.stdout for id in rest)
    assert found(run("orders", "--open", "--json")) == []
    assert len(found(run("orders", "--done", "--json"))) == 3


def test_a_signature_is_ended_on_the_chain(
    run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = served.story
    (tmp_path / "addresses.json").write_text(json.dumps(story.ringside.addresses))
    monkeypatch.setenv("RINGSIDE_ADDRESSES", str(tmp_path / "addresses.json"))
    monkeypatch.setenv("RINGSIDE_RPC", story.w3.provider.endpoint_uri)
    words = ("order", "ETH-USD", "buy", "1", "--limit", "1500", "--tip", "0", "--yes", "--json")
    id = found(run(*words))["id"]
    with served.house.database.read() as connection:
        order = book.by_key(connection, [bytes.fromhex(id[2:])])[bytes.fromhex(id[2:])].request
    spent = story.desk.functions.isSpent(story.account, order.nonce)
    assert run("cancel", id, "--on-chain", typed="\n").exit_code == 1
    assert not spent.call()
    done = run("cancel", id, "--on-chain", typed="y\n")
    assert f"{id} cancelled on the chain" in done.stdout
    assert spent.call()


def test_positions_and_balance_are_shown(run: Run, served: Served) -> None:
    served.story.trade("perp-v2", "ETH-USD", -ONE, margin=1_000 * USDC)
    served.caught_up()
    (one,) = found(run("positions", "--json"))
    assert (one["venue"], one["side"], one["contracts"]) == ("perp-v2", "short", "1")
    table = run("positions").stdout
    assert "perp-v2" in table
    assert "-1" in table
    assert found(run("balance", "--json"))["USDC"]["free"] == "199000"
    assert "199,000.00" in run("balance").stdout


def test_a_statement_is_a_table_json_or_csv(run: Run, served: Served) -> None:
    assert found(run("statement", "--json"))["deposited"] == "200000"
    rows = list(csv.DictReader(io.StringIO(run("statement", "--csv").stdout)))
    assert {"line": "difference", "usd": "0"} in rows
    assert "realised pnl" in run("statement").stdout
    served.story.trade("perp-v2", "ETH-USD", -ONE, margin=1_000 * USDC)
    served.caught_up()
    no = run("statement")
    assert no.exit_code == 1
    assert "There is no statement while" in no.stderr


def test_fills_are_a_table_json_or_csv(run: Run, served: Served) -> None:
    h = b"\7" * 32
    names = (h, 1, h, h, served.story.account, "0x" + "22" * 20, "ETH-USD")
    one = ledger.Fill(*names, -2 * ONE, 4_000 * ONE, USDC, None, 1, h, 1_700_000_000)
    with served.house.database.write() as connection:
        ledger.fill(connection, one, 0.0)
    (fill,) = found(run("fills", "--json"))
    assert (fill["side"], fill["amount"], fill["price"]) == ("sell", "2", "2000")
    (row,) = csv.DictReader(io.StringIO(run("fills", "--csv").stdout))
    assert (row["datetime"], row["tip"]) == ("2023-11-14T22:13:20.000Z", "1")
    assert "sell" in run("fills").stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("order", "ETH-USD", "buy", "lots"), "amount is not a number: 'lots'"),
        (("order", "DOGE-USD", "buy", "1"), "there are ETH/USD:USDC"),
        (("order", "ETH-USD", "buy", "1", "--slippage", "x"), "give percents"),
        (("order", "ETH-USD", "buy", "1", "--for", "soon"), "say 90s, 30m, 12h or 3d"),
        (("order", "ETH-USD", "buy", "1", "--venues", "gamma"), "There is no venue 'gamma'"),
        (("order", "ETH-USD", "buy", "all"), "There is no short to buy back"),
        (("order", "ETH-USD", "buy", "1", "--label", "x" * 13), "at most 12 characters"),
        (("cancel", "0x12"), "id must be 32 bytes"),
        (("cancel", "0x" + "00" * 32), "You have no order under this key"),
        (("cancel",), "Which orders?"),
        (("cancel", "--open", "--on-chain"), "--on-chain is of ids"),
        (("positions", "--market", "DOGE"), "There is no market 'DOGE'"),
        (("positions", "--api", "http://127.0.0.1:1"), "is the keeper running there?"),
        (("positions", "--api", "somewhere"), "is no http:// or https:// address"),
        (("positions", "--site", ""), "give the client site="),
        (("positions", "--key", ""), "Whose account? Name a keystore's file"),
        (("positions", "--key", "nobody"), "There is no keystore nobody"),
    ],
)
def test_what_cannot_be_done_ends_in_a_sentence(run: Run, words: tuple[str, ...], why: str) -> None:
    done = run(*words)
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit)
    assert why in done.stderr


def test_a_wrong_password_is_told_and_no_more(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong").write_text("guess")
    monkeypatch.setenv("RINGSIDE_PASSWORD_FILE", str(tmp_path / "wrong"))
    done = run("balance")
    assert done.exit_code == 1
    assert "The password does not open" in done.stderr
    assert "guess" not in done.output
