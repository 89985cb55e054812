"""Orders are handed in."""

from __future__ import annotations

import pytest
from served import STRANGER_KEY, Served
from story import TIP

from ringside.orders import Bundle, Mode, sign
from ringside.units import ONE, USDC


def test_a_signed_order_is_stored_and_the_engine_is_woken(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    found = served.post(order)
    assert (found.status_code, found.json()) == (
        201,
        {"key": served.key(order), "state": "received"},
    )
    assert served.woken == 1


def test_the_same_order_again_is_known(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    assert served.post(order).status_code == 201
    assert served.post(order).status_code == 200
    assert served.woken == 1


def test_a_bundle_is_stored(served: Served) -> None:
    story = served.story
    first, second = story.order("ETH-USD", ONE), story.order("BTC-USD", -ONE // 10)
    frame = (story.account, (first.terms, second.terms), Mode.STEPWISE, first.deadline, 77, 0)
    assert served.post(Bundle(*frame)).status_code == 201


def test_another_order_with_a_nonce_in_use_is_refused(served: Served) -> None:
    story = served.story
    one, other = story.order("ETH-USD", ONE, nonce=9), story.order("ETH-USD", 2 * ONE, nonce=9)
    assert served.post(one).status_code == 201
    found = served.post(other)
    assert (found.status_code, found.json()["code"]) == (409, "nonce-in-use")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"deadline": 1}, "expired"),
        ({"epoch": 4}, "wrong-epoch"),
        ({"venues": 1 << 40}, "unknown-venues"),
        ({"tip": 10**15}, "tip-beyond-idle"),
        ({"limit_price": 10**40}, "limit-price"),
        ({"market": "DOGE-USD"}, "unknown-market"),
    ],
)
def test_what_cannot_be_filled_is_refused_with_the_reason(
    served: Served, changes: dict[str, int], code: str
) -> None:
    order = served.story.order("ETH-USD", ONE, **changes)
    found = served.post(order)
    assert (found.status_code, found.json()["code"]) == (422, code)
    assert served.woken == 0


def test_a_cancelled_nonce_is_refused_after_the_event(served: Served) -> None:
    story = served.story
    order = story.order("ETH-USD", ONE)
    story.chain.send(story.desk, "cancel", story.account, order.nonce, role=3)
    served.caught_up()
    found = served.post(order)
    assert (found.status_code, found.json()["code"]) == (422, "nonce-spent")


def test_an_order_that_another_keeper_has_all_but_filled_is_taken(served: Served) -> None:
    """What is left of its tip is all that has to be idle."""
    story = served.story
    order = story.order("ETH-USD", ONE, tip=100 * USDC)
    venue = story.ringside.venue_ids["perp-v2"]
    rival = story.w3.eth.accounts[8]
    story.fill_by(rival, order, [(venue, ONE * 999 // 1_000, 900 * USDC)])
    idle = story.vault.functions.idle(story.account).call()
    story.own("withdraw", story.account, idle - 5 * USDC, story.client)
    served.caught_up()
    assert served.post(order).status_code == 201
    other = story.order("ETH-USD", ONE, tip=100 * USDC)
    found = served.post(other)
    assert (found.status_code, found.json()["code"]) == (422, "tip-beyond-idle")


def test_a_strangers_signature_is_refused(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    forged = sign(order, served.story.ringside.domain, STRANGER_KEY)
    found = served.post(order, forged)
    assert (found.status_code, found.json()["code"]) == (401, "bad-signature")


def test_a_changed_order_is_refused(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    signature = served.story.sign(order)
    changed = served.story.order("ETH-USD", ONE, nonce=order.nonce, tip=2 * TIP)
    assert served.post(changed, signature).status_code == 401


def test_the_policy_must_be_one(served: Served) -> None:
    order = served.story.order("ETH-USD", ONE)
    found = served.post(order, policy="cheapest please")
    assert (found.status_code, found.json()["code"]) == (422, "policy")
    assert served.post(order, policy="best").status_code == 201


def test_nothing_is_taken_while_draining(served: Served) -> None:
    served.house.status.draining = True
    found = served.post(served.story.order("ETH-USD", ONE))
    assert (found.status_code, found.json()["code"]) == (503, "draining")
