"""Keepers that tell the truth and fill otherwise all the same, and what may stop no audit."""

from dataclasses import replace

import pytest
from requests.exceptions import HTTPError
from story import MARKETS, Story

from ringside.keeper.decide import Settings, decide
from ringside.keeper.receipts import before
from ringside.keeper.receipts.audit import Verdict, audit
from ringside.keeper.receipts.document import document, read, receipt_of
from ringside.keeper.receipts.store import Receipts
from ringside.orders import CLOSE_LONGS, Bundle, Mode
from ringside.units import ONE

ETH, BTC = MARKETS


@pytest.fixture
def store(story: Story, tmp_path):
    story.keeper.receipts = Receipts(tmp_path / "receipts")
    yield story.keeper.receipts
    story.keeper.receipts = None


def audited(story, store, receipt):
    digest = "0x" + bytes(receipt["transactionHash"]).hex()
    return audit(story.w3, story.ringside.addresses, digest, store).audited[0]


def told_as(story, written, **fields):
    """A fill of what an honest solver makes of a document with other settings."""
    made = replace(written, **fields)
    views, ids = made.views(), story.ringside.venue_ids
    plans = decide(made.request, views, ids, made.settings)
    receipt = receipt_of(document(made.request, views, plans, made.domain, ids, made.settings))
    (done,) = story.keeper.submit(replace(plans[0], receipt=receipt), story.sign(made.request))
    return done


def test_a_block_of_long_before_the_fill_is_told(story: Story, store):
    """A keeper may wait for the market to move, and fill by an old block's split."""
    deadline = story.chain.block()["timestamp"] + 10**6
    chosen = story.keeper.plan(story.order(ETH, 40 * ONE, deadline=deadline))
    story.chain.advance(3_000)
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert any("old" in finding or " s before" in finding for finding in one.findings)


def test_one_document_is_of_one_fill(story: Story, store):
    order = story.order(ETH, 40 * ONE)
    written = read(story.keeper.plan(order).receipt.document)
    (one,) = written.decisions
    halved = replace(written, decisions=(replace(one, most=20 * ONE),))
    views, ids = halved.views(), story.ringside.venue_ids
    plans = decide(order, views, ids, halved.settings)
    receipt = receipt_of(document(order, views, plans, halved.domain, ids, halved.settings))
    chosen = replace(plans[0], receipt=receipt)
    story.keeper.submit(chosen, story.sign(order))
    (second,) = story.keeper.submit(chosen, story.sign(order))
    assert audited(story, store, second).verdict is not Verdict.SOUND


def test_a_bound_on_the_size_that_the_order_has_not_is_no_reason(story: Story, store):
    order = story.order(ETH, 40 * ONE)
    written = read(story.keeper.plan(order).receipt.document)
    (one,) = written.decisions
    told = replace(one, most=ONE)
    receipt = told_as(story, written, decisions=(told,))
    one = audited(story, store, receipt)
    assert one.verdict is not Verdict.SOUND


def test_a_keeper_s_cost_of_a_leg_that_no_gas_comes_to_is_told(story: Story, store):
    written = read(story.keeper.plan(story.order(ETH, 60 * ONE)).receipt.document)
    receipt = told_as(story, written, settings=Settings(leg_cost=10**9 * ONE))
    one = audited(story, store, receipt)
    assert one.verdict is not Verdict.SOUND or one.findings


@pytest.mark.parametrize("number", [-1, 10**30, 2**64])
def test_a_block_that_there_cannot_be_is_false_and_stops_no_audit(story: Story, store, number):
    chosen = story.keeper.plan(story.order(ETH, ONE))
    written = read(chosen.receipt.document)
    made = replace(written, block=replace(written.block, number=number))
    chosen = replace(chosen, receipt=receipt_of(made))
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    assert audited(story, store, receipt).verdict is Verdict.FALSE


def test_a_step_that_closes_nothing_is_audited(story: Story, store):
    close = story.order(BTC, -ONE, max_margin=0).with_(size=CLOSE_LONGS, limit_price=0)
    enter = story.order(ETH, ONE)
    steps = (close.terms, enter.terms)
    whole = Bundle(story.account, steps, Mode.ATOMIC, enter.deadline, enter.nonce)
    _, receipt = story.keeper.fill_bundle(whole, story.sign(whole))
    digest = "0x" + bytes(receipt["transactionHash"]).hex()
    report = audit(story.w3, story.ringside.addresses, digest, store)
    assert [one.verdict for one in report.audited] == [Verdict.SOUND] * len(report.audited)


def test_a_node_that_refuses_to_trace_or_simulate_stops_no_audit(story: Story, store, monkeypatch):
    """Public nodes answer what they do not serve with HTTP 4xx, which the provider raises."""
    _, (receipt,) = story.fill(story.order(ETH, ONE))
    asked = type(story.w3.provider).make_request

    def refused(self, method, params):
        if method in ("debug_traceTransaction", "eth_simulateV1"):
            raise HTTPError("403 Client Error: Forbidden")
        return asked(self, method, params)

    monkeypatch.setattr(type(story.w3.provider), "make_request", refused)
    monkeypatch.setattr(before.Before, "_check", lambda self, receipts: self._simulate([]) and None)
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.SOUND


def test_a_venue_s_failure_that_did_not_happen_is_false(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, ONE))
    made = replace(read(chosen.receipt.document), failures={"rage ETH-USD": "would not answer"})
    chosen = replace(chosen, receipt=receipt_of(made))
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
