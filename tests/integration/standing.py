"""What the stories about standing policies share: an account hedged at two real venues, its policy,
and a keeper who moves its margin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stage import (
    ALL_VENUES,
    ETH,
    NEVER,
    ONE,
    PAY_CAP,
    USDC,
    Ringside,
    send,
)

from devnet import feeds, market
from devnet.chain import Chain
from devnet.synthetix import markets as synthetix_markets
from devnet.venues import synthetix
from ringside.accounts import Right
from ringside.policies import Domain, Health, Move, Pocket, Policy, sign

UNIT = 10**12
LONG_MARGIN, SHORT_MARGIN = 2_000 * USDC, 4_000 * USDC
LEG = 5 * ETH
TIP = 2 * USDC
PERP, RAGE = 0, 1
"""Places in the plain policy's pockets."""
FELL = Decimal(1_800)
"""A price at which the long at Perp is below the plain policy's trigger, and the short is not."""


@dataclass(frozen=True, repr=False)
class Standing:
    """The contract, and the client's account as the keeper finds it."""

    ringside: Ringside
    policies: Any

    @property
    def domain(self) -> Domain:
        return Domain(self.ringside.w3.eth.chain_id, self.policies.address)

    @property
    def account(self) -> bytes:
        return self.ringside.account

    # ---------------------------------------------------------------- the owner

    def grant(
        self, rights: int = Right.MOVE | Right.PAY, owner: Any = None, **changes: Any
    ) -> None:
        owner = owner or self.ringside.actors["client"]
        account = changes.pop("account", self.account)
        parts = {"expiry": NEVER, "cap": PAY_CAP, "venues": ALL_VENUES, **changes}
        grant = (self.policies.address, rights, *parts.values())
        send(self.ringside.vault.setOperator, account, grant, sender=owner)

    def hedge(self) -> None:
        """Long five ETH at Perp on 2,000 USDC, short five at Rage on 4,000."""
        self.ringside.trade(self.venue("perp-v2"), LEG, LONG_MARGIN)
        self.ringside.trade(self.venue("rage"), -LEG, SHORT_MARGIN)

    def policy(self, **changes: Any) -> Policy:
        plain: dict[str, Any] = {
            "account": self.account,
            "pockets": tuple(Pocket(self.venue(name), "ETH-USD") for name in ("perp-v2", "rage")),
            "trigger": 2 * ONE,
            "target": 5 * ONE // 2,
            "tolerance": ONE // 10,
            "floor": 3 * ONE,
            "excess": 8 * ONE,
            "cooldown": 600,
            "max_per_day": 5_000 * USDC,
            "tip": TIP,
            "max_tip_per_day": 2 * TIP,
            "deadline": NEVER,
            "nonce": 1,
        }
        return Policy(**{**plain, **changes})

    def signed(self, policy: Policy, owner: Any = None) -> bytes:
        owner = owner or self.ringside.actors["client"]
        return sign(policy, self.domain, owner.private_key)

    # --------------------------------------------------------------- the keeper

    def move(
        self,
        policy: Any,
        source: int,
        to: int,
        amount: int,
        tip: int = 0,
        signature: bytes | None = None,
        by: Any = None,
    ) -> Any:
        """By the keeper; signed by the client unless a signature is given."""
        if signature is None:
            signature = self.signed(policy)
        terms = policy.tuple if isinstance(policy, Policy) else policy
        keeper = by or self.ringside.actors["keeper"]
        what = Move(source, to, amount, tip)
        return send(self.policies.move, terms, signature, tuple(what), sender=keeper)

    def would_end(self, policy: Policy, source: int, to: int, amount: int, tip: int = 0) -> int:
        """The health that such a move would end with, now: a transaction is seconds later, in which
        funding accrues."""
        found = self.policies.move.call(
            policy.tuple,
            self.signed(policy),
            (source, to, amount, tip),
            sender=self.ringside.actors["keeper"],
            skip_trace=True,
        )
        return int(found)

    def moved(self, receipt: Any) -> Any:
        """The one event of a move."""
        (event,) = receipt.decode_logs(self.policies.Moved)
        return event

    def health(self, place: int, policy: Policy | None = None) -> Health:
        pocket = (policy or self.policy()).pockets[place]
        found = self.policies.health(self.account, pocket.tuple)
        return Health(found.equity, found.maintenance, found.health)

    def used(self, nonce: int = 1) -> Any:
        return self.policies.used(self.account, nonce)

    # ---------------------------------------------------------------- the world

    def venue(self, name: str) -> int:
        return int(self.ringside.addresses["ringside"]["venue_ids"][name])

    def price(self, price: Decimal, name: str = "ETH-USD") -> None:
        """The oracle moves, the venues follow, and their averages too."""
        market.move(self.ringside.w3, self.ringside.addresses, name, price)
        market.settle(self.ringside.w3, self.ringside.addresses)

    def oracle(self, price: Decimal, name: str = "ETH-USD") -> None:
        """The oracle alone moves."""
        feeds.move(self.ringside.w3, self.ringside.addresses["feeds"], name, price)

    def wait(self, seconds: int) -> None:
        self.ringside.mine_at(self.ringside.now + seconds)

    # ---------------------------------------------------------------- synthetix

    @property
    def synthetix(self) -> int:
        return self.venue("synthetix")

    def order_at_synthetix(self, size: int, margin: int) -> None:
        """The client's own ticket, pending."""
        vault, client = self.ringside.vault, self.ringside.actors["client"]
        terms = self.ringside._terms(self.synthetix, size, margin)
        send(vault.commit, terms, ONE // 100, sender=client)

    def execute_at_synthetix(self, name: str = "ETH-USD") -> None:
        """Somebody executes the pending ticket, as soon as the venue lets."""
        w3, places = self.ringside.w3, self.ringside.addresses["venues"]["synthetix"]
        proxy = synthetix_markets.market(w3, places["markets"][name]["market"])
        chain = Chain(w3)
        chain.advance(2)
        data, fee = synthetix.price_update(w3, places, name)
        seat = self.ringside.vault.seatOf(self.account, self.synthetix).seat
        chain.send(proxy, "executeOffchainDelayedOrder", seat, data, role=9, value=fee)
