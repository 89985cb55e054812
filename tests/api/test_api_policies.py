"""Standing policies are handed in, refused with the remedy, shown to owners and taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from served import STRANGER_KEY, Served
from story import FOREVER

from ringside import wire
from ringside.accounts import Right
from ringside.keeper.admission import Grant, Rejected
from ringside.keeper.admission_standing import Facts, admit
from ringside.keeper.guard import Use
from ringside.policies import Pocket, Policy, sign
from ringside.units import ONE, USDC


def policy_of(served: Served, **changes: Any) -> Policy:
    plain: dict[str, Any] = {
        "account": served.story.account,
        "pockets": (Pocket(served.story.ringside.venue_ids["perp-v2"], "ETH-USD"),),
        "trigger": 2 * ONE,
        "target": 3 * ONE,
        "tolerance": ONE // 10,
        "floor": 4 * ONE,
        "max_per_day": 1_000 * USDC,
        "deadline": FOREVER,
        "nonce": 1,
    }
    return Policy(**{**plain, **changes})


def grant(served: Served, rights: int = Right.MOVE) -> None:
    story = served.story
    place = story.ringside.policies.address
    terms = (place, int(rights), FOREVER, 2**64 - 1, 2**128 - 1)
    story.own("setOperator", story.account, terms)
    served.caught_up()


def post(served: Served, policy: Policy, key: bytes | None = None) -> Any:
    signature = sign(policy, served.house.policy_domain, key or served.story.key)
    body = {"policy": wire.message(policy), "signature": "0x" + signature.hex()}
    return served.http.post("/v1/policies", json=body)


def listed(served: Served) -> list[dict[str, Any]]:
    place = f"/v1/accounts/0x{served.story.account.hex()}/policies"
    found: list[dict[str, Any]] = served.http.get(place, headers=served.signed_in()).json()
    return found


def test_a_policy_is_taken_once_and_shown_to_its_owner(served: Served) -> None:
    grant(served)
    policy = policy_of(served)
    first, again = post(served, policy), post(served, policy)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    (shown,) = listed(served)
    assert shown["message"] == wire.message(policy)
    assert (shown["state"], shown["reason"]) == ("working", "")
    assert shown["key"] == "0x" + policy.digest(served.house.policy_domain).hex()
    assert served.woken == 1


def test_the_deployment_says_what_to_sign_for(served: Served) -> None:
    told = served.http.get("/v1/deployment").json()
    assert told["policy_domain"] == served.house.policy_domain.fields
    assert told["policies"] == served.story.ringside.policies.address


def test_nobody_else_signs_sees_or_takes_back(served: Served) -> None:
    grant(served)
    assert post(served, policy_of(served), STRANGER_KEY).json()["code"] == "bad-signature"
    key = post(served, policy_of(served)).json()["key"]
    stranger = served.signed_in(STRANGER_KEY)
    place = f"/v1/accounts/0x{served.story.account.hex()}/policies"
    assert served.http.get(place, headers=stranger).status_code == 403
    assert served.http.delete(f"/v1/policies/{key}", headers=stranger).status_code == 404
    assert served.http.delete(f"/v1/policies/{key}").status_code == 401


def test_what_is_taken_back_works_no_more_and_how_to_end_it_is_said(served: Served) -> None:
    grant(served)
    policy = policy_of(served)
    key = post(served, policy).json()["key"]
    told = served.http.delete(f"/v1/policies/{key}", headers=served.signed_in()).json()
    assert told["state"] == "cancelled"
    story, contract = served.story, served.story.ringside.policies
    assert told["on_chain"]["to"] == contract.address
    story.send({"from": story.client, "to": contract.address, "data": told["on_chain"]["data"]})
    assert contract.functions.used(story.account, 1).call()[-1] is True
    served.caught_up()
    assert post(served, policy).json()["code"] == "nonce-spent"


def test_a_nonce_has_one_policy(served: Served) -> None:
    grant(served)
    assert post(served, policy_of(served)).status_code == 201
    other = post(served, policy_of(served, trigger=ONE))
    assert (other.status_code, other.json()["code"]) == (409, "nonce-in-use")


def test_without_the_right_it_is_refused_with_the_remedy(served: Served) -> None:
    told = post(served, policy_of(served)).json()
    assert told["code"] == "no-operator"
    assert "setOperator" in told["message"]
    grant(served)
    assert post(served, policy_of(served, tip=1, max_tip_per_day=1)).json()["code"] == "no-right"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"policy": {}, "signature": "0x"}',
        b'{"policy": 1, "signature": "0x", "more": 1}',
    ],
)
def test_what_is_no_policy_is_refused(served: Served, body: bytes) -> None:
    answer = served.http.post("/v1/policies", content=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("not-json", "malformed")


SOUND = Facts(100, b"\1" * 32, 0, Use(), Grant(Right.MOVE, 200, 0, 1), {0: ["ETH-USD"]})
PLAIN: dict[str, Any] = {
    "account": b"\1" * 32,
    "pockets": (Pocket(0, "ETH-USD"),),
    "trigger": ONE,
    "target": ONE,
    "tolerance": 0,
    "floor": ONE,
    "max_per_day": 1,
    "deadline": 150,
    "nonce": 1,
}
FAULTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("expired", {"deadline": 99}, {}),
    ("wrong-epoch", {"epoch": 1}, {}),
    ("nonce-spent", {}, {"use": Use(cancelled=True)}),
    ("nonce-taken", {}, {"use": Use(digest=b"\2" * 32)}),
    ("too-many-pockets", {"pockets": (Pocket(0, "ETH-USD"),) * 17}, {}),
    ("unknown-venues", {"pockets": (Pocket(1, "ETH-USD"),)}, {}),
    ("unknown-market", {"pockets": (Pocket(0, "SOL-USD"),)}, {}),
    ("no-operator", {}, {"grant": Grant(Right(0), 200, 0, 1)}),
    ("operator-expired", {}, {"grant": Grant(Right.MOVE, 99, 0, 1)}),
    ("no-right", {"tip": 1}, {}),
    ("venue-not-granted", {}, {"grant": Grant(Right.MOVE, 200, 0, 2)}),
]


@pytest.mark.parametrize(("code", "policy", "facts"), FAULTS, ids=[f[0] for f in FAULTS])
def test_each_fault_has_its_name(code: str, policy: dict[str, Any], facts: dict[str, Any]) -> None:
    admit(Policy(**PLAIN), SOUND)
    with pytest.raises(Rejected) as refused:
        admit(Policy(**{**PLAIN, **policy}), replace(SOUND, **facts))
    assert refused.value.code == code
