"""`ringside deposit`, `withdraw`, `cancel` on the chain and `exit`: the owner's own transactions,
with no keeper anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from eth_account import Account
from eth_utils.address import to_checksum_address
from story import CLIENT, DEPOSIT, Story

from ringside.accounts import account_id
from ringside.cli import money
from ringside.cli.main import cli
from ringside.units import ONE, USDC

Run = Callable[..., Result]


@pytest.fixture
def run(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command as the story's client, with what is typed at it."""
    (tmp_path / "addresses.json").write_text(json.dumps(story.ringside.addresses))
    made = Account.encrypt(story.key, "secret", kdf="pbkdf2", iterations=2)
    (tmp_path / "client.json").write_text(json.dumps(made))
    (tmp_path / "password").write_text("secret\n")
    monkeypatch.setenv("RINGSIDE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("RINGSIDE_KEY", str(tmp_path / "client.json"))
    monkeypatch.setenv("RINGSIDE_ADDRESSES", str(tmp_path / "addresses.json"))
    monkeypatch.setenv("RINGSIDE_RPC", story.w3.provider.endpoint_uri)

    def typed(*words: str, typed: str = "") -> Result:
        return CliRunner(mix_stderr=False).invoke(cli, words, input=typed)

    return typed


def idle(story: Story, account: bytes | None = None) -> int:
    return int(story.vault.functions.idle(account or story.account).call())


def wallet(story: Story, owner: str | None = None) -> int:
    return int(story.ringside.usdc.functions.balanceOf(owner or story.client).call())


def found(done: Result) -> Any:
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_enter_is_a_no_and_y_deposits(story: Story, run: Run) -> None:
    no = run("deposit", "500", typed="\n")
    assert no.exit_code == 1
    assert "1. deposit 500 USDC" in no.stderr
    assert "Nothing was signed or sent" in no.stderr
    assert idle(story) == DEPOSIT

    yes = run("deposit", "500.25", typed="y\n")
    assert yes.exit_code == 0, yes.stderr
    assert idle(story) == DEPOSIT + 500 * USDC + USDC // 4
    assert "200,500.25 USDC idle" in yes.stdout


def test_a_first_deposit_makes_an_account_ready_to_trade(story: Story, run: Run) -> None:
    story.chain.send(story.ringside.usdc, "approve", story.vault.address, 0, role=CLIENT)
    done = found(run("deposit", "1000", "--label", "second", "--days", "7", "--yes", "--json"))
    assert len(done["transactions"]) == 3
    second = account_id(story.client, "second")
    assert idle(story, second) == 1_000 * USDC
    rights, expiry, cap, venues = story.vault.functions.operators(second, story.desk.address).call()
    now = story.chain.block()["timestamp"]
    assert (rights, cap, venues) == (7, 100 * USDC, 0b111)
    assert abs(expiry - now - 7 * 86_400) < 60
    # What it may already, it is not granted again.
    again = found(run("deposit", "1", "--label", "second", "--yes", "--json"))
    assert len(again["transactions"]) == 2


def test_no_grant_leaves_the_rights_as_they_are(story: Story, run: Run) -> None:
    words = "deposit", "1", "--label", "third", "--no-grant", "--yes", "--json"
    assert len(found(run(*words))["transactions"]) == 1
    third = account_id(story.client, "third")
    assert story.vault.functions.operators(third, story.desk.address).call()[0] == 0


def test_a_withdrawal_goes_to_the_wallet_or_where_it_is_told(story: Story, run: Run) -> None:
    before = wallet(story)
    assert found(run("withdraw", "1000", "--yes", "--json"))["idle"] == "199000"
    assert wallet(story) == before + 1_000 * USDC
    other = to_checksum_address("0x" + "12" * 20)
    done = run("withdraw", "all", "--to", other, typed="y\n")
    assert done.exit_code == 0, done.stderr
    assert "NOT the owner's wallet" in done.stderr
    assert (idle(story), wallet(story, other)) == (0, 199_000 * USDC)


def test_everything_that_was_signed_ends_by_one_transaction(story: Story, run: Run) -> None:
    done = run("cancel", "--all", typed="y\n")
    assert done.exit_code == 0, done.stderr
    assert story.desk.functions.epochs(story.account).call() == 1
    assert "nothing signed before it can be filled" in done.stdout


def test_the_exit_shows_its_plan_asks_and_brings_all_home(story: Story, run: Run) -> None:
    story.trade("perp-v2", "ETH-USD", ONE, margin=1_000 * USDC)
    before = wallet(story)
    no = run("exit", typed="\n")
    assert no.exit_code == 1
    assert "raise the epoch" in no.stdout
    assert story.desk.functions.epochs(story.account).call() == 0

    told = found(run("exit", "--yes", "--json"))
    assert told["left"] == []
    assert len(told["transactions"]) == 4
    gained = wallet(story) - before
    assert told["withdrawn"] == f"{gained / USDC:.6f}".rstrip("0").rstrip(".")
    assert DEPOSIT - 20 * USDC < gained < DEPOSIT
    again = run("exit", "--lens", story.ringside.lens.address)
    assert again.exit_code == 0
    assert "There is nothing to bring home" in again.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("deposit", "9999999999"), "deposit that much at the most"),
        (("withdraw", "200001"), "The account has 200000 USDC idle"),
        (("withdraw", "all", "--label", "nobody"), "The account has 0 USDC idle"),
        (("exit", "--lens", "0x12"), "is no deployment"),
        (("exit", "--lens", "0x" + "12" * 20), "no Lens at"),
    ],
)
def test_what_cannot_be_done_ends_in_a_sentence_and_nothing_is_sent(
    story: Story, run: Run, words: tuple[str, ...], why: str
) -> None:
    before = story.w3.eth.get_transaction_count(story.client)
    done = run(*words, "--yes")
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit)
    assert why in done.stderr
    assert story.w3.eth.get_transaction_count(story.client) == before


def test_what_the_chain_refuses_is_told_by_name(
    story: Story, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else withdraws between the look and the transaction."""
    monkeypatch.setattr(
        money,
        "require_agreed",
        lambda *_: story.own("withdraw", story.account, idle(story), story.client),
    )
    done = run("withdraw", "5")
    assert done.exit_code == 1
    assert "Vault.withdraw is refused: NotEnoughIdle(idle=0, needed=5000000)" in done.stderr
