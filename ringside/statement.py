"""A client's statement: where every dollar went, from events alone.

Deposits and withdrawals come from the vault's events, tips from its trades, fees, funding and fills
from the venues' own events. No line is worked out from another, so `difference`, which is what is
left, proves that nothing was missed: it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringside.accounts import account_id, owner_of
from ringside.chain.contracts import Ringside
from ringside.units import ONE, usdc_to_usd
from ringside.venues import VENUES
from ringside.venues.ledger import Ledger

if TYPE_CHECKING:
    from web3.contract.contract import ContractEvent


@dataclass(frozen=True, slots=True)
class Statement:
    """All in USD 1e18. `fees` are the venues', `tips` what keepers were paid less what this account
    was paid for filling, `funding` what was paid (negative: received), `realised_pnl` what sales
    brought less what purchases cost before fees, `rounding` what conversions into the token's six
    decimals lost. `held` is what the account still has, idle and in its seats; while margin rests
    at a venue, that venue rounds it down to a unit in its view.

    Two things leave no event that names the account: a gift of margin that a stranger posts at a
    venue, and a tip from a trade made without the Desk. Either shows as the difference."""

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

    def total(event: type[ContractEvent] | ContractEvent, name: str, **of: Any) -> int:
        entries = event.get_logs(from_block=first, to_block=last, argument_filters=of)
        return sum(int(entry["args"][name]) for entry in entries)

    paid = total(vault.events.Traded(), "tip", account=account)
    # Whoever fills is paid into the account that is its address and no label.
    unlabelled = account == account_id(owner_of(account))
    filler = ringside.w3.to_checksum_address(owner_of(account))
    earned = total(ringside.desk.events.Filled(), "tip", filler=filler) if unlabelled else 0

    view = ringside.account(account, list(ringside.addresses["feeds"]), last)
    ledgers = tuple(
        VENUES[venue].ledger(ringside.w3, ringside.addresses, seat.seat, blocks)
        for venue, seat in view.seats.items()
        if seat.made
    )
    require_closed(ledgers, ringside.addresses["feeds"])
    pockets = [
        pocket
        for seat in view.seats.values()
        for pocket in (*seat.pockets.values(), seat.pocket)
        if pocket
    ]
    equity = sum(pocket.equity for pocket in pockets)
    return Statement(
        deposited=usdc_to_usd(total(vault.events.Deposited(), "amount", account=account)),
        withdrawn=usdc_to_usd(total(vault.events.Withdrawn(), "amount", account=account)),
        fees=sum(ledger.fees for ledger in ledgers),
        tips=usdc_to_usd(paid - earned),
        funding=sum(ledger.funding_paid for ledger in ledgers),
        realised_pnl=sum(ledger.proceeds for ledger in ledgers),
        rounding=sum(ledger.rounding for ledger in ledgers),
        held=usdc_to_usd(view.idle + view.reserved) + equity,
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
