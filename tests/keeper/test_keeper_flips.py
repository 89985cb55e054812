"""A client whose money is all posted at one venue goes over to another: by one signature and in one
transaction, since what closing frees is what opening may use."""

from decimal import Decimal
from pathlib import Path

import pytest
from story import DEPOSIT, MARKETS, Story

from ringside.keeper.errors import PlanError
from ringside.keeper.receipts.audit import Verdict, audit
from ringside.keeper.receipts.document import read
from ringside.keeper.receipts.replay import replay
from ringside.keeper.receipts.store import Receipts
from ringside.orders import CLOSE_LONGS, CLOSE_SHORTS, Bundle, Mode, Order, venue_set
from ringside.routing.problem import SplitError
from ringside.units import ONE, USDC, usdc_to_usd

ETH, BTC = MARKETS
AT_ONCE = 0b11
SIZE, MARGIN = 20 * ONE, 30_000 * USDC


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request):
    return request.param


@pytest.fixture
def posted(story: Story, side: int) -> int:
    """All of the client's money at Rage, behind a position."""
    story.trade("rage", ETH, side * SIZE, DEPOSIT)
    assert idle(story) == 0
    return side


def idle(story: Story) -> int:
    return int(story.vault.functions.idle(story.account).call())


def held(story: Story, name: str = ETH) -> dict[str, int]:
    found = {v: seat.positions.get(name) for v, seat in story.seats.items() if seat.made}
    return {venue: at.size for venue, at in found.items() if at and at.size}


def steps(story: Story, side: int, size: int, name: str = ETH) -> tuple[Order, Order]:
    """Out at Rage, and in at Perp v2 the other way, for no tip."""
    ids = story.ringside.venue_ids
    terms = {"max_margin": 0, "tip": 0, "venues": venue_set([ids["rage"]])}
    out = story.order(ETH, size, **terms, limit_price=0 if side > 0 else 10**4 * ONE)
    terms = {"max_margin": MARGIN, "tip": 0, "venues": venue_set([ids["perp-v2"]])}
    return out, story.order(name, -side * (SIZE if name == ETH else ONE), **terms)


def atomic(story: Story, *orders: Order) -> Bundle:
    terms = tuple(order.terms for order in orders)
    return Bundle(story.account, terms, Mode.ATOMIC, orders[-1].deadline, orders[-1].nonce)


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("all_of_it", [False, True], ids=["by size", "all"])
def test_one_signature_and_one_transaction_go_over_to_another_venue(
    story: Story, posted: int, name: str, all_of_it: bool
):
    close_all = CLOSE_LONGS if posted > 0 else CLOSE_SHORTS
    bundle = atomic(story, *steps(story, posted, close_all if all_of_it else -posted * SIZE, name))
    plans, receipt = story.keeper.fill_bundle(bundle, story.sign(bundle))
    assert receipt["status"] == 1
    assert held(story, name) == {"perp-v2": plans[1].size}
    assert held(story).keys() <= {"perp-v2"}
    # As much as the second step was signed to take, and no more.
    assert [leg.margin for chosen in plans for leg in chosen.legs] == [-MARGIN, MARGIN]
    assert idle(story) == 0


def test_by_two_signatures_there_is_no_margin_for_the_second(story: Story, posted: int):
    out, enter = steps(story, posted, -posted * SIZE)
    story.fill(out)
    assert idle(story) == 0
    with pytest.raises((PlanError, SplitError)):
        story.fill(enter)


def test_nothing_is_freed_where_what_is_idle_will_do(story: Story, posted: int):
    story.deposit(MARGIN)
    bundle = atomic(story, *steps(story, posted, -posted * SIZE))
    plans, _ = story.keeper.fill_bundle(bundle, story.sign(bundle))
    assert [leg.margin for chosen in plans for leg in chosen.legs] == [0, MARGIN]


def test_more_than_there_is_cannot_be_freed(story: Story, posted: int):
    out, enter = steps(story, posted, -posted * SIZE)
    bundle = atomic(story, out, enter.with_(max_margin=2 * DEPOSIT))
    plans, _ = story.keeper.fill_bundle(bundle, story.sign(bundle))
    (freed,), (taken,) = ([leg.margin for leg in chosen.legs] for chosen in plans)
    assert -DEPOSIT < freed < -DEPOSIT * 98 // 100
    assert taken == -freed
    assert idle(story) == 0


@pytest.mark.parametrize("price", [1_940, 2_060])
@pytest.mark.parametrize(("source", "to"), [("rage", "perp-v2"), ("perp-v2", "rage")])
def test_all_of_a_gain_or_a_loss_goes_along(
    story: Story, side: int, source: str, to: str, price: int
):
    """The signature allows any margin: what is left after the close all goes over."""
    story.trade(source, ETH, side * SIZE, DEPOSIT)
    story.move(ETH, Decimal(price))
    ids = story.ringside.venue_ids
    orders = [
        story.order(ETH, -side * SIZE, max_margin=most, tip=0, venues=venue_set([ids[venue]]))
        for venue, most in ((source, 0), (to, 2 * DEPOSIT))
    ]
    bundle = atomic(story, *orders)
    equity = story.seats[source].pocket.equity
    plans, _ = story.keeper.fill_bundle(bundle, story.sign(bundle))
    (freed,), (taken,) = ([leg.margin for leg in chosen.legs] for chosen in plans)
    assert taken == -freed
    assert equity * 99 // 100 < usdc_to_usd(taken) < equity * 101 // 100
    assert held(story) == {to: -side * SIZE}


def test_one_order_closes_here_and_opens_there_with_what_that_frees(story: Story, side: int):
    """More than Rage has room for, and nothing idle."""
    story.trade("rage", ETH, side * SIZE, 9_500 * USDC)
    story.own("withdraw", story.account, idle(story), story.client)
    order = story.order(ETH, -side * (SIZE + 35 * ONE), venues=AT_ONCE, tip=0)
    chosen, receipts = story.fill(order)
    assert len(receipts) == 1
    out, enter = chosen.legs
    assert (out.venue, out.size) == ("rage", -side * SIZE)
    assert (enter.venue, enter.size) == ("perp-v2", -side * 35 * ONE)
    assert out.margin == -enter.margin < 0
    assert held(story) == {"perp-v2": enter.size}


def test_what_was_freed_is_in_a_receipt_that_repeats_and_is_sound(
    story: Story, posted: int, tmp_path: Path
):
    story.keeper.receipts = Receipts(tmp_path)
    try:
        bundle = atomic(story, *steps(story, posted, -posted * SIZE))
        plans, receipt = story.keeper.fill_bundle(bundle, story.sign(bundle))
        written = read(story.keeper.receipts.get(plans[0].receipt.hash))
    finally:
        store, story.keeper.receipts = story.keeper.receipts, None
    assert [part.margin for one in written.decisions for part in one.outcome.parts] == [
        -MARGIN,
        MARGIN,
    ]
    assert replay(written).same
    digest = "0x" + bytes(receipt["transactionHash"]).hex()
    found = audit(story.w3, story.ringside.addresses, digest, store).audited
    assert [one.verdict for one in found] == [Verdict.SOUND] * len(found)
    assert found
