"""What may happen to four accounts at three real venues and one hostile, in any order. What must
hold after every step is in `invariants`."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from arena import FICKLE, FOREVER, PERP, RAGE, SYNTHETIX, Holder
from eth_abi.abi import decode
from fuzz import made_up_call
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from owners import INSTANT, MARKET, PART, SIDE, VENUE, WHO, WORTH, Owners
from wrongs import WRONGS, Fill, loose

from devnet import DevnetError, feeds, market
from devnet.venues import synthetix
from ringside.chain.abi import encode as call_data
from ringside.chain.contracts import Refused
from ringside.orders import Bounds, Bundle, Mode, Order, Tickets, market_id, sign
from ringside.policies import IDLE, Health, Pocket, Policy, most_to_give
from ringside.policies import Domain as PolicyDomain
from ringside.policies import sign as sign_policy
from ringside.units import ONE, USDC

REAL = st.sampled_from([PERP, RAGE, SYNTHETIX])
FILLER = st.sampled_from(["keeper", "attacker"])
WRONG = st.lists(st.sampled_from(sorted(WRONGS)), min_size=1, max_size=4, unique=True)
START = {name: Decimal(price) for name, price in feeds.START_PRICES.items()}
TICKETS = Tickets(most=3, max_cost=50 * USDC, max_loss=ONE // 100)
NO_RECEIPT = (0, bytes(32))
RATE = st.sampled_from([0, 10**14, 10**15])
THIN = {PERP: 1_100 * USDC, RAGE: 1_900 * USDC, SYNTHETIX: 700 * USDC}
"""Margin for 8,000 USD that each venue just takes."""
MOODS = st.sampled_from(range(10))
PLACES = st.sampled_from(range(7))


class Story(Owners):
    """And what everybody else does: keepers, attackers, the house, and the world."""

    # ------------------------------------------------------------------ the keepers

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

    @rule(
        who=WHO, side=SIDE, worth=WORTH, there_and_back=st.booleans(), filler=FILLER,
        mode=st.sampled_from([Mode.ATOMIC, Mode.STEPWISE]),
    )  # fmt: skip
    def fill_a_bundle(
        self, who: str, side: int, worth: int, there_and_back: bool, filler: str, mode: Mode
    ) -> None:
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
        first = whole.tuple, signature, 0, legs[0], NO_RECEIPT
        if not isinstance(self.act("bundle", "Desk", "fillStep", *first, by=filler), Refused):
            self.never("bundle", "Overfilled", "Desk", "fillStep", *first, by=filler)
            self.act("bundle", "Desk", "fillStep", *second, by=filler)

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
            again = policy.tuple, signature, (IDLE, 0, policy.max_per_day - amount + 1, 0)
            self.never("policy", "BeyondDay", "Policies", "move", *again, by=filler)

    # ------------------------------------------------------------- whoever is hostile

    @rule(seed=st.integers(0, 2**32), count=st.integers(4, 12))
    def call_at_random(self, seed: int, count: int) -> None:
        """An attacker calls what there is with whatever there is."""
        random = Random(seed)
        for _ in range(count):
            contract, place, name, data = made_up_call(self.arena, random)
            self.note(f"{contract}.{name} 0x{data.hex()}")
            done = self.foreign("random call", place, data, "attacker")
            if not isinstance(done, Refused):
                # Settling is everybody's.
                for event in done:
                    if event.name in ("TicketSettled", "Settled"):
                        self.may(self.by_account[event.args["account"]].name)

    @rule(place=PLACES, mood=MOODS)
    def the_fickle_venue_turns(self, place: int, mood: int) -> None:
        self.arena.must("FickleSeat", "setMood", place, mood, by="stranger")
        self.turned = True

    # ------------------------------------------------------------------ the house

    @rule(venue=VENUE, stops=st.booleans())
    def pause(self, venue: str, stops: bool) -> None:
        number, name = self.arena.venues[venue], "pause" if stops else "unpause"
        error = "AccessManagedUnauthorized"
        self.never("pause", error, "Venues", name, number, by="attacker")
        done = self.act("pause", "Venues", name, number, by="governor")
        assert not isinstance(done, Refused)

    @rule(name=MARKET, rate=RATE)
    def set_the_fee(self, name: str, rate: int) -> None:
        args = market_id(name), rate
        self.never("fee", "AccessManagedUnauthorized", "Venues", "setFee", *args, by="keeper")
        done = self.act("fee", "Venues", "setFee", *args, by="governor")
        assert not isinstance(done, Refused)
        self.rates[name] = rate

    # ------------------------------------------------------------------ the world

    @precondition(lambda self: self.quiet > 9)
    @rule(name=MARKET, percent=st.integers(-7, 7), follow=st.booleans())
    def the_price_moves(self, name: str, percent: int, follow: bool) -> None:
        """And every venue after it, or none."""
        self.quiet = 0
        start = START[name]
        price = Decimal(self.arena.oracle(name)) / ONE * (100 + percent) / 100
        price = min(max(price, start * 7 / 10), start * 14 / 10).quantize(Decimal("0.01"))
        try:
            market.move(self.arena.w3, self.arena.addresses, name, price, arbitrage=follow)
        except DevnetError:
            return  # Out of the venues' reach in one step, and as it was.
        finally:
            self.arena.moved()
        self.arena.done["price move"] += 1

    @precondition(lambda self: self.quiet > 3)
    @rule(seconds=st.integers(1, 3 * 86_400), publishes=st.sampled_from([True, True, True, False]))
    def time_passes(self, seconds: int, publishes: bool) -> None:
        """And the oracles publish anew, or are stale."""
        self.arena.advance(seconds)
        if publishes:
            self.publish()
        self.arena.done["time"] += 1

    @precondition(lambda self: self.quiet > 14)
    @rule(who=WHO, venue=REAL, side=SIDE, percent=st.integers(14, 20))
    def lose(self, who: str, venue: str, side: int, percent: int) -> None:
        """On thin margin, until the venue lets itself be asked to liquidate."""
        self.quiet = 0
        holder, name = self.may(who), "ETH-USD"
        price = Decimal(self.arena.oracle(name)) / ONE * (100 - side * percent) / 100
        if not START[name] * 6 / 10 < price < START[name] * 15 / 10:
            return
        self.publish()
        terms = self.terms(holder, venue, name, self.sized(name, side * 8_000), THIN[venue])
        if venue == SYNTHETIX:
            self.vault("own ticket", "commit", terms, ONE // 50, by=holder.owner)
            self.execute_a_ticket(who, name, True, 0)
        else:
            self.vault("trade", "trade", terms, by=holder.owner)
        for _ in range(2):
            try:
                market.move(
                    self.arena.w3, self.arena.addresses, name, price.quantize(Decimal("0.01"))
                )
            except DevnetError:
                return  # As below.
            finally:
                self.arena.moved()
            self.arena.advance(3_600)
            self.publish()
        for somebody in self.arena.holders:
            self.liquidate(somebody, venue, name)

    @rule(who=WHO, venue=REAL, name=MARKET)
    def liquidate(self, who: str, venue: str, name: str) -> None:
        """By a stranger at the venue itself, if the venue agrees."""
        held = self.position(who, venue, name, fresh=True)
        if held == 0:
            return
        self.may(who)
        at = self.arena.addresses["venues"][venue]
        seat = self.arena.seats[who, venue]
        if venue == PERP:
            token = at["markets"][name]["base_token"]
            data = call_data("liquidate(address,address,int256)", seat, token, held)
            to = at["clearing_house"]
        elif venue == RAGE:
            number, pool = self.arena.rage_ids[who], at["markets"][name]["pool_id"]
            data = call_data("liquidateTokenPosition(uint256,uint32)", number, pool)
            to = at["clearing_house"]
        else:
            to = at["markets"][name]["market"]
            flag = call_data("flagPosition(address)", seat)
            self.foreign("liquidation", to, flag, "arbitrageur")
            data = call_data("liquidatePosition(address)", seat)
        self.foreign("liquidation", to, data, "arbitrageur")

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
