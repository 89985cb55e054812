"""What a keeper does under a standing policy, and how near a pocket is to its liquidation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside.accounts import account_id
from ringside.keeper.guard import LEAST, Read, Use, decide
from ringside.keeper.health import NO_NEED, Basis, Scan, Unknown, health
from ringside.policies import IDLE, Health, Pocket, Policy
from ringside.units import DAY, ONE, USDC, USDC_TO_USD

NOW = 1_800_000_000
PLAIN = Policy(
    account=account_id("0x" + "42" * 20),
    pockets=(Pocket(0, "ETH-USD"), Pocket(1, "ETH-USD"), Pocket(2, "ETH-USD")),
    trigger=2 * ONE,
    target=3 * ONE,
    tolerance=ONE // 10,
    floor=4 * ONE,
    excess=8 * ONE,
    max_per_day=10_000 * USDC,
    tip=2 * USDC,
    max_tip_per_day=3 * USDC,
    deadline=2**40,
    nonce=1,
)


def read(
    at: float,
    maintenance: int = 500,
    free: int = 10**6,
    busy: bool = False,
    postable: int = 10**12 * USDC,
) -> Read:
    """A pocket of that health, which needs `maintenance` USD."""
    value = int(at * 1_000) * ONE // 1_000
    found = Health(maintenance * value, maintenance * ONE, value)
    return Read(found, free * ONE, postable, busy=busy)


def healths() -> st.SearchStrategy[Read]:
    known = st.builds(
        read, st.floats(0, 20), st.integers(1, 10_000), st.integers(0, 50_000), st.booleans()
    )
    return known | st.just(Read(why="it cannot be read")) | st.just(Read(Health(0, 0, NO_NEED)))


def ends(pocket: Read, change: int) -> int:
    """Its health after so much USDC more."""
    assert pocket.health is not None
    equity = pocket.health.equity + change * USDC_TO_USD
    needs = pocket.health.maintenance
    return max(equity, 0) * ONE // needs if needs else NO_NEED


def test_the_weakest_is_helped_first_and_out_of_idle():
    found = decide(PLAIN, [read(1.9), read(1.2), read(9)], 5_000 * USDC, Use(), NOW)
    assert found.move is not None
    assert (found.move.source, found.move.to) == (IDLE, 1)
    assert [(need.place, need.why) for need in found.needs] == [
        (1, ""),
        (0, "a weaker pocket goes first"),
    ]


def test_without_enough_idle_the_strongest_pocket_gives():
    found = decide(PLAIN, [read(1), read(6), read(9)], 10 * USDC, Use(), NOW)
    assert found.move is not None
    assert (found.move.source, found.move.to) == (2, 0)


def test_where_no_source_has_enough_the_largest_gives_what_it_has():
    found = decide(PLAIN, [read(1), read(4.1), read(4)], 10 * USDC, Use(), NOW)
    assert found.move is not None
    assert (found.move.source, found.move.to, found.move.amount) == (1, 0, 50 * USDC)
    assert found.move.tip == 0  # It ends too far from the target to earn one.


def test_a_cooldown_and_a_pending_ticket_are_waited_for():
    resting = decide(PLAIN.with_(cooldown=60), [read(1)], 10**12, Use(last=NOW - 10), NOW)
    assert (resting.move, resting.needs[0].why) == (
        None,
        f"the policy's cooldown lasts until {NOW + 50}",
    )
    busy = decide(PLAIN, [read(1, busy=True)], 10**12, Use(), NOW)
    assert busy.move is None
    assert "ticket" in busy.needs[0].why


def test_a_day_that_is_used_up_begins_anew_with_the_next():
    use = Use(moved=10_000 * USDC, tipped=3 * USDC, day=NOW // DAY)
    assert decide(PLAIN, [read(1)], 10**12, use, NOW).move is None
    tomorrow = decide(PLAIN, [read(1)], 10**12, use, NOW + DAY).move
    assert tomorrow is not None
    assert tomorrow.tip == 2 * USDC


def test_a_pocket_that_cannot_be_watched_is_told():
    (need,) = decide(PLAIN, [Read(why="rage cannot be read")], 10**12, Use(), NOW).needs
    assert (need.health, need.why) == (None, "rage cannot be read")


def test_nothing_goes_back_while_a_pocket_is_in_need():
    assert decide(PLAIN, [read(1), read(9)], 0, Use(moved=0), NOW).move is not None
    found = decide(PLAIN, [read(1, busy=True), read(20)], 0, Use(), NOW)
    assert found.move is None


@given(
    pockets=st.lists(healths(), min_size=3, max_size=3),
    idle=st.integers(0, 20_000 * USDC),
    moved=st.integers(0, 12_000 * USDC),
    tipped=st.integers(0, 4 * USDC),
    last=st.sampled_from([0, NOW - 30, NOW - 600]),
)
def test_no_move_is_one_that_the_contract_would_refuse(pockets, idle, moved, tipped, last):
    policy = PLAIN.with_(cooldown=60)
    use = Use(moved=moved, tipped=tipped, last=last, day=NOW // DAY)
    move = decide(policy, pockets, idle, use, NOW).move
    if move is None:
        return
    assert last != NOW - 30
    assert LEAST <= move.amount <= policy.max_per_day - moved
    assert move.tip <= min(policy.tip, max(policy.max_tip_per_day - tipped, 0))
    assert move.source != move.to
    for place, change in ((move.source, -move.amount), (move.to, move.amount)):
        if place == IDLE:
            assert change > 0 or move.amount <= idle
            continue
        pocket = pockets[place]
        assert not pocket.busy
        after = ends(pocket, change)
        assert pocket.health is not None
        if change > 0:
            assert pocket.health.health < policy.trigger
            assert after <= policy.target
            assert not move.tip or after >= policy.target - policy.tolerance
        else:
            assert after >= policy.floor
            assert move.amount * USDC_TO_USD <= pocket.free
            if move.to == IDLE:
                assert pocket.health.health > policy.excess
                assert after >= max(policy.target, policy.floor)


# ---------------------------------------------------------------------- the scan

SIZES = st.just(0) | st.builds(
    lambda size, sign: size * sign, st.integers(10**15, 10**22), st.sampled_from([1, -1])
)
PRICES = st.integers(10**15, 10**23)


@given(
    equity=st.integers(-(10**24), 10**24),
    part=st.integers(10**16, 10**17),
    eth=st.tuples(SIZES, PRICES),
    btc=st.tuples(SIZES, PRICES),
    now=st.tuples(PRICES, PRICES),
)
def test_the_scan_is_near_the_exact_health(equity, part, eth, btc, now):
    held = {n: v for n, v in {"ETH-USD": eth, "BTC-USD": btc}.items() if v[0]}
    notional = sum(abs(size) * mark for size, mark in held.values()) // ONE
    pocket = Basis(equity, notional * part // ONE, 0, held)
    prices = {"ETH-USD": now[0], "BTC-USD": now[1]}
    exact = health(pocket, prices)
    scan = Scan(["ETH-USD", "BTC-USD"])
    row = scan.put("here", pocket)
    found = scan.health(prices)[row]
    if exact.health == NO_NEED:
        assert found == float("inf")
        return
    # What equity is left of larger amounts is as near as floats are to these.
    size = max(abs(equity), *(abs(s) * max(mark, *now) // ONE for s, mark in (eth, btc)))
    slack = 1e-12 * size / exact.maintenance + 1e-9 * exact.health / ONE + 1e-9
    assert abs(found - exact.health / ONE) <= slack


def test_a_stale_price_leaves_the_health_unknown_only_where_something_is_held():
    pocket = Basis(ONE, ONE // 10, 0, {"ETH-USD": (ONE, ONE)})
    assert health(pocket, {"ETH-USD": ONE, "BTC-USD": None}).health == 10 * ONE
    with pytest.raises(Unknown, match="the oracle's price of ETH-USD is stale"):
        health(pocket, {"ETH-USD": None})


def test_a_pocket_that_is_dropped_leaves_its_row_to_another():
    scan = Scan(["ETH-USD"])
    first = scan.put("a", Basis(ONE, ONE, 0, {}))
    scan.drop("a")
    assert "a" not in scan
    assert scan.put("b", Basis(2 * ONE, ONE, 0, {})) == first
    assert scan.health({})[first] == 2
    for place in range(200):
        scan.put(place, Basis(place * ONE, ONE, 0, {}))
    assert [scan.health({})[scan.row(place)] for place in (0, 199)] == [0, 199]


def test_no_more_is_moved_than_the_caps_of_the_venue_let():
    whole = decide(PLAIN, [read(1.1)], 10**12, Use(), NOW).move
    assert whole is not None
    assert whole.amount > 5 * USDC
    capped = decide(PLAIN, [read(1.1, postable=5 * USDC)], 10**12, Use(), NOW).move
    assert capped is not None
    assert capped.amount == 5 * USDC


def test_a_cap_that_is_reached_is_why_nothing_is_done():
    (need,) = decide(PLAIN, [read(1.1, postable=0)], 10**12, Use(), NOW).needs
    assert "cap is reached" in need.why
