"""A keeper that fills one order once: quotes, splits, simulates, submits, and looks after the
tickets that came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from web3.types import TxReceipt

from ringside.chain.contracts import Refused, Ringside
from ringside.chain.sender import Send
from ringside.keeper import calls
from ringside.keeper.decide import Request, Settings, View, decide
from ringside.keeper.errors import PlanError
from ringside.keeper.look import Looker
from ringside.keeper.plan import HEADROOM, ChainLeg, Plan
from ringside.keeper.receipts.document import decided
from ringside.keeper.receipts.store import NO_RECEIPT, Receipt, Receipts
from ringside.keeper.tickets import TicketKeeper
from ringside.orders import Bundle, Mode, Order
from ringside.units import ONE


class Interrupted(Exception):
    """Some of a plan's transactions went through and the next was refused. `receipts` are those
    sent, `refused` is why no more were: what is left of the order can be planned anew."""

    def __init__(self, receipts: Sequence[TxReceipt], refused: Refused) -> None:
        self.receipts, self.refused = tuple(receipts), refused
        super().__init__(f"after {len(self.receipts)} transactions: {refused}")


class Keeper(TicketKeeper):
    """Fills orders at one deployment, from the address `sender`. Whatever it does, the order
    decides. `policy` is how it routes where a call names no other, as `routing.policies.parse`
    takes it; `leg_cost`, `headroom` and `most_delayed` are as in `plan`. Events are looked for from
    block `since` on. Every plan's document goes to `receipts` before the plan's first transaction,
    which carries its hash; without a store there are no receipts. By a clock `now` (Unix seconds)
    nothing is decided on a block that is too old, as in `Looker`."""

    def __init__(
        self,
        ringside: Ringside,
        sender: str,
        send: Send,
        leg_cost: int = 0,
        *,
        policy: str = "best",
        headroom: int = HEADROOM,
        most_delayed: int = ONE,
        since: int = 0,
        receipts: Receipts | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(ringside, sender, send)
        self.settings = Settings(policy, leg_cost, headroom, most_delayed)
        self.looker = Looker(ringside, since, now=now)
        self.receipts = receipts

    def look(self, order: Order, key: bytes | None = None, block: int | None = None) -> View:
        """As `Looker.look`: what there is to know of one block."""
        return self.looker.look(order, key, block)

    def _decide(self, request: Request, views: Sequence[View], policy: str | None) -> list[Plan]:
        """The plans, each with the receipt of them all."""
        settings = replace(self.settings, policy=policy or self.settings.policy)
        at = self.ringside
        if self.receipts is None:
            return decide(request, views, at.venue_ids, settings)
        return decided(request, views, at.domain, at.venue_ids, settings)[0]

    # ------------------------------------------------------------------ one order

    def plan(self, order: Order, view: View | None = None, policy: str | None = None) -> Plan:
        """The best fill at `view`, or now, by the keeper's policy or this one; as `plan.plan`.

        Raises:
            PolicyError: there is no such policy.
            PlanError, SplitError: no fill is possible; the message says why.
        """
        if view is not None:  # Perhaps looked at for a draft of it.
            view = replace(view, key=order.digest(self.ringside.domain))
        return self._decide(order, [view or self.look(order)], policy)[0]

    def simulate(self, chosen: Plan, signature: bytes) -> int:
        """Tries the first of the plan's transactions on the chain. Returns what a fill would cost
        or bring (USD 1e18, venue fees in it, tip not), or the number a ticket would have.

        Raises:
            Refused: the chain would refuse it, and by which error.
        """
        data = calls.of_order(chosen, chosen.transactions[0], signature)
        return int.from_bytes(self.sender.attempt(self.ringside.desk.address, data), "big")

    def submit(self, chosen: Plan, signature: bytes) -> tuple[TxReceipt, ...]:
        """Each of the plan's transactions, tried first.

        Raises:
            Refused: the first is refused.
            Interrupted: a later one is.
        """
        made = [calls.of_order(chosen, legs, signature) for legs in chosen.transactions]
        return self._submit(chosen.receipt, made)

    def fill(
        self, order: Order, signature: bytes, policy: str | None = None
    ) -> tuple[Plan, tuple[TxReceipt, ...]]:
        """Fills all that can be of the order now; `policy` as in `plan`, here and below."""
        chosen = self.plan(order, policy=policy)
        return chosen, self.submit(chosen, signature)

    # ------------------------------------------------------------------ bundles

    def plan_bundle(self, bundle: Bundle, policy: str | None = None) -> list[Plan]:
        """Every step of an atomic bundle, each planned on what the ones before leave.

        Raises:
            PlanError, SplitError: a step cannot be filled whole at once; the message says why.
        """
        if bundle.mode != Mode.ATOMIC:
            raise PlanError("Only the steps of an atomic bundle are filled together.")
        views: list[View] = []
        for step in range(len(bundle.steps)):
            key = bundle.step_key(self.ringside.domain, step)
            block = views[0].block if views else None
            views.append(replace(self.look(bundle.order(step), key, block), step=step))
        return self._decide(bundle, views, policy)

    def fill_bundle(
        self, bundle: Bundle, signature: bytes, policy: str | None = None
    ) -> tuple[list[Plan], TxReceipt]:
        """All steps of an atomic bundle in one transaction.

        Raises:
            PlanError, SplitError: as `plan_bundle`.
            Refused: by the chain.
        """
        plans = self.plan_bundle(bundle, policy)
        data = calls.of_bundle(bundle, plans, signature)
        return plans, self._submit(plans[0].receipt, [data])[0]

    def plan_step(self, bundle: Bundle, step: int, policy: str | None = None) -> Plan:
        """A step of a bundle that is not atomic.

        Raises:
            PlanError, SplitError: it is not open, or cannot be filled; the message says why.
        """
        seen = self.look(bundle.order(step), bundle.step_key(self.ringside.domain, step))
        most = self.looker.most_of_step(bundle, step, seen.block)
        return self._decide(bundle, [replace(seen, step=step, most=most)], policy)[0]

    def fill_step(
        self, bundle: Bundle, step: int, signature: bytes, policy: str | None = None
    ) -> tuple[Plan, tuple[TxReceipt, ...]]:
        """What can be of a step now, tickets included.

        Raises:
            PlanError, SplitError, Refused, Interrupted: as `plan_step` and `submit`.
        """
        chosen = self.plan_step(bundle, step, policy)
        made = [
            calls.of_step(bundle, step, chosen, legs, signature) for legs in chosen.transactions
        ]
        return chosen, self._submit(chosen.receipt, made)

    def commit_step(self, bundle: Bundle, step: int, leg: ChainLeg, signature: bytes) -> TxReceipt:
        """One ticket for a step, without a receipt: nothing was planned."""
        data = self.ringside.desk.encode_abi(
            "commitStep", [bundle.tuple, signature, step, leg.tuple, NO_RECEIPT]
        )
        return self.sender.transact(self.ringside.desk.address, data)

    # ------------------------------------------------------------------ internal

    def _submit(self, told: Receipt | None, made: Sequence[bytes]) -> tuple[TxReceipt, ...]:
        if self.receipts is not None and told is not None:
            self.receipts.put(told)
        done: list[TxReceipt] = []
        for data in made:
            try:
                done.append(self.sender.transact(self.ringside.desk.address, data))
            except Refused as refused:
                if not done:
                    raise
                raise Interrupted(done, refused) from None
        return tuple(done)
