"""A client's statement: where every dollar went, from events alone.

Deposits, withdrawals and what was pulled in kind come from the vault's events, tips and our fee
from its trades, tickets and payments; venues' fees, funding and fills from the venues' own events.
No line is worked out from another, so `difference`, which is what is left, proves that nothing was
missed: it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringside.accounts import account_id, owner_of
from ringside.chain.contracts import Ringside
from ringside.chain.views import SeatView
from ringside.units import ONE, usdc_to_usd
from ringside.venues import VENUES
from ringside.venues.ledger import Ledger

if TYPE_CHECKING:
    from web3.contract.contract import ContractEvent


@dataclass(frozen=True, slots=True)
class Statement:
    """All in USD 1e18. `fees` are the venues', deposits on delayed orders and the exchange of
    margin among them; `protocol_fees` ours, `tips` what keepers were paid less what this account
    was paid as one, `funding` what was paid (negative: received), `realised_pnl` what sales brought
    less what purchases cost before fees, `rounding` what conversions into the token's six decimals
    lost. `in_kind` left venues in their own tokens, sUSD at a dollar. `held` is what the account
    still has: idle, reserved for tickets, and in every pocket of its seats; while margin rests at a
    venue, that venue rounds it down to a unit in its view.

    What leaves no event that names the account shows as the difference: a gift of margin that a
    stranger posts at a venue, a tip or fee from a trade made without the Desk, and being the
    protocol's collector."""

    deposited: int
    withdrawn: int
    fees: int
    tips: int
    funding: int
    realised_pnl: int
    rounding: int
    held: int
    ledgers: tuple[Ledger, ...]
    protocol_fees: int = 0
    in_kind: int = 0

    @property
    def difference(self) -> int:
        """What the lines leave unexplained."""
        costs = self.fees + self.tips + self.funding + self.rounding + self.protocol_fees
        kept = self.withdrawn + self.in_kind + self.held
        return self.deposited - kept - costs + self.realised_pnl


def statement(ringside: Ringside, account: bytes, blocks: tuple[int, int]) -> Statement:
    """The account's statement over the blocks from the first to the last, which must span its whole
    life.

    Raises:
        StillOpen: a position or a ticket is open; what it is worth is not an event.
        Unreadable: a venue does not say what is held there.
    """
    vault, (first, last) = ringside.vault, blocks

    def found(event: type[ContractEvent] | ContractEvent, **of: Any) -> list[Any]:
        entries = event.get_logs(from_block=first, to_block=last, argument_filters=of)
        return [entry["args"] for entry in entries]

    def total(event: type[ContractEvent] | ContractEvent, name: str, **of: Any) -> int:
        return sum(int(args[name]) for args in found(event, **of))

    traded, settled = vault.events.Traded(), vault.events.TicketSettled()
    paid = total(traded, "tip", account=account) + total(settled, "tip", account=account)
    paid += total(vault.events.Paid(), "amount", account=account)
    charged = total(traded, "fee", account=account) + total(settled, "fee", account=account)

    view = ringside.account(account, list(ringside.addresses["feeds"]), last)
    ledgers = tuple(
        VENUES[venue].ledger(ringside.w3, ringside.addresses, seat.seat, blocks)
        for venue, seat in view.seats.items()
        if seat.made
    )
    require_closed(ledgers, ringside.addresses["feeds"])
    for seat in view.seats.values():
        for market in seat.pending:
            raise StillOpen(f"a ticket for {market} is still open at {seat.venue}")
        _require_readable(seat, list(ringside.addresses["venues"][seat.venue]["markets"]))
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
        tips=usdc_to_usd(paid - _earned(ringside, account, blocks)),
        funding=sum(ledger.funding_paid for ledger in ledgers),
        realised_pnl=sum(ledger.proceeds for ledger in ledgers),
        rounding=sum(ledger.rounding for ledger in ledgers),
        held=usdc_to_usd(view.idle + view.reserved) + equity,
        ledgers=ledgers,
        protocol_fees=usdc_to_usd(charged),
        in_kind=sum(
            args["amount"] * 10 ** (18 - _decimals(ringside, args["token"]))
            for args in found(vault.events.PulledInKind(), account=account)
        ),
    )


def _earned(ringside: Ringside, account: bytes, blocks: tuple[int, int]) -> int:
    """USDC that the account was paid for filling. Whoever fills is paid into the account that is
    its address and no label."""
    owner = owner_of(account)
    if account != account_id(owner):
        return 0
    who, desk, vault = ringside.w3.to_checksum_address(owner), ringside.desk, ringside.vault

    def logs(event: type[ContractEvent] | ContractEvent, **of: Any) -> list[Any]:
        first, last = blocks
        return list(event.get_logs(from_block=first, to_block=last, argument_filters=of))

    earned = sum(log["args"]["tip"] for log in logs(desk.events.Filled(), filler=who))
    earned += sum(log["args"]["amount"] for log in logs(vault.events.Paid(), payee=who))
    committed = logs(desk.events.Committed(), filler=who)
    if not committed:
        return int(earned)
    # The Desk's event does not name the market; the vault's just before it does.
    made, mine = logs(vault.events.TicketCommitted()), set()
    for log in committed:
        here = [m for m in made if m["transactionHash"] == log["transactionHash"]]
        before = (m for m in here if m["logIndex"] < log["logIndex"])
        mine.add(_ticket(max(before, key=lambda m: int(m["logIndex"]))["args"]))
    settled = [log["args"] for log in logs(vault.events.TicketSettled())]
    return int(earned + sum(args["tip"] for args in settled if _ticket(args) in mine))


def _ticket(args: Any) -> tuple[Any, ...]:
    return args["account"], args["venue"], args["market"], args["number"]


def _decimals(ringside: Ringside, token: str) -> int:
    kind: Any = ringside.usdc.abi
    contract = ringside.w3.eth.contract(address=ringside.w3.to_checksum_address(token), abi=kind)
    return int(contract.functions.decimals().call())


class Unreadable(Exception):
    """What is held at a venue is unknown, which is not nothing."""


def _require_readable(seat: SeatView, markets: Sequence[str]) -> None:
    pockets = [seat.pocket_of(market) for market in markets]
    if seat.made and not all(pockets):
        raise Unreadable(f"what is held at {seat.venue} cannot be read now")


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
