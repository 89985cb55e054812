"""Whether a standing policy is taken, as `admission` says it of orders. Pure. The codes:

expired, wrong-epoch, nonce-spent, nonce-taken, unknown-venues, unknown-market,
no-operator, operator-expired, no-right, venue-not-granted, too-many-pockets
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ringside.accounts import Right
from ringside.keeper.admission import Grant, Rejected, require_rights
from ringside.keeper.guard import Use
from ringside.policies import Policy

MOST_POCKETS = 16
"""Pockets of one policy: each is read with every look."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one block, which is of `time`. `grant` is what the account lets the contract
    `Policies` do, `use` what its nonce has seen, `listed` each venue's markets, by its id."""

    time: int
    digest: bytes
    epoch: int
    use: Use
    grant: Grant
    listed: Mapping[int, Collection[str]]


def admit(policy: Policy, facts: Facts) -> None:
    """
    Raises:
        Rejected: no move could be made under it as things are; the first reason found.
    """
    if facts.time > policy.deadline:
        raise Rejected(
            "expired",
            f"The deadline, {policy.deadline}, has passed: sign a later one, in Unix seconds.",
        )
    if policy.epoch != facts.epoch:
        raise Rejected(
            "wrong-epoch",
            f"The policy is of epoch {policy.epoch}, and the account's is {facts.epoch}: sign it "
            "with that one.",
        )
    if facts.use.cancelled:
        raise Rejected("nonce-spent", f"Nonce {policy.nonce} was cancelled: sign another nonce.")
    if facts.use.digest not in (bytes(32), facts.digest):
        raise Rejected(
            "nonce-taken",
            f"Nonce {policy.nonce} belongs to policy 0x{facts.use.digest.hex()}: cancel that one, "
            "or sign another nonce.",
        )
    if len(policy.pockets) > MOST_POCKETS:
        raise Rejected(
            "too-many-pockets",
            f"The policy names {len(policy.pockets)} pockets, and {MOST_POCKETS} are taken at "
            "most: sign several policies, each under a nonce of its own.",
        )
    _require_pockets(policy, facts)
    _require_rights(policy, facts)


def _require_pockets(policy: Policy, facts: Facts) -> None:
    for place, pocket in enumerate(policy.pockets):
        listed = facts.listed.get(pocket.venue)
        if listed is None:
            raise Rejected(
                "unknown-venues",
                f"Pocket {place} is at venue {pocket.venue}: there are {sorted(facts.listed)}.",
            )
        if pocket.market not in listed:
            raise Rejected(
                "unknown-market",
                f"Pocket {place} is in {pocket.market}, which venue {pocket.venue} does not list: "
                f"it has {', '.join(sorted(listed)) or 'none'}.",
            )


def _require_rights(policy: Policy, facts: Facts) -> None:
    grant, needed = facts.grant, Right.MOVE | (Right.PAY if policy.tip else 0)
    who, wanted = "The contract Policies", "MOVE, and PAY for tips,"
    require_rights(grant, facts.time, needed, who, "the policy", wanted)
    missing = sorted({p.venue for p in policy.pockets if not grant.venues >> p.venue & 1})
    if missing:
        raise Rejected(
            "venue-not-granted",
            f"The policy names venues {missing}, where Policies may not act for this account: "
            "grant it there with setOperator at the vault, or sign without.",
        )
