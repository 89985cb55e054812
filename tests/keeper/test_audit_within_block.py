"""What came before a fill in its own block, or its own transaction, and how an audit tells."""

from audits import BPS, ETH, as_transaction, audited, push, shortfalls, together
from story import ANY_PRICE, Story

from devnet.artifacts import compiled
from ringside.accounts import Right, account_id
from ringside.keeper.receipts import before
from ringside.keeper.receipts.audit import BEFORE, PARENT, PINNED, Verdict
from ringside.orders import market_id
from ringside.units import ONE, USDC


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
