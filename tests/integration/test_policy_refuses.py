"""Everything a move under a standing policy refuses, by name. The bounds on amounts are in
`test_policy.py`, and hostile venues in `test_policy_hostile.py`."""

import pytest
from eth_account import Account
from stage import ETH, ETH_USD, MAX, NEVER, ONE, USDC, Refused, reverts, send
from standing import FELL, LEG, PERP, RAGE, TIP

from devnet.anvil import rpc
from ringside.accounts import Right, account_id
from ringside.orders import market_id
from ringside.policies import IDLE, TYPES, Domain, Pocket, most_to_give, sign

HEARTBEAT = 86_400
ANSWERS_ERC1271 = "0x631626ba7e60e01b5f5260205ff3"
"""The code of a contract that finds every signature valid."""


@pytest.fixture(autouse=True)
def fell(standing):
    """The oracle says that the long is in need."""
    standing.oracle(FELL)


@pytest.fixture
def neighbour_account(neighbour):
    return account_id(neighbour.address)


def raw(policy, **changes):
    """A policy's tuple with numbers that the Python side would refuse."""
    names = [name for name, _ in TYPES["Policy"]]
    return tuple({**dict(zip(names, policy.tuple, strict=True)), **changes}.values())


def sign_raw(standing, terms):
    digest = standing.policies.digest(terms)
    client = standing.ringside.actors["client"]
    return bytes(Account.unsafe_sign_hash(digest, client.private_key).signature)


# ------------------------------------------------------------------- time and epoch


def test_a_policy_ends_with_its_deadline(ringside, standing, policies):
    deadline = ringside.now + 600
    policy = standing.policy(deadline=deadline)
    ringside.send_at(deadline)
    assert standing.move(policy, IDLE, PERP, USDC).timestamp == deadline
    ringside.mine_at(deadline + 1)
    with reverts(policies.Expired, deadline=deadline):
        standing.move(policy, IDLE, PERP, USDC)


@pytest.mark.parametrize("epoch", [1, MAX])
def test_a_policy_of_an_epoch_to_come_waits(standing, policies, epoch):
    with reverts(policies.WrongEpoch, epoch=0):
        standing.move(standing.policy(epoch=epoch), IDLE, PERP, USDC)


def test_raising_the_epoch_at_the_desk_ends_every_policy(ringside, standing, policies, client):
    old = [standing.policy(nonce=nonce) for nonce in (1, 2)]
    standing.move(old[0], IDLE, PERP, USDC)
    send(ringside.desk.raiseEpoch, standing.account, 3, sender=client)
    for policy in old:
        with reverts(policies.WrongEpoch, epoch=3):
            standing.move(policy, IDLE, PERP, USDC)
    standing.move(old[1].with_(epoch=3), IDLE, PERP, USDC)


# ------------------------------------------------------------------------ who signed


@pytest.mark.parametrize(
    "change",
    [
        {"trigger": 2 * ONE - 1},
        {"target": 5 * ONE // 2 + 1},
        {"tolerance": ONE // 10 + 1},
        {"floor": 3 * ONE - 1},
        {"excess": 8 * ONE - 1},
        {"cooldown": 0},
        {"max_per_day": 5_000 * USDC + 1},
        {"max_loss": 1},
        {"tip": TIP + 1},
        {"max_tip_per_day": 2 * TIP + 1},
        {"deadline": NEVER - 1},
        {"nonce": 2},
        {"pockets": (Pocket(0, "ETH-USD"),)},
        {"pockets": (Pocket(0, "BTC-USD"), Pocket(1, "ETH-USD"))},
        {"pockets": (Pocket(1, "ETH-USD"), Pocket(0, "ETH-USD"))},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_policy_changed_after_signing_is_not_the_owners(standing, policies, client, change):
    """Each field in turn: a keeper can stretch none of them."""
    signature = standing.signed(standing.policy())
    with reverts(policies.BadSignature, owner=client.address):
        standing.move(standing.policy(**change), IDLE, PERP, USDC, signature=signature)


def test_a_policy_is_signed_by_the_owner_of_its_account_alone(
    ringside, standing, policies, client, keeper, neighbour_account, neighbour
):
    own = standing.policy()
    for signer in (keeper, neighbour):
        with reverts(policies.BadSignature, owner=client.address):
            standing.move(own, IDLE, PERP, USDC, signature=standing.signed(own, signer))
    theirs = own.with_(account=neighbour_account)
    with reverts(policies.BadSignature, owner=neighbour.address):
        standing.move(theirs, IDLE, PERP, USDC)


def test_a_signature_for_another_chain_or_contract_counts_nothing(
    ringside, standing, policies, client
):
    policy = standing.policy()
    for domain in (
        Domain(1, policies.address),
        Domain(standing.domain.chain_id, ringside.desk.address),
    ):
        signature = sign(policy, domain, client.private_key)
        with reverts(policies.BadSignature, owner=client.address):
            standing.move(policy, IDLE, PERP, USDC, signature=signature)


@pytest.mark.parametrize("signature", [b"", b"\x01" * 64, b"\x01" * 65, b"\0" * 65])
def test_a_signature_that_is_none_counts_nothing(standing, policies, client, signature):
    with reverts(policies.BadSignature, owner=client.address):
        standing.move(standing.policy(), IDLE, PERP, USDC, signature=signature)


def test_an_owner_that_is_a_contract_is_asked(ringside, standing, policies, client, keeper):
    """Its key still counts as well (EIP-7702)."""
    policy = standing.policy()
    rpc(ringside.w3, "anvil_setCode", client.address, ANSWERS_ERC1271)
    standing.move(policy, IDLE, PERP, USDC, signature=b"anything")
    standing.move(policy, IDLE, PERP, USDC)
    rpc(ringside.w3, "anvil_setCode", client.address, "0x5f5ffd")
    with reverts(policies.BadSignature, owner=client.address):
        standing.move(policy, IDLE, PERP, USDC, signature=b"anything")
    standing.move(policy, IDLE, PERP, USDC)


def test_the_digest_is_the_one_that_python_and_wallets_hash(standing, policies):
    for policy in (standing.policy(), standing.policy(excess=0, max_loss=7, epoch=9, nonce=MAX)):
        assert bytes(policies.digest(policy.tuple)) == policy.digest(standing.domain)


# ----------------------------------------------------------------------- its numbers


@pytest.mark.parametrize(
    "change",
    [
        {"target": 2 * ONE - 1},
        {"tolerance": ONE // 2 + 1},
        {"tolerance": MAX},
        {"floor": 2 * ONE - 1},
        {"excess": 26 * ONE // 10 - 1},
        {"excess": 1},
        {"maxLoss": ONE + 1},
    ],
    ids=str,
)
def test_a_policy_whose_numbers_are_out_of_order_is_refused(standing, policies, change):
    terms = raw(standing.policy(), **change)
    with reverts(policies.BadPolicy):
        standing.move(terms, IDLE, PERP, USDC, signature=sign_raw(standing, terms))


@pytest.mark.parametrize(
    "change",
    [{"tolerance": ONE // 2}, {"floor": 2 * ONE}, {"excess": 26 * ONE // 10}, {"maxLoss": ONE}],
    ids=str,
)
def test_a_policy_whose_numbers_just_fit_is_used(standing, change):
    terms = raw(standing.policy(), **change)
    standing.move(terms, IDLE, PERP, USDC, signature=sign_raw(standing, terms))


@pytest.mark.parametrize(("source", "to"), [(2, 0), (IDLE, 2), (0, MAX - 1), (MAX - 1, 0)])
def test_a_place_that_the_policy_does_not_name_is_refused(standing, policies, source, to):
    wrong = source if source not in (0, IDLE) else to
    with reverts(policies.NoPocket, index=wrong):
        standing.move(standing.policy(), source, to, USDC)


def test_a_pocket_that_does_not_exist_is_refused(standing, venues):
    nowhere = standing.policy(pockets=(Pocket(0, "DOGE-USD"), Pocket(63, "ETH-USD")))
    with reverts(venues.UnknownMarket, market=market_id("DOGE-USD")):
        standing.move(nowhere, IDLE, 0, USDC)
    with reverts(venues.UnknownVenue, venue=63):
        standing.move(nowhere, IDLE, 1, USDC)


def test_nothing_moves_from_a_pocket_to_itself(standing, policies):
    policy = standing.policy()
    twice = policy.with_(pockets=(*policy.pockets, Pocket(standing.venue("perp-v2"), "BTC-USD")))
    for source, to in ((PERP, PERP), (IDLE, IDLE), (2, PERP), (PERP, 2)):
        with reverts(policies.SamePocket):
            standing.move(twice, source, to, USDC)


def test_an_amount_of_nothing_is_refused(standing, ringside):
    for source in (IDLE, RAGE):
        with reverts(ringside.vault.ZeroAmount):
            standing.move(standing.policy(), source, PERP, 0)


def test_an_amount_beyond_all_is_refused(standing, policies):
    """The largest number asks a seat for all that is free: no policy does."""
    with reverts(policies.BeyondDay, left=5_000 * USDC, asked=MAX):
        standing.move(standing.policy(), RAGE, PERP, MAX)
    with pytest.raises(Refused):
        standing.move(standing.policy(max_per_day=MAX), RAGE, PERP, MAX)


# -------------------------------------------------------------------- is there a need


def test_a_leg_in_no_need_gets_nothing(standing, policies):
    policy = standing.policy()
    now = standing.health(RAGE).health
    for source in (IDLE, PERP):
        with reverts(policies.NotDue, health=now, bound=policy.trigger):
            standing.move(policy, source, RAGE, USDC)


def test_a_leg_at_its_trigger_is_in_no_need(standing, policies):
    now = standing.health(PERP).health
    numbers = {"target": 2 * now, "floor": now + 1}
    with reverts(policies.NotDue, bound=now - 10**12):
        standing.move(standing.policy(trigger=now - 10**12, **numbers), IDLE, PERP, USDC)
    standing.move(
        standing.policy(trigger=now + 10**12, **numbers | {"floor": 2 * now}), IDLE, PERP, 1
    )


def test_a_leg_helped_enough_is_in_no_need_any_more(standing, policies):
    policy = standing.policy(cooldown=0)
    standing.move(policy, IDLE, PERP, most_to_give(standing.health(PERP), policy.target) - USDC)
    with reverts(policies.NotDue, bound=policy.trigger):
        standing.move(policy, IDLE, PERP, 1)


def test_an_empty_pocket_is_in_no_need(ringside, standing, policies, client):
    """A seat without a position needs no maintenance; one that was never made is none."""
    pockets = (Pocket(standing.synthetix, "ETH-USD"),)
    policy = standing.policy(pockets=pockets, max_loss=ONE)
    with reverts(ringside.vault.NoSeat, account=standing.account, venue=standing.synthetix):
        standing.move(policy, IDLE, 0, USDC)
    send(
        ringside.vault.post,
        *(standing.account, standing.synthetix, ETH_USD, 100 * USDC, ONE),
        sender=client,
    )
    with reverts(policies.NotDue, health=MAX, bound=policy.trigger):
        standing.move(policy, IDLE, 0, USDC)


def test_what_is_no_surplus_stays(standing, policies):
    policy = standing.policy()
    now = standing.health(RAGE).health
    assert policy.target < now < policy.excess
    with reverts(policies.NotDue, health=now, bound=policy.excess):
        standing.move(policy, RAGE, IDLE, USDC)


def test_nothing_goes_back_under_a_policy_that_signs_no_excess(standing, policies):
    with reverts(policies.NoReturns):
        standing.move(standing.policy(excess=0), RAGE, IDLE, USDC)


# -------------------------------------------------------------------------- prices


@pytest.mark.parametrize("answer", [0, -1, -(2**255)])
def test_an_oracle_without_a_price_moves_nothing(standing, policies, feed, ringside, answer):
    feed(answer, ringside.now)
    with reverts(policies.BadOracle, market=ETH_USD, answer=answer):
        standing.move(standing.policy(), IDLE, PERP, USDC)


def test_an_oracle_from_the_future_moves_nothing(standing, policies, feed, ringside):
    feed(1_800 * 10**8, ringside.now + 1_000)
    with reverts(policies.BadOracle, market=ETH_USD):
        standing.move(standing.policy(), IDLE, PERP, USDC)


def test_an_oracle_older_than_its_heartbeat_moves_nothing(standing, policies, ringside):
    since = ringside.now
    needy = standing.policy(trigger=10 * ONE, target=20 * ONE, floor=20 * ONE, excess=0)
    rich = standing.policy(excess=26 * ONE // 10, nonce=2)
    ringside.mine_at(since + HEARTBEAT - 10)
    standing.would_end(needy, IDLE, RAGE, USDC)
    standing.would_end(rich, RAGE, IDLE, USDC)
    ringside.mine_at(since + HEARTBEAT + 1)
    for policy, source, to in ((needy, IDLE, RAGE), (rich, RAGE, IDLE)):
        with reverts(policies.BadOracle, market=ETH_USD, updatedAt=since):
            standing.move(policy, source, to, USDC)


def test_a_dead_oracle_stops_only_who_is_in_its_market(standing, ringside):
    """BTC's is older than its heartbeat, and nothing here is held in it."""
    ringside.mine_at(ringside.now + 2 * HEARTBEAT)
    standing.oracle(FELL)
    standing.move(standing.policy(), IDLE, PERP, USDC)


# ------------------------------------------------------------------------------ tips


def test_no_more_than_the_signed_tip_is_paid(standing, policies):
    policy = standing.policy()
    amount = most_to_give(standing.health(PERP), policy.target) - USDC
    with reverts(policies.TipTooHigh, most=TIP, asked=TIP + 1):
        standing.move(policy, IDLE, PERP, amount, TIP + 1)
    with reverts(policies.TipTooHigh, most=TIP - 1, asked=TIP):
        standing.move(policy.with_(max_tip_per_day=TIP - 1), IDLE, PERP, amount, TIP)


def test_a_keeper_may_ask_for_less_where_the_vaults_cap_is_reached(
    ringside, standing, vault, keeper
):
    standing.grant(cap=TIP - 1)
    policy = standing.policy()
    amount = most_to_give(standing.health(PERP), policy.target) - USDC
    with reverts(vault.PayCapExceeded, cap=TIP - 1, wanted=TIP):
        standing.move(policy, IDLE, PERP, amount, TIP)
    standing.move(policy, IDLE, PERP, amount, TIP - 1)
    assert vault.idle(account_id(keeper.address)) == TIP - 1


# ---------------------------------------------------------------------- nonces


def test_a_cancelled_policy_moves_nothing(standing, policies, client):
    policy = standing.policy()
    standing.move(policy, IDLE, PERP, USDC)
    receipt = send(policies.cancel, standing.account, policy.nonce, sender=client)
    (event,) = receipt.decode_logs(policies.Cancelled)
    assert (bytes(event.account), event.nonce) == (standing.account, policy.nonce)
    for ended in (policy, standing.policy(cooldown=1)):
        with reverts(policies.NonceSpent, nonce=policy.nonce):
            standing.move(ended, IDLE, PERP, USDC)
    standing.move(policy.with_(nonce=2), IDLE, PERP, USDC)


def test_a_nonce_is_the_first_policys_that_uses_it(standing, policies):
    first = standing.policy()
    standing.move(first, IDLE, PERP, USDC)
    with reverts(policies.NonceTaken, nonce=1, digest=first.digest(standing.domain)):
        standing.move(standing.policy(max_per_day=9_000 * USDC), IDLE, PERP, USDC)


def test_a_policys_nonces_are_not_the_desks(ringside, standing, client):
    send(ringside.desk.cancel, standing.account, 1, sender=client)
    standing.move(standing.policy(nonce=1), IDLE, PERP, USDC)


def test_nobody_else_cancels(standing, policies, keeper, neighbour):
    for actor in (keeper, neighbour):
        with reverts(policies.NotOwner, account=standing.account, caller=actor.address):
            send(policies.cancel, standing.account, 1, sender=actor)


# -------------------------------------------------------------- what the vault refuses


def test_without_the_owners_grant_nothing_moves(standing, vault, policies):
    policy = standing.policy()
    amount = most_to_give(standing.health(PERP), policy.target) - USDC
    standing.grant(rights=0)
    for source in (IDLE, RAGE):
        with reverts(vault.NotAllowed, caller=policies.address, right=Right.MOVE):
            standing.move(policy, source, PERP, amount)
    standing.grant(rights=Right.MOVE)
    with reverts(vault.NotAllowed, caller=policies.address, right=Right.PAY):
        standing.move(policy, IDLE, PERP, amount, TIP)
    standing.move(policy, IDLE, PERP, amount)


def test_a_venue_that_is_not_granted_is_left_alone(standing, vault, policies):
    standing.grant(venues=1 << standing.venue("perp-v2"))
    rage = standing.venue("rage")
    with reverts(vault.VenueNotGranted, caller=policies.address, venues=1 << rage):
        standing.move(standing.policy(), RAGE, PERP, USDC)
    standing.move(standing.policy(), IDLE, PERP, USDC)


def test_no_more_than_idle_is_moved(ringside, standing, vault, client):
    idle = ringside.idle()
    send(vault.withdraw, standing.account, idle - USDC, client, sender=client)
    with reverts(vault.NotEnoughIdle, idle=USDC, needed=USDC + 1):
        standing.move(standing.policy(), IDLE, PERP, USDC + 1)
    standing.move(standing.policy(), IDLE, PERP, USDC)


def test_a_paused_venue_gets_no_more_margin_and_gives_it_back(
    ringside, standing, vault, venues, governor
):
    policy = standing.policy(excess=26 * ONE // 10, floor=2 * ONE)
    perp, rage = standing.venue("perp-v2"), standing.venue("rage")
    send(venues.pause, perp, sender=governor)
    for source in (IDLE, RAGE):
        with reverts(vault.VenuePaused, venue=perp):
            standing.move(policy, source, PERP, USDC)
    send(venues.pause, rage, sender=governor)
    idle = ringside.idle()
    standing.move(policy, RAGE, IDLE, USDC)
    assert ringside.idle() == idle + USDC


def test_a_venue_gives_no_more_than_its_own_rule_lets_go(standing, rage):
    """Whatever floor was signed: the venue keeps its initial margin."""
    standing.oracle(FELL)
    seat = rage.seat()
    free = rage.free(seat) // 10**12
    policy = standing.policy(floor=2 * ONE, target=40 * ONE, trigger=2 * ONE, excess=0)
    with pytest.raises(Refused):
        standing.move(policy, RAGE, PERP, free + USDC)


# ---------------------------------------------------------------------- pending tickets


def test_a_pending_ticket_keeps_margin_where_it_is(ringside, standing, vault):
    standing.order_at_synthetix(LEG, 1_500 * USDC)
    standing.execute_at_synthetix()
    pocket = Pocket(standing.synthetix, "ETH-USD")
    policy = standing.policy(pockets=(pocket, Pocket(standing.venue("perp-v2"), "ETH-USD")))
    send(
        vault.settle,
        *(standing.account, standing.synthetix, ETH_USD, b""),
        sender=ringside.actors["keeper"],
    )
    now = standing.health(0, policy).health
    policy = policy.with_(
        trigger=2 * now, target=3 * now, floor=2 * now, excess=0, max_loss=ONE // 50
    )
    standing.would_end(policy, IDLE, 0, 10 * USDC)
    standing.order_at_synthetix(-ETH, 0)
    ticket = {"account": standing.account, "venue": standing.synthetix, "market": ETH_USD}
    with reverts(vault.TicketOpen, **ticket):
        standing.move(policy, IDLE, 0, 10 * USDC)
    thirsty = policy.with_(trigger=MAX // 4, target=MAX // 2, floor=MAX // 4)
    with reverts(vault.TicketOpen, **ticket):
        standing.move(thirsty, 0, 1, 10 * USDC)
    standing.execute_at_synthetix()
    standing.move(policy, IDLE, 0, 10 * USDC)
