"""Orders that say more than one venue's part: bundles, closing all, and best execution."""

from __future__ import annotations

from dataclasses import replace

from arena import FOREVER, PERP, RAGE, Holder
from hypothesis import strategies as st
from hypothesis.stateful import rule
from invariants import NO_RECEIPT
from keepers import FILLER, Keepers
from owners import MARKET, PART, SIDE, WHO, WORTH
from wrongs import loose

from ringside.chain.contracts import Refused
from ringside.orders import CLOSE_LONGS, CLOSE_SHORTS, Bundle, Mode, Order, Terms, sign
from ringside.units import ONE, USDC

PAIR = st.sampled_from([(PERP, RAGE), (RAGE, PERP)])
BPS = ONE // 10_000
SLACK = 1_000
"""By which a venue's quote and its fill may differ, 1e-18 USD: Perp's are up to ten units apart."""


class Deals(Keepers):
    """Each is tried as it must not be filled, and then as it may."""

    @rule(
        who=WHO, side=SIDE, worth=WORTH, there_and_back=st.booleans(), filler=FILLER,
        mode=st.sampled_from(list(Mode)), part=PART,
    )  # fmt: skip
    def fill_a_bundle(
        self, who: str, side: int, worth: int, there_and_back: bool, filler: str, mode: Mode,
        part: int,
    ) -> None:  # fmt: skip
        """From one venue to another under one signature."""
        holder = self.may(who)
        size = self.sized("ETH-USD", side * worth)
        ids = [self.arena.venues[venue] for venue in (PERP, RAGE)]
        steps = []
        for place, number in enumerate(ids):
            way = -1 if place and there_and_back else 1
            order = self.order(holder, "ETH-USD", way * size, worth * USDC, 0, [number])
            steps.append(loose(order).terms)
        self.nonce += 1
        epoch = self.seen[who]["epoch"]
        whole = Bundle(holder.account, tuple(steps), mode, FOREVER, self.nonce, epoch)
        signature = sign(whole, self.arena.domain, holder.key)
        legs = [
            [(number, step.size, step.max_margin)] for number, step in zip(ids, steps, strict=True)
        ]
        stranger = sign(whole, self.arena.domain, self.strangers_key)
        if mode == Mode.ATOMIC:
            args = whole.tuple, signature, legs, NO_RECEIPT
            wrong = whole.tuple, stranger, legs, NO_RECEIPT
            self.never("bundle", "BadSignature", "Desk", "fillBundle", *wrong, by=filler)
            short = whole.tuple, signature, legs[:1], NO_RECEIPT
            self.never("bundle", "BadBundle", "Desk", "fillBundle", *short, by=filler)
            done = self.act("bundle", "Desk", "fillBundle", *args, by=filler)
            if not isinstance(done, Refused):
                self.never("bundle", "NonceSpent", "Desk", "fillBundle", *args, by=filler)
            return
        second = whole.tuple, signature, 1, legs[1], NO_RECEIPT
        self.never("bundle", "StepNotOpen", "Desk", "fillStep", *second, by=filler)
        if mode == Mode.PROPORTIONAL:
            self._fill_in_proportion(whole, signature, part, filler)
            return
        first = whole.tuple, signature, 0, legs[0], NO_RECEIPT
        if not isinstance(self.act("bundle", "Desk", "fillStep", *first, by=filler), Refused):
            self.never("bundle", "Overfilled", "Desk", "fillStep", *first, by=filler)
            self.act("bundle", "Desk", "fillStep", *second, by=filler)

    def _fill_in_proportion(self, whole: Bundle, signature: bytes, part: int, filler: str) -> None:
        """A part of the first step opens as much of the second, rounded down, and no unit more."""
        first, second = whole.steps
        taken = first.sign * max(abs(first.size) * part // 100, 1)
        opened = abs(second.size) * abs(taken) // abs(first.size)

        def leg(step: Terms, size: int) -> list[tuple[int, int, int]]:
            number = step.venues.bit_length() - 1
            return [(number, size, step.max_margin * abs(size) // abs(step.size))]

        first_part = whole.tuple, signature, 0, leg(first, taken), NO_RECEIPT
        done = self.act("in proportion", "Desk", "fillStep", *first_part, by=filler)
        if isinstance(done, Refused):
            return
        if opened < abs(second.size):
            beyond = leg(second, second.sign * (opened + 1))
            args = whole.tuple, signature, 1, beyond, NO_RECEIPT
            self.never("in proportion", "StepNotOpen", "Desk", "fillStep", *args, by=filler)
        if opened:
            args = whole.tuple, signature, 1, leg(second, second.sign * opened), NO_RECEIPT
            self.act("in proportion", "Desk", "fillStep", *args, by=filler)

    @rule(
        who=WHO, name=MARKET, side=SIDE, at_once=st.booleans(), tip=st.integers(0, 5 * USDC),
        filler=FILLER,
    )  # fmt: skip
    def close_all(
        self, who: str, name: str, side: int, at_once: bool, tip: int, filler: str
    ) -> None:
        """Every long, or every short, at the two venues that fill at once."""
        holder = self.may(who)
        held = {venue: self.position(who, venue, name) for venue in (PERP, RAGE)}
        held = {venue: size for venue, size in held.items() if size * side > 0}
        if not held:
            return
        ids = [self.arena.venues[venue] for venue in (PERP, RAGE)]
        order = self.order(holder, name, CLOSE_LONGS if side > 0 else CLOSE_SHORTS, 0, tip, ids)
        order = loose(order)
        legs = [(self.arena.venues[venue], -size, 0) for venue, size in held.items()]
        kind, key = "close all", holder.key
        (venue, size, _), *others = legs
        if abs(size) > 1:
            short = ((venue, size + side, 0), *others)
            self.must_refuse(kind, ("NotAllClosed", "NotExact"), order, short, key, filler)
        more = ((venue, size - side, 0), *others)
        # What does not only reduce is refused by a pause as well, and venues round single units.
        beyond = ("NotReducing", "VenuePaused", "NotExact")
        self.must_refuse(kind, beyond, order, more, key, filler)
        paid = ((venue, size, 1), *others)
        self.must_refuse(kind, ("TooMuchMargin",), order, paid, key, filler)
        forged = self.strangers_key
        self.must_refuse(kind, ("BadSignature",), order, tuple(legs), forged, filler)
        before = self.seen[who]["idle"]
        for part in [tuple(legs)] if at_once else [(leg,) for leg in legs]:
            data = self.fill_data(order, order, part, key)
            done = self.foreign(kind, self.arena.desk, data, filler)
            if isinstance(done, Refused):
                return
            fee = sum(e.args["fee"] for e in done if e.name == "Traded")
            before -= fee
        after = self.arena.footprint()[who]
        assert all(self.arena.position(after, venue, name) == 0 for venue in held)
        assert after["idle"] >= before - tip, "closing all cost more than its tip"
        self.must_refuse(kind, ("NonceSpent", "Overfilled"), order, tuple(legs), key, filler)

    @rule(
        who=WHO, name=MARKET, side=SIDE, worth=WORTH, pair=PAIR, tolerance=st.integers(1, 40),
        filler=FILLER,
    )  # fmt: skip
    def fill_as_the_best(
        self, who: str, name: str, side: int, worth: int, pair: tuple[str, str], tolerance: int,
        filler: str,
    ) -> None:  # fmt: skip
        """At one of two venues: refused where the other would be better by more than signed. What
        each would do is asked by fills that nothing bounds."""
        holder = self.may(who)
        ids = [self.arena.venues[venue] for venue in pair]
        size = self.sized(name, side * worth)
        order = loose(self.order(holder, name, size, worth * USDC, 0, ids))
        here, there = (self._alone(holder, order, number, filler) for number in ids)
        if here is None or there is None:
            return
        bounds = replace(order.bounds, tolerance=tolerance * BPS)
        asked, legs = order.with_(bounds=bounds), ((ids[0], size, order.max_margin),)
        worse = side * (here - there) * ONE - there * tolerance * BPS
        slack = SLACK * ONE
        if worse > slack:
            kind = "best execution"
            self.must_refuse(kind, ("NotBest",), asked, legs, holder.key, filler)
        elif worse < -slack:
            found = self.try_fill("best execution", asked, legs, holder.key, filler)
            assert not isinstance(found, Refused), f"within {tolerance} bps, and {found}"
            self.right_fill("best execution", asked, legs, holder, filler)

    def _alone(self, holder: Holder, order: Order, number: int, filler: str) -> int | None:
        """What all of it would cost or bring at one venue, 1e18 USD; `None` where it is refused."""
        leg = ((number, order.size, order.max_margin),)
        found = self.try_fill("best execution", order, leg, holder.key, filler)
        return None if isinstance(found, Refused) else int.from_bytes(found, "big")
