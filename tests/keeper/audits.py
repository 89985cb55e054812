"""Fills to be audited, honest and not, and what is read off an audit."""

from collections.abc import Callable
from dataclasses import replace

from story import ANY_PRICE, MARKETS, STRANGER, Story

from devnet.anvil import rpc
from ringside.accounts import account_id
from ringside.chain.sender import GAS
from ringside.keeper.calls import of_order
from ringside.keeper.receipts.audit import audit
from ringside.keeper.receipts.document import Document, read, receipt_of
from ringside.keeper.receipts.store import Receipts
from ringside.orders import market_id
from ringside.units import USDC

ETH, BTC = MARKETS
BPS = 10**6
"""A basis point in the audit's unit."""


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
    data = of_order(chosen, chosen.legs, story.sign(chosen.order))
    sender = story.keeper.sender.address
    return {"from": sender, "to": story.desk.address, "data": data, "gas": GAS}
