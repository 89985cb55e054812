"""A keeper that routes by a policy, and closes where that pays best, on the chain."""

from pathlib import Path

import pytest
from story import MARKETS, Story

from ringside.keeper.errors import PlanError
from ringside.keeper.receipts.document import read
from ringside.keeper.receipts.replay import replay
from ringside.keeper.receipts.store import Receipts
from ringside.orders import Bounds
from ringside.routing.policies import PolicyError, canonical, parse
from ringside.units import ONE, USDC

ETH, _ = MARKETS
AT_ONCE = 0b11


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request):
    return request.param


def held(story: Story) -> dict[str, int]:
    found = {v: seat.positions.get(ETH) for v, seat in story.seats.items() if seat.made}
    return {venue: at.size for venue, at in found.items() if at and at.size}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("only:rage", {"rage": 80}),
        ("not:rage", {"perp-v2": 80}),
        ("weights:perp-v2=25%,rage=75%", {"perp-v2": 20, "rage": 60}),
    ],
)
def test_a_call_s_policy_decides_where_an_order_goes(story: Story, side, policy, expected):
    order = story.order(ETH, side * 80 * ONE, venues=AT_ONCE)
    chosen, _ = story.keeper.fill(order, story.sign(order), policy)
    assert {leg.venue: abs(leg.size) for leg in chosen.legs}.keys() == expected.keys()
    for venue, amount in expected.items():
        assert abs(held(story)[venue] - side * amount * ONE) <= 1


def test_a_call_without_a_policy_goes_by_the_keeper_s(story: Story):
    order = story.order(ETH, 80 * ONE, venues=AT_ONCE)
    assert len(story.keeper.plan(order).legs) == 2
    assert len(story.keeper.plan(order, policy="at-most:1").legs) == 1
    assert len(story.keeper.plan(order).legs) == 2


def test_a_policy_that_nobody_knows_is_refused(story: Story):
    with pytest.raises(PolicyError, match="There is no policy 'dearest'"):
        story.keeper.plan(story.order(ETH, ONE), policy="dearest")


def test_a_policy_that_leaves_nothing_is_refused_in_a_sentence(story: Story):
    order = story.order(ETH, ONE, venues=0b01)
    with pytest.raises(PlanError, match="The policy leaves no venue: perp-v2: it is not allowed"):
        story.keeper.plan(order, policy="not:perp-v2")


def test_a_receipt_names_the_policy_and_what_its_entry_gives_up(story: Story, tmp_path: Path, side):
    text = "horizon:3d"
    story.keeper.receipts = Receipts(tmp_path)
    try:
        order = story.order(ETH, side * 80 * ONE, venues=AT_ONCE)
        chosen, _ = story.keeper.fill(order, story.sign(order), text)
    finally:
        story.keeper.receipts = None
    written = read(chosen.receipt.document)
    (made,) = written.decisions
    assert written.settings.policy == canonical(parse(text))
    assert made.outcome.given_up == chosen.given_up >= 0
    assert made.outcome.carry == chosen.route.carry != 0
    assert replay(written).same


def test_a_horizon_keeps_to_the_best_execution_that_is_signed(story: Story, side):
    order = story.order(ETH, side * 80 * ONE, venues=AT_ONCE, bounds=Bounds(tolerance=1))
    story.keeper.fill(order, story.sign(order), "horizon:30d")
    assert sum(held(story).values()) == side * 80 * ONE


def test_a_part_is_closed_where_that_pays_best(story: Story, side):
    for venue in ("perp-v2", "rage"):
        story.trade(venue, ETH, side * 60 * ONE, 40_000 * USDC)
    part = Bounds(reduce_only=True)
    order = story.order(ETH, -side * 70 * ONE, venues=AT_ONCE, bounds=part, max_margin=0)
    chosen, _ = story.fill(order)
    closed = {leg.venue: abs(leg.size) for leg in chosen.legs}
    assert all(size <= 60 * ONE for size in closed.values())
    # No other split, of seventy, brings more.
    view = story.keeper.look(order, block=story.w3.eth.block_number - 1)
    paid = chosen.route.all_in * -side
    bound = chosen.route.certificate.bound
    assert bound <= paid
    for ten in range(1, 7):
        parts = {"perp-v2": ten * 10 * ONE, "rage": (7 - ten) * 10 * ONE}
        other = sum(
            view.states[v].curve.quote(-side * size).all_in * -side for v, size in parts.items()
        )
        assert bound <= other
        assert chosen.route.certificate.gap <= 10_000
    left = {v: side * (60 * ONE - closed.get(v, 0)) for v in ("perp-v2", "rage")}
    assert held(story) == {v: size for v, size in left.items() if size}
