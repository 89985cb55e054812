"""What a hostile venue gets out of a standing policy that names it: the signed amount a day, and
nothing of what is elsewhere. And that a policy is of one account alone."""

import pytest
from stage import DEPOSIT, ETH_USD, MAX, ONE, USDC, Refused, reverts, selector, send
from standing import FELL, LONG_MARGIN, PERP, RAGE, SHORT_MARGIN

from ringside.accounts import account_id
from ringside.policies import IDLE, Move, Pocket
from ringside.units import DAY

HOSTILE = 2
"""The place of one more venue in the policy, after Perp and Rage."""


@pytest.fixture(autouse=True)
def fell(standing):
    """The oracle says that the long is in need."""
    standing.oracle(FELL)


@pytest.fixture
def at(standing):
    """A policy that names one more venue, where the client has margin."""

    def at(contract, posted=1_000 * USDC, **changes):
        venue, seat = standing.ringside.add_venue(contract)
        client = standing.ringside.actors["client"]
        if posted:
            arguments = standing.account, venue, ETH_USD, posted, 0
            send(standing.ringside.vault.post, *arguments, sender=client)
        pockets = (*standing.policy().pockets, Pocket(venue, "ETH-USD"))
        return standing.policy(pockets=pockets, **changes), venue, seat

    return at


def test_a_venue_that_is_always_in_need_gets_the_days_amount_and_no_more(
    ringside, standing, policies, at, vault, keeper
):
    """It lies about its health: that is what the signed amount a day is for."""
    policy, _, _ = at("ThirstySeat", max_per_day=500 * USDC)
    idle = ringside.idle()
    standing.move(policy, IDLE, HOSTILE, 300 * USDC)
    standing.move(policy, RAGE, HOSTILE, 200 * USDC)
    for source in (IDLE, PERP, RAGE):
        with reverts(policies.BeyondDay, left=0, asked=1):
            standing.move(policy, source, HOSTILE, 1)
    assert idle - ringside.idle() == 300 * USDC
    # It says it is far from its target, so nothing was earned by it.
    assert vault.idle(account_id(keeper.address)) == 0
    # The next day it is the same again, until the owner notices.
    ringside.mine_at((ringside.now // DAY + 1) * DAY)
    standing.move(policy, IDLE, HOSTILE, 500 * USDC)
    with reverts(policies.BeyondDay, left=0, asked=1):
        standing.move(policy, IDLE, HOSTILE, 1)
    assert idle - ringside.idle() == 800 * USDC


def test_a_venue_in_need_leaves_the_others_their_floor(standing, policies, at):
    policy, _, _ = at("ThirstySeat")
    with reverts(policies.BelowFloor, floor=policy.floor):
        standing.move(policy, PERP, HOSTILE, USDC)


def test_a_venue_that_swallows_margin_gets_none(ringside, standing, policies, at):
    """It takes the margin and shows nothing for it."""
    policy, _, implementation = at("ThirstySeat")
    idle = ringside.idle()
    send(implementation.admit, 0, sender=ringside.actors["attacker"])
    with reverts(policies.NotImproved, before=0, afterwards=0):
        standing.move(policy, IDLE, HOSTILE, 100 * USDC)
    assert ringside.idle() == idle


def test_a_venue_that_pays_short_gives_nothing_to_others(ringside, standing, vault, at):
    policy, _, _ = at("ShortPayingSeat", max_loss=ONE // 4)
    for to in (PERP, IDLE):
        with reverts(vault.PaidShort, least=75 * USDC, received=50 * USDC):
            standing.move(policy, HOSTILE, to, 100 * USDC)


@pytest.mark.parametrize("contract", ["RevertBombSeat", "ShortAnswerSeat", "GasBurningSeat"])
def test_a_venue_that_cannot_be_read_is_left_alone_and_the_others_go_on(standing, at, contract):
    policy, _, _ = at(contract)
    for source, to in ((IDLE, HOSTILE), (HOSTILE, PERP), (HOSTILE, IDLE)):
        with pytest.raises(Refused):
            standing.move(policy, source, to, USDC)
    standing.move(policy, IDLE, PERP, USDC)
    standing.move(policy, RAGE, PERP, USDC)


def test_a_venue_that_answers_with_a_megabyte_gets_nothing(standing, policies, at):
    """Of zeros: it needs no maintenance, then. It may give what it has."""
    policy, _, _ = at("ReturnBombSeat")
    with reverts(policies.NotDue, health=MAX, bound=policy.trigger):
        standing.move(policy, IDLE, HOSTILE, USDC)
    standing.move(policy, HOSTILE, PERP, USDC)


def test_a_venue_that_comes_back_in_finds_the_vault_locked(
    ringside, standing, policies, vault, at, account
):
    policy, _, implementation = at("ReenteringSeat")
    idle = ringside.idle()
    seat_calls = []
    for source, to in ((IDLE, PERP), (HOSTILE, IDLE), (RAGE, PERP)):
        terms = policy.tuple, standing.signed(policy), tuple(Move(source, to, USDC))
        seat_calls.append((policies.address, policies.move.encode_input(*terms)))
    limit = policy.max_per_day
    too_much = policy.tuple, standing.signed(policy), tuple(Move(IDLE, PERP, limit))
    seat_calls.append((policies.address, policies.move.encode_input(*too_much)))
    send(implementation.plan, seat_calls, sender=ringside.actors["attacker"])
    standing.move(policy, HOSTILE, IDLE, 100 * USDC)
    outcomes = [bytes(outcome) for outcome in implementation.allOutcomes()]
    locked = selector(vault.ReentrancyGuardReentrantCall)
    assert outcomes == [locked] * 3 + [selector(policies.BeyondDay)]
    assert ringside.idle() == idle + 100 * USDC
    assert standing.used().moved == 100 * USDC


# ------------------------------------------------------------------- one account alone


def test_nothing_of_another_account_moves(ringside, standing, vault, client, neighbour):
    other = ringside.open_account(client, "other")
    policy = standing.policy()
    theirs = account_id(neighbour.address)
    before = [vault.idle(other), vault.idle(theirs)]
    standing.move(policy, IDLE, PERP, 100 * USDC)
    standing.move(policy, RAGE, PERP, 100 * USDC)
    assert [vault.idle(other), vault.idle(theirs)] == before
    # The owner's other account has granted nothing and has no seat.
    with reverts(vault.NoSeat, account=other, venue=standing.venue("perp-v2")):
        standing.move(policy.with_(account=other), IDLE, PERP, USDC)


def test_the_contract_holds_no_money(ringside, standing, usdc, policies):
    policy = standing.policy()
    standing.move(policy, RAGE, PERP, 100 * USDC)
    assert usdc.balanceOf(policies) == 0
    assert ringside.idle() == DEPOSIT - LONG_MARGIN - SHORT_MARGIN
    assert ringside.idle(account_id(policies.address)) == 0
