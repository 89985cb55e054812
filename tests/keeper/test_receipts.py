"""What a keeper decided is written down before it is sent, and the Desk's events name it."""

import subprocess
import sys
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from story import MARKETS, TICKETS, Story
from web3.logs import DISCARD

from ringside.keeper.receipts.codec import canonical
from ringside.keeper.receipts.document import VERSION, read
from ringside.keeper.receipts.replay import replay
from ringside.keeper.receipts.store import NO_RECEIPT, Receipts
from ringside.orders import Bundle, Mode
from ringside.units import ONE

ETH, BTC = MARKETS
AT_ONCE = 0b11


@pytest.fixture
def store(story: Story, tmp_path: Path):
    story.keeper.receipts = Receipts(tmp_path / "receipts")
    yield story.keeper.receipts
    story.keeper.receipts = None


def named(story: Story, receipt) -> list[tuple[int, bytes]]:
    """The receipts in a transaction's events."""
    events = story.desk.events
    told = [
        entry["args"]["receipt"]
        for event in (events.Filled(), events.Committed())
        for entry in event.process_receipt(receipt, DISCARD)
    ]
    return [(one["version"], bytes(one["hash"])) for one in told]


def bundle(story: Story, mode: Mode) -> Bundle:
    """A purchase of one thing and a sale of the other, at venues that fill at once."""
    steps = (
        story.order(ETH, 2 * ONE, venues=AT_ONCE).terms,
        story.order(BTC, -ONE // 10, venues=AT_ONCE).terms,
    )
    deadline = story.chain.block()["timestamp"] + 3_600
    return Bundle(story.account, steps, mode, deadline, story.nonce)


def test_a_fill_names_its_document_by_the_hash_of_its_bytes(story: Story, store):
    order = story.order(ETH, 80 * ONE)
    chosen, (receipt,) = story.fill(order)
    ((version, digest),) = named(story, receipt)
    data = store.get(digest)
    assert version == VERSION
    assert keccak(data) == digest == chosen.receipt.hash
    written = read(data)
    assert canonical(written) == data
    assert written.order == order
    parts = [(p.venue, p.size, p.margin) for p in written.decisions[0].outcome.parts]
    assert parts == [(leg.venue, leg.size, leg.margin) for leg in chosen.legs]
    assert len(parts) == 2


def test_the_document_is_there_before_the_transaction_is_sent(story: Story, store, monkeypatch):
    chosen = story.keeper.plan(story.order(ETH, ONE))
    assert store.get(chosen.receipt.hash) is None
    found = []

    def send(tx):
        found.append(store.get(chosen.receipt.hash))
        return story.send(tx)

    monkeypatch.setattr(story.keeper.sender, "send", send)
    story.keeper.submit(chosen, story.sign(chosen.order))
    assert found == [chosen.receipt.document]


def test_without_a_store_a_fill_names_none(story: Story):
    _, (receipt,) = story.fill(story.order(ETH, ONE))
    assert named(story, receipt) == [NO_RECEIPT]


def test_fill_and_ticket_of_one_plan_name_one_document(story: Story, store):
    chosen, receipts = story.fill(story.order(ETH, 900 * ONE // 10, tickets=TICKETS))
    names = {name for receipt in receipts for name in named(story, receipt)}
    assert names == {chosen.receipt.tuple}
    parts = read(store.get(chosen.receipt.hash)).decisions[0].outcome.parts
    assert [part.later for part in parts].count(True) == len(chosen.tickets) == 1


def test_all_steps_of_an_atomic_bundle_share_one_document_of_one_block(story: Story, store):
    whole = bundle(story, Mode.ATOMIC)
    plans, receipt = story.keeper.fill_bundle(whole, story.sign(whole))
    assert set(named(story, receipt)) == {plans[0].receipt.tuple}
    written = read(store.get(plans[0].receipt.hash))
    assert written.bundle == whole
    assert [one.step for one in written.decisions] == [0, 1]
    assert {(one.venue, one.market) for one in written.readings} >= {
        (venue, market) for venue in ("perp-v2", "rage") for market in MARKETS
    }
    assert replay(written).same


def test_a_step_of_a_bundle_names_its_own(story: Story, store):
    whole = bundle(story, Mode.STEPWISE)
    digests = []
    for step in range(2):
        chosen, receipts = story.keeper.fill_step(whole, step, story.sign(whole))
        assert named(story, receipts[0]) == [chosen.receipt.tuple]
        written = read(store.get(chosen.receipt.hash))
        assert [one.step for one in written.decisions] == [step]
        assert replay(written).same
        digests.append(chosen.receipt.hash)
    assert len(set(digests)) == 2


@pytest.mark.parametrize("size", [80 * ONE, -80 * ONE], ids=["buy", "sell"])
def test_real_readings_replay_elsewhere_to_the_same_legs(story: Story, store, size):
    """By another process, with other hashes of text, and no chain."""
    chosen = story.keeper.plan(story.order(ETH, size, tickets=TICKETS))
    script = (
        "import sys\n"
        "from ringside.keeper.receipts.codec import canonical\n"
        "from ringside.keeper.receipts.document import read\n"
        "from ringside.keeper.receipts.replay import replay\n"
        "result = replay(read(sys.stdin.buffer.read()))\n"
        "assert 'web3' not in sys.modules\n"
        "sys.stdout.buffer.write(canonical(list(result.outcomes)))\n"
    )
    expected = canonical([one.outcome for one in read(chosen.receipt.document).decisions])
    for seed in ("0", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=chosen.receipt.document,
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        )
        assert done.stdout == expected
