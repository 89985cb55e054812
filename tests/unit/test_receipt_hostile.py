"""What a made-up document does to whoever only replays it: nothing, but for a sentence."""

import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import order
from made_up_receipts import decided, register

from ringside.cli.main import cli
from ringside.cli.safe import printable
from ringside.keeper.receipts.codec import _depth, canonical, parse, plain
from ringside.keeper.receipts.document import DocumentError, read, receipt_of
from ringside.keeper.receipts.store import LARGEST, Unreadable, contents
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
    code = (
        "from ringside.keeper.receipts.codec import CodecError, parse\n"
        "try: parse(b'\"' + b'\\\\\"' * 500_000)\n"
        "except CodecError: pass\n"
    )
    # A scan that begins anew at every quote takes hours.
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


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


def test_a_field_of_a_name_of_its_own_is_told_with_its_name_in_quotes(replayed):
    written = plain(decided(order(500 * ONE)))
    done = replayed({**written, "venue_ids": {"\x1b[2J": "x"}})
    assert "document.venue_ids['\\x1b[2J'] must be a whole number" in done.output


def test_what_is_larger_than_any_document_is_not_read(tmp_path):
    place = tmp_path / "large.json"
    place.write_bytes(b'"' + b"x" * LARGEST + b'"')
    done = CliRunner().invoke(cli, ["replay", str(place)])
    assert done.exit_code == 1
    assert "has more than" in done.output
    with pytest.raises(DocumentError, match="more than"):
        read(place.read_bytes())
    with pytest.raises(Unreadable, match="more than"):
        contents(place)


@pytest.mark.parametrize("kind", ["", "0x"])
def test_a_file_with_a_hash_for_its_name_has_that_hash(kind, tmp_path):
    told = receipt_of(decided(order(500 * ONE)))
    other = receipt_of(decided(order(400 * ONE)))
    place = tmp_path / f"{kind}{told.hash.hex()}.json"
    place.write_bytes(told.document)
    assert CliRunner().invoke(cli, ["replay", str(place)]).exit_code == 0
    place.write_bytes(other.document)
    done = CliRunner().invoke(cli, ["replay", str(place)])
    assert done.exit_code == 1
    assert f"has the hash 0x{other.hash.hex()}" in done.output


def test_a_directory_is_no_receipt(tmp_path):
    done = CliRunner().invoke(cli, ["replay", str(tmp_path)])
    assert done.exit_code == 1
    assert "is no file" in done.output


@pytest.mark.parametrize("held", ["[]", "7", '"text"', "null"])
def test_addresses_that_are_no_object_are_refused_in_a_sentence(held, tmp_path):
    place = tmp_path / "addresses.json"
    place.write_text(held)
    done = CliRunner().invoke(cli, ["audit", "0x" + "00" * 32, "--addresses", str(place)])
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert "holds no object of addresses" in done.output


@given(st.text())
def test_whatever_is_printed_has_nothing_that_a_terminal_obeys(text):
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.isprintable()
    assert all(new == old or not old.isprintable() for new, old in zip(shown, text, strict=True))


@given(st.text(st.sampled_from('"\\[]{}x'), max_size=60))
def test_how_deep_a_text_nests_is_counted_outside_of_what_is_quoted(text):
    written = canonical([[text]])
    assert _depth(written) == 2
    assert parse(written) == [[text]]
