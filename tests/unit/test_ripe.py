"""An order that is said to wait could not be filled, whatever of it one tried."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_accounts import states_of
from made_up_curves import perp_curves, rage_curves, skew_curves
from made_up_markets import ladder_curves

from ringside.keeper.ripe import waits
from ringside.orders import Conditions, Order
from ringside.units import ONE

ACCOUNT = b"\1" * 32
IDS = {"perp-v2": 0, "rage": 1, "synthetix": 2, "ladder": 3}
CURVES = perp_curves() | rage_curves() | skew_curves() | ladder_curves()


def order_of(sign: int = 1, limit: int = 2_000 * ONE, **changes) -> Order:
    return Order(ACCOUNT, "ETH-USD", sign * ONE, limit, 0, 0, 15, 0, 1, **changes)


def asked(order: Order, oracle: int | None = 2_000 * ONE, now: int = 100, begun: bool = False):
    return waits(order, {}, IDS, oracle, now, begun)


@given(CURVES, st.sampled_from([1, -1]), st.integers(1, 10**6), st.integers(800, 1_200))
def test_no_part_of_it_meets_its_limit(curve, sign, part, promille):
    capacity, least = curve.capacity(sign), curve.minimum(sign)
    assume(capacity)
    limit = curve.marginal_price(sign) * promille // 1_000
    order = order_of(sign, max(limit, 1))
    (state,) = states_of([curve]).values()
    if not waits(order, {"perp-v2": state}, IDS, None, 100, False):
        return
    size = max(capacity * part // 10**6 // curve.lot * curve.lot, least)
    size = -(-size // curve.lot) * curve.lot
    assume(size <= capacity)
    quote = curve.quote(sign * size)
    assert sign * quote.all_in * ONE > sign * order.limit_price * size


def test_a_limit_that_is_met_is_looked_at():
    assert asked(order_of()) == ""


def test_a_trigger_is_waited_for_until_the_oracle_is_there():
    stop = order_of(conditions=Conditions(trigger_price=2_100 * ONE, trigger_above=True))
    assert asked(stop) == "waits for the oracle's price to be above 2100"
    assert asked(stop, 2_100 * ONE) == ""
    below = order_of(conditions=Conditions(trigger_price=1_900 * ONE))
    assert asked(below) == "waits for the oracle's price to be below 1900"
    assert asked(below, 1_900 * ONE) == ""


def test_a_trigger_that_may_have_fired_is_not_waited_for():
    stop = order_of(conditions=Conditions(trigger_price=2_100 * ONE, trigger_above=True))
    assert asked(stop, begun=True) == ""


def test_a_stale_oracle_triggers_nothing():
    stop = order_of(conditions=Conditions(trigger_price=2_100 * ONE))
    assert "stale" in asked(stop, None)
    assert asked(order_of(), None) == ""


def test_nothing_is_filled_before_its_time():
    later = order_of(conditions=Conditions(not_before=101))
    assert asked(later) == "may not be filled before 101"
    assert asked(later, now=101) == ""
