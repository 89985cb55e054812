"""A bundle is several orders under one signature: atomic, step by step, or in proportion."""

from itertools import count

import pytest
from bundles import bundle, fill_bundle, fill_step, signed, step
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from stage import DEPOSIT, ETH, MAX, NO_RECEIPT, ONE, USDC, few, reverts, send

from ringside.accounts import account_id
from ringside.orders import Bounds, Conditions, Mode, venue_set

MARGIN = 5_000 * USDC
REDUCE = Bounds(reduce_only=True)
nonces = count(1_000)
cheaply = few(10)


@pytest.fixture
def steps(ringside, stand_in):
    """So many steps of this size for the stand-in."""

    def steps(*sizes, **changes):
        allowed = venue_set([stand_in])
        return [step(ringside, size=size, venues=allowed, **changes) for size in sizes]

    return steps


@pytest.fixture
def seat(ringside, stand_in):
    """The stand-in's seat, after the first fill."""
    return lambda: ringside.seat_at(stand_in, "StandInSeat")


def flip(ringside, perp, rage, mode=Mode.ATOMIC, **second):
    """Sells two ETH held at Perp v2, then sells two more at Rage."""
    close = step(ringside, size=-2 * ETH, venues=venue_set([perp.id]), bounds=REDUCE)
    opening = step(ringside, size=-2 * ETH, venues=venue_set([rage.id]), **second)
    return bundle(ringside, mode, close, opening)


# ----------------------------------------------------------------------------- atomic


def test_a_flip_from_one_venue_to_another_is_one_signature_and_one_transaction(
    ringside, desk, account, keeper, perp, rage
):
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    whole = flip(ringside, perp, rage)
    legs = [(perp.id, -2 * ETH, 0)], [(rage.id, -2 * ETH, MARGIN)]
    receipt = fill_bundle(ringside, whole, *legs)
    assert perp.size(perp.seat()) == 0
    assert rage.size(rage.seat()) == -2 * ETH
    assert desk.isSpent(account, whole.nonce)
    events = receipt.decode_logs(desk.Filled)
    assert [event.key for event in events] == [whole.step_key(ringside.domain, i) for i in (0, 1)]
    assert [event.size for event in events] == [-2 * ETH, -2 * ETH]
    assert [event.quote for event in events] == [
        perp.fills(receipt)[0][1],
        rage.fills(receipt)[0][1],
    ]


def test_two_markets_trade_under_one_signature(ringside, perp, rage):
    """A BTC long is closed at one venue and an ETH short opened at another."""
    btc = {"market": "BTC-USD", "venues": venue_set([perp.id])}
    order = ringside.order(size=ETH // 10, limit_price=100_000 * ONE, nonce=5, **btc)
    ringside.fill(order, (perp.id, ETH // 10, MARGIN))
    close = step(ringside, size=-ETH // 10, bounds=REDUCE, **btc)
    opening = step(ringside, size=-ETH, venues=venue_set([rage.id]))
    whole = bundle(ringside, Mode.ATOMIC, close, opening)
    fill_bundle(ringside, whole, [(perp.id, -ETH // 10, 0)], [(rage.id, -ETH, MARGIN)])
    assert perp.size(perp.seat(), "BTC-USD") == 0
    assert rage.size(rage.seat()) == -ETH


def test_a_flip_whose_second_half_fails_does_not_happen_at_all(
    ringside, desk, vault, account, perp, rage
):
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    whole = flip(ringside, perp, rage, limit_price=3_000 * ONE)
    with reverts(desk.WorsePrice, limit=6_000 * ETH * ONE):
        fill_bundle(ringside, whole, [(perp.id, -2 * ETH, 0)], [(rage.id, -2 * ETH, MARGIN)])
    assert perp.size(perp.seat()) == 2 * ETH
    assert vault.idle(account) == DEPOSIT - MARGIN
    assert not desk.isSpent(account, whole.nonce)


def test_an_atomic_bundle_is_filled_once(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.ATOMIC, *steps(ETH, 2 * ETH))
    legs = [(stand_in, ETH, 0)], [(stand_in, 2 * ETH, 0)]
    fill_bundle(ringside, whole, *legs)
    with reverts(desk.NonceSpent, nonce=whole.nonce):
        fill_bundle(ringside, whole, *legs)


def test_every_step_of_an_atomic_bundle_is_filled_whole(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.ATOMIC, *steps(ETH, 2 * ETH))
    with reverts(desk.BelowMinFill, least=2 * ETH, asked=2 * ETH - 1):
        fill_bundle(ringside, whole, [(stand_in, ETH, 0)], [(stand_in, 2 * ETH - 1, 0)])
    with reverts(desk.Overfilled, left=ETH, asked=2 * ETH):
        fill_bundle(ringside, whole, [(stand_in, 2 * ETH, 0)], [(stand_in, ETH, 0)])
    with reverts(desk.NoLegs):
        fill_bundle(ringside, whole, [(stand_in, ETH, 0)], [])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_atomic_bundle_needs_legs_for_each_of_its_steps(ringside, desk, stand_in, steps, count):
    whole = bundle(ringside, Mode.ATOMIC, *steps(ETH, ETH))
    with reverts(desk.BadBundle):
        fill_bundle(ringside, whole, *[[(stand_in, ETH, 0)]] * count)


def test_each_step_pays_its_own_tip_to_whoever_fills(
    ringside, vault, account, keeper, stand_in, steps
):
    whole = bundle(ringside, Mode.ATOMIC, *steps(ETH, tip=2 * USDC), *steps(ETH, tip=3 * USDC))
    fill_bundle(ringside, whole, [(stand_in, ETH, 0)], [(stand_in, ETH, 0)])
    assert vault.idle(account_id(keeper.address)) == 5 * USDC
    assert vault.idle(account) == DEPOSIT - 5 * USDC


def test_each_step_is_held_to_its_own_margin(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.ATOMIC, *steps(ETH, max_margin=5), *steps(ETH, max_margin=MARGIN))
    with reverts(desk.TooMuchMargin, share=5, asked=6):
        fill_bundle(ringside, whole, [(stand_in, ETH, 6)], [(stand_in, ETH, 0)])


# ------------------------------------------------------------------------ either kind


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.PROPORTIONAL, 3, 255])
def test_only_an_atomic_bundle_is_filled_as_one(ringside, desk, stand_in, steps, mode):
    whole = bundle(ringside, mode, *steps(ETH))
    with reverts(desk.BadBundle):
        fill_bundle(ringside, whole, [(stand_in, ETH, 0)])


@pytest.mark.parametrize("mode", [Mode.ATOMIC, 3, 255])
def test_no_other_bundle_is_filled_by_steps(ringside, desk, stand_in, steps, mode):
    whole = bundle(ringside, mode, *steps(ETH))
    with reverts(desk.BadBundle):
        fill_step(ringside, whole, 0, (stand_in, ETH, 0))


def test_a_bundle_has_no_more_steps_than_were_signed(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH))
    for index in (1, 2**256 - 1):
        with reverts(desk.BadBundle):
            fill_step(ringside, whole, index, (stand_in, ETH, 0))


@pytest.mark.parametrize(
    "change", ["mode", "deadline", "nonce", "account", "order", "size", "fewer", "more"]
)
def test_a_bundle_may_not_be_changed(ringside, desk, client, keeper, stand_in, steps, change):
    first, second = steps(ETH, 2 * ETH)
    whole = bundle(ringside, Mode.STEPWISE, first, second)
    changed = {
        "mode": {"mode": Mode.PROPORTIONAL},
        "deadline": {"deadline": 2**41},
        "nonce": {"nonce": 2},
        "account": {"account": account_id(client.address, "other")},
        "order": {"steps": (second, first)},
        "size": {"steps": (*steps(ETH + 1), second)},
        "fewer": {"steps": (first,)},
        "more": {"steps": (first, second, second)},
    }[change]
    terms = whole.with_(**changed).tuple, signed(ringside, whole), 0, [(stand_in, ETH, 0)]
    with reverts(desk.BadSignature, owner=client.address):
        send(desk.fillStep, *terms, NO_RECEIPT, sender=keeper)


def test_a_step_needs_the_whole_bundles_signature(ringside, desk, client, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH))
    with reverts(desk.BadSignature, owner=client.address):
        ringside.fill(whole.order(0), (stand_in, ETH, 0), signature=signed(ringside, whole))


def test_a_cancelled_bundle_starts_nothing_more(ringside, desk, account, client, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH, ETH))
    fill_step(ringside, whole, 0, (stand_in, ETH, 0))
    send(desk.cancel, account, whole.nonce, sender=client)
    with reverts(desk.NonceSpent, nonce=whole.nonce):
        fill_step(ringside, whole, 1, (stand_in, ETH, 0))
    atomic = bundle(ringside, Mode.ATOMIC, *steps(ETH), nonce=2)
    send(desk.cancel, account, 2, sender=client)
    with reverts(desk.NonceSpent, nonce=2):
        fill_bundle(ringside, atomic, [(stand_in, ETH, 0)])


def test_a_raised_epoch_ends_a_bundle(ringside, desk, account, client, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH, ETH))
    fill_step(ringside, whole, 0, (stand_in, ETH, 0))
    send(desk.raiseEpoch, account, 1, sender=client)
    with reverts(desk.WrongEpoch, epoch=1):
        fill_step(ringside, whole, 1, (stand_in, ETH, 0))


def test_a_bundle_ends_at_its_deadline(ringside, desk, stand_in, steps):
    deadline = ringside.now + 600
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH, ETH), deadline=deadline)
    atomic = bundle(ringside, Mode.ATOMIC, *steps(ETH), deadline=deadline, nonce=2)
    ringside.send_at(deadline)
    assert fill_step(ringside, whole, 0, (stand_in, ETH, 0)).timestamp == deadline
    ringside.mine_at(deadline + 1)
    with reverts(desk.Expired, deadline=deadline):
        fill_step(ringside, whole, 1, (stand_in, ETH, 0))
    with reverts(desk.Expired, deadline=deadline):
        fill_bundle(ringside, atomic, [(stand_in, ETH, 0)])


def test_one_nonce_is_one_bundle_or_one_order(ringside, desk, stand_in, steps):
    allowed = venue_set([stand_in])
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH, ETH))
    fill_step(ringside, whole, 0, (stand_in, ETH // 2, 0))
    first = whole.digest(ringside.domain)
    with reverts(desk.NonceTaken, nonce=1, digest=first):
        ringside.fill(ringside.order(venues=allowed), (stand_in, ETH, 0))
    with reverts(desk.NonceTaken, nonce=1, digest=first):
        fill_step(ringside, whole.with_(mode=Mode.PROPORTIONAL), 0, (stand_in, ETH // 2, 0))
    with reverts(desk.NonceTaken, nonce=1, digest=first):
        fill_bundle(ringside, bundle(ringside, Mode.ATOMIC, *steps(ETH)), [(stand_in, ETH, 0)])
    order = ringside.order(size=2 * ETH, venues=allowed, nonce=2)
    ringside.fill(order, (stand_in, ETH, 0))
    with reverts(desk.NonceTaken, nonce=2, digest=order.digest(ringside.domain)):
        fill_step(ringside, whole.with_(nonce=2), 0, (stand_in, ETH, 0))


def test_an_order_or_step_has_one_set_of_conditions_and_one_of_tickets(ringside, desk, client):
    account, terms, *rest = ringside.order().tuple
    conditions, tickets = Conditions().tuple, (0, 0, 0)
    for twice in ((*terms[:8], [conditions] * 2), (*terms[:7], [tickets] * 2, [])):
        raw = (account, twice, *rest)
        digest = Account.unsafe_sign_hash(desk.digest(raw), client.private_key)
        with reverts(desk.BadTerms):
            ringside.fill(raw, (0, ETH, 0), signature=bytes(digest.signature))


# ----------------------------------------------------------------------- step by step


def test_a_flip_may_go_step_by_step(ringside, perp, rage):
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    whole = flip(ringside, perp, rage, Mode.STEPWISE)
    fill_step(ringside, whole, 0, (perp.id, -2 * ETH, 0))
    fill_step(ringside, whole, 1, (rage.id, -2 * ETH, MARGIN))
    assert perp.size(perp.seat()) == 0
    assert rage.size(rage.seat()) == -2 * ETH


def test_a_step_opens_when_the_one_before_is_complete(ringside, desk, stand_in, steps, seat):
    whole = bundle(ringside, Mode.STEPWISE, *steps(3, 5, 7))
    for index in (1, 2):
        with reverts(desk.StepNotOpen, step=index):
            fill_step(ringside, whole, index, (stand_in, 1, 0))
    fill_step(ringside, whole, 0, (stand_in, 2, 0))
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, whole, 1, (stand_in, 1, 0))
    fill_step(ringside, whole, 0, (stand_in, 1, 0))
    with reverts(desk.StepNotOpen, step=2):
        fill_step(ringside, whole, 2, (stand_in, 1, 0))
    fill_step(ringside, whole, 1, (stand_in, 5, 0))
    fill_step(ringside, whole, 2, (stand_in, 7, 0))
    assert seat().held_() == 15


def test_a_steps_progress_is_kept_by_bundle_and_index(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(3, 5, max_margin=30, tip=3, limit_price=MAX))
    fill_step(ringside, whole, 0, (stand_in, 3, 30))
    fill_step(ringside, whole, 1, (stand_in, 2, 12))
    first, second = (desk.progress(whole.step_key(ringside.domain, i)) for i in (0, 1))
    assert (first.used, first.margin, first.tip) == (3, 30, 3)
    assert (second.used, second.margin, second.tip) == (2, 12, 1)


def test_a_step_is_filled_once(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH, ETH))
    fill_step(ringside, whole, 0, (stand_in, ETH, 0))
    with reverts(desk.Overfilled, left=0, asked=ETH):
        fill_step(ringside, whole, 0, (stand_in, ETH, 0))
    fill_step(ringside, whole, 1, (stand_in, ETH, 0))
    for index in (0, 1):
        with reverts(desk.Overfilled, left=0, asked=1):
            fill_step(ringside, whole, index, (stand_in, 1, 0))


def test_a_step_is_never_overfilled(ringside, desk, stand_in, steps):
    whole = bundle(ringside, Mode.STEPWISE, *steps(3))
    with reverts(desk.Overfilled, left=3, asked=4):
        fill_step(ringside, whole, 0, (stand_in, 4, 0))
    fill_step(ringside, whole, 0, (stand_in, 2, 0))
    with reverts(desk.Overfilled, left=1, asked=2):
        fill_step(ringside, whole, 0, (stand_in, 2, 0))


def test_a_step_waits_for_its_own_trigger_and_latches_it_alone(ringside, desk, stand_in, steps):
    reached, far = (Conditions(trigger_price=price * ONE) for price in (2_000, 1_900))
    whole = bundle(
        ringside, Mode.STEPWISE, *steps(4, conditions=reached), *steps(4, conditions=far)
    )
    fill_step(ringside, whole, 0, (stand_in, 4, 0))
    with reverts(desk.NotTriggered, price=2_000 * ONE, trigger=1_900 * ONE):
        fill_step(ringside, whole, 1, (stand_in, 4, 0))


def test_a_step_may_name_its_own_filler(ringside, desk, stranger, stand_in, steps):
    conditions = Conditions(filler=stranger.address, filler_until=2**40)
    whole = bundle(ringside, Mode.STEPWISE, *steps(ETH), *steps(ETH, conditions=conditions))
    fill_step(ringside, whole, 0, (stand_in, ETH, 0))
    with reverts(desk.NotFiller, filler=stranger.address, until=2**40):
        fill_step(ringside, whole, 1, (stand_in, ETH, 0))


# ---------------------------------------------------------------------- in proportion


def test_a_step_in_proportion_goes_as_far_as_the_one_before(ringside, desk, stand_in, steps):
    """Sizes 3 and 7: each third opens ⌊7/3⌋, ⌊14/3⌋, 7."""
    whole = bundle(ringside, Mode.PROPORTIONAL, *steps(3, 7))
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, whole, 1, (stand_in, 1, 0))
    for part in (2, 2, 3):
        fill_step(ringside, whole, 0, (stand_in, 1, 0))
        with reverts(desk.StepNotOpen, step=1):
            fill_step(ringside, whole, 1, (stand_in, part + 1, 0))
        fill_step(ringside, whole, 1, (stand_in, part, 0))
    with reverts(desk.Overfilled, left=0, asked=1):
        fill_step(ringside, whole, 0, (stand_in, 1, 0))


@given(
    sizes=st.tuples(st.integers(1, 3 * ETH), st.integers(1, 3 * ETH)),
    first=st.integers(1, 3 * ETH),
    second=st.integers(1, 3 * ETH),
)
@cheaply
def test_the_part_of_a_step_that_is_open_is_exact(
    ringside, desk, stand_in, steps, sizes, first, second
):
    first, second = min(first, sizes[0]), min(second, sizes[1])
    whole = bundle(ringside, Mode.PROPORTIONAL, *steps(*sizes), nonce=next(nonces))
    fill_step(ringside, whole, 0, (stand_in, first, 0))
    if second * sizes[0] > sizes[1] * first:
        with reverts(desk.StepNotOpen, step=1):
            fill_step(ringside, whole, 1, (stand_in, second, 0))
    else:
        fill_step(ringside, whole, 1, (stand_in, second, 0))
        assert desk.progress(whole.step_key(ringside.domain, 1)).used == second


def test_a_flip_in_proportion_is_never_further_open_than_closed(ringside, desk, perp, rage):
    ringside.trade(perp.id, 2 * ETH, MARGIN)
    whole = flip(ringside, perp, rage, Mode.PROPORTIONAL)
    fill_step(ringside, whole, 0, (perp.id, -ETH // 2, 0))
    with reverts(desk.StepNotOpen, step=1):
        fill_step(ringside, whole, 1, (rage.id, -ETH // 2 - 1, 0))
    fill_step(ringside, whole, 1, (rage.id, -ETH // 2, USDC * 1_000))
    assert perp.size(perp.seat()) == 2 * ETH - ETH // 2
    assert rage.size(rage.seat()) == -ETH // 2
