"""The eight invariants of docs/guarantees.md, held after every step of a story, and the words that
a story's steps are told in.

1. Solvency: `after_every_step`, the vault's balance against the tally, to the unit.
2. Isolation: `after_every_step`, everything of every account that the step was not about.
3. Blast radius: `after_every_step`, what is gone at the hostile venue against what was sent there.
4. Powerlessness: `never`, `refuse_wrongs` and `right_fill`.
5. Exit: `everybody_can_leave`, at the end of a story.
6. Conservation: `after_every_step` for the vault, `everybody_can_leave` for all of an account.
7. No replay: `right_fill`, and the rules that fill again.
8. Replay of decisions: `a_decision_repeats`, at the end of a story.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from arena import FICKLE, MAX, SYNTHETIX, Arena, Holder, data_of
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, invariant
from leave import leaves, leaves_by_hand
from tally import opening
from wrongs import ONLY_IF_IT_OPENS, ONLY_INSTANT, WRONGS, Fill

from devnet import feeds
from ringside.chain.abi import encode as call_data
from ringside.chain.contracts import Refused
from ringside.keeper.errors import PlanError
from ringside.keeper.oneshot import Keeper
from ringside.keeper.receipts.document import read
from ringside.keeper.receipts.replay import replay
from ringside.keeper.receipts.store import Receipt
from ringside.orders import Order, OrderError, Tickets, market_id, sign, venue_set
from ringside.routing.problem import SplitError
from ringside.units import ONE, USDC

NO_RECEIPT = (0, bytes(32))
Legs = tuple[tuple[int, int, int], ...]


class Kept:
    """Receipts of decisions, as a keeper's store keeps them."""

    def __init__(self) -> None:
        self.documents: list[bytes] = []

    def put(self, receipt: Receipt) -> None:
        self.documents.append(receipt.document)


class Invariants(RuleBasedStateMachine):
    """One story: the chain as it was built, and nothing said yet."""

    arena: Arena
    """Set by whoever runs it: one for all stories."""
    told = 0
    """How many stories came to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.arena.reset()
        self.tally = opening(self.arena)
        self.seen = self.arena.footprint()
        self.by_account = {h.account: h for h in self.arena.holders.values()}
        self.strangers_key = self.arena.strangers_key
        self.subjects: set[str] = set()
        self.open: dict[bytes, Order] = {}
        self.ended: dict[bytes, Order] = {}
        self.rates: dict[str, int] = {}
        self.nonce = 1_000
        self.quiet = 0
        self.turned = False
        self.gifts_there = 0

    # --------------------------------------------------------------- after every step

    @invariant()
    def after_every_step(self) -> None:
        before, self.seen = self.seen, self.arena.footprint()
        self.quiet += 1
        # 2. Isolation: whoever the step was not about has what he had, to the unit.
        for name in self.arena.holders:
            if name not in self.subjects:
                changed = {
                    what: (value, self.seen[name][what])
                    for what, value in before[name].items()
                    if value != self.seen[name][what]
                }
                assert not changed, f"a step about {self.subjects or 'nobody'} changed {name}"
        self.subjects = set()
        # 6. Conservation: idle and reserved are what came less what went, by the vault's events.
        total = 0
        for account, name in self._accounts():
            idle, reserved = self.tally.idle[account], self.tally.reserved[account]
            here = self.seen[name]
            assert here["idle"] == idle, f"{name} has {here['idle']} idle, and should have {idle}"
            if "reserved" in here:
                assert here["reserved"] == reserved, f"{name} has {here['reserved']} reserved"
            assert min(idle, reserved) >= 0
            total += idle + reserved
        # 1. Solvency: equal, not only covered.
        assert self.seen["vault"]["balance"] == total + self.tally.gifts
        # 3. Blast radius: by the token itself, the hostile venue has no more than was sent there.
        there = self.seen["vault"]["at fickle"]
        there += sum(self.seen[name][f"{FICKLE} resting"] for name in self.arena.holders)
        sent = sum(n for (_, v), n in self.tally.sent.items() if v == self.arena.fickle_id)
        assert there <= sent + self.gifts_there, "the hostile venue has more than was sent there"

        # What rests in a seat in kind is its owner's to sweep: no pull takes it for margin.
        susd = self.arena.addresses["venues"][SYNTHETIX]["susd"].lower()
        for name in self.arena.holders:
            there = self.tally.in_kind[self.arena.seats[name, SYNTHETIX].lower(), susd]
            assert self.seen[name]["synthetix sUSD"] == there, f"sUSD in the seat of {name}"

        # And what the caps count is what went there by the vault's events, less what came back.
        for venue, number in self.arena.venues.items():
            counted = {a: n for (a, v), n in self.tally.posted.items() if v == number}
            for holder in self.arena.holders.values():
                here = self.seen[holder.name][f"{venue} posted"]
                assert here == counted.get(holder.account, 0), f"{here} posted by {holder.name}"
            assert self.seen["vault"][f"{venue} posted"] == sum(counted.values()), venue

    def _accounts(self) -> list[tuple[bytes, str]]:
        return [(h.account, h.name) for h in self.arena.holders.values()] + self.arena.payees

    # ------------------------------------------------------------------ what happens

    def may(self, name: str) -> Holder:
        """What comes may touch this account."""
        self.subjects.add(name)
        return self.arena.holders[name]

    def note(self, what: str) -> None:
        note(what)

    def act(self, kind: str, contract: str, name: str, *args: Any, by: str) -> Any:
        """Sent; the events, or how it was refused."""
        place = self.arena.place(contract)
        return self.foreign(kind, place, data_of(contract, name, *args), by)

    def vault(self, kind: str, name: str, *args: Any, by: str) -> Any:
        return self.act(kind, "Vault", name, *args, by=by)

    def foreign(self, kind: str, to: str, data: Any, by: str, value: int = 0) -> Any:
        """Any call to anybody; what the vault says in it is booked."""
        raw = bytes.fromhex(data[2:]) if isinstance(data, str) else data
        done = self.arena.act(kind, to, raw, by, value)
        if not isinstance(done, Refused):
            sender = self.arena.address(by)
            payee = self.arena.who["stranger"] if kind in ("trade", "own ticket") else sender
            self.tally.hear(done, payee, self.arena.who["governor"])
        return done

    def never(self, kind: str, error: str, contract: str, name: str, *args: Any, by: str) -> None:
        """4. Powerlessness: this is refused, and by this error."""
        data, place = data_of(contract, name, *args), self.arena.place(contract)
        refused = self.arena.refused(f"wrong {kind}", place, data, by)
        assert refused is not None, f"{contract}.{name} by {by} was not refused"
        assert refused.name == error, f"{contract}.{name}: {refused}, not {error}"
        self.arena.done[f"wrong {kind}"] += 1

    # ------------------------------------------------------------------------- fills

    def try_fill(self, kind: str, order: Order, legs: Legs, key: bytes, filler: str) -> Any:
        """What it would return, or how it would be refused; nothing is sent."""
        self.arena.tried[kind] += 1
        try:
            data = self.fill_data(order, order, legs, key)
            return self.arena.call_raw(self.arena.desk, data, filler)
        except Refused as refused:
            self.arena.refusals[kind, refused.name] += 1
            return refused

    def fill_data(self, order: Order, signed: Order, legs: Legs, key: bytes) -> bytes:
        signature = sign(signed, self.arena.domain, key)
        if order.tickets is not None:
            return data_of("Desk", "commit", order.tuple, signature, legs[0], NO_RECEIPT)
        return data_of("Desk", "fill", order.tuple, signature, list(legs), NO_RECEIPT)

    def must_refuse(
        self, kind: str, names: tuple[str, ...], order: Order, legs: Legs, key: bytes, filler: str
    ) -> None:
        refused = self.try_fill(f"wrong {kind}", order, legs, key, filler)
        assert isinstance(refused, Refused), f"filled, and should be refused by {names}"
        assert refused.name in names, f"{refused}, not {names}"
        self.arena.done[f"wrong {kind}"] += 1

    def refuse_wrongs(
        self, kind: str, right: Fill, filler: str, wrongs: list[str], reduces: bool
    ) -> None:
        """4. Powerlessness: what would pass is refused as soon as one thing about it is wrong."""
        for name in wrongs:
            error, make = WRONGS[name]
            if (name in ONLY_IF_IT_OPENS and reduces) or (
                name in ONLY_INSTANT and kind == "commit"
            ):
                continue
            try:
                wrong = make(right)
            except OrderError:
                continue  # Not even signable.
            if wrong is None:
                continue
            data = self.fill_data(wrong.order, wrong.signed or wrong.order, wrong.legs, wrong.key)
            refused = self.arena.refused(f"wrong {kind}", self.arena.desk, data, filler)
            assert refused is not None, f"a fill with {name} was not refused"
            assert refused.name == error, f"{name}: {refused}, not {error}"
            self.arena.done[f"wrong {kind}"] += 1

    def right_fill(self, kind: str, order: Order, legs: Legs, holder: Holder, filler: str) -> None:
        """Sent; then what changed is what was signed, and the same once more is refused if it was
        all."""
        before = self.arena.footprint()
        used, margin, tip = self.used_of(order)
        data = self.fill_data(order, order, legs, holder.key)
        done = self.foreign(kind, self.arena.desk, data, filler)
        if isinstance(done, Refused):
            return
        after = self.arena.footprint()
        here, there = before[holder.name], after[holder.name]
        key = order.digest(self.arena.domain)
        whole, taken = abs(order.size), sum(abs(size) for _, size, _ in legs)
        money = sum(margin for _, _, margin in legs)
        # 7. No replay: what is used never exceeds the size.
        assert used + taken <= whole
        if used + taken < whole or order.tickets:
            assert self.used_of(order)[0] == used + taken
        else:
            spent = self.arena.call("Desk", "isSpent", order.account, order.nonce)
            assert int.from_bytes(spent, "big") == 1
        # 4. Powerlessness: margin, tip and fee are shares of what was signed, and nothing else.
        assert margin + money <= -(-order.max_margin * (used + taken) // whole)
        fee = sum(e.args["fee"] for e in done if e.name in ("Traded", "TicketCommitted"))
        assert fee <= self.fee(order.market, taken)
        earned = order.tip * (used + taken) // whole - tip
        assert here["idle"] - there["idle"] == money + earned + fee
        self.within_caps(holder, [number for number, _, money in legs if money])
        names = {number: venue for venue, number in self.arena.venues.items()}
        touched = {names[number]: size for number, size, _ in legs}
        for venue in names.values():
            if venue == FICKLE and self.turned:
                continue
            moved = self.arena.position(there, venue, order.market) - self.arena.position(
                here, venue, order.market
            )
            assert moved == (0 if order.tickets else touched.get(venue, 0)), venue
        self.open[key] = order
        if used + taken == whole:
            self.ended[key] = self.open.pop(key)
        ((venue, _, _), *_) = legs
        beyond = ((venue, order.sign * (whole - used - taken + 1), 0),)
        again = ("Overfilled", "NonceSpent", "TicketOpen")
        self.must_refuse(kind, again, order, beyond, holder.key, filler)

    def within_caps(self, holder: Holder, numbers: Iterable[int]) -> None:
        """3. Blast radius: an operator just posted there, and no more is there than may be."""
        for number in numbers:
            told = self.arena.call("Venues", "caps", number)
            most, most_of_one = (int.from_bytes(told[i : i + 32], "big") for i in (0, 32))
            counted = {a: n for (a, v), n in self.tally.posted.items() if v == number}
            assert counted[holder.account] <= most_of_one, "beyond what one account may have there"
            assert sum(counted.values()) <= most, "beyond what all may have there"

    def used_of(self, order: Order) -> tuple[int, int, int]:
        """Filled and pending, margin and tip so far."""
        key = order.digest(self.arena.domain)
        told = self.arena.call("Desk", "progress", key)
        used, margin, tip = (int.from_bytes(told[i : i + 32], "big") for i in (0, 32, 64))
        return used, margin, tip

    # ------------------------------------------------------------------------ what is

    def position(self, who: str, venue: str, name: str, fresh: bool = False) -> int:
        seen = self.arena.footprint() if fresh else self.seen
        return self.arena.position(seen[who], venue, name)

    def terms(
        self, holder: Holder, venue: str, name: str, size: int, margin: int
    ) -> tuple[Any, ...]:
        """A trade by the owner, at any price; at a venue that fills later within a twentieth."""
        limit = MAX if size > 0 else 0
        if venue == SYNTHETIX:
            worth = abs(size) * self.arena.oracle(name) // ONE
            limit = worth * (105 if size > 0 else 95) // 100
        nobody, number = self.arena.who["stranger"], self.arena.venues[venue]
        where = holder.account, number, market_id(name)
        return (*where, size, limit, margin, 0, nobody, 0, nobody, False)

    def made(self, who: str, venue: str) -> bool:
        return bool(self.arena.footprint()[who][f"{venue} seat"][1])

    def reduces(self, who: str, venues: list[str], name: str, size: int) -> bool:
        """Whether any leg of so much would only reduce."""
        held = [self.position(who, venue, name) for venue in venues]
        return any(h * size < 0 for h in held) or (FICKLE in venues and self.turned)

    def sized(self, name: str, worth: int) -> int:
        return worth * ONE * ONE // self.arena.oracle(name)

    def fee(self, name: str, size: int) -> int:
        """The protocol's, USDC (1e6): rounded up twice, as the Desk does."""
        rate = self.rates.get(name, 0)
        worth = -(-self.arena.oracle(name) * size // ONE)
        return -(-worth * rate // 10**30)

    def price(self, name: str) -> Decimal:
        """The oracle's, USD."""
        return Decimal(self.arena.oracle(name)) / ONE

    def publish(self) -> None:
        """Every oracle says again what it said."""
        for name, feed in self.arena.addresses["feeds"].items():
            data = call_data("updateAnswer(int256)", feeds.to_answer(self.price(name)))
            assert self.arena.send_raw(feed, data, "governor") is not None

    # ------------------------------------------------------------------ how it ends

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            return  # Something was found already.
        type(self).told += 1
        self.publish()
        if self.told % 4 == 0:
            self.a_decision_repeats()
        self.everybody_can_leave()

    def a_decision_repeats(self) -> None:
        """8. Replay of decisions: a keeper's decision on this very state, written down and read
        back, leads to the same legs."""
        name = list(self.arena.holders)[self.nonce % len(self.arena.holders)]
        holder = self.arena.holders[name]
        kept = Kept()
        keeper = Keeper(self.arena.deployment, self.arena.who["keeper"], _unsent, receipts=kept)  # type: ignore[arg-type]
        self.nonce += 1
        way = 1 if self.nonce % 2 else -1
        order = Order(
            account=holder.account, market="ETH-USD", size=way * 5 * ONE,
            limit_price=10**24 if way > 0 else 1, max_margin=6_000 * USDC, tip=USDC,
            venues=venue_set([0, 1, 2]), deadline=2**40, nonce=self.nonce,
            epoch=self.seen[name]["epoch"], tickets=Tickets(2, 20 * USDC, ONE // 100),
        )  # fmt: skip
        self.arena.tried["decision"] += 1
        try:
            plan = keeper.plan(order)
        except (PlanError, SplitError) as why:
            self.arena.refusals["decision", type(why).__name__] += 1
            return
        assert plan.receipt is not None
        again = replay(read(plan.receipt.document))
        assert again.same, again.differences
        self.arena.done["decision"] += 1

    def everybody_can_leave(self) -> None:
        """5. Exit: every owner by the vault's own calls, whatever is paused; in every twelfth story
        one of them by the package's exit. 6. Conservation: his statement explains every dollar."""
        holders = list(self.arena.holders.values())
        by_package = holders.pop(self.told % 4) if self.told % 12 == 0 else None
        for holder in holders:
            leaves_by_hand(self, self.may(holder.name))
        if by_package is not None:
            leaves(self, self.may(by_package.name))


def _unsent(_: Any) -> Any:
    raise AssertionError("a decision sends nothing")
