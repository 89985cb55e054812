"""An order that was filled in part is held against what is left of it, here or elsewhere."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import seat
from test_admission import DIGEST, GRANT, HOUR, MOMENT, asked, facts, refused, scheduled

from ringside.keeper.admission import admit
from ringside.orders import Conditions
from ringside.units import ONE, USDC


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_schedule_must_finish_what_is_left_and_no_more(used, hours):
    known = facts(bound=DIGEST, used=used * ONE)
    if used + hours < 10:
        sentence = refused(scheduled(hours), known, "schedule")
        assert f"= {hours} of {10 - used}" in sentence
    else:
        admit(scheduled(hours), known)


def test_an_order_begun_nobody_knows_how_far_may_be_all_but_done():
    refused(scheduled(1), facts(), "schedule")
    admit(scheduled(1), facts(bound=DIGEST))
    begun = facts(bound=DIGEST, idle=USDC, grant=replace(GRANT, pay_cap=USDC))
    admit(asked(tip=10 * USDC), begun)


def test_the_least_of_a_fill_is_no_more_than_what_is_left():
    terms = Conditions(group=7, group_size=3 * ONE)
    request = asked(3 * ONE, conditions=terms, min_fill=ONE)
    nearly = replace(MOMENT, group_used=3 * ONE - ONE // 2)
    refused(request, facts(moment=nearly), "group")
    used = 3 * ONE - ONE // 2
    admit(request, facts(moment=nearly, bound=DIGEST, used=used))
    refused(request, facts(moment=nearly, bound=DIGEST, used=used - 1), "group")


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_tip_is_to_be_paid_for_what_is_left(part):
    request = asked(4 * ONE, tip=8 * USDC, margin=0)
    mine, used = seat("a", 0, 5_000 * ONE), part * ONE
    left = 8 * USDC * (4 - part) // 4
    for changes, code in (
        ({"idle": left}, "tip-beyond-idle"),
        ({"grant": replace(GRANT, pay_cap=left)}, "pay-cap"),
    ):
        admit(request, facts(mine, bound=DIGEST, used=used, **changes))
        refused(request, facts(mine, bound=DIGEST, used=used - 10**12, **changes), code)
        refused(request, facts(mine, **changes), code)


def test_a_schedule_begun_late_may_still_catch_up_what_is_left():
    request = scheduled(2, start=-5 * HOUR, catch_up=2)
    refused(request, facts(bound=DIGEST, used=5 * ONE), "schedule")
    admit(request, facts(bound=DIGEST, used=6 * ONE))
