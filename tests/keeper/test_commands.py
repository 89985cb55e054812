"""`ringside quote` and `ringside audit` on a chain, as a person calls them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from story import Story

from ringside.cli.main import cli
from ringside.keeper.receipts.store import Receipts
from ringside.units import ONE


@pytest.fixture
def run(story: Story, tmp_path: Path):
    """A command of the line, told where the chain is."""
    place = tmp_path / "addresses.json"
    place.write_text(json.dumps(story.ringside.addresses))
    story.keeper.receipts = Receipts(tmp_path / "receipts")
    environment = {
        "RINGSIDE_RPC": story.w3.provider.endpoint_uri,
        "RINGSIDE_ADDRESSES": str(place),
        "RINGSIDE_RECEIPTS": str(story.keeper.receipts.folder),
    }
    yield lambda *arguments: CliRunner().invoke(cli, arguments, env=environment)
    story.keeper.receipts = None


@pytest.mark.parametrize("size", ["25", "-25"])
def test_a_quote_shows_every_venue_and_the_split(run, size, tmp_path):
    picture = tmp_path / "out.png"
    done = run("quote", "ETH-USD", size, "--horizon", "3d", "--plot", str(picture))
    assert done.exit_code == 0, done.output
    for words in ("perp-v2", "rage", "synthetix", "held 3 d", "The split"):
        assert words in done.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_quote_for_programs_is_what_the_curves_say(story: Story, run):
    done = run("quote", "ETH-USD", "80", "--at-once", "--json")
    told = json.loads(done.output)
    states = story.keeper.look(story.order("ETH-USD", 80 * ONE)).states
    assert [offer["venue"] for offer in told["offers"]] == ["perp-v2", "rage"]
    for offer in (*told["offers"], *told["legs"]):
        quote = states[offer["venue"]].curve.quote(int(offer["size"]))
        assert (int(offer["notional"]), int(offer["fee"])) == (quote.notional, quote.fee)
    assert sum(int(leg["size"]) for leg in told["legs"]) == 80 * ONE
    assert int(told["saving"]) > 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("DOGE-USD", "1"), "There is no market DOGE-USD: take ETH-USD or BTC-USD"),
        (("ETH-USD", "1000000"), "perp-v2 has capacity for"),
        (("ETH-USD", "0"), "size is zero"),
    ],
)
def test_what_cannot_be_quoted_is_told_in_a_sentence(run, arguments, why):
    done = run("quote", *arguments)
    assert done.exit_code == 1
    assert why in done.output


def test_addresses_of_another_chain_are_told_so(story: Story, run, tmp_path):
    other = {**story.ringside.addresses}
    other["ringside"] = {**other["ringside"], "vault": "0x" + "12" * 20}
    place = tmp_path / "other.json"
    place.write_text(json.dumps(other))
    done = run("quote", "ETH-USD", "1", "--addresses", str(place))
    assert done.exit_code == 1
    assert "no contract Vault" in done.output


def test_an_honest_fill_is_audited_as_sound(story: Story, run):
    chosen, (receipt,) = story.fill(story.order("ETH-USD", 40 * ONE))
    digest = "0x" + bytes(receipt["transactionHash"]).hex()
    done = run("audit", digest)
    assert done.exit_code == 0, done.output
    for words in ("receipt: sound", "at the parent block", "just before", "limit price"):
        assert words in done.output
    told = json.loads(run("audit", digest, "--json").output)
    assert told["audited"][0]["verdict"] == "sound"
    assert {s["usd"] for s in told["audited"][0]["shortfalls"]} == {"0"}
    assert run("replay", "0x" + chosen.receipt.hash.hex()).exit_code == 0


def test_a_fill_without_a_document_fails_the_audit_and_says_no_receipt(story: Story, run):
    chosen, (receipt,) = story.fill(story.order("ETH-USD", 40 * ONE))
    story.keeper.receipts.path(chosen.receipt.hash).unlink()
    done = run("audit", "0x" + bytes(receipt["transactionHash"]).hex())
    assert done.exit_code == 1
    assert "receipt: no receipt" in done.output


def test_a_tampered_document_fails_the_audit_and_is_named_so(story: Story, run):
    chosen, (receipt,) = story.fill(story.order("ETH-USD", 40 * ONE))
    place = story.keeper.receipts.path(chosen.receipt.hash)
    place.write_bytes(place.read_bytes().replace(b'"tip":"1000000"', b'"tip":"2000000"'))
    done = run("audit", "0x" + bytes(receipt["transactionHash"]).hex())
    assert done.exit_code == 1
    assert "receipt: tampered" in done.output
