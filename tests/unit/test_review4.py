"""Review of issue 4: what a made-up document does to whoever only replays it."""

import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner
from made_up_accounts import order
from made_up_receipts import decided, register

from ringside.cli.main import cli
from ringside.keeper.receipts.codec import canonical, plain
from ringside.units import ONE

register()


@pytest.fixture
def replayed(tmp_path):
    """`ringside replay` of a document in a file."""

    def run(written):
        place = tmp_path / "receipt.json"
        place.write_bytes(canonical(written))
        return CliRunner().invoke(cli, ["replay", str(place)])

    return run


def test_text_whose_quotes_never_end_is_refused_in_time_linear_in_its_length():
    """Thirty times as long as what takes seven seconds now: it should be a few milliseconds."""
    code = (
        "from ringside.keeper.receipts.codec import CodecError, parse\n"
        "try: parse(b'\"' + b'\\\\\"' * 500_000)\n"
        "except CodecError: pass\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


@pytest.mark.parametrize("solver", ["[/x]", "\x1b[2J", "x[green]the same[/green]"])
def test_a_solver_s_name_is_printed_as_it_is_and_commands_no_terminal(replayed, solver):
    done = replayed(replace(decided(order(500 * ONE)), solver=solver))
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "\x1b" not in done.output
    assert solver in done.output or "\x1b" in solver


@pytest.mark.parametrize("why", ["[/x]", "\x1b[2J", "[green]sound[/green]"])
def test_a_difference_is_printed_as_it_is_and_commands_no_terminal(replayed, why):
    written = decided(order(500 * ONE))
    (one,) = written.decisions
    forged = tuple(replace(c, why=why) for c in one.outcome.candidates)
    made = replace(one, outcome=replace(one.outcome, candidates=forged))
    done = replayed(replace(written, decisions=(made,)))
    assert isinstance(done.exception, SystemExit)
    assert "\x1b" not in done.output
    assert why in done.output or "\x1b" in why


def test_a_field_s_name_that_is_refused_commands_no_terminal(replayed):
    done = replayed({"version": "1", "\x1b[2J": "1"})
    written = decided(order(500 * ONE))
    done = replayed({**plain(written), "\x1b]0;sound\x07": "1"})
    assert done.exit_code == 1
    assert "\x1b" not in done.output


@pytest.mark.parametrize("name", ["x" * 300, "0x" + "ab" * 32])
def test_a_name_that_is_no_receipt_is_told_in_a_sentence(name, tmp_path):
    aside = tmp_path / "no-directory"
    aside.write_text("")
    done = CliRunner().invoke(cli, ["replay", name, "--receipts", str(aside)])
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.output.startswith("Error: ")
