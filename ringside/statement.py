"""A client's statement: where every dollar went, from events alone.

Deposits and withdrawals come from the vault's events, tips from its trades, fees, funding and fills
from the venues' own events. No line is worked out from another, so `difference`, which is what is
left, proves that nothing was missed: it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringside.chain.contracts import Ringside
from ringside.units import ONE, usdc_to_usd
from ringside.venues import VENUES
from ringside.venues.ledger import Ledger

if TYPE_CHECKING:
    from web3.contract.contract import ContractEvent


@dataclass(frozen=True, slots=True)
class Statement:
    """All in USD 1e18. `fees` are the venues', `tips` the keepers', `funding` what was paid
    (negative: received), `realised_pnl` what sales brought less what purchases cost before fees,
    `rounding` what conversions into the token's six decimals lost. `held` is what the account still
    has: idle, seats' margin at cost, and open positions at what they cost (so before everything is
    closed `realised_pnl` counts purchases in full)."""

    deposited: int
    withdrawn: int
    fees: int
    tips: int
    funding: int
    realised_pnl: int
    rounding: int
    held: int
    ledgers: tuple[Ledger, ...]

    @property
    def difference(self) -> int:
        """What the lines leave unexplained."""
        costs = self.fees + self.tips + self.funding + self.rounding
        return self.deposited - self.withdrawn - self.held - costs + self.realised_pnl


def statement(ringside: Ringside, account: bytes, blocks: tuple[int, int]) -> Statement:
    """The account's statement over the blocks from the first to the last, which must span its whole
    life.

    Raises:
        StillOpen: a position is open; what it is worth is not an event.
    """
    vault, (first, last) = ringside.vault, blocks

    def total(event: type[ContractEvent] | ContractEvent, name: str) -> int:
        entries = event.get_logs(
            from_block=first, to_block=last, argument_filters={"account": account}
        )
        return sum(int(entry["args"][name]) for entry in entries)

    view = ringside.account(account, list(ringside.addresses["feeds"]), last)
    ledgers = tuple(
        VENUES[venue].ledger(ringside.w3, ringside.addresses, seat.seat, blocks)
        for venue, seat in view.seats.items()
        if seat.made
    )
    require_closed(ledgers, ringside.addresses["feeds"])
    equity = sum(seat.pocket.equity for seat in view.seats.values() if seat.pocket)
    return Statement(
        deposited=usdc_to_usd(total(vault.events.Deposited(), "amount")),
        withdrawn=usdc_to_usd(total(vault.events.Withdrawn(), "amount")),
        fees=sum(ledger.fees for ledger in ledgers),
        tips=usdc_to_usd(total(vault.events.Traded(), "tip")),
        funding=sum(ledger.funding_paid for ledger in ledgers),
        realised_pnl=sum(ledger.proceeds for ledger in ledgers),
        rounding=sum(ledger.rounding for ledger in ledgers),
        held=usdc_to_usd(view.idle) + equity,
        ledgers=ledgers,
    )


class StillOpen(Exception):
    """A position is open, so its PnL is not realised; close it for a statement that reconciles."""


def require_closed(ledgers: Sequence[Ledger], markets: Mapping[str, str]) -> None:
    """
    Raises:
        StillOpen: the fills of some venue and market do not add up to zero.
    """
    for ledger in ledgers:
        for market in markets:
            if size := ledger.position(market):
                raise StillOpen(f"{size / ONE:+g} {market} is still open at {ledger.venue}")
