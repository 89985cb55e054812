"""`make demo`: one deposit, signed orders, three real perp DEXs, in numbers a person can check."""

import json
import time
from pathlib import Path

import click
from ape import accounts, chain
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ContractLogicError
from ape.logging import LogLevel, logger

from demonstration.cast import OUT, Cast, Impossible, text
from demonstration.tale import tell
from devnet import DevnetError, ringside, state
from ringside.chain.contracts import Refused, Ringside, refusal
from ringside.keeper.oneshot import Interrupted
from ringside.keeper.plan import PlanError
from ringside.orders import OrderError
from ringside.routing.problem import SplitError
from ringside.units import UnitError, to_units
from ringside.venues import VENUE_ERRORS
from ringside.venues.base import VenueError

MOST_DEPOSIT, MOST_SIZE = 10**18, 10**30
"""A trillion USDC (1e6), a trillion base (1e18)."""
RESULT = Path("build/demo.json")
SAID = (
    DevnetError,
    Impossible,
    Interrupted,
    OrderError,
    PlanError,
    Refused,
    SplitError,
    UnitError,
    VenueError,
)
"""Errors whose message is a sentence for whoever gave the numbers."""


def _reason(reverted: ContractLogicError) -> str:
    """What a transaction that Ape sent was refused with."""
    told = reverted.revert_message or ""
    data = bytes.fromhex(told[2:]) if told.startswith("0x") else b""
    return str(refusal(data, VENUE_ERRORS)) if data else f"{type(reverted).__name__} {told}"


@click.command(cls=ConnectedProviderCommand)
@click.option("--market", "name", default="ETH-USD", show_default=True, help="ETH-USD or BTC-USD.")
@click.option("--size", default="25", show_default=True, help="Base; negative sells.")
@click.option("--deposit", "amount", default="100000", show_default=True, help="USDC.")
def cli(name: str, size: str, amount: str) -> None:
    """One deposit, signed orders, three real perp DEXs."""
    started = time.monotonic()
    RESULT.unlink(missing_ok=True)
    logger.set_level(LogLevel.ERROR)
    try:
        parsed = to_units(size, name="--size"), to_units(amount, 6, name="--deposit")
        w3 = chain.provider.web3
        addresses = ringside.deploy(w3, state.load(w3))
        if name not in addresses["feeds"]:
            raise Impossible(f"There is no market {name}: take {' or '.join(addresses['feeds'])}.")
        if parsed[0] == 0 or parsed[1] <= 0:
            raise Impossible("--size must not be zero and --deposit must be more than zero.")
        if parsed[1] > MOST_DEPOSIT or abs(parsed[0]) > MOST_SIZE:
            raise Impossible("There is not that much of it: no trillion of USDC or base exists.")
        actors = accounts.test_accounts
        cast = Cast(
            Ringside.at(w3, addresses),
            client=actors[3],
            keeper=actors[4],
            dishonest=actors[5],
            bystander=actors[6],
            first_block=w3.eth.block_number + 1,
        )
        told = tell(cast, name, *parsed)
    except SAID as no:
        raise click.ClickException(str(no)) from None
    except ContractLogicError as reverted:
        raise click.ClickException(f"The chain refused: {_reason(reverted)}") from None

    RESULT.parent.mkdir(exist_ok=True)
    result = {
        "venues": list(cast.ringside.venue_ids),
        "seconds": round(time.monotonic() - started, 3),
        "orders": cast.orders,
        "refused": cast.refused,
        "tickets": cast.tickets,
        "statement": {
            "deposited": text(told.deposited),
            "withdrawn": text(told.withdrawn),
            "fees": text(told.fees + told.tips),
            "venue_fees": text(told.fees),
            "tips": text(told.tips),
            "funding": text(told.funding),
            "realised_pnl": text(told.realised_pnl),
            "rounding": text(told.rounding),
            "held": text(told.held),
            "difference": text(told.difference),
        },
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    OUT.print(f"\n  {RESULT} written after {result['seconds']} s")
    if told.difference:
        raise click.ClickException("The statement does not reconcile.")
