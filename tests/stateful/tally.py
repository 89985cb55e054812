"""What every account must have in the vault, told from the vault's own events: kept beside the
vault, and held against it after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from arena import Arena, Event

from ringside.accounts import account_id


@dataclass
class Tally:
    """Idle and reserved of every account (USDC 1e6), what was given to the vault, and what was sent
    to each venue."""

    usdc: str
    idle: Counter[bytes] = field(default_factory=Counter)
    reserved: Counter[bytes] = field(default_factory=Counter)
    aside: dict[tuple[bytes, int, bytes], tuple[int, int, bytes, bytes]] = field(
        default_factory=dict
    )
    """By ticket: tip and fee that are set aside, and the accounts that they are for."""
    gifts: int = 0
    sent: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    """By account and venue: margin that went there, less what came back."""
    posted: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    """By account and venue: what counts for the caps: a gain that comes back takes it to zero and
    no further."""
    in_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By receiver and token: what left in kind."""
    paid: Counter[bytes] = field(default_factory=Counter)
    """Tips, fees and payments that left an account."""

    def hear(self, events: Iterable[Event], payee: str, collector: str) -> None:
        """Books what the vault said in one transaction. `payee` gets its tips, `collector` its
        fees."""
        to, fees = account_id(payee), account_id(collector)
        for event in events:
            e = event.args
            account: bytes = e.get("account", b"")
            if event.name == "Deposited":
                self.idle[account] += e["amount"]
            elif event.name == "Withdrawn":
                self.idle[account] -= e["amount"]
            elif event.name == "MarginPosted":
                self._send(account, e["venue"], e["amount"])
            elif event.name == "MarginPulled":
                self._send(account, e["venue"], -e["amount"])
            elif event.name == "PulledInKind":
                self.in_kind[e["to"].lower(), e["token"].lower()] += e["amount"]
                par = e["amount"] if e["token"] == self.usdc else e["amount"] // 10**12
                self._count_back(account, e["venue"], par)
            elif event.name == "Traded":
                self._send(account, e["venue"], e["margin"])
                self._pay(account, to, e["tip"])
                self._pay(account, fees, e["fee"])
            elif event.name == "Paid":
                self._pay(account, account_id(e["payee"]), e["amount"])
            elif event.name == "TicketCommitted":
                self._send(account, e["venue"], e["margin"])
                both = e["tip"] + e["fee"]
                self.idle[account] -= both
                self.reserved[account] += both
                self.aside[account, e["venue"], e["market"]] = (e["tip"], e["fee"], to, fees)
            elif event.name == "TicketSettled":
                self._settle(account, e)
            elif event.name == "Reclaimed":
                tip, fee, *whom = self.aside[account, e["venue"], e["market"]]
                assert e["amount"] == tip + fee
                self.aside[account, e["venue"], e["market"]] = (0, 0, *whom)  # type: ignore[assignment]
                self.reserved[account] -= e["amount"]
                self.idle[account] += e["amount"]

    def _settle(self, account: bytes, e: Any) -> None:
        tip, fee, to, fees = self.aside.pop((account, e["venue"], e["market"]))
        assert e["tip"] <= tip
        assert e["fee"] <= fee
        self.reserved[account] -= tip + fee
        self.idle[account] += tip + fee
        self._pay(account, to, e["tip"])
        self._pay(account, fees, e["fee"])

    def _send(self, account: bytes, venue: int, amount: int) -> None:
        self.idle[account] -= amount
        self.sent[account, venue] += amount
        if amount >= 0:
            self.posted[account, venue] += amount
        else:
            self._count_back(account, venue, -amount)

    def _count_back(self, account: bytes, venue: int, amount: int) -> None:
        self.posted[account, venue] -= min(amount, self.posted[account, venue])

    def _pay(self, account: bytes, to: bytes, amount: int) -> None:
        self.idle[account] -= amount
        self.idle[to] += amount
        self.paid[account] += amount


def opening(arena: Arena) -> Tally:
    """As the arena was built."""
    tally = Tally(arena.usdc.lower())
    seen = arena.footprint()
    for holder in arena.holders.values():
        tally.idle[holder.account] = seen[holder.name]["idle"]
    for account, name in arena.payees:
        tally.idle[account] = seen[name]["idle"]
    return tally
