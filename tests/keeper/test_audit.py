"""Honest fills held against their receipts pass, and what the bounds allowed is told."""

import pytest
from audits import BPS, BTC, ETH, audited, hash_of, push, shortfalls
from story import CLIENT, TICKETS, Story

from ringside.keeper.receipts.audit import (
    BEFORE,
    PARENT,
    PINNED,
    AuditError,
    Verdict,
    audit,
)
from ringside.orders import Bounds, Bundle, Mode, venue_set
from ringside.units import ONE, USDC

AT_ONCE = 0b11


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


# ------------------------------------------------------------------ nothing to audit


def test_a_transaction_that_there_is_not_is_no_audit(story: Story, store):
    with pytest.raises(AuditError, match="no mined transaction"):
        audit(story.w3, story.ringside.addresses, "0x" + "00" * 32, store)


def test_a_transaction_that_fills_nothing_is_no_audit(story: Story, store):
    receipt = story.chain.send(story.vault, "deposit", story.account, USDC, role=CLIENT)
    with pytest.raises(AuditError, match="fills nothing"):
        audit(story.w3, story.ringside.addresses, hash_of(receipt), store)
