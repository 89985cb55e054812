"""A keeper fills what was signed: at the price it planned, to the wei, or it is refused by name."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import ANY_PRICE, DEPOSIT, EXAMPLES, MARKETS, TIP, Story

from ringside.chain.contracts import Refused
from ringside.keeper.margins import held
from ringside.keeper.plan import PlanError, TooLittleMargin
from ringside.orders import Bounds, Conditions, venue_set
from ringside.routing.problem import NotEnoughCapacity
from ringside.units import ONE, USDC, usdc_to_usd

BASE = {"ETH-USD": ONE, "BTC-USD": ONE // 30}
"""About two thousand dollars of each."""
SIGNS = st.sampled_from([1, -1])
FEW = settings(EXAMPLES, max_examples=4)


@pytest.fixture(params=MARKETS)
def market(request):
    return request.param


@pytest.fixture(params=[1, -1], ids=["buy", "sell"])
def side(request):
    return request.param


def whole(order, filled):
    """What a fill cost, or minus what it brought, tip in it."""
    return order.sign * filled["quote"] + usdc_to_usd(filled["tip"])


def test_a_fill_costs_what_was_planned_and_simulated(story: Story, market, side):
    @FEW
    @given(st.integers(ONE // 100, 80 * ONE))
    def check(amount):
        with story.rolled_back():
            order = story.order(market, side * (amount * BASE[market] // ONE), tip=TIP)
            chosen = story.keeper.plan(order)
            signature = story.sign(order)
            assert story.keeper.simulate(chosen, signature) == chosen.route.all_in
            filled = story.filled(story.keeper.submit(chosen, signature))
            assert filled["size"] == order.size
            assert filled["quote"] == chosen.route.all_in
            assert filled["tip"] == chosen.tip == TIP
            assert whole(order, filled) == chosen.total * side
            for leg in chosen.legs:
                assert story.seats[leg.venue].positions[market].size == leg.size

    check()


def test_a_split_is_never_worse_than_a_venue_alone(story: Story, market, side):
    @FEW
    @given(st.integers(ONE, 80 * ONE))
    def check(amount):
        size = side * (amount * BASE[market] // ONE)
        order = story.order(market, size)
        costs = []
        for ids in ([0, 1], [0], [1]):
            with story.rolled_back():
                costs.append(
                    whole(order, story.filled(story.fill(order.with_(venues=venue_set(ids)))[1]))
                )
        assert costs[0] <= min(costs[1:])

    check()


def test_a_large_order_is_split_and_cheaper_than_at_either_venue(story: Story, market, side):
    order = story.order(market, side * 90 * BASE[market], max_margin=DEPOSIT // 2)
    chosen = story.keeper.plan(order)
    assert len(chosen.legs) == 2
    assert chosen.route.saving > 0


def test_what_somebody_else_filled_in_part_is_completed(story: Story, market, side):
    @FEW
    @given(st.integers(1, 99), st.sampled_from([0, 1]))
    def check(percent, venue):
        with story.rolled_back():
            order = story.order(market, side * 10 * BASE[market], tip=7 * TIP + 1)
            part = order.size * percent // 100
            share = order.max_margin * percent // 100
            first = story.filled(story.fill_by(story.stranger, order, [(venue, part, share)]))
            seen = story.keeper.look(order)
            assert (seen.progress.filled, seen.progress.margin) == (abs(part), share)
            chosen, receipt = story.fill(order)
            second = story.filled(receipt)
            assert second["size"] == order.size - part
            assert second["quote"] == chosen.route.all_in
            assert first["tip"] + second["tip"] == order.tip
            used = share + sum(leg.margin for leg in chosen.legs)
            assert order.max_margin - 2 <= used <= order.max_margin
            held = [seat.positions[market].size for seat in story.seats.values() if seat.made]
            assert sum(held) == order.size

    check()


def test_a_position_is_reduced_without_more_margin(story: Story, market, side):
    opening, _ = story.fill(story.order(market, side * 50 * BASE[market]))
    back = story.order(market, -opening.size, max_margin=0, bounds=Bounds(reduce_only=True))
    closing, receipt = story.fill(back)
    assert [leg.margin for leg in closing.legs] == [0] * len(opening.legs)
    assert story.filled(receipt)["quote"] == closing.route.all_in
    assert all(not held(seat, market) for seat in story.seats.values())


# ------------------------------------------------------------------ refused by name


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Expired", {"deadline": 1}),
        ("WrongEpoch", {"epoch": 1}),
        ("TooFarFromOracle", {"bounds": Bounds(max_deviation=1)}),
        ("LeverageTooLow", {"bounds": Bounds(min_leverage=100 * ONE)}),
        ("LeverageTooHigh", {"bounds": Bounds(max_leverage=ONE)}),
        ("NotFiller", {"conditions": Conditions(filler="0x" + "11" * 20, filler_until=2**40)}),
    ],
)
def test_what_the_order_forbids_is_refused_by_name(story: Story, name, changes):
    order = story.order("ETH-USD", ONE, **changes)
    with pytest.raises(Refused) as refused:
        story.fill(order)
    assert refused.value.name == name


def test_a_replay_is_refused(story: Story):
    order = story.order("ETH-USD", ONE)
    story.fill(order)
    with pytest.raises(Refused) as refused:
        story.fill(order)
    assert str(refused.value) == f"NonceSpent(nonce={order.nonce})"


def test_another_order_under_a_nonce_in_use_is_refused(story: Story):
    order = story.order("ETH-USD", 2 * ONE)
    story.fill_by(story.stranger, order, [(0, ONE, order.max_margin // 2)])
    with pytest.raises(Refused) as refused:
        story.fill(order.with_(size=-ONE, limit_price=0))
    assert refused.value.name == "NonceTaken"
    assert refused.value.arguments["digest"] == order.digest(story.ringside.domain)


def test_a_signature_of_somebody_else_is_refused(story: Story):
    order = story.order("ETH-USD", ONE)
    with pytest.raises(Refused) as refused:
        story.keeper.fill(order, story.sign(order.with_(tip=0)))
    assert refused.value.name == "BadSignature"
    assert refused.value.arguments["owner"] == story.client.lower()


def test_a_price_that_moved_after_the_plan_is_refused(story: Story, side):
    draft = story.order("ETH-USD", side * ONE)
    order = draft.with_(limit_price=story.keeper.plan(draft).total_price)
    chosen = story.keeper.plan(order)
    for venue in story.ringside.venue_ids:
        story.trade(venue, "ETH-USD", side * ONE, 1_000 * USDC)
    with pytest.raises(Refused) as refused:
        story.keeper.submit(chosen, story.sign(order))
    assert refused.value.name == "WorsePrice"
    total, limit = refused.value.arguments.values()
    assert (total - limit) * side > 0


def test_a_revoked_desk_is_refused_by_the_vault(story: Story):
    order = story.order("ETH-USD", ONE)
    chosen = story.keeper.plan(order)
    story.own("setOperator", story.account, (story.desk.address, 0, 0, 0, 0))
    with pytest.raises(Refused) as refused:
        story.keeper.submit(chosen, story.sign(order))
    assert refused.value.name == "NotAllowed"


def test_a_venues_refusal_comes_in_its_own_words(story: Story):
    order = story.order("ETH-USD", ONE, venues=venue_set([story.ringside.venue_ids["perp-v2"]]))
    chosen = story.keeper.plan(order)
    bare = replace(chosen, legs=tuple(replace(leg, margin=0) for leg in chosen.legs))
    with pytest.raises(Refused, match="CH_NEFCI"):
        story.keeper.simulate(bare, story.sign(order))


# ----------------------------------------------------------------- refused by the plan


def test_too_large_an_order_is_refused_with_what_binds(story: Story, market, side):
    order = story.order(market, side * 10**6 * BASE[market], limit_price=ANY_PRICE[side])
    with pytest.raises(NotEnoughCapacity, match=r"perp-v2 takes .*, rage takes ") as refused:
        story.keeper.plan(order)
    assert set(refused.value.binding) == {"perp-v2", "rage"}


def test_too_little_margin_is_refused_with_what_is_asked_for(story: Story, market, side):
    chosen = story.keeper.plan(story.order(market, side * 20 * BASE[market]))
    assert len(chosen.legs) == 2
    order = chosen.order.with_(max_margin=3_000 * USDC)
    with pytest.raises(TooLittleMargin, match="and there are 3,000: sign a larger maxMargin"):
        story.keeper.plan(order)


def test_where_margin_does_not_reach_for_two_venues_one_takes_it_all(story: Story, market, side):
    order = story.order(market, side * 20 * BASE[market]).with_(max_margin=5_000 * USDC)
    chosen, _ = story.fill(order)
    assert [leg.venue for leg in chosen.legs] == ["perp-v2"]


def test_a_limit_that_no_venue_meets_is_refused_with_the_best_price(story: Story, market, side):
    order = story.order(market, side * BASE[market])
    best = story.keeper.plan(order).total_price
    with pytest.raises(PlanError, match=r"The best price now, .* is worse than the order's limit"):
        story.keeper.plan(order.with_(limit_price=best - side))
    assert story.keeper.plan(order.with_(limit_price=best)).total_price == best


def test_a_tip_beyond_what_is_idle_is_refused(story: Story):
    with pytest.raises(PlanError, match="200,000 USDC idle, less than the tip of 200,001"):
        story.keeper.plan(story.order("ETH-USD", ONE, tip=DEPOSIT + USDC))


def test_what_the_venue_refuses_is_told_by_its_own_name(story: Story):
    """A leg with less margin than the plan gives it."""
    chosen = story.keeper.plan(
        story.order("ETH-USD", ONE, venues=1 << story.ringside.venue_ids["rage"])
    )
    bare = replace(chosen, legs=tuple(replace(leg, margin=0) for leg in chosen.legs))
    with pytest.raises(Refused) as refused:
        story.keeper.simulate(bare, story.sign(chosen.order))
    assert refused.value.name == "InvalidTransactionNotEnoughMargin"
