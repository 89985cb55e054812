"""A reduce-only leg lowers |position| and never turns its sign."""

import pytest
from stage import ETH, USDC, reverts, send

from ringside.orders import Bounds

MARGIN = 5_000 * USDC
REDUCE = Bounds(reduce_only=True)
sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@pytest.fixture
def held(ringside, venue, side):
    """A position of two ETH at the venue."""
    ringside.trade(venue.id, side * 2 * ETH, MARGIN)
    return venue.seat()


@sides
def test_reduce_only_lowers_a_position(ringside, venue, side, held):
    ringside.fill(ringside.order(size=-side * ETH, bounds=REDUCE), (venue.id, -side * ETH, 0))
    assert venue.size(held) == side * ETH


@sides
def test_reduce_only_closes_a_position(ringside, venue, side, held):
    order = ringside.order(size=-side * 2 * ETH, bounds=REDUCE)
    ringside.fill(order, (venue.id, -side * 2 * ETH, 0))
    assert venue.size(held) == 0


@sides
@pytest.mark.parametrize("beyond", [1_000, ETH], ids=["by dust", "by far"])
def test_reduce_only_never_turns_the_sign(ringside, desk, venue, side, held, beyond):
    size = -side * (2 * ETH + beyond)
    with reverts(desk.NotReducing, venue=venue.id, position=-side * beyond):
        ringside.fill(ringside.order(size=size, bounds=REDUCE), (venue.id, size, 0))
    assert venue.size(held) == side * 2 * ETH


@sides
def test_reduce_only_never_adds(ringside, desk, venue, side, held):
    with reverts(desk.NotReducing, venue=venue.id, position=side * 3 * ETH):
        ringside.fill(ringside.order(size=side * ETH, bounds=REDUCE), (venue.id, side * ETH, 0))


@sides
def test_reduce_only_never_opens(ringside, desk, venue, side):
    order = ringside.order(size=side * ETH, bounds=REDUCE)
    with reverts(desk.NotReducing, venue=venue.id, position=side * ETH):
        ringside.fill(order, (venue.id, side * ETH, MARGIN))


@sides
def test_reduce_only_holds_for_each_leg_by_itself(ringside, desk, perp, rage, side):
    ringside.trade(perp.id, side * 2 * ETH, MARGIN)
    order = ringside.order(size=-side * 2 * ETH, bounds=REDUCE)
    with reverts(desk.NotReducing, venue=rage.id, position=-side * ETH):
        ringside.fill(order, (perp.id, -side * ETH, 0), (rage.id, -side * ETH, MARGIN))


@sides
def test_two_reducing_legs_at_one_venue_may_not_turn_its_sign(ringside, desk, venue, side, held):
    order = ringside.order(size=-side * 3 * ETH, bounds=REDUCE)
    with reverts(desk.NotReducing, venue=venue.id, position=-side * ETH):
        ringside.fill(order, (venue.id, -side * ETH, 0), (venue.id, -side * 2 * ETH, 0))


@sides
def test_leverage_is_not_bounded_where_a_leg_only_reduces(ringside, venue, side, held):
    bounds = Bounds(min_leverage=1, max_leverage=1)
    ringside.fill(ringside.order(size=-side * ETH, bounds=bounds), (venue.id, -side * ETH, 0))
    assert venue.size(held) == side * ETH


@sides
def test_a_reduction_needs_no_right_to_move_margin(
    ringside, vault, desk, client, venue, side, held
):
    grant = (desk.address, 1, 2**40 - 1, 0, 2**128 - 1)
    send(vault.setOperator, ringside.account, grant, sender=client)
    ringside.fill(ringside.order(size=-side * ETH, bounds=REDUCE), (venue.id, -side * ETH, 0))
    assert venue.size(held) == side * ETH
