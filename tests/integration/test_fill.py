"""Anyone fills a signed order; what it does is what the order says and the venue's own events
show."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import DEPOSIT, ETH, MAX, USDC, few, reverts

from ringside.accounts import account_id
from ringside.orders import Bounds, Conditions, venue_set

MARGIN = 3_000 * USDC
nonces = count(1_000)
cheaply = few(15)


NOTHING = {
    **dict.fromkeys(("used", "margin", "tip", "pending", "cost", "failures", "open"), 0),
    "done": False,
}


def progress(ringside, order):
    """What the Desk keeps of an order that is not finished."""
    found = ringside.desk.progress(order.digest(ringside.domain))
    return {name: getattr(found, name) for name in NOTHING}


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_one_leg_moves_the_position_and_costs_what_the_venue_says(
    ringside, vault, account, keeper, venue, side
):
    order = ringside.order(size=side * ETH)
    receipt = ringside.fill(order, (venue.id, side * ETH, MARGIN))
    ((size, price),) = venue.fills(receipt)
    filled = ringside.filled(receipt)
    assert (size, filled.size) == (side * ETH, side * ETH)
    assert filled.quote == price > 0
    assert (filled.key, filled.account) == (order.digest(ringside.domain), account)
    assert (filled.filler, filled.tip) == (keeper.address, 0)
    assert venue.size(venue.seat()) == side * ETH
    assert venue.deposited(venue.seat()) == MARGIN
    assert vault.idle(account) == DEPOSIT - MARGIN


def test_the_vault_tells_of_every_leg(ringside, vault, account, keeper, venue):
    order = ringside.order(tip=2 * USDC)
    receipt = ringside.fill(order, (venue.id, ETH, MARGIN))
    (traded,) = receipt.decode_logs(vault.Traded)
    (made,) = receipt.decode_logs(vault.SeatMade)
    assert (traded.account, traded.venue, traded.size) == (account, venue.id, ETH)
    assert (traded.market, traded.margin, traded.tip) == (order.tuple[1][0], MARGIN, 2 * USDC)
    assert traded.quote == venue.fills(receipt)[0][1]
    assert (made.account, made.venue, made.seat) == (account, venue.id, venue.seat().address)


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_two_legs_fill_at_two_venues_at_once(ringside, vault, account, perp, rage, side):
    order = ringside.order(size=side * 3 * ETH, tip=USDC)
    legs = (perp.id, side * 2 * ETH, MARGIN), (rage.id, side * ETH, 2 * MARGIN)
    receipt = ringside.fill(order, *legs)
    (perp_fill,), (rage_fill,) = perp.fills(receipt), rage.fills(receipt)
    assert (perp_fill[0], rage_fill[0]) == (side * 2 * ETH, side * ETH)
    assert ringside.filled(receipt).quote == perp_fill[1] + rage_fill[1]
    assert perp.deposited(perp.seat()) == MARGIN
    assert rage.deposited(rage.seat()) == 2 * MARGIN
    assert vault.idle(account) == DEPOSIT - 3 * MARGIN - USDC
    assert ringside.desk.isSpent(account, order.nonce)


def test_two_legs_may_go_to_the_same_venue(ringside, venue):
    order = ringside.order(size=3 * ETH)
    receipt = ringside.fill(order, (venue.id, 2 * ETH, MARGIN), (venue.id, ETH, 0))
    fills = venue.fills(receipt)
    assert [size for size, _ in fills] == [2 * ETH, ETH]
    assert ringside.filled(receipt).quote == sum(price for _, price in fills)


def test_one_signature_closes_at_one_venue_what_another_order_opened(ringside, venue):
    ringside.fill(ringside.order(size=2 * ETH, nonce=1), (venue.id, 2 * ETH, MARGIN))
    ringside.fill(ringside.order(size=-2 * ETH, nonce=2), (venue.id, -2 * ETH, 0))
    assert venue.size(venue.seat()) == 0


def test_a_partial_fill_is_remembered_until_the_order_is_complete(ringside, desk, account, venue):
    order = ringside.order(size=3 * ETH, max_margin=9_000 * USDC)
    ringside.fill(order, (venue.id, ETH, MARGIN))
    assert progress(ringside, order) == {**NOTHING, "used": ETH, "margin": MARGIN}
    assert not desk.isSpent(account, order.nonce)

    ringside.fill(order, (venue.id, ETH, MARGIN))
    assert progress(ringside, order) == {**NOTHING, "used": 2 * ETH, "margin": 2 * MARGIN}

    receipt = ringside.fill(order, (venue.id, ETH, MARGIN))
    assert ringside.filled(receipt).size == ETH
    assert progress(ringside, order) == NOTHING
    assert desk.isSpent(account, order.nonce)
    assert venue.size(venue.seat()) == 3 * ETH


def test_an_order_filled_whole_leaves_nothing_but_its_bit(ringside, desk, account, venue):
    order = ringside.order()
    ringside.fill(order, (venue.id, ETH, MARGIN))
    assert progress(ringside, order) == NOTHING
    assert desk.isSpent(account, order.nonce)


@pytest.mark.parametrize("nonce", [0, 127, 128, 2**256 - 1])
def test_orders_do_not_disturb_their_neighbours_in_the_same_word(
    ringside, desk, account, stand_in, nonce
):
    """128 nonces share a word of storage, two bits each."""
    others = [n for n in (0, 1, 126, 127, 128, 129, 255, 2**256 - 2, 2**256 - 1) if n != nonce]
    allowed = venue_set([stand_in])
    half = ringside.order(size=2 * ETH, nonce=others[0], venues=allowed)
    ringside.fill(half, (stand_in, ETH, 0))
    ringside.fill(ringside.order(nonce=nonce, venues=allowed), (stand_in, ETH, 0))
    assert desk.isSpent(account, nonce)
    assert not any(desk.isSpent(account, other) for other in others)
    ringside.fill(half, (stand_in, ETH, 0))
    assert desk.isSpent(account, others[0])
    assert not any(desk.isSpent(account, other) for other in others[1:])


def test_the_same_nonce_of_another_account_is_another_nonce(ringside, desk, client, venue):
    other = ringside.open_account(client, "other")
    ringside.fill(ringside.order(), (venue.id, ETH, MARGIN))
    assert not desk.isSpent(other, 1)
    ringside.fill(ringside.order(account=other), (venue.id, ETH, MARGIN))
    assert venue.size(venue.seat(other)) == ETH


def test_the_tip_goes_to_whoever_fills(ringside, vault, account, stranger, venue):
    order = ringside.order(tip=5 * USDC)
    receipt = ringside.fill(order, (venue.id, ETH, MARGIN), by=stranger)
    assert ringside.filled(receipt).tip == 5 * USDC
    assert vault.idle(account_id(stranger.address)) == 5 * USDC
    assert vault.idle(account) == DEPOSIT - MARGIN - 5 * USDC


def test_an_owner_who_fills_his_own_order_pays_the_tip_to_himself(
    ringside, vault, account, client, venue
):
    ringside.fill(ringside.order(tip=5 * USDC), (venue.id, ETH, MARGIN), by=client)
    assert vault.idle(account) == DEPOSIT - MARGIN


def test_the_margin_share_is_rounded_up(ringside, desk, stand_in):
    order = ringside.order(size=3, max_margin=10, venues=venue_set([stand_in]))
    with reverts(desk.TooMuchMargin, share=4, asked=5):
        ringside.fill(order, (stand_in, 1, 5))
    ringside.fill(order, (stand_in, 1, 4))
    with reverts(desk.TooMuchMargin, share=3, asked=4):
        ringside.fill(order, (stand_in, 1, 4))
    ringside.fill(order, (stand_in, 1, 3))
    ringside.fill(order, (stand_in, 1, 3))


def test_margin_not_used_by_one_fill_is_there_for_the_next(ringside, desk, stand_in):
    order = ringside.order(size=3, max_margin=10, venues=venue_set([stand_in]))
    ringside.fill(order, (stand_in, 1, 0))
    with reverts(desk.TooMuchMargin, share=7, asked=8):
        ringside.fill(order, (stand_in, 1, 8))
    ringside.fill(order, (stand_in, 1, 7))
    ringside.fill(order, (stand_in, 1, 3))


def test_a_fill_of_everything_left_may_be_smaller_than_the_least(ringside, stand_in):
    bounds = Bounds(min_fill=2)
    order = ringside.order(size=3, venues=venue_set([stand_in]), bounds=bounds)
    ringside.fill(order, (stand_in, 2, 0))
    ringside.fill(order, (stand_in, 1, 0))


@given(
    parts=st.lists(st.integers(1, 2 * ETH), min_size=1, max_size=5),
    tip=st.integers(0, 3 * USDC),
    margin=st.integers(0, 1_000 * USDC),
)
@cheaply
def test_tips_and_margins_of_all_fills_add_up_to_what_was_signed(
    ringside, desk, vault, account, keeper, stand_in, parts, tip, margin
):
    whole, nonce = sum(parts), next(nonces)
    allowed = venue_set([stand_in])
    order = ringside.order(
        size=whole, limit_price=MAX, tip=tip, max_margin=margin, nonce=nonce, venues=allowed
    )
    idle, earned = vault.idle(account), vault.idle(account_id(keeper.address))
    done = used = paid = 0
    for part in parts:
        done += part
        share = -(-margin * done // whole) - used
        receipt = ringside.fill(order, (stand_in, part, share))
        used += share
        paid += ringside.filled(receipt).tip
        assert paid == tip * done // whole
    assert vault.idle(account_id(keeper.address)) - earned == paid == tip
    assert idle - vault.idle(account) == margin + tip
    assert desk.isSpent(account, nonce)


def test_a_named_filler_fills_at_any_time_and_others_after_it(
    ringside, desk, keeper, stranger, venue
):
    until = ringside.now + 600
    order = ringside.order(
        size=3 * ETH, conditions=Conditions(filler=keeper.address, filler_until=until)
    )
    ringside.fill(order, (venue.id, ETH, MARGIN), by=keeper)
    ringside.mine_at(until)
    with reverts(desk.NotFiller, filler=keeper.address, until=until):
        ringside.fill(order, (venue.id, ETH, 0), by=stranger)
    ringside.mine_at(until + 1)
    ringside.fill(order, (venue.id, ETH, 0), by=stranger)
    ringside.fill(order, (venue.id, ETH, 0), by=keeper)
    assert venue.size(venue.seat()) == 3 * ETH


def test_a_second_market_trades_in_the_same_seat(ringside, venue):
    ringside.fill(ringside.order(nonce=1), (venue.id, ETH, MARGIN))
    order = ringside.order(nonce=2, market="BTC-USD", size=-ETH // 10, max_margin=MARGIN)
    receipt = ringside.fill(order, (venue.id, -ETH // 10, MARGIN))
    assert venue.size(venue.seat(), "ETH-USD") == ETH
    assert venue.size(venue.seat(), "BTC-USD") == -ETH // 10
    assert ringside.filled(receipt).quote == venue.fills(receipt)[0][1]
