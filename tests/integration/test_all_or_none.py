"""An all-or-none order fills whole in one transaction, or not at all."""

import pytest
from bundles import bundle, fill_step, step
from stage import ETH, USDC, reverts

from ringside.orders import Bounds, Mode, venue_set

WHOLE = Bounds(all_or_none=True)
MARGIN = 3_000 * USDC
sides = pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])


@sides
def test_it_fills_whole_at_one_venue(ringside, venue, side):
    order = ringside.order(size=side * ETH, bounds=WHOLE)
    ringside.fill(order, (venue.id, side * ETH, MARGIN))
    assert venue.size(venue.seat()) == side * ETH


@sides
def test_it_fills_whole_over_two_venues_at_once(ringside, desk, account, perp, rage, side):
    order = ringside.order(size=side * 3 * ETH, bounds=WHOLE)
    ringside.fill(order, (perp.id, side * 2 * ETH, MARGIN), (rage.id, side * ETH, MARGIN))
    assert desk.isSpent(account, order.nonce)


@sides
@pytest.mark.parametrize("part", [1, ETH, 3 * ETH - 1])
def test_it_is_never_filled_in_part(ringside, desk, account, stand_in, side, part):
    order = ringside.order(size=side * 3 * ETH, bounds=WHOLE, venues=venue_set([stand_in]))
    with reverts(desk.BelowMinFill, least=3 * ETH, asked=part):
        ringside.fill(order, (stand_in, side * part, 0))
    assert not desk.isSpent(account, order.nonce)
    ringside.fill(order, (stand_in, side * 3 * ETH, 0))


def test_two_legs_that_do_not_add_up_are_refused(ringside, desk, perp, rage):
    order = ringside.order(size=3 * ETH, bounds=WHOLE)
    with reverts(desk.BelowMinFill, least=3 * ETH, asked=2 * ETH):
        ringside.fill(order, (perp.id, ETH, MARGIN), (rage.id, ETH, MARGIN))
    with reverts(desk.Overfilled, left=3 * ETH, asked=4 * ETH):
        ringside.fill(order, (perp.id, 2 * ETH, MARGIN), (rage.id, 2 * ETH, MARGIN))


def test_a_smaller_least_fill_does_not_loosen_it(ringside, desk, stand_in):
    bounds = Bounds(all_or_none=True, min_fill=1)
    order = ringside.order(size=3, bounds=bounds, venues=venue_set([stand_in]))
    with reverts(desk.BelowMinFill, least=3, asked=2):
        ringside.fill(order, (stand_in, 2, 0))


def test_it_fills_once(ringside, desk, stand_in):
    order = ringside.order(bounds=WHOLE, venues=venue_set([stand_in]))
    ringside.fill(order, (stand_in, ETH, 0))
    with reverts(desk.NonceSpent, nonce=order.nonce):
        ringside.fill(order, (stand_in, ETH, 0))


def test_a_step_that_is_all_or_none_fills_whole(ringside, desk, stand_in):
    allowed = venue_set([stand_in])
    steps = [step(ringside, bounds=bounds, venues=allowed) for bounds in (Bounds(), WHOLE)]
    whole = bundle(ringside, Mode.STEPWISE, *steps)
    fill_step(ringside, whole, 0, (stand_in, ETH // 2, 0))
    fill_step(ringside, whole, 0, (stand_in, ETH // 2, 0))
    with reverts(desk.BelowMinFill, least=ETH, asked=ETH // 2):
        fill_step(ringside, whole, 1, (stand_in, ETH // 2, 0))
    fill_step(ringside, whole, 1, (stand_in, ETH, 0))
