"""Fills on the chain held against their receipts: honest ones pass, and every kind of lie is named.
How far a fill fell short is measured whoever wrote what."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from story import ANY_PRICE, CLIENT, MARKETS, STRANGER, TICKETS, Story

from devnet.anvil import rpc
from devnet.artifacts import compiled
from ringside.accounts import Right, account_id
from ringside.chain.sender import GAS
from ringside.keeper.decide import decide
from ringside.keeper.receipts import against_chain, before
from ringside.keeper.receipts.audit import (
    BEFORE,
    PARENT,
    PINNED,
    AuditError,
    Verdict,
    audit,
)
from ringside.keeper.receipts.document import (
    VERSION,
    Document,
    Recorded,
    document,
    outcome,
    read,
    receipt_of,
)
from ringside.keeper.receipts.store import Receipt, Receipts
from ringside.orders import Bounds, Bundle, Mode, market_id, venue_set
from ringside.units import ONE, USDC

ETH, BTC = MARKETS
AT_ONCE = 0b11
BPS = 10**6
"""A basis point in the audit's unit."""


@pytest.fixture
def store(story: Story, tmp_path: Path):
    story.keeper.receipts = Receipts(tmp_path / "receipts")
    yield story.keeper.receipts
    story.keeper.receipts = None


def hash_of(receipt) -> str:
    return "0x" + bytes(receipt["transactionHash"]).hex()


def audited(story: Story, store: Receipts, receipt):
    """The audit of a transaction's one fill."""
    (one,) = audit(story.w3, story.ringside.addresses, hash_of(receipt), store).audited
    return one


def shortfalls(one):
    return {short.where: short for short in one.shortfalls}


def forged(store: Receipts, chosen, change: Callable[[Document], Document]):
    """The plan with another document in its place, rightly hashed."""
    told = receipt_of(change(read(chosen.receipt.document)))
    return replace(chosen, receipt=told)


def dearer(story: Story, chosen):
    """All of a split at the dearer of its venues."""
    ids, margin = story.ringside.venue_ids, sum(leg.margin for leg in chosen.legs)
    view = story.keeper.look(chosen.order)
    costs = {v: view.states[v].curve.quote(chosen.size).all_in for v in ("perp-v2", "rage")}
    worst = max(costs, key=lambda v: costs[v] * chosen.order.sign)
    leg = replace(chosen.legs[0], venue=worst, venue_id=ids[worst], size=chosen.size, margin=margin)
    return replace(chosen, legs=(leg,)), costs[worst]


def push(story: Story, size: int, venue: str = "perp-v2"):
    """A stranger's trade at a venue, as a transaction not sent yet; his account is there first."""
    me = story.stranger
    own, number = account_id(me), story.ringside.venue_ids[venue]
    if not story.vault.functions.idle(own).call():
        usdc, funds = story.ringside.usdc, 10**6 * USDC
        story.chain.send(usdc, "mint", me, funds)
        story.chain.send(usdc, "approve", story.vault.address, funds, role=STRANGER)
        story.chain.send(story.vault, "deposit", own, funds, role=STRANGER)
    limit = ANY_PRICE[1 if size > 0 else -1]
    terms = (own, number, market_id(ETH), size, limit, 200_000 * USDC, 0, me, 0, me, False)
    data = story.vault.encode_abi("trade", [terms])
    return {"from": me, "to": story.vault.address, "data": data, "gas": GAS}


def together(story: Story, *transactions):
    """All in one block, in this order. Returns their receipts."""
    rpc(story.w3, "evm_setAutomine", False)
    try:
        tip, base = 10**9, int(story.chain.block()["baseFeePerGas"])
        digests = [
            story.w3.eth.send_transaction(
                {
                    **tx,
                    "maxPriorityFeePerGas": tip * (len(transactions) - place),
                    "maxFeePerGas": 2 * base + tip * len(transactions),
                }
            )
            for place, tx in enumerate(transactions)
        ]
        rpc(story.w3, "evm_mine")
    finally:
        rpc(story.w3, "evm_setAutomine", True)
    receipts = [story.w3.eth.get_transaction_receipt(digest) for digest in digests]
    assert [r["status"] for r in receipts] == [1] * len(receipts)
    assert [r["transactionIndex"] for r in receipts] == list(range(len(receipts)))
    return receipts


def as_transaction(story: Story, chosen):
    """A plan's one fill, not sent yet, its document written."""
    story.keeper.receipts.put(chosen.receipt)
    data = story.keeper._data(chosen, chosen.legs, story.sign(chosen.order))
    sender = story.keeper.sender.address
    return {"from": sender, "to": story.desk.address, "data": data, "gas": GAS}


# ------------------------------------------------------------------ honest


@pytest.mark.parametrize("size", [80 * ONE, -80 * ONE], ids=["buy", "sell"])
def test_an_honest_fill_is_sound_and_falls_short_of_nothing(story: Story, store, size):
    _, (receipt,) = story.fill(story.order(ETH, size))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.SOUND
    assert one.findings == ()
    assert [(s.where, s.usd, s.micro_bps) for s in one.shortfalls] == [
        (PINNED, 0, 0),
        (PARENT, 0, 0),
        (BEFORE, 0, 0),
    ]
    quotes = {q.venue: q for q in one.requotes}
    assert all(q.holds for q in quotes.values())
    for venue in ("perp-v2", "rage"):
        assert quotes[venue].asked
        assert quotes[venue].quoted == pytest.approx(quotes[venue].document, rel=1e-9)
    assert not quotes["synthetix"].asked


def test_an_honest_ticket_is_sound_and_says_nothing_of_a_price_that_there_is_not(
    story: Story, store
):
    only = venue_set([story.ringside.venue_ids["synthetix"]])
    _, (receipt,) = story.fill(story.order(ETH, 5 * ONE, venues=only, tickets=TICKETS))
    one = audited(story, store, receipt)
    assert one.fill.later
    assert (one.verdict, one.shortfalls, one.bounds) == (Verdict.SOUND, (), ())


def test_the_steps_of_an_atomic_bundle_are_audited_each_by_itself(story: Story, store):
    story.trade("rage", ETH, 2 * ONE, 2_000 * USDC)
    ids = story.ringside.venue_ids
    out = story.order(ETH, -2 * ONE, venues=venue_set([ids["rage"]]), max_margin=0)
    enter = story.order(BTC, -ONE // 20, venues=AT_ONCE)
    steps, deadline = (out.terms, enter.terms), enter.deadline
    whole = Bundle(story.account, steps, Mode.ATOMIC, deadline, enter.nonce)
    _, receipt = story.keeper.fill_bundle(whole, story.sign(whole))
    report = audit(story.w3, story.ringside.addresses, hash_of(receipt), store)
    assert [(one.step, one.verdict) for one in report.audited] == [
        (0, Verdict.SOUND),
        (1, Verdict.SOUND),
    ]
    assert [s.usd for one in report.audited for s in one.shortfalls] == [0] * 6


def test_bounds_say_how_much_worse_they_would_have_let_it_be(story: Story, store):
    order = story.order(
        ETH, 40 * ONE, bounds=Bounds(tolerance=ONE // 1_000, max_deviation=ONE // 50)
    )
    _, (receipt,) = story.fill(order)
    limit, deviation, tolerance = audited(story, store, receipt).bounds
    assert limit.price == order.limit_price
    assert limit.micro_bps == (limit.price - limit.done) * 10_000 * BPS // limit.done
    assert deviation.price == story.price(ETH) * 102 // 100
    # A thousandth, and what a split saves against the best single venue.
    assert tolerance.micro_bps > 10 * BPS
    assert 0 < deviation.micro_bps < limit.micro_bps


def test_a_bound_that_was_not_asked_for_allowed_nothing_by_itself(story: Story, store):
    _, (receipt,) = story.fill(story.order(ETH, ONE))
    _, deviation, tolerance = audited(story, store, receipt).bounds
    assert (deviation.price, deviation.note) == (None, "not asked for")
    assert (tolerance.price, tolerance.note) == (None, "not asked for")


def test_a_price_that_moved_since_the_pinned_block_is_told_and_is_no_lie(story: Story, store):
    chosen = story.keeper.plan(story.order(ETH, 40 * ONE))
    tx = push(story, 20 * ONE)
    story.send(tx)
    (receipt,) = story.keeper.submit(chosen, story.sign(chosen.order))
    one = audited(story, store, receipt)
    assert one.verdict is Verdict.SOUND
    (slipped,) = one.findings
    assert "worse than the document expected" in slipped
    found = shortfalls(one)
    assert found[PINNED].usd > found[PARENT].usd > 0


# ------------------------------------------------------------------ dishonest


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


# ------------------------------------------------------------------ within the block


def test_what_came_earlier_in_the_block_counts_just_before_and_not_at_the_parent(
    story: Story, store
):
    """Somebody's purchase goes first in the same block: the fill is dearer than the parent block
    promised, and as good as could be had after it."""
    pushing = push(story, 30 * ONE)
    order = story.order(ETH, 40 * ONE, venues=1 << story.ringside.venue_ids["perp-v2"])
    chosen = story.keeper.plan(order.with_(max_margin=100_000 * USDC))
    _, receipt = together(story, pushing, as_transaction(story, chosen))
    found = shortfalls(audited(story, store, receipt))
    assert found[PARENT].usd > 0
    assert found[PARENT].micro_bps > 10 * BPS
    assert found[BEFORE].usd == 0


def test_what_a_later_push_should_have_rerouted_shows_just_before(story: Story, store):
    """The split was the best at the parent block; after the push it is no more."""
    pushing = push(story, 30 * ONE)
    chosen = story.keeper.plan(story.order(ETH, 60 * ONE))
    assert len(chosen.legs) == 2
    _, receipt = together(story, pushing, as_transaction(story, chosen))
    one = audited(story, store, receipt)
    found = shortfalls(one)
    assert one.verdict is Verdict.SOUND
    assert found[PARENT].usd > found[BEFORE].usd > 0


def test_a_fill_that_came_first_is_not_blamed_for_what_followed(story: Story, store):
    following = push(story, 30 * ONE)
    chosen = story.keeper.plan(story.order(ETH, 60 * ONE))
    receipt, _ = together(story, as_transaction(story, chosen), following)
    assert [s.usd for s in audited(story, store, receipt).shortfalls] == [0, 0, 0]


def test_a_state_that_is_not_reached_again_is_not_believed(story: Story, store, monkeypatch):
    """What the node repeats leaves other events than the block has."""
    pushing = push(story, 30 * ONE)
    chosen = story.keeper.plan(story.order(ETH, 60 * ONE))
    _, receipt = together(story, pushing, as_transaction(story, chosen))
    monkeypatch.setattr(before, "_call", lambda transaction: {"to": transaction["to"]})
    found = shortfalls(audited(story, store, receipt))
    assert found[BEFORE].usd is None
    assert "does not leave the same events" in found[BEFORE].why
    assert found[PARENT].usd > 0


def test_a_sandwich_in_one_transaction_falls_short_of_what_was_before_all_of_it(
    story: Story, store
):
    """The keeper's contract buys first, then fills; the order is found in the node's trace."""
    contract = story.chain.deploy(compiled("Sandwich"))
    usdc, funds = story.ringside.usdc, 10**6 * USDC
    own, vault = account_id(contract.address), story.vault
    story.chain.send(usdc, "mint", contract.address, funds)
    order = story.order(ETH, 40 * ONE)
    chosen = story.keeper.plan(order)
    ids, me = story.ringside.venue_ids, contract.address
    pushing = (own, ids["perp-v2"], market_id(ETH), 20 * ONE, ANY_PRICE[1])
    paid = (200_000 * USDC, 0, me, 0, me, False)
    calls = [
        (usdc.address, usdc.encode_abi("approve", [vault.address, funds])),
        (vault.address, vault.encode_abi("deposit", [own, funds])),
        (vault.address, vault.encode_abi("trade", [(*pushing, *paid)])),
        (story.desk.address, as_transaction(story, chosen)["data"]),
    ]
    receipt = story.chain.send(contract, "run", calls)
    one = audited(story, store, receipt)
    found = shortfalls(one)
    assert one.verdict is Verdict.SOUND
    assert found[PINNED].usd == found[PARENT].usd == found[BEFORE].usd > 0
    store.path(chosen.receipt.hash).unlink()
    without = audited(story, store, receipt)
    assert without.known == "transaction"
    assert shortfalls(without)[BEFORE] == found[BEFORE]


def test_what_the_account_s_operator_traded_before_in_the_transaction_is_no_leg(
    story: Story, store
):
    contract = story.chain.deploy(compiled("Sandwich"))
    grant = (contract.address, int(Right.TRADE | Right.MOVE), 2**40 - 1, 0, 2**64 - 1)
    story.own("setOperator", story.account, grant)
    ids, me = story.ringside.venue_ids, contract.address
    chosen = story.keeper.plan(story.order(ETH, 5 * ONE, venues=1 << ids["perp-v2"]))
    paid = (5_000 * USDC, 0, me, 0, me, False)
    first = (story.account, ids["rage"], market_id(ETH), 2 * ONE, ANY_PRICE[1], *paid)
    calls = [
        (story.vault.address, story.vault.encode_abi("trade", [first])),
        (story.desk.address, as_transaction(story, chosen)["data"]),
    ]
    one = audited(story, store, story.chain.send(contract, "run", calls))
    assert one.verdict is Verdict.SOUND
    assert [(leg.venue, leg.size) for leg in one.fill.legs] == [("perp-v2", 5 * ONE)]


# ------------------------------------------------------------------ nothing to audit


def test_a_transaction_that_there_is_not_is_no_audit(story: Story, store):
    with pytest.raises(AuditError, match="no mined transaction"):
        audit(story.w3, story.ringside.addresses, "0x" + "00" * 32, store)


def test_a_transaction_that_fills_nothing_is_no_audit(story: Story, store):
    receipt = story.chain.send(story.vault, "deposit", story.account, USDC, role=CLIENT)
    with pytest.raises(AuditError, match="fills nothing"):
        audit(story.w3, story.ringside.addresses, hash_of(receipt), store)
