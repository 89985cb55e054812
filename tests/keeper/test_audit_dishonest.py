"""Every kind of lie is named, and how far the fill fell short is measured whoever wrote what."""

from dataclasses import replace

import pytest
from audits import BPS, BTC, ETH, audited, dearer, forged, shortfalls
from eth_utils.crypto import keccak
from story import Story

from ringside.keeper.decide import decide
from ringside.keeper.receipts import against_chain
from ringside.keeper.receipts.audit import BEFORE, PARENT, PINNED, Verdict
from ringside.keeper.receipts.document import (
    VERSION,
    Document,
    Recorded,
    document,
    outcome,
    read,
    receipt_of,
)
from ringside.keeper.receipts.store import Receipt
from ringside.units import ONE, USDC


def test_all_of_it_at_the_dearer_venue_contradicts_the_document_and_costs_the_client(
    story: Story, store
):
    chosen = story.keeper.plan(story.order(ETH, 60 * ONE))
    lazy, cost = dearer(story, chosen)
    (receipt,) = story.keeper.submit(lazy, story.sign(lazy.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.TAMPERED
    assert any("where nothing was filled" in finding for finding in one.findings)
    for short in one.shortfalls:
        assert short.usd == cost - chosen.route.all_in > 0
        assert short.micro_bps == short.usd * 10_000 * BPS // chosen.route.all_in
    assert one.shortfalls[0].micro_bps > 5 * BPS


def test_a_document_made_to_fit_the_dearer_venue_does_not_repeat(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, 60 * ONE))
    lazy, _ = dearer(story, chosen)

    def fitted(written: Document) -> Document:
        (one,) = written.decisions
        (leg,) = lazy.legs
        quote = written.views()[0].states[leg.venue].curve.quote(leg.size)
        part = replace(
            one.outcome.parts[0],
            venue=leg.venue,
            venue_id=leg.venue_id,
            size=leg.size,
            margin=leg.margin,
            notional=quote.notional,
            fee=quote.fee,
        )
        made = replace(one.outcome, parts=(part,), all_in=quote.all_in)
        return replace(written, decisions=(replace(one, outcome=made),))

    told = forged(store, lazy, fitted)
    (receipt,) = story.keeper.submit(told, story.sign(lazy.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.NOT_REPEATED
    assert any(finding.startswith("leg is 1 of them") for finding in one.findings)
    assert shortfalls(one)[BEFORE].usd > 0


def test_a_hash_without_a_document_is_no_receipt_and_the_shortfall_is_known_all_the_same(
    story: Story, store
):
    chosen = story.keeper.plan(story.order(ETH, 60 * ONE))
    lazy, cost = dearer(story, chosen)
    (receipt,) = story.keeper.submit(lazy, story.sign(lazy.order))
    store.path(chosen.receipt.hash).unlink()
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.NO_RECEIPT
    assert one.known == "transaction"
    found = shortfalls(one)
    assert found[PINNED].usd is None
    assert "no document" in found[PINNED].why
    assert found[PARENT].usd == found[BEFORE].usd == cost - chosen.route.all_in


def test_no_hash_is_no_receipt(story: Story, store):
    receipt = story.fill_by(story.stranger, story.order(ETH, ONE), [(0, ONE, 1_000 * USDC)])
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.NO_RECEIPT
    assert one.findings == ("The fill names no receipt.",)


@pytest.mark.parametrize("place", [10, -10])
def test_a_document_changed_by_one_byte_is_tampered_with(story: Story, store, place):
    chosen, (receipt,) = story.fill(story.order(ETH, 40 * ONE))
    data = bytearray(chosen.receipt.document)
    data[place] ^= 1
    store.path(chosen.receipt.hash).write_bytes(bytes(data))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.TAMPERED
    assert one.findings == (
        f"The document's hash is 0x{keccak(bytes(data)).hex()}, not that of the event.",
    )
    assert one.known == "transaction"


def test_a_hash_of_something_else_is_tampered_with(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, ONE))
    junk = b'{"version":"%d"}' % VERSION
    told = replace(chosen, receipt=Receipt(VERSION, keccak(junk), junk))
    (receipt,) = story.keeper.submit(told, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.TAMPERED
    assert "lacks" in one.findings[0]


def test_another_order_s_document_is_tampered_with(story: Story, store):
    other = story.keeper.plan(story.order(ETH, ONE))
    chosen = replace(story.keeper.plan(story.order(ETH, ONE)), receipt=other.receipt)
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.TAMPERED
    assert one.findings == ("The document is of another order than was filled.",)


def decided_on(story: Story, told: Document) -> Document:
    """The document of what an honest solver makes of a made-up snapshot."""
    views, ids = told.views(), story.ringside.venue_ids
    plans = decide(told.request, views, ids, told.settings)
    return document(told.request, views, plans, told.domain, ids, told.settings)


def filled_as(story: Story, told: Document):
    """A fill of what a document says was decided, naming it."""
    receipt = receipt_of(told)
    plans = decide(told.request, told.views(), told.venue_ids, told.settings)
    chosen = replace(plans[0], receipt=receipt)
    return story.keeper.submit(chosen, story.sign(chosen.order))[0]


def test_a_snapshot_that_leaves_a_venue_out_is_false(story: Story, store):
    order = story.order(ETH, 30 * ONE)
    written = read(story.keeper.plan(order).receipt.document)
    kept = tuple(one for one in written.readings if one.venue != "rage")
    one = audited(
        story, store, filled_as(story, decided_on(story, replace(written, readings=kept)))
    )
    assert one.verdict is Verdict.FALSE
    assert "it leaves out rage, which could be read" in one.findings
    assert shortfalls(one)[PINNED].usd > 0


def test_a_snapshot_that_the_chain_never_had_is_false(story: Story, store):
    """The readings are those of a moment when the cheaper venue was dear."""
    order = story.order(ETH, 30 * ONE)
    honest = read(story.keeper.plan(order).receipt.document)
    with story.rolled_back():
        story.trade("perp-v2", ETH, 20 * ONE, 50_000 * USDC)
        other = read(story.keeper.plan(order.with_(nonce=10**6)).receipt.document)
    pushed = {one.venue: one for one in other.readings}

    def lied(one: Recorded) -> Recorded:
        return pushed[one.venue] if one.venue == "perp-v2" else one

    told = decided_on(story, replace(honest, readings=tuple(map(lied, honest.readings))))
    assert told.decisions[0].outcome.parts != honest.decisions[0].outcome.parts
    one = audited(story, store, filled_as(story, told))
    assert one.verdict is Verdict.FALSE
    assert any("of perp-v2" in f and "another on the chain" in f for f in one.findings)
    assert not next(q for q in one.requotes if q.venue == "perp-v2").holds
    assert shortfalls(one)[PINNED].usd > 0


def test_an_account_that_is_not_the_chain_s_is_false(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, ONE))

    def richer(written: Document) -> Document:
        made = replace(written, account=replace(written.account, idle=written.account.idle + 1))
        (one,), (view,) = made.decisions, made.views()
        plans = decide(made.request, [view], made.venue_ids, made.settings)
        return replace(made, decisions=(replace(one, outcome=outcome(view, plans[0])),))

    told = forged(store, chosen, richer)
    (receipt,) = story.keeper.submit(told, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    assert one.findings == ("the account is another on the chain",)


def test_another_market_s_contracts_are_not_asked_for_this_one_s(story: Story, store):
    """Every answer is the chain's own, but to questions about Bitcoin."""
    order = story.order(ETH, 30 * ONE)
    honest = read(story.keeper.plan(order).receipt.document)
    bitcoin = read(story.keeper.plan(story.order(BTC, ONE // 10)).receipt.document)
    (theirs,) = (one for one in bitcoin.readings if one.venue == "perp-v2")
    posed = replace(theirs, market=ETH, config={**theirs.config, "market": ETH})
    told = decided_on(
        story,
        replace(
            honest,
            readings=tuple(posed if one.venue == "perp-v2" else one for one in honest.readings),
        ),
    )
    one = audited(story, store, filled_as(story, told))
    assert one.verdict is Verdict.FALSE
    assert any(f.startswith("its base_token of perp-v2 is") for f in one.findings)
    assert shortfalls(one)[PINNED].usd > 0


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("moment", {"updated_at": 1}, "the oracle's answer or the order's moment"),
        ("progress", {"cost": 1}, "the order's progress"),
    ],
)
def test_what_the_order_had_used_and_the_oracle_said_is_read_again(
    story: Story, store, name, change, why
):
    chosen = story.keeper.plan(story.order(ETH, ONE))

    def lied(written: Document) -> Document:
        (one,) = written.decisions
        return replace(
            written, decisions=(replace(one, **{name: replace(getattr(one, name), **change)}),)
        )

    told = forged(store, chosen, lied)
    (receipt,) = story.keeper.submit(told, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    assert one.findings == (f"{why} is another on the chain",)


def test_quotes_that_no_venue_gave_are_false(story: Story, store):
    """Legs and readings are true, the rivals' prices are not."""
    chosen = story.keeper.plan(story.order(ETH, 30 * ONE))

    def dear(written: Document) -> Document:
        (one,) = written.decisions
        rivals = tuple(
            replace(c, quote=replace(c.quote, notional=2 * c.quote.notional))
            for c in one.outcome.candidates
        )
        made = replace(one.outcome, candidates=rivals)
        return replace(written, decisions=(replace(one, outcome=made),))

    told = forged(store, chosen, dear)
    (receipt,) = story.keeper.submit(told, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    assert not any(q.holds for q in one.requotes)


def test_a_document_that_cannot_be_asked_again_is_false_and_stops_no_audit(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, ONE))

    def broken(written: Document) -> Document:
        (perp, *rest) = written.readings
        assert perp.venue == "perp-v2"
        config = {**perp.config, "clearing_house": "nowhere"}
        return replace(written, readings=(replace(perp, config=config), *rest))

    told = forged(store, chosen, broken)
    (receipt,) = story.keeper.submit(told, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    assert shortfalls(one)[PARENT].usd == 0


def test_a_block_that_the_node_has_forgotten_leaves_it_unchecked(story: Story, store, monkeypatch):
    _, (receipt,) = story.fill(story.order(ETH, ONE))
    monkeypatch.setattr(against_chain, "_keeps", lambda *_: False)
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.UNCHECKED
    assert "no longer has the state" in one.findings[0]


def test_a_block_that_there_was_not_is_false(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, ONE))

    def elsewhere(written: Document) -> Document:
        return replace(written, block=replace(written.block, hash="0x" + "ab" * 32))

    told = forged(store, chosen, elsewhere)
    (receipt,) = story.keeper.submit(told, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    assert "is another one on the chain" in one.findings[0]
