"""What an owner's commands refuse before they ask anybody, and how they ask."""

from __future__ import annotations

import pytest
from click import ClickException
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ringside.cli.house import require_agreed
from ringside.cli.leaving import Asked
from ringside.cli.main import cli
from ringside.cli.money import usdc
from ringside.cli.trade import duration, percent
from ringside.units import ONE, from_units

OWNERS = ("order", "cancel", "orders", "positions", "balance", "fills", "statement")
OWNERS += ("deposit", "withdraw", "exit")


def run(*words: str, typed: str = ""):
    return CliRunner(mix_stderr=False).invoke(cli, words, input=typed)


@pytest.mark.parametrize("command", OWNERS)
def test_every_command_helps_with_examples(command):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert f"ringside {command} " in done.stdout or f"ringside {command}\n" in done.stdout
    assert "--key" in done.stdout


@pytest.mark.parametrize("command", OWNERS)
def test_without_a_key_no_command_goes_on(command, tmp_path, monkeypatch):
    monkeypatch.delenv("RINGSIDE_KEY", raising=False)
    words = {"order": ("ETH-USD", "buy", "1"), "cancel": ("0x" + "00" * 32,)}
    words |= {"deposit": ("1",), "withdraw": ("1",)}
    done = run(command, *words.get(command, ()))
    assert done.exit_code == 1
    # Those that send look for the chain first.
    assert "Whose account?" in done.stderr or "start the local chain" in done.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("deposit", "lots"), "AMOUNT is not a number: 'lots'"),
        (("deposit", "0"), "more than nothing"),
        (("deposit", "0.0000001"), "more than 6 digits"),
        (("deposit", "1", "--pay-cap", "x"), "--pay-cap is not a number"),
        (("deposit", "1", "--days", "0"), "--days must be one at least"),
        (("deposit", "1", "--addresses", "nowhere.json"), "start the local chain"),
        (("withdraw", "1", "--to", "0x12"), "give 0x and 40 hex digits"),
        (("withdraw", "1", "--to", "0xAb" + "cd" * 19), "one is wrong"),
        (("withdraw", "1", "--to", "0x" + "00" * 20), "the zero address"),
        (("exit", "--slippage", "200"), "is a percentage, from 0 to 100"),
        (("exit", "--max-loss", "x"), "--max-loss is not a number"),
        (("exit", "--lens", "0x12", "--rpc", "http://127.0.0.1:1"), "Nothing answers at"),
        (("order", "ETH-USD", "buy", "1", "--slippage", "x"), "give percents"),
        (("order", "ETH-USD", "buy", "1", "--for", "1.5h"), "say 90s, 30m, 12h or 3d"),
        (("cancel",), "Which orders?"),
        (("cancel", "0x12", "--all"), "Which orders?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words, why):
    done = run(*words)
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit)
    assert why in done.stderr


@pytest.mark.parametrize(
    "words", [("order", "ETH-USD", "long", "1"), ("deposit", "-5"), ("orders", "--limit", "x")]
)
def test_what_is_not_the_commands_form_is_told_with_the_usage(words):
    done = run(*words)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr


@pytest.mark.parametrize("typed", ["\n", "n\n", "no\n", "", "maybe\n\n"])
def test_whatever_is_not_y_is_a_no(typed):
    with CliRunner().isolation(input=typed), pytest.raises((ClickException, RuntimeError)):
        require_agreed("Send it?", yes=False)


@pytest.mark.parametrize("typed", ["y\n", "yes\n", "Y\n"])
def test_y_is_a_yes_and_a_program_says_it_beforehand(typed):
    with CliRunner().isolation(input=typed):
        require_agreed("Send it?", yes=False)
    with CliRunner().isolation(input=""):
        require_agreed("Send it?", yes=True)


@given(st.integers(1, 2**64 - 1))
def test_usdc_is_read_to_its_last_digit(units):
    assert usdc(f"{from_units(units, 6):f}", "AMOUNT") == units


@given(st.integers(0, 10**20))
def test_a_percentage_is_a_fraction_exactly(hundredths):
    assert percent(f"{from_units(hundredths, 2):f}", "--slippage") * 10_000 == hundredths


@given(st.integers(0, 9_999_999), st.sampled_from(["s", "m", "h", "d"]))
def test_a_time_is_seconds(number, unit):
    scale = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    assert duration(f"{number}{unit}", "--for") == number * scale[unit]


@given(st.text(max_size=6))
def test_another_text_is_no_time(text):
    if not (text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in "smhd"):
        with pytest.raises(ClickException, match="say 90s"):
            duration(text, "--for")


def test_what_an_owner_decides_of_an_exit_is_in_its_plan():
    asked = Asked("2.5", True, "1", True, True, ("0x1",), ("0x2",), 9, True)
    choice = asked.choice(prices=False)
    assert (choice.slippage, choice.max_loss) == (ONE // 40, ONE // 100)
    assert (choice.any_price, choice.in_kind, choice.strip) == (True, True, True)
    assert (choice.tokens, choice.revoke, choice.patience) == (("0x1",), ("0x2",), 9)
