"""Keepers that tell the truth and fill otherwise all the same, and what may stop no audit."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from requests.exceptions import HTTPError
from story import MARKETS, TICKETS, Story
from web3.exceptions import Web3RPCError

from ringside.chain.sender import GAS
from ringside.keeper.calls import of_step
from ringside.keeper.decide import Settings, decide
from ringside.keeper.oneshot import Keeper
from ringside.keeper.receipts import against_chain, before
from ringside.keeper.receipts.audit import AuditError, Verdict, audit
from ringside.keeper.receipts.document import VERSION, document, read, receipt_of
from ringside.keeper.receipts.store import Receipt, Receipts
from ringside.orders import CLOSE_LONGS, Bundle, Mode
from ringside.units import ONE, USDC
from ringside.venues.snapshot import FutureSnapshot, StaleSnapshot

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
    assert any("decided on an old block" in finding for finding in one.findings)
    assert any(" s before the fill's" in sentence for sentence in one.told)


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
    one = audited(story, store, second)
    assert one.verdict is Verdict.FALSE  # By its bound on the size alone.
    assert "Before it 20 of the order had been filled" in " ".join(one.findings)


def test_a_fill_on_the_grounds_of_another_is_tampered_with(story: Story, store):
    """The whole order is planned, half of it is filled, and the other half by a second document of
    the same block."""
    order = story.order(ETH, 40 * ONE)
    chosen = story.keeper.plan(order)
    written = read(chosen.receipt.document)
    half = tuple((leg.venue_id, leg.size // 2, leg.margin // 2) for leg in chosen.legs)
    story.fill_by(story.stranger, order, list(half))
    (one,) = written.decisions
    parts = tuple(
        replace(part, size=part.size // 2, margin=part.margin // 2) for part in one.outcome.parts
    )
    told = replace(written, decisions=(replace(one, outcome=replace(one.outcome, parts=parts)),))
    legs = tuple(replace(g, size=g.size // 2, margin=g.margin // 2) for g in chosen.legs)
    again = replace(chosen, legs=legs, receipt=receipt_of(told))
    (second,) = story.keeper.submit(again, story.sign(order))
    one = audited(story, store, second)
    assert "Before it 20 of the order had been filled" in " ".join(one.findings)
    assert one.verdict is Verdict.NOT_REPEATED


def test_all_transactions_of_one_plan_are_of_its_one_document(story: Story, store):
    """That half of it may wait and half not is the keeper's own rule, and costs more."""
    story.keeper.settings = Settings(most_delayed=ONE // 2)
    try:
        chosen, receipts = story.fill(story.order(ETH, 90 * ONE, tickets=TICKETS))
    finally:
        story.keeper.settings = Settings()
    assert (len(receipts), len(chosen.tickets)) == (2, 1)
    for receipt in receipts:
        one = audited(story, store, receipt)
        assert one.verdict is Verdict.SHORT
        assert not any("another fill" in finding for finding in one.findings)


def test_a_second_fill_that_was_decided_anew_is_sound(story: Story, store):
    order = story.order(ETH, 40 * ONE)
    story.fill_by(story.stranger, order, [(0, 10 * ONE, 10_000 * USDC)])
    _, (receipt,) = story.fill(order)
    assert audited(story, store, receipt).verdict is Verdict.SOUND


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
    assert any("leg_cost is 1000000000, where 0 to 50 is plausible" in f for f in one.findings)
    assert any("leg_cost 1000000000 USD" in sentence for sentence in one.told)


@pytest.mark.parametrize("policy", ["only:perp-v2", "only:rage", "at-most:1"])
def test_a_policy_that_costs_more_than_best_fill_is_short(story: Story, store, policy):
    order = story.order(ETH, 60 * ONE)
    _, (receipt,) = story.keeper.fill(order, story.sign(order), policy)
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.SHORT
    assert one.findings[0].startswith("By the keeper's settings it costs ")
    assert one.shortfalls[0].usd > 0


def test_a_plausible_cost_of_a_leg_explains_what_it_saves(story: Story, store):
    story.keeper.settings = Settings(leg_cost=5 * ONE)
    try:
        _, (receipt,) = story.fill(story.order(ETH, ONE))
    finally:
        story.keeper.settings = Settings()
    one = audited(story, store, receipt)
    assert (one.verdict, one.findings) == (Verdict.SOUND, ())


def test_a_policy_that_nobody_knows_is_no_document(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, ONE))
    data = chosen.receipt.document.replace(b'\\"best\\"', b'\\"mine\\"')
    assert data != chosen.receipt.document
    chosen = replace(chosen, receipt=Receipt(VERSION, keccak(data), data))
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.TAMPERED
    assert "mine" in one.findings[0]


def in_proportion(story: Story) -> Bundle:
    """Out of a long, of which half is filled, and as much of the way into another market."""
    story.trade("rage", ETH, 2 * ONE, 2_000 * USDC)
    rage = 1 << story.ringside.venue_ids["rage"]
    out = story.order(ETH, -2 * ONE, venues=rage, max_margin=0)
    enter = story.order(BTC, -ONE // 10)
    steps = (out.terms, enter.terms)
    bundle = Bundle(story.account, steps, Mode.PROPORTIONAL, enter.deadline, enter.nonce)
    chosen = story.keeper.plan_step(bundle, 0)
    part = replace(chosen, legs=(replace(chosen.legs[0], size=-ONE),), receipt=None)
    data = of_step(bundle, 0, part, part.legs, story.sign(bundle))
    story.send({"from": story.stranger, "to": story.desk.address, "data": data, "gas": GAS})
    return bundle


def test_a_step_in_proportion_is_bounded_by_the_one_before(story: Story, store):
    bundle = in_proportion(story)
    chosen, (receipt,) = story.keeper.fill_step(bundle, 1, story.sign(bundle))
    assert chosen.size == -ONE // 20
    assert audited(story, store, receipt).verdict is Verdict.SOUND


@pytest.mark.parametrize("most", [None, ONE // 40])
def test_another_bound_than_the_step_before_gives_is_false(story: Story, store, most):
    bundle = in_proportion(story)
    chosen = story.keeper.plan_step(bundle, 1)
    written = read(chosen.receipt.document)
    forged = replace(written, decisions=(replace(written.decisions[0], most=most),))
    told = receipt_of(forged)
    store.put(told)
    legs = chosen.transactions[0]
    signed = story.sign(bundle)
    data = of_step(bundle, 1, replace(chosen, receipt=told), legs, signed)
    sender = story.keeper.sender.address
    receipt = story.send({"from": sender, "to": story.desk.address, "data": data, "gas": GAS})
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    said = "all" if most is None else "0.025"
    assert f"step 1: it says that {said} of it might be filled, and it was 0.05" in one.findings


def test_a_lie_is_told_though_the_node_has_forgotten_the_block(story: Story, store, monkeypatch):
    chosen = story.keeper.plan(story.order(ETH, ONE))
    written = read(chosen.receipt.document)
    (one,) = written.decisions
    made = replace(one, outcome=replace(one.outcome, worst_price=1))
    chosen = replace(chosen, receipt=receipt_of(replace(written, decisions=(made,))))
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    monkeypatch.setattr(against_chain, "_keeps", lambda *_: False)
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.NOT_REPEATED
    assert "no longer has the state" in one.findings[0]


def test_a_block_before_there_was_a_desk_is_false(story: Story, store, monkeypatch):
    _, (receipt,) = story.fill(story.order(ETH, ONE))
    code, desk = type(story.w3.eth).get_code, story.desk.address

    def then(self, place, block=None):
        return b"" if block is not None and place == desk else code(self, place, block)

    monkeypatch.setattr(type(story.w3.eth), "get_code", then)
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.FALSE
    assert "there was no Desk yet" in one.findings[0]


def test_a_node_that_answers_no_state_at_all_has_forgotten_it(story: Story, store, monkeypatch):
    _, (receipt,) = story.fill(story.order(ETH, ONE))
    code = type(story.w3.eth).get_code

    def empty(self, place, block=None):
        return b"" if block is not None else code(self, place)

    monkeypatch.setattr(type(story.w3.eth), "get_code", empty)
    assert audited(story, store, receipt).verdict is Verdict.UNCHECKED


def test_a_node_that_refuses_is_told_apart_from_a_transaction_that_there_is_not(
    story: Story, store, monkeypatch
):
    def refused(*_):
        raise Web3RPCError("rate limit exceeded")

    monkeypatch.setattr(type(story.w3.eth), "get_transaction_receipt", refused)
    digest = story.w3.eth.get_block("latest")["transactions"][0]
    with pytest.raises(AuditError, match=r"The node does not give .* rate limit exceeded"):
        audit(story.w3, story.ringside.addresses, "0x" + bytes(digest).hex(), store)


@pytest.mark.parametrize(("behind", "why"), [(121, StaleSnapshot), (-16, FutureSnapshot)])
def test_a_keeper_with_a_clock_decides_on_no_block_of_another_time(story: Story, behind, why):
    order, time = story.order(ETH, ONE), story.chain.block()["timestamp"]
    keeper = Keeper(story.ringside, story.keeper.sender.address, story.send, now=lambda: time)
    assert keeper.plan(order).size == ONE
    keeper = Keeper(
        story.ringside, story.keeper.sender.address, story.send, now=lambda: time + behind
    )
    with pytest.raises(why):
        keeper.plan(order)


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
