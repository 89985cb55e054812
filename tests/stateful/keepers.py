"""What keepers do with orders and policies that were signed: fills, tickets, moves of margin."""

from __future__ import annotations

from decimal import Decimal

from arena import FICKLE, FOREVER, PERP, RAGE, SYNTHETIX, Holder
from eth_abi.abi import decode
from hypothesis import strategies as st
from hypothesis.stateful import rule
from owners import INSTANT, MARKET, PART, SIDE, WHO, WORTH, Owners
from wrongs import WRONGS, Fill, loose

from devnet.venues import synthetix
from ringside.chain.contracts import Refused
from ringside.orders import Bounds, Order, Tickets, market_id
from ringside.policies import IDLE, Health, Pocket, Policy, most_to_give
from ringside.policies import Domain as PolicyDomain
from ringside.policies import sign as sign_policy
from ringside.units import ONE, USDC

FILLER = st.sampled_from(["keeper", "attacker"])
WRONG = st.lists(st.sampled_from(sorted(WRONGS)), min_size=1, max_size=4, unique=True)
TICKETS = Tickets(most=3, max_cost=50 * USDC, max_loss=ONE // 100)


class Keepers(Owners):
    """Who fills may be anybody: the attacker does it as well as the keeper."""

    @rule(
        who=WHO, venue=INSTANT, name=MARKET, side=SIDE, worth=WORTH, margin=PART, part=PART,
        tip=st.integers(0, 5 * USDC), filler=FILLER, wrongs=WRONG,
    )  # fmt: skip
    def fill(
        self, who: str, venue: str, name: str, side: int, worth: int, margin: int, part: int,
        tip: int, filler: str, wrongs: list[str],
    ) -> None:  # fmt: skip
        """A new order: refused in any way that is wrong, and filled in the one that is right."""
        self._fill(who, [venue], name, side, worth, margin, part, tip, filler, wrongs)

    @rule(
        who=WHO, name=MARKET, side=SIDE, worth=WORTH, margin=PART,
        filler=FILLER, wrongs=WRONG,
    )  # fmt: skip
    def fill_at_two_venues(
        self, who: str, name: str, side: int, worth: int, margin: int, filler: str,
        wrongs: list[str],
    ) -> None:  # fmt: skip
        self._fill(who, [PERP, RAGE], name, side, worth, margin, 100, USDC, filler, wrongs)

    def _fill(
        self, who: str, venues: list[str], name: str, side: int, worth: int, margin: int,
        part: int, tip: int, filler: str, wrongs: list[str],
    ) -> None:  # fmt: skip
        holder = self.may(who)
        name = "ETH-USD" if FICKLE in venues else name
        size = self.sized(name, side * worth)
        ids = [self.arena.venues[venue] for venue in venues]
        order = self.order(holder, name, size, worth * margin * USDC // 100, tip, ids)
        taken = size * part // 100 or size
        share = -(-order.max_margin * abs(taken) // abs(size))
        each, money = taken // len(ids), share // len(ids)
        legs = [(number, each, money) for number in ids[1:]]
        legs.insert(0, (ids[0], taken - each * len(legs), share - money * len(legs)))
        quote = self.try_fill("fill", loose(order), tuple(legs), holder.key, filler)
        if isinstance(quote, Refused):
            return
        extra = order.tip * abs(taken) // abs(size) + self.fee(name, abs(taken))
        total = int.from_bytes(quote, "big") * ONE + side * extra * 10**30
        # To the unit; by a hundredth where it holds for each of two legs, or for what comes later.
        limit = -(-total // abs(taken)) if size > 0 else total // abs(taken)
        if len(ids) > 1 or taken != size or limit <= 1:
            limit = max(limit * (100 + side) // 100, 1)
        order = order.with_(limit_price=limit)
        right = Fill(
            order, tuple(legs), holder.key, self.strangers_key, int.from_bytes(quote, "big"), extra,
            self.arena.now,
        )  # fmt: skip
        reduces = self.reduces(who, venues, name, size)
        self.refuse_wrongs("fill", right, filler, wrongs, reduces)
        self.right_fill("fill", order, tuple(legs), holder, filler)

    @rule(choice=st.integers(0, 50), part=PART, filler=FILLER)
    def fill_the_rest(self, choice: int, part: int, filler: str) -> None:
        """More of an order that was filled in part."""
        if not self.open:
            return
        order = list(self.open.values())[choice % len(self.open)]
        holder = self.by_account[order.account]
        self.may(holder.name)
        used, margin, _ = self.used_of(order)
        left = order.size - order.sign * used
        taken = left * part // 100 or left
        share = -(-order.max_margin * (used + abs(taken)) // abs(order.size)) - margin
        (number,) = [i for i in range(4) if order.venues >> i & 1][:1]
        too_much = ((number, taken, share + 1),)
        self.must_refuse("fill the rest", ("TooMuchMargin",), order, too_much, holder.key, filler)
        beyond = ((number, left + order.sign, 0),)
        self.must_refuse("fill the rest", ("Overfilled",), order, beyond, holder.key, filler)
        self.right_fill("fill the rest", order, ((number, taken, share),), holder, filler)

    @rule(choice=st.integers(0, 50), filler=FILLER)
    def fill_again(self, choice: int, filler: str) -> None:
        """What was filled to the end, or cancelled."""
        if not self.ended:
            return
        order = list(self.ended.values())[choice % len(self.ended)]
        holder = self.by_account[order.account]
        numbers = [i for i in range(4) if order.venues >> i & 1]
        leg = ((numbers[0], order.sign, 0),)
        names = ("NonceSpent", "Overfilled", "WrongEpoch")
        self.must_refuse("fill again", names, order, leg, holder.key, filler)

    @rule(
        who=WHO, name=MARKET, side=SIDE, worth=WORTH, margin=st.integers(20, 100),
        tip=st.integers(0, 5 * USDC), filler=FILLER, wrongs=WRONG,
    )  # fmt: skip
    def commit_a_ticket(
        self, who: str, name: str, side: int, worth: int, margin: int, tip: int, filler: str,
        wrongs: list[str],
    ) -> None:  # fmt: skip
        holder = self.may(who)
        size = self.sized(name, side * worth)
        number = self.arena.venues[SYNTHETIX]
        order = self.order(
            holder, name, size, worth * margin * USDC // 100 + 60 * USDC, tip, [number]
        )
        limit = self.arena.oracle(name) * (100 + 5 * side) // 100
        order = order.with_(tickets=TICKETS, limit_price=limit)
        legs = ((number, size, order.max_margin),)
        found = self.try_fill("commit", order, legs, holder.key, filler)
        if isinstance(found, Refused):
            return
        reduces = self.reduces(who, [SYNTHETIX], name, size)
        right = Fill(order, legs, holder.key, self.strangers_key, 0, 0, self.arena.now)
        self.refuse_wrongs("commit", right, filler, wrongs, reduces)
        self.right_fill("commit", order, legs, holder, filler)

    @rule(who=WHO, name=MARKET, side=SIDE, worth=WORTH, margin=st.integers(20, 100))
    def commit_directly(self, who: str, name: str, side: int, worth: int, margin: int) -> None:
        holder = self.may(who)
        size = self.sized(name, side * worth)
        terms = self.terms(holder, SYNTHETIX, name, size, (worth * margin // 100 + 60) * USDC)
        self.never("own ticket", "NotAllowed", "Vault", "commit", terms, ONE, by="keeper")
        self.vault("own ticket", "commit", terms, ONE // 50, by=holder.owner)

    @rule(who=WHO, name=MARKET, settles=st.booleans(), percent=st.integers(-1, 1))
    def execute_a_ticket(self, who: str, name: str, settles: bool, percent: int) -> None:
        """By a stranger, at the venue itself; then, perhaps, booked by another."""
        holder = self.may(who)
        if self.arena.footprint()[who][f"order {name}"][1] == 0:
            return
        places, proxy = self.arena.addresses["venues"][SYNTHETIX], self.arena.proxies[name]
        price = Decimal(self.arena.oracle(name)) * (1000 + percent) / 1000 / ONE
        self.arena.advance(2)
        at = self.arena.w3, places, name, price, self.arena.now
        updates, fee = synthetix.price_update(*at)
        seat = self.arena.seats[who, SYNTHETIX]
        data = proxy.encode_abi("executeOffchainDelayedOrder", [seat, updates])
        self.foreign("ticket executed", proxy.address, data, "stranger", fee)
        if settles:
            self._settle(holder, name, "stranger")

    @rule(who=WHO, name=MARKET, by=st.sampled_from(["keeper", "stranger", "owner"]))
    def settle(self, who: str, name: str, by: str) -> None:
        holder = self.may(who)
        self._settle(holder, name, holder.owner if by == "owner" else by)

    def _settle(self, holder: Holder, name: str, by: str) -> None:
        number = self.arena.venues[SYNTHETIX]
        if (holder.account, number, market_id(name)) not in self.tally.aside:
            return
        self.vault("settle", "settle", holder.account, number, market_id(name), b"", by=by)

    @rule(who=WHO, name=MARKET, by=st.sampled_from(["keeper", "stranger"]))
    def expire(self, who: str, name: str, by: str) -> None:
        """A ticket that nobody executed."""
        holder = self.may(who)
        number = self.arena.venues[SYNTHETIX]
        if (holder.account, number, market_id(name)) not in self.tally.aside:
            return
        self.arena.advance(40)
        self.vault("expire", "expire", holder.account, number, market_id(name), by=by)

    @rule(who=WHO, venue=st.sampled_from([PERP, RAGE]), part=PART, filler=FILLER)
    def move_by_policy(self, who: str, venue: str, part: int, filler: str) -> None:
        """From idle to a pocket in need, by a standing policy."""
        holder = self.may(who)
        if self.position(who, venue, "ETH-USD") == 0:
            return
        self.nonce += 1
        pocket = Pocket(self.arena.venues[venue], "ETH-USD")
        policy = Policy(
            account=holder.account, pockets=(pocket,), trigger=40 * ONE, target=50 * ONE,
            tolerance=ONE, floor=45 * ONE, max_per_day=4_000 * USDC, deadline=FOREVER,
            nonce=self.nonce, epoch=self.seen[who]["epoch"],
        )  # fmt: skip
        try:
            told = self.arena.call("Policies", "health", holder.account, pocket.tuple)
        except Refused:
            return  # A stale price.
        health = Health(*decode(["int256", "uint256", "uint256"], told))
        most = most_to_give(health, policy.target)
        amount = min(most * part // 100, policy.max_per_day)
        if amount == 0:
            return
        domain = PolicyDomain(self.arena.domain.chain_id, self.arena.policies)
        signature = sign_policy(policy, domain, holder.key)
        args = policy.tuple, signature, (IDLE, 0, amount, 0)
        forged = policy.with_(max_per_day=2**90).tuple, signature, (IDLE, 0, amount, 0)
        self.never("policy", "BadSignature", "Policies", "move", *forged, by=filler)
        beyond = policy.tuple, signature, (IDLE, 0, policy.max_per_day + 1, 0)
        self.never("policy", "BeyondDay", "Policies", "move", *beyond, by=filler)
        done = self.act("policy", "Policies", "move", *args, by=filler)
        if not isinstance(done, Refused):
            self.within_caps(holder, [pocket.venue])
            again = policy.tuple, signature, (IDLE, 0, policy.max_per_day - amount + 1, 0)
            self.never("policy", "BeyondDay", "Policies", "move", *again, by=filler)

    # ------------------------------------------------------------------ how it is said

    def order(
        self, holder: Holder, name: str, size: int, margin: int, tip: int, ids: list[int]
    ) -> Order:
        self.nonce += 1
        return Order(
            account=holder.account, market=name, size=size, limit_price=1, max_margin=margin,
            tip=tip, venues=sum(1 << i for i in ids), deadline=FOREVER, nonce=self.nonce,
            epoch=self.seen[holder.name]["epoch"], bounds=Bounds(open_against=True),
        )  # fmt: skip
