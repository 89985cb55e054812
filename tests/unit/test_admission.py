"""What is admitted, and what is refused with which code and which remedy."""

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up_accounts import MARK, account, no_seat, order, seat, states_of, unreadable
from made_up_curves import LinearCurve

from ringside.accounts import Right
from ringside.chain.views import Pocket
from ringside.keeper.admission import Facts, Grant, Rejected, admit
from ringside.keeper.conditions import Moment
from ringside.orders import (
    CLOSE_LONGS,
    CLOSE_SHORTS,
    Bundle,
    Conditions,
    Mode,
    Tickets,
    market_id,
)
from ringside.units import ONE, USDC

NOW = 1_700_000_000
DIGEST, OTHER = b"\1" * 32, b"\2" * 32
ALL = Right.TRADE | Right.MOVE | Right.PAY
GRANT = Grant(ALL, 2**40, 1_000 * USDC, 2**128 - 1)
MOMENT = Moment(NOW, MARK, NOW - 60, 3_600)
CURVES = (LinearCurve("a"), LinearCurve("b"))
IDS = {"a": 0, "b": 1}
HOUR = 3_600
SIGNS = st.sampled_from([1, -1])


def facts(*seats, idle=10_000 * USDC, moment=MOMENT, states=None, **changes):
    """An account with money, the Desk granted everything, at two venues of 2,000 USD."""
    held = {"a": no_seat("a"), "b": no_seat("b")} | {s.venue: s for s in seats}
    known = states_of(CURVES) if states is None else states
    plain = {
        "time": NOW,
        "digest": DIGEST,
        "account": account(idle, *held.values()),
        "spent": False,
        "bound": None,
        "grant": GRANT,
        "states": {"ETH-USD": known},
        "moments": {"ETH-USD": moment},
        "venue_ids": IDS,
    }
    return Facts(**{**plain, **changes})


def asked(size=ONE, **changes):
    """An order that may be filled at any price that is not insane."""
    changes.setdefault("limit", 2_100 * ONE if size > 0 else 1_900 * ONE)
    return order(size, **changes)


def refused(request, known, code):
    """The sentence with which it is refused, by this code."""
    with pytest.raises(Rejected) as no:
        admit(request, known)
    assert no.value.code == code, str(no.value)
    sentence = str(no.value)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("size", [ONE, -ONE])
def test_a_plain_order_is_admitted(size):
    admit(asked(size), facts())
    admit(asked(size, tip=USDC), facts())
    admit(asked(size).with_(deadline=2**256 - 1), facts())


# ------------------------------------------------------------------ the frame


def test_a_deadline_that_passed_is_refused_and_its_last_second_is_not():
    admit(asked().with_(deadline=NOW), facts())
    sentence = refused(asked().with_(deadline=NOW - 5), facts(), "expired")
    assert "5 seconds before" in sentence
    assert "sign a later one" in sentence


@pytest.mark.parametrize(("epoch", "why"), [(1, "was cancelled"), (3, "too early")])
def test_another_epoch_is_refused(epoch, why):
    view = replace(facts().account, epoch=2)
    admit(asked().with_(epoch=2), facts(account=view))
    sentence = refused(asked().with_(epoch=epoch), facts(account=view), "wrong-epoch")
    assert why in sentence
    assert "is 2" in sentence


def test_a_nonce_that_is_spent_or_anothers_is_refused_and_its_own_is_not():
    assert "Sign another nonce" in refused(asked(), facts(spent=True), "nonce-spent")
    assert OTHER.hex() in refused(asked(), facts(bound=OTHER), "nonce-taken")
    admit(asked(), facts(bound=DIGEST))


# ------------------------------------------------------------------ the terms


def test_a_market_that_there_is_not_is_refused():
    sentence = refused(asked().with_(market="ETHUSD"), facts(), "unknown-market")
    assert sentence == "There is no market ETHUSD: there are ETH-USD."


def test_an_order_must_allow_a_venue_that_there_is():
    sentence = refused(asked(venues=1 << 5), facts(), "unknown-venues")
    assert "a (0), b (1)" in sentence
    admit(asked(venues=1 << 5 | 1), facts())


@pytest.mark.parametrize(
    ("grant", "code", "part"),
    [
        (replace(GRANT, rights=Right(0)), "no-operator", "not an operator"),
        (replace(GRANT, expiry=NOW - 1), "operator-expired", f"ended at {NOW - 1}"),
        (replace(GRANT, rights=Right.MOVE | Right.PAY), "no-right", "right to TRADE for"),
        (replace(GRANT, rights=Right.TRADE | Right.MOVE), "no-right", "right to PAY for"),
        (replace(GRANT, rights=Right.TRADE), "no-right", "right to MOVE and PAY for"),
        (replace(GRANT, venues=0b01), "venue-not-granted", "allows b,"),
        (replace(GRANT, venues=0), "venue-not-granted", "allows a, b,"),
        (replace(GRANT, pay_cap=USDC - 1), "pay-cap", "0.999999"),
    ],
)
def test_the_desk_must_have_the_rights_that_the_order_takes(grant, code, part):
    sentence = refused(asked(tip=USDC), facts(grant=grant), code)
    assert part in sentence
    assert "setOperator at the vault" in sentence


def test_no_right_is_asked_for_that_the_order_does_not_take():
    admit(asked(), facts(grant=replace(GRANT, rights=Right.TRADE | Right.MOVE, pay_cap=0)))
    trade, mine = replace(GRANT, rights=Right.TRADE), seat("a", -ONE, 500 * ONE)
    admit(asked(reduce_only=True), facts(mine, grant=trade))
    admit(asked(venues=0b01), facts(grant=replace(GRANT, venues=0b01)))
    admit(asked(), facts(grant=replace(GRANT, expiry=NOW)))


def test_the_protocols_fee_takes_the_right_to_pay():
    without = replace(GRANT, rights=Right.TRADE | Right.MOVE)
    known = facts(grant=without, moment=replace(MOMENT, fee=10**14))
    assert "PAY" in refused(asked(), known, "no-right")


def test_a_tip_beyond_a_days_cap_may_be_paid_over_days():
    terms = Conditions(not_before=NOW, interval=HOUR, slice=ONE)
    small = replace(GRANT, pay_cap=USDC)
    refused(asked(tip=2 * USDC), facts(grant=small), "pay-cap")
    admit(asked(tip=2 * USDC, conditions=terms), facts(grant=small))


@pytest.mark.parametrize(
    ("size", "limit", "part"),
    [
        (ONE, 3_000 * ONE + 1, "above the oracle's price of 2000 USD"),
        (ONE, 2_000 * 10**30, "above the oracle's price"),
        (-ONE, 1_000 * ONE - 1, "below the oracle's price of 2000 USD"),
        (-ONE, 2_000 * 10**6, "0.000000002 USD (2000000000)"),
        (-ONE, 0, "limit of 0 USD (0)"),
    ],
)
def test_a_limit_that_no_one_can_mean_is_refused_with_the_numbers(size, limit, part):
    sentence = refused(asked(size, limit=limit), facts(), "limit-price")
    assert part in sentence
    assert f"({limit})" in sentence
    assert "1e18 USD per base" in sentence


@given(SIGNS, st.integers(1, 10**6), st.integers(0, 200))
def test_a_limit_is_refused_exactly_beyond_half_the_price(sign, price, percent):
    moment = replace(MOMENT, price=price * ONE)
    limit = price * ONE * (100 + sign * percent) // 100
    assume(limit >= 0)
    request = asked(sign * ONE, limit=limit)
    if percent > 50:
        refused(request, facts(moment=moment), "limit-price")
    else:
        admit(request, facts(moment=moment))
    admit(asked(sign * ONE, limit=price * ONE), facts(moment=moment))


@pytest.mark.parametrize(
    "moment",
    [
        replace(MOMENT, updated_at=NOW - 3_601),
        replace(MOMENT, updated_at=NOW + 1),
        replace(MOMENT, price=0),
        None,
    ],
)
def test_without_a_fresh_price_no_limit_is_insane(moment):
    changes = {"moments": {}} if moment is None else {"moment": moment}
    admit(asked(limit=10**40), facts(**changes))


def test_a_limit_better_than_the_price_is_none_of_the_keepers_business():
    admit(asked(ONE, limit=1), facts())
    admit(asked(-ONE, limit=10**40), facts())


def test_a_stops_limit_is_held_against_its_trigger():
    down = Conditions(trigger_price=900 * ONE)
    mine = seat("a", ONE, 1_500 * ONE)
    admit(asked(-ONE, limit=890 * ONE, reduce_only=True, conditions=down), facts(mine))
    far = asked(-ONE, limit=440 * ONE, reduce_only=True, conditions=down)
    assert "below the order's trigger of 900 USD" in refused(far, facts(mine), "limit-price")
    up = Conditions(trigger_price=4_000 * ONE, trigger_above=True)
    admit(asked(limit=5_900 * ONE, conditions=up), facts())


# ------------------------------------------------------------------ conditions


def test_an_order_that_opens_after_its_deadline_is_refused():
    late = asked(conditions=Conditions(not_before=NOW + 11)).with_(deadline=NOW + 10)
    assert "sign a later deadline" in refused(late, facts(), "never-open")
    admit(late.with_(deadline=NOW + 11), facts())


def scheduled(hours, slice_=ONE, size=10 * ONE, start=0, catch_up=0, **bounds):
    terms = Conditions(not_before=NOW + start, interval=HOUR, slice=slice_, catch_up=catch_up)
    request = asked(size, margin=10**6 * USDC, conditions=terms, **bounds)
    return request.with_(deadline=NOW + hours * HOUR - 1)


def test_a_schedule_that_cannot_finish_is_refused_with_the_arithmetic():
    admit(scheduled(10), facts())
    sentence = refused(scheduled(9), facts(), "schedule")
    assert "9 intervals of 3600 seconds, 9 × 1 = 9 of 10" in sentence
    later = refused(scheduled(10, start=HOUR), facts(), "schedule")
    assert f"from {NOW + HOUR}" in later
    admit(scheduled(11, start=HOUR), facts())


def test_missed_slices_count_as_far_as_they_may_be_caught_up():
    begun = -5 * HOUR
    sentence = refused(scheduled(8, start=begun, catch_up=1), facts(), "schedule")
    assert "8 intervals of 3600 seconds and 1 missed that may be caught up, 9 × 1" in sentence
    admit(scheduled(8, start=begun, catch_up=2), facts())
    refused(scheduled(4, start=begun, catch_up=99), facts(), "schedule")
    admit(scheduled(5, start=begun, catch_up=99), facts())


@given(
    st.integers(-20, 20),
    st.integers(1, 30),
    st.integers(0, 10),
    st.integers(1, 20),
)
def test_a_schedule_is_refused_just_if_filling_at_every_chance_does_not_finish(
    start, hours, catch_up, slices
):
    assume(start < hours)
    request = scheduled(hours, size=slices * ONE, start=start * HOUR, catch_up=catch_up)
    filled = last = 0
    for hour in range(max(start, 0), hours):  # As the Desk counts, from 1.
        interval = hour - start + 1
        filled += 1 + min(interval - last - 1, catch_up)
        last = interval
    if filled < slices:
        refused(request, facts(), "schedule")
    else:
        admit(request, facts())


def test_a_least_fill_beyond_a_slice_is_refused():
    sentence = refused(scheduled(20, min_fill=2 * ONE), facts(), "schedule")
    assert "smaller least fill" in sentence
    refused(scheduled(20, all_or_none=True), facts(), "schedule")
    admit(scheduled(20, min_fill=2 * ONE, catch_up=1), facts())


def test_a_schedule_to_close_all_has_no_size_to_count():
    terms = Conditions(not_before=NOW, interval=HOUR, slice=1)
    close = asked(CLOSE_LONGS, conditions=terms).with_(deadline=NOW + 1)
    admit(close, facts(seat("a", ONE, 500 * ONE)))


def test_a_group_that_is_used_up_or_too_small_is_refused():
    terms = Conditions(group=7, group_size=2 * ONE)
    used = replace(MOMENT, group_used=2 * ONE)
    admit(asked(conditions=terms), facts())
    assert "group 7" in refused(asked(conditions=terms), facts(moment=used), "group")
    half = replace(MOMENT, group_used=ONE)
    admit(asked(3 * ONE, conditions=terms), facts(moment=half))
    whole = asked(3 * ONE, conditions=terms, all_or_none=True)
    assert "leaves 2 of 2" in refused(whole, facts(), "group")
    least = asked(3 * ONE, conditions=terms, min_fill=ONE + 1)
    refused(least, facts(moment=half), "group")


def test_a_trigger_that_is_met_already_or_far_away_is_fine():
    for price in (1_900, 2_000, 2_100):
        for above in (True, False):
            terms = Conditions(trigger_price=price * ONE, trigger_above=above)
            admit(asked(conditions=terms), facts())
            admit(asked(-ONE, conditions=terms), facts())


# ------------------------------------------------------------------ the account


def test_an_account_without_anything_is_told_to_deposit():
    assert "deposit USDC" in refused(asked(), facts(idle=0), "nothing-deposited")
    admit(asked(-ONE, reduce_only=True), facts(seat("a", ONE, 500 * ONE), idle=0))


def test_a_tip_beyond_what_is_idle_is_refused():
    request = asked(tip=11 * USDC, margin=0)
    mine = seat("a", 0, 5_000 * ONE)
    assert "10" in refused(request, facts(mine, idle=10 * USDC), "tip-beyond-idle")
    admit(request, facts(mine, idle=11 * USDC))


def test_an_order_that_can_open_nothing_is_refused():
    sentence = refused(asked(margin=0), facts(), "no-margin")
    assert "maxMargin of 0" in sentence
    assert "deposit more" in sentence
    rich = replace(GRANT, pay_cap=10**6 * USDC)
    refused(asked(tip=10_000 * USDC), facts(grant=rich), "no-margin")
    admit(asked(margin=USDC), facts())


def test_free_margin_at_a_seat_is_enough_to_open():
    admit(asked(margin=0), facts(seat("b", 0, 100 * ONE), idle=0))
    refused(asked(margin=0), facts(seat("b", ONE, 200 * ONE), idle=0), "no-margin")
    refused(asked(margin=0, venues=0b01), facts(seat("b", 0, 100 * ONE), idle=0), "no-margin")


def test_what_closes_needs_no_margin():
    admit(asked(2 * ONE, margin=0), facts(seat("a", -ONE, 200 * ONE), idle=0))


def test_what_cannot_be_known_is_held_against_nobody():
    admit(asked(margin=0), facts(unreadable("a"), idle=0))
    admit(asked(margin=0), facts(states=states_of(CURVES[:1])))
    admit(asked(reduce_only=True), facts(unreadable("a"), idle=0))
    admit(asked(margin=0, reduce_only=True), facts(states=states_of(CURVES[:1])))


@pytest.mark.parametrize("size", [ONE, -ONE, CLOSE_LONGS, CLOSE_SHORTS])
def test_an_order_that_only_reduces_needs_something_to_reduce(size):
    sign = 1 if size > 0 else -1
    reduces = abs(size) == ONE
    request = asked(size, reduce_only=reduces)
    side = "short to buy back" if sign > 0 else "long to sell"
    assert side in refused(request, facts(), "nothing-to-reduce")
    refused(request, facts(seat("a", sign * ONE, 500 * ONE)), "nothing-to-reduce")
    mine = seat("a", -sign * ONE, 500 * ONE)
    admit(request, facts(mine))
    assert "(b)" in refused(request.with_(venues=0b10), facts(mine), "nothing-to-reduce")


def test_a_ticket_that_is_pending_may_become_something_to_reduce():
    admit(asked(-ONE, reduce_only=True), facts(seat("a", 0, 500 * ONE, pending=ONE)))


# ------------------------------------------------------------------ stops


def stop(sign, price, size=None, **changes):
    """What protects a position of the other sign."""
    terms = Conditions(trigger_price=price, trigger_above=sign > 0)
    limit = price * 11 // 10 if sign > 0 else price * 9 // 10
    given_ = {"limit": limit, "conditions": terms, "reduce_only": size is None, **changes}
    return asked(size or sign * ONE, **given_)


@given(SIGNS, st.integers(1, 40), st.booleans())
def test_a_stop_comes_before_the_liquidation_or_is_refused(sign, tens, closes):
    """A made-up venue liquidates a whole ETH where its margin of 200 is gone."""
    mine, trigger = seat("a", -sign * ONE, 200 * ONE), MARK + sign * tens * 10 * ONE
    size = None if not closes else CLOSE_SHORTS if sign > 0 else CLOSE_LONGS
    request = stop(sign, trigger, size)
    if tens * 10 >= 200:
        sentence = refused(request, facts(mine), "stop-beyond-liquidation")
        assert f"at a, at {2_000 + sign * 200} USD" in sentence
        assert ("below" if sign > 0 else "above") in sentence
    else:
        admit(request, facts(mine))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_profit_that_is_not_backing_still_holds_off_the_liquidation(sign):
    mine = seat("a", -sign * ONE, 200 * ONE)
    mine = replace(mine, pocket=replace(mine.pocket, equity=500 * ONE))
    admit(stop(sign, MARK + sign * 400 * ONE), facts(mine))
    refused(stop(sign, MARK + sign * 500 * ONE), facts(mine), "stop-beyond-liquidation")


def test_what_other_positions_need_brings_the_liquidation_nearer():
    mine = seat("a", ONE, 400 * ONE)
    own = MARK // 20  # The maintenance of one ETH at the venue's ratio.
    pocket = Pocket(400 * ONE, 400 * ONE, 0, own + 150 * ONE, 0)
    admit(stop(-1, MARK - 300 * ONE), facts(mine))
    shared = replace(mine, pocket=pocket)
    refused(stop(-1, MARK - 300 * ONE), facts(shared), "stop-beyond-liquidation")
    admit(stop(-1, MARK - 249 * ONE), facts(shared))


def test_a_stop_is_refused_if_any_allowed_venue_liquidates_first():
    near, far = seat("a", ONE, 100 * ONE), seat("b", ONE, 900 * ONE)
    request = stop(-1, MARK - 200 * ONE)
    assert "at a" in refused(request, facts(near, far), "stop-beyond-liquidation")
    admit(request.with_(venues=0b10), facts(near, far))


def test_only_stops_that_protect_are_held_against_the_liquidation():
    mine, beyond = seat("a", ONE, 100 * ONE), MARK - 300 * ONE
    admit(asked(-ONE, limit=beyond, conditions=stop(-1, beyond).conditions), facts(mine))
    profit = Conditions(trigger_price=MARK + 300 * ONE, trigger_above=True)
    admit(asked(-ONE, reduce_only=True, conditions=profit), facts(mine))
    met = replace(MOMENT, price=beyond)
    admit(stop(-1, beyond), facts(mine, moment=met))
    admit(stop(-1, beyond), facts(seat("a", ONE, 5_000 * ONE)))


# ------------------------------------------------------------------ bundles


def bundle(*orders, mode=Mode.STEPWISE):
    first = orders[0]
    steps = tuple(one.terms for one in orders)
    return Bundle(first.account, steps, mode, first.deadline, first.nonce, first.epoch)


@pytest.mark.parametrize("mode", Mode)
def test_later_steps_are_not_held_against_what_the_account_has_now(mode):
    close = asked(-ONE, reduce_only=True)
    admit(bundle(asked(), close, asked(ONE, margin=0), mode=mode), facts())
    assert "Step 0" in refused(bundle(close, asked(), mode=mode), facts(), "nothing-to-reduce")


@pytest.mark.parametrize("mode", Mode)
def test_every_step_is_held_against_what_it_says_itself(mode):
    good = asked()
    for bad, code in (
        (asked().with_(market="DOGE-USD"), "unknown-market"),
        (asked(venues=1 << 9), "unknown-venues"),
        (asked(limit=10**40), "limit-price"),
        (asked(tip=2_000 * USDC), "pay-cap"),
        (scheduled(1).with_(deadline=NOW + 10), "schedule"),
    ):
        whole = replace(bundle(good, bad, mode=mode), deadline=NOW + 10)
        assert refused(whole, facts(), code).startswith("Step 1 of the bundle: ")


def test_a_bundles_frame_is_looked_at_once():
    whole = bundle(asked(), asked())
    assert "Step" not in refused(whole.with_(deadline=1), facts(), "expired")
    assert "Step" not in refused(whole, facts(spent=True), "nonce-spent")
    admit(whole, facts(bound=DIGEST))


# ------------------------------------------------------------------ all


@given(
    SIGNS,
    st.integers(1, 10**24),
    st.integers(0, 2**256 - 1),
    st.integers(0, 2**128),
    st.booleans(),
    st.none() | st.builds(Tickets, st.just(1), st.just(1), st.just(1)),
    st.none()
    | st.builds(
        Conditions,
        not_before=st.integers(0, 2**256 - 1),
        trigger_price=st.integers(0, 2**256 - 1),
        trigger_above=st.booleans(),
        interval=st.integers(0, 2**256 - 1),
        slice=st.integers(1, 2**256 - 1),
        catch_up=st.integers(0, 2**256 - 1),
        group=st.integers(0, 2**256 - 1),
        group_size=st.integers(1, 2**256 - 1),
    ),
    st.integers(-5, 5),
)
def test_whatever_is_signed_is_admitted_or_refused_in_a_sentence(
    sign, size, limit, margin, reduces, tickets, conditions, held
):
    given_ = {"tickets": tickets, "conditions": conditions, "reduce_only": reduces}
    request = asked(sign * size, limit=limit, margin=margin, **given_)
    try:
        admit(request, facts(seat("a", held * ONE, 5_000 * ONE)))
    except Rejected as no:
        code = no.code
        sentence = str(no)
    else:
        return
    assert re.fullmatch(r"[a-z-]+", code)
    assert sentence.endswith(".")
    assert market_id(request.market).hex() not in sentence
