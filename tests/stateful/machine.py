"""What may happen to four accounts at three real venues and one hostile, in any order. What must
hold after every step is in `invariants`."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from arena import CAPS, PERP, RAGE, SYNTHETIX
from deals import Deals
from fuzz import made_up_call
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from owners import MARKET, SIDE, VENUE, WHO

from devnet import DevnetError, feeds, market
from ringside.chain.abi import encode as call_data
from ringside.chain.contracts import Refused
from ringside.orders import market_id
from ringside.units import ONE, USDC

REAL = st.sampled_from([PERP, RAGE, SYNTHETIX])
START = {name: Decimal(price) for name, price in feeds.START_PRICES.items()}
RATE = st.sampled_from([0, 10**14, 10**15])
THIN = {PERP: 1_100 * USDC, RAGE: 1_900 * USDC, SYNTHETIX: 700 * USDC}
"""Margin for 8,000 USD that each venue just takes."""
MOST = st.integers(0, 40_000)
"""Of margin at a venue, USDC."""
MOODS = st.sampled_from(range(10))
PLACES = st.sampled_from(range(7))


class Story(Deals):
    """And what everybody else does: attackers, the house, and the world."""

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

    @rule(venue=VENUE, most=MOST, most_of_one=MOST, raises=st.booleans())
    def set_caps(self, venue: str, most: int, most_of_one: int, raises: bool) -> None:
        """As they were, or to what one account, or all of them, may soon have reached."""
        number = self.arena.venues[venue]
        args = (number, *CAPS) if raises else (number, most * USDC, most_of_one * USDC)
        name = "raiseCaps" if raises else "lowerCaps"
        self.never("caps", "AccessManagedUnauthorized", "Venues", name, *args, by="attacker")
        self.act("caps", "Venues", name, *args, by="governor")

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
