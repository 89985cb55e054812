"""A keeper moves margin within one account, as its owner's standing policy says."""

from decimal import Decimal
from fractions import Fraction

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from stage import BTC_USD, DEPOSIT, ETH_USD, MAX, ONE, USDC, Refused, few, reverts, send
from standing import FELL, LEG, LONG_MARGIN, PERP, RAGE, SHORT_MARGIN, TIP, UNIT

from devnet import market
from devnet.anvil import rpc
from ringside.accounts import account_id
from ringside.policies import IDLE, Pocket, most_to_give, most_to_take
from ringside.units import DAY

cheaply = few(8)
NEAR = Fraction(1, 10**6)
SECONDS = ONE // 50
"""What a few seconds of funding, and the venues' units, come to at most; 1e18 USD."""
TOO_LITTLE = keccak(text="Error(string)")[:4] + encode(["string"], ["Too little received"])
"""What the exchange's router refuses with."""
NOTHING = 10**14
"""The same, in health."""


@pytest.fixture
def fallen(standing):
    """The market fell: the long at Perp is below its trigger."""
    standing.price(FELL)
    return standing


@pytest.fixture
def most(fallen):
    """What brings the long to its target, to the unit, as things are."""
    return most_to_give(fallen.health(PERP), fallen.policy().target)


@pytest.fixture
def enough(most):
    """The same, less what funding may add until a transaction is mined."""
    return most - USDC


# ------------------------------------------------------------------------- top-ups


def test_the_keeper_tops_up_a_fallen_leg_from_idle(
    ringside, vault, fallen, enough, perp, rage, keeper
):
    policy = fallen.policy()
    before, idle = fallen.health(PERP), ringside.idle()
    other, deposited = rage.deposited(rage.seat()), perp.deposited(perp.seat())
    assert ONE < before.health < policy.trigger
    receipt = fallen.move(policy, IDLE, PERP, enough, TIP)

    after = fallen.health(PERP)
    assert policy.target - policy.tolerance <= after.health <= policy.target
    assert abs(after.equity - before.equity - enough * UNIT) < SECONDS
    assert perp.deposited(perp.seat()) - deposited == enough
    assert rage.deposited(rage.seat()) == other
    assert ringside.idle() == idle - enough - TIP
    assert vault.idle(account_id(keeper.address)) == TIP
    event = fallen.moved(receipt)
    assert bytes(event.digest) == policy.digest(fallen.domain)
    assert (bytes(event.account), event.keeper) == (ringside.account, keeper.address)
    assert (event["from"], event.to, event.tip) == (IDLE, PERP, TIP)
    assert (event.amount, event.arrived) == (enough, enough)
    assert (event.afterwards, ringside.now) == (after.health, receipt.timestamp)
    assert abs(event.before - before.health) < NOTHING


def test_the_keeper_tops_up_a_fallen_leg_from_the_stronger_one(
    ringside, fallen, enough, perp, rage
):
    policy = fallen.policy()
    idle, deposited = ringside.idle(), perp.deposited(perp.seat())
    before, other = fallen.health(PERP), fallen.health(RAGE)
    fallen.move(policy, RAGE, PERP, enough)
    assert perp.deposited(perp.seat()) - deposited == enough
    assert policy.target - policy.tolerance <= fallen.health(PERP).health <= policy.target
    assert abs(fallen.health(PERP).equity - before.equity - enough * UNIT) < SECONDS
    assert abs(other.equity - fallen.health(RAGE).equity - enough * UNIT) < SECONDS
    assert fallen.health(RAGE).health >= policy.floor
    assert (perp.size(perp.seat()), rage.size(rage.seat())) == (LEG, -LEG)
    assert ringside.idle() == idle


def test_as_the_market_falls_on_the_leg_is_helped_again(ringside, fallen, enough, keeper, vault):
    policy = fallen.policy()
    fallen.move(policy, IDLE, PERP, enough, TIP)
    fallen.price(Decimal(1_650))
    assert fallen.health(PERP).health < policy.trigger
    again = most_to_give(fallen.health(PERP), policy.target) - USDC
    fallen.move(policy, RAGE, PERP, again, TIP)
    assert policy.trigger <= fallen.health(PERP).health <= policy.target
    assert vault.idle(account_id(keeper.address)) == 2 * TIP
    assert fallen.used().moved == enough + again
    assert ringside.idle() == DEPOSIT - LONG_MARGIN - SHORT_MARGIN - enough - 2 * TIP


def test_as_the_market_rises_the_short_is_helped(ringside, standing, perp, rage):
    """The same policy, the other way around."""
    policy = standing.policy()
    standing.price(Decimal(2_350))
    assert standing.health(RAGE).health < policy.trigger < standing.health(PERP).health
    amount = most_to_give(standing.health(RAGE), policy.target) - USDC
    before = rage.deposited(rage.seat())
    standing.move(policy, IDLE, RAGE, amount)
    assert rage.deposited(rage.seat()) - before == amount
    assert policy.target - policy.tolerance <= standing.health(RAGE).health <= policy.target


@given(part=st.fractions(0, 1))
@cheaply
def test_a_move_ends_at_the_target_at_most(fallen, most, part):
    policy = fallen.policy()
    amount = max(int(most * part), 1)
    ends = fallen.would_end(policy, IDLE, PERP, amount)
    assert fallen.health(PERP).health < ends <= policy.target


@given(beyond=st.integers(1, 1_000 * USDC))
@cheaply
def test_one_unit_beyond_the_target_is_refused(fallen, most, beyond):
    policy = fallen.policy()
    assert fallen.would_end(policy, IDLE, PERP, most) <= policy.target
    with reverts(fallen.policies.AboveTarget, target=policy.target):
        fallen.move(policy, IDLE, PERP, most + beyond)


def test_what_gives_ends_at_its_floor_at_least(fallen, rage):
    """To the last unit: the floor is set where the source would just end."""
    source, amount = fallen.health(RAGE), 100 * USDC
    left = (source.equity - amount * UNIT) * ONE // source.maintenance
    policy = fallen.policy(floor=left)
    assert most_to_take(source, left) == amount
    fallen.would_end(policy, RAGE, PERP, amount)
    with reverts(fallen.policies.BelowFloor, floor=left):
        fallen.move(policy, RAGE, PERP, amount + 1)
    with reverts(fallen.policies.BelowFloor, health=left, floor=left + 1):
        fallen.move(policy.with_(floor=left + 1), RAGE, PERP, amount)


# --------------------------------------------------- what earns, and what starts a cooldown


def test_a_trifle_earns_nothing_and_stands_in_nobodys_way(fallen, enough, keeper, vault):
    policy = fallen.policy()
    fallen.move(policy, IDLE, PERP, 1)
    assert fallen.used().last == 0
    with reverts(fallen.policies.TipNotEarned):
        fallen.move(policy, IDLE, PERP, 1, 1)
    fallen.move(policy, IDLE, PERP, enough - 1, TIP)
    assert vault.idle(account_id(keeper.address)) == TIP


def test_a_move_counts_from_the_tolerance_below_the_target(fallen):
    policy = fallen.policy()
    pocket = fallen.health(PERP)
    least = most_to_give(pocket, policy.target - policy.tolerance - 1) + 1
    with reverts(fallen.policies.TipNotEarned):
        fallen.move(policy, IDLE, PERP, least - 1, TIP)
    assert fallen.would_end(policy, IDLE, PERP, least, TIP) >= policy.target - policy.tolerance
    receipt = fallen.move(policy, IDLE, PERP, least + USDC, TIP)
    assert fallen.used().last == receipt.timestamp


def test_the_cooldown_ends_to_the_second(fallen, enough):
    policy = fallen.policy(cooldown=7_200)
    receipt = fallen.move(policy, IDLE, PERP, enough)
    until = receipt.timestamp + policy.cooldown
    fallen.price(Decimal(1_650))
    fallen.ringside.mine_at(until - 1)
    with reverts(fallen.policies.Cooling, until=until):
        fallen.move(policy, IDLE, PERP, USDC)
    fallen.ringside.send_at(until)
    assert fallen.ringside.now < until
    fallen.ringside.mine_at(until)
    fallen.move(policy, IDLE, PERP, USDC)


# ---------------------------------------------------------------------- the day


@given(data=st.data())
@cheaply
def test_a_day_moves_no_more_than_signed_whichever_way(fallen, enough, data):
    """Partial moves, from idle and from the other leg, until nothing is left of the day."""
    before = rpc(fallen.ringside.w3, "evm_snapshot")
    limit = data.draw(st.integers(2, enough))
    policy = fallen.policy(max_per_day=limit)
    moved = 0
    for _ in range(3):
        amount = data.draw(st.integers(1, limit))
        source = data.draw(st.sampled_from([IDLE, RAGE]))
        if amount > limit - moved:
            with reverts(fallen.policies.BeyondDay, left=limit - moved, asked=amount):
                fallen.move(policy, source, PERP, amount)
        else:
            counts = fallen.moved(fallen.move(policy, source, PERP, amount)).afterwards
            moved += amount
            if counts >= policy.trigger:
                break
        assert fallen.used().moved == moved
    rpc(fallen.ringside.w3, "evm_revert", before)


def test_the_next_day_moves_again(fallen, enough):
    policy = fallen.policy(max_per_day=100 * USDC)
    fallen.move(policy, IDLE, PERP, 60 * USDC)
    fallen.move(policy, RAGE, PERP, 40 * USDC)
    with reverts(fallen.policies.BeyondDay, left=0, asked=1):
        fallen.move(policy, IDLE, PERP, 1)
    tomorrow = (fallen.ringside.now // DAY + 1) * DAY
    fallen.ringside.mine_at(tomorrow - 2)
    fallen.oracle(FELL)
    fallen.ringside.mine_at(tomorrow)
    with reverts(fallen.policies.BeyondDay, left=100 * USDC, asked=100 * USDC + 1):
        fallen.move(policy, IDLE, PERP, 100 * USDC + 1)
    fallen.move(policy, IDLE, PERP, 100 * USDC)


def test_both_directions_count_towards_the_day(standing):
    """What goes back to idle is not netted against what was given."""
    policy = standing.policy(excess=3 * ONE, floor=2 * ONE, max_per_day=1_000 * USDC)
    standing.move(policy, RAGE, IDLE, 600 * USDC)
    standing.price(FELL)
    with reverts(standing.policies.BeyondDay, left=400 * USDC, asked=400 * USDC + 1):
        standing.move(policy, IDLE, PERP, 400 * USDC + 1)
    standing.would_end(policy, IDLE, PERP, 400 * USDC)


def test_the_tips_of_a_day_stay_within_what_is_signed(fallen, enough):
    policy = fallen.policy(max_tip_per_day=TIP + 1, cooldown=0)
    fallen.move(policy, IDLE, PERP, enough, TIP)
    fallen.price(Decimal(1_650))
    assert fallen.used().day == fallen.ringside.now // DAY
    again = most_to_give(fallen.health(PERP), policy.target) - USDC
    with reverts(fallen.policies.TipTooHigh, most=1, asked=2):
        fallen.move(policy, IDLE, PERP, again, 2)
    fallen.move(policy, IDLE, PERP, again, 1)
    assert fallen.used().tipped == TIP + 1
    fallen.ringside.mine_at((fallen.ringside.now // DAY + 1) * DAY)
    fallen.price(Decimal(1_550))
    again = most_to_give(fallen.health(PERP), policy.target) - USDC
    fallen.move(policy, IDLE, PERP, again, TIP)
    assert fallen.used().tipped == TIP


# ----------------------------------------------------------------------- surplus


def test_what_a_leg_has_too_much_of_goes_back_to_idle(ringside, standing, rage, vault, keeper):
    policy = standing.policy(excess=3 * ONE, floor=2 * ONE)
    before, idle = standing.health(RAGE), ringside.idle()
    amount = most_to_take(before, policy.target)
    receipt = standing.move(policy, RAGE, IDLE, amount - USDC, TIP)
    after = standing.health(RAGE)
    assert policy.target <= after.health <= policy.target + policy.tolerance
    assert ringside.idle() == idle + amount - USDC - TIP
    assert vault.idle(account_id(keeper.address)) == TIP
    event = standing.moved(receipt)
    assert (event["from"], event.to, event.amount) == (RAGE, IDLE, amount - USDC)
    assert abs(event.before - before.health) < NOTHING
    assert event.before > policy.excess
    assert event.afterwards == after.health


def test_what_goes_back_leaves_the_target_or_the_floor(standing):
    for floor, least in ((2 * ONE, 5 * ONE // 2), (5 * ONE // 2 + 1, 5 * ONE // 2 + 1)):
        policy = standing.policy(excess=3 * ONE, floor=floor)
        amount = most_to_take(standing.health(RAGE), least)
        assert standing.would_end(policy, RAGE, IDLE, amount) >= least
        with reverts(standing.policies.BelowFloor, floor=least):
            standing.move(policy, RAGE, IDLE, amount + 1)


def test_a_leg_that_was_closed_gives_everything_back(ringside, vault, standing, rage):
    policy = standing.policy()
    ringside.trade(rage.id, LEG)
    free = rage.free(rage.seat()) // UNIT
    idle = ringside.idle()
    standing.move(policy, RAGE, IDLE, free)
    assert ringside.idle() == idle + free


# ------------------------------------------------------------- at the oracle's price


def test_health_is_the_venues_own_where_its_price_is_the_oracles(standing, venue):
    """Apart from what the average of a pool is off the oracle."""
    place = PERP if venue.NAME == "perp-v2" else RAGE
    found, seat = standing.health(place), venue.seat()
    oracle = 2_000 * ONE
    shift = venue.size(seat) * (oracle - venue.mark()) // ONE
    assert abs(found.equity - venue.equity(seat) - shift) <= UNIT
    expected = Fraction(venue.maintenance(seat) * oracle, venue.mark())
    assert abs(found.maintenance - expected) <= expected * NEAR
    assert found.health == found.equity * ONE // found.maintenance
    assert (
        abs(found.health - Fraction(venue.equity(seat) * ONE, venue.maintenance(seat))) < ONE // 50
    )


@pytest.mark.parametrize("price", [1_850, 2_150], ids=["falls", "rises"])
def test_health_follows_the_oracle_while_a_venue_stays_behind(standing, price):
    before = standing.health(PERP), standing.health(RAGE)
    standing.oracle(Decimal(price))
    change = (price - 2_000) * LEG
    for place, sign in ((PERP, 1), (RAGE, -1)):
        found = standing.health(place)
        assert abs(found.equity - before[place].equity - sign * change) < SECONDS
        scaled = Fraction(before[place].maintenance * price, 2_000)
        assert abs(found.maintenance - scaled) <= scaled * NEAR


@pytest.mark.parametrize("pushed", [1_780, 2_180], ids=["down", "up"])
def test_pushing_a_venues_price_triggers_nothing(ringside, standing, venue, pushed):
    """The venue itself says that the leg is in need; the oracle says that it is not."""
    place, seat = (PERP if venue.NAME == "perp-v2" else RAGE), venue.seat()
    before = standing.health(place)
    market.move(ringside.w3, ringside.addresses, "ETH-USD", Decimal(pushed))
    market.settle(ringside.w3, ringside.addresses)
    standing.oracle(Decimal(2_000))
    hurts = (pushed < 2_000) == (venue.NAME == "perp-v2")
    theirs = Fraction(venue.equity(seat), venue.maintenance(seat))
    ours = standing.health(place).health
    policy = standing.policy(trigger=5 * ONE // 2, target=3 * ONE)
    assert abs(venue.mark() - 2_000 * ONE) > 50 * ONE
    assert hurts == (theirs < Fraction(before.health, ONE))
    assert abs(ours - before.health) < before.health // 50
    for source in (IDLE, RAGE if place == PERP else PERP):
        with reverts(standing.policies.NotDue, bound=policy.trigger):
            standing.move(policy, source, place, USDC)


def test_every_market_of_a_shared_pocket_counts(ringside, standing, venue):
    """Which of them the policy names makes no difference."""
    place = PERP if venue.NAME == "perp-v2" else RAGE
    sign = 1 if place == PERP else -1
    ringside.trade(venue.id, sign * ONE // 10, 1_000 * USDC, market=BTC_USD)
    before = standing.health(place)
    standing.oracle(Decimal(57_000), "BTC-USD")
    after = standing.health(place)
    assert abs(after.equity - before.equity + sign * 300 * ONE) < SECONDS
    other = standing.policy(pockets=(Pocket(venue.id, "BTC-USD"),))
    assert standing.health(0, other) == after


# ----------------------------------------------------------- a venue of isolated pockets


@pytest.fixture
def isolated(standing):
    """Long five ETH at Synthetix on about 1,500 sUSD, after the market fell: in need."""
    standing.order_at_synthetix(LEG, 1_500 * USDC)
    standing.execute_at_synthetix()
    send(
        standing.ringside.vault.settle,
        *(standing.account, standing.synthetix, ETH_USD, b""),
        sender=standing.ringside.actors["keeper"],
    )
    standing.price(FELL)
    return standing


def policy_at_synthetix(standing, **changes):
    """Its pocket needs far less maintenance, so its owner wants more times of it."""
    pockets = (
        Pocket(standing.synthetix, "ETH-USD"),
        Pocket(standing.synthetix, "BTC-USD"),
        Pocket(standing.venue("rage"), "ETH-USD"),
    )
    now = standing.health(0, standing.policy(pockets=pockets)).health
    plain = {
        "pockets": pockets,
        "trigger": now * 11 // 10,
        "target": 4 * now,
        "tolerance": now,
        "floor": now * 11 // 10,
        "excess": 0,
        "max_loss": ONE // 100,
    }
    return standing.policy(**{**plain, **changes})


def test_margin_is_exchanged_within_the_signed_loss(ringside, isolated):
    policy = policy_at_synthetix(isolated)
    before, idle = isolated.health(0, policy), ringside.idle()
    receipt = isolated.move(policy, IDLE, 0, 500 * USDC)
    gained = isolated.health(0, policy).equity - before.equity
    assert 495 * ONE <= gained < 500 * ONE
    assert ringside.idle() == idle - 500 * USDC
    assert isolated.moved(receipt).amount == 500 * USDC


def test_margin_is_not_exchanged_at_a_greater_loss(isolated):
    """On the way in the pool refuses, on the way out the vault."""
    policy = policy_at_synthetix(isolated, max_loss=0)
    with pytest.raises(Refused) as refused:
        isolated.move(policy, IDLE, 0, 500 * USDC)
    assert refused.value.data == TOO_LITTLE
    out = giving(policy)
    with reverts(isolated.ringside.vault.PaidShort, least=100 * USDC):
        isolated.move(out, 0, IDLE, 100 * USDC)


def giving(policy):
    """The same, but its first pocket has too much."""
    lower = policy.trigger // 4
    changes = {"trigger": lower, "target": lower, "tolerance": 0, "floor": lower}
    return policy.with_(**changes, excess=2 * lower)


def test_what_an_exchange_loses_is_missing_where_it_arrives(ringside, isolated):
    policy = giving(policy_at_synthetix(isolated))
    before, idle = isolated.health(0, policy), ringside.idle()
    event = isolated.moved(isolated.move(policy, 0, IDLE, 100 * USDC))
    assert 99 * USDC <= event.arrived < event.amount == 100 * USDC
    assert ringside.idle() == idle + event.arrived
    taken = before.equity - isolated.health(0, policy).equity
    assert abs(taken - 100 * ONE) < SECONDS


def test_an_isolated_pocket_is_helped_by_another_venues(ringside, isolated, vault, rage, client):
    policy = policy_at_synthetix(isolated)
    send(vault.post, isolated.account, rage.id, ETH_USD, 10_000 * USDC, 0, sender=client)
    before, source, idle = isolated.health(0, policy), isolated.health(2, policy), ringside.idle()
    isolated.move(policy, 2, 0, 500 * USDC)
    gained = isolated.health(0, policy).equity - before.equity
    assert 495 * ONE <= gained < 500 * ONE
    given = source.equity - isolated.health(2, policy).equity
    assert abs(given - 500 * ONE) < SECONDS
    assert ringside.idle() == idle


def test_an_isolated_pocket_helps_with_what_its_exchange_leaves(ringside, isolated, rage):
    """Idle adds nothing to it."""
    numbers = {"trigger": 6 * ONE, "target": 13 * ONE // 2, "tolerance": 0, "floor": 6 * ONE}
    policy = policy_at_synthetix(isolated, **numbers)
    idle, deposited = ringside.idle(), rage.deposited(rage.seat())
    event = isolated.moved(isolated.move(policy, 0, 2, 10 * USDC))
    assert 99 * USDC // 10 <= event.arrived < event.amount == 10 * USDC
    assert rage.deposited(rage.seat()) - deposited == event.arrived
    assert ringside.idle() == idle


def test_markets_of_isolated_pockets_are_apart(ringside, isolated, vault, client):
    """One pocket may help another at the same venue, and the other's price concerns it not."""
    arguments = isolated.account, isolated.synthetix, BTC_USD, 500 * USDC, ONE // 100
    send(vault.post, *arguments, sender=client)
    policy = policy_at_synthetix(isolated)
    first, second = isolated.health(0, policy), isolated.health(1, policy)
    assert second.health == MAX
    twice = policy.with_(pockets=(*policy.pockets, policy.pockets[0]))
    with reverts(isolated.policies.SamePocket):
        isolated.move(twice, 3, 0, USDC)
    isolated.move(policy, 1, 0, 400 * USDC)
    assert 390 * ONE < isolated.health(0, policy).equity - first.equity < 400 * ONE
    assert second.equity - isolated.health(1, policy).equity == 400 * ONE
    helped = isolated.health(0, policy)
    isolated.oracle(Decimal(40_000), "BTC-USD")
    assert abs(isolated.health(0, policy).equity - helped.equity) < SECONDS
