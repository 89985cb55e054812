"""What the owners of four accounts do by themselves, and whoever they let."""

from __future__ import annotations

from arena import FICKLE, FOREVER, MAX, PERP, RAGE, SYNTHETIX
from eth_account import Account
from hypothesis import strategies as st
from hypothesis.stateful import rule
from invariants import Invariants

from ringside.chain.contracts import Refused
from ringside.orders import market_id
from ringside.permits import NO_GRANT, Grant, permit2_deposit
from ringside.units import ONE, USDC

WHO = st.sampled_from(["client", "client/hedge", "neighbour", "wallet"])
INSTANT = st.sampled_from([PERP, RAGE, FICKLE])
VENUE = st.sampled_from([PERP, RAGE, SYNTHETIX, FICKLE])
MARKET = st.sampled_from(["ETH-USD", "ETH-USD", "BTC-USD"])
SIDE = st.sampled_from([1, -1])
WORTH = st.integers(50, 15_000)
"""Of a position, USD."""
AMOUNT = st.integers(1, 3_000 * USDC)
PART = st.integers(1, 100)
"""Percent."""
GIFTS = st.sampled_from(["seat, swept", "seat", "vault"])


class Owners(Invariants):
    """Every rule is one thing that somebody does; `self.may` says whose account it may touch."""

    # ------------------------------------------------------------------ the owners

    @rule(who=WHO, amount=AMOUNT, by=st.sampled_from(["owner", "stranger"]))
    def deposit(self, who: str, amount: int, by: str) -> None:
        holder = self.may(who)
        sender = holder.owner if by == "owner" else "stranger"
        if by == "stranger":
            self.arena.must("LocalUSDC", "mint", self.arena.who[by], amount, by="governor")
            self.arena.must("LocalUSDC", "approve", self.arena.vault, amount, by=by)
        done = self.vault("deposit", "deposit", holder.account, amount, by=sender)
        assert not isinstance(done, Refused)

    @rule(who=WHO, amount=AMOUNT, grants=st.booleans(), rights=st.integers(1, 3))
    def deposit_by_relay(self, who: str, amount: int, grants: bool, rights: int) -> None:
        """Signed by the owner for Permit2; the attacker who brings it can change nothing of it."""
        holder, arena = self.may(who), self.arena
        self.nonce += 1
        grant = Grant(arena.who["attacker"], rights, arena.now + 600, 0, 15) if grants else NO_GRANT
        chain = arena.domain.chain_id
        typed = permit2_deposit(
            chain, arena.usdc, arena.vault, holder.account, amount, self.nonce, FOREVER, grant
        )
        signature = bytes(Account.sign_typed_data(holder.key, full_message=typed).signature)
        right = holder.account, amount, holder.owner, grant, self.nonce, FOREVER, signature
        other = arena.holders["client" if who == "neighbour" else "neighbour"].account
        more = Grant(arena.who["attacker"], 3, FOREVER, 0, 15)
        forged = "InvalidContractSignature" if who == "wallet" else "InvalidSigner"
        wrongs = [
            (other, *right[1:]),
            (right[0], amount + 1, *right[2:]),
            (*right[:3], more, *right[4:]),
        ]
        for wrong in wrongs:
            self.never("relay", forged, "Vault", "depositWithPermit2", *wrong, by="attacker")
        done = self.vault("relay", "depositWithPermit2", *right, by="attacker")
        assert not isinstance(done, Refused), f"what was signed was refused: {done}"
        self.never("relay", "InvalidNonce", "Vault", "depositWithPermit2", *right, by="attacker")

    @rule(who=WHO, amount=AMOUNT)
    def withdraw(self, who: str, amount: int) -> None:
        holder = self.may(who)
        idle = self.seen[who]["idle"]
        arguments = holder.account, amount, holder.owner
        self.never("withdraw", "NotOwner", "Vault", "withdraw", *arguments, by="attacker")
        done = self.vault("withdraw", "withdraw", *arguments, by=holder.owner)
        assert isinstance(done, Refused) == (amount > idle)

    @rule(who=WHO, venue=VENUE, amount=st.integers(1, 100 * USDC), to=GIFTS)
    def give(self, who: str, venue: str, amount: int, to: str) -> None:
        """To the vault, or to a seat where it rests until the owner sweeps it: nobody's idle counts
        it."""
        if to == "vault":
            self.arena.must("LocalUSDC", "mint", self.arena.vault, amount, by="governor")
            self.tally.gifts += amount
            return
        holder = self.may(who)
        self.arena.must("LocalUSDC", "mint", self.arena.seats[who, venue], amount, by="governor")
        self.gifts_there += amount if venue == FICKLE else 0
        if to == "seat, swept" and self.made(who, venue):
            where = holder.account, self.arena.venues[venue], self.arena.usdc
            self.never("sweep", "NotOwner", "Vault", "sweep", *where, by="attacker")
            done = self.vault("sweep", "sweep", *where, by=holder.owner)
            assert not isinstance(done, Refused)

    @rule(who=WHO, venue=INSTANT, name=MARKET, side=SIDE, worth=WORTH, margin=PART)
    def trade_directly(
        self, who: str, venue: str, name: str, side: int, worth: int, margin: int
    ) -> None:
        holder = self.may(who)
        name = "ETH-USD" if venue == FICKLE else name
        size = self.sized(name, side * worth)
        terms = self.terms(holder, venue, name, size, worth * margin * USDC // 100)
        self.never("trade", "NotAllowed", "Vault", "trade", terms, by="keeper")
        before = self.position(who, venue, name)
        done = self.vault("trade", "trade", terms, by=holder.owner)
        if not isinstance(done, Refused) and not self.turned:
            assert self.position(who, venue, name, fresh=True) - before == size

    @rule(who=WHO, venue=INSTANT, name=MARKET)
    def close_directly(self, who: str, venue: str, name: str) -> None:
        holder = self.may(who)
        held = self.position(who, venue, name)
        if held == 0:
            return
        limit = 0 if held > 0 else MAX
        where = holder.account, self.arena.venues[venue], market_id(name), limit
        self.never("close", "NotOwner", "Vault", "close", *where, by="attacker")
        done = self.vault("close", "close", *where, by=holder.owner)
        if not isinstance(done, Refused) and not (venue == FICKLE and self.turned):
            left = self.position(who, venue, name, fresh=True)
            assert abs(left) <= abs(held)
            assert left * held >= 0

    @rule(who=WHO, venue=VENUE, name=MARKET, amount=AMOUNT)
    def post(self, who: str, venue: str, name: str, amount: int) -> None:
        holder = self.may(who)
        where = holder.account, self.arena.venues[venue], market_id(name), amount
        self.never("post", "NotAllowed", "Vault", "post", *where, ONE, by="keeper")
        self.vault("post", "post", *where, ONE // 50, by=holder.owner)

    @rule(who=WHO, venue=VENUE, name=MARKET, amount=AMOUNT)
    def pull(self, who: str, venue: str, name: str, amount: int) -> None:
        holder = self.may(who)
        if not self.made(who, venue):
            return
        where = holder.account, self.arena.venues[venue], market_id(name), amount
        self.never("pull", "NotAllowed", "Vault", "pull", *where, 0, by="keeper")
        self.vault("pull", "pull", *where, 0, by=holder.owner)

    @rule(who=WHO, venue=VENUE, name=MARKET, amount=AMOUNT, stays=st.booleans())
    def pull_in_kind(self, who: str, venue: str, name: str, amount: int, stays: bool) -> None:
        """To himself, or to the seat that it comes from."""
        holder = self.may(who)
        if not self.made(who, venue):
            return
        where = holder.account, self.arena.venues[venue], market_id(name), amount
        args = (*where, self.arena.who["attacker"])
        self.never("pull in kind", "NotOwner", "Vault", "pullInKind", *args, by="attacker")
        to = self.arena.seats[who, venue] if stays else holder.owner
        self.vault("pull in kind", "pullInKind", *where, to, by=holder.owner)

    @rule(who=WHO, rights=st.integers(0, 7), life=st.integers(-10, 600), venues=st.integers(0, 15))
    def grant(self, who: str, rights: int, life: int, venues: int) -> None:
        """To a key, which may never pay."""
        holder = self.may(who)
        grant = (self.arena.who["attacker"], rights, self.arena.now + life, 0, venues)
        args = holder.account, grant
        self.never("grant", "NotOwner", "Vault", "setOperator", *args, by="attacker")
        done = self.vault("grant", "setOperator", *args, by=holder.owner)
        if rights & 4:
            assert isinstance(done, Refused)
            assert done.name == "PayNeedsContract"

    @rule(
        who=WHO, venue=INSTANT, side=SIDE, worth=WORTH,
        life=st.none() | st.integers(-10, 60), waits=st.sampled_from([0, 0, 30]),
    )  # fmt: skip
    def trade_as_operator(
        self, who: str, venue: str, side: int, worth: int, life: int | None, waits: int
    ) -> None:
        """What was granted, perhaps just now, until it expires, and nothing else."""
        holder = self.may(who)
        if life is not None:
            both = (self.arena.who["attacker"], 3, self.arena.now + life, 0, 15)
            self.vault("grant", "setOperator", holder.account, both, by=holder.owner)
        if waits:
            self.arena.advance(waits)
        granted = self.arena.footprint()[who][f"operator {self.arena.who['attacker']}"]
        rights, expiry, _, venues = granted
        number = self.arena.venues[venue]
        size = self.sized("ETH-USD", side * worth)
        terms = self.terms(holder, venue, "ETH-USD", size, worth * USDC // 2)
        held = rights & 3 == 3 and venues >> number & 1
        done = self.vault("trade as operator", "trade", terms, by="attacker")
        if not isinstance(done, Refused):
            self.within_caps(holder, [number])
        if not held or self.arena.now > expiry:
            assert isinstance(done, Refused), "an operator traded without the right to"
        elif isinstance(done, Refused) and self.arena.now + 5 < expiry:
            assert done.name not in ("NotAllowed", "VenueNotGranted")

    @rule(who=WHO, raises=st.booleans(), choice=st.integers(0, 9))
    def cancel(self, who: str, raises: bool, choice: int) -> None:
        holder = self.may(who)
        if raises:
            epoch = self.seen[who]["epoch"] + 1
            name, args = "raiseEpoch", (holder.account, epoch)
        else:
            open_ = [o.nonce for o in self.open.values() if o.account == holder.account]
            if not open_:
                return
            name, args = "cancel", (holder.account, open_[choice % len(open_)])
        self.never("cancel", "NotOwner", "Desk", name, *args, by="attacker")
        done = self.act("cancel", "Desk", name, *args, by=holder.owner)
        assert not isinstance(done, Refused)
        for key, order in list(self.open.items()):
            if order.account != holder.account:
                continue
            if raises or order.nonce == args[1]:
                self.ended[key] = self.open.pop(key)
