"""Why a venue, or the vault, refuses an exit, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from ringside.chain.contracts import Refused
from ringside.venues import VENUE_ERRORS

ERRORS = (
    *VENUE_ERRORS,
    *("InvalidTransactionNotEnoughProfit(int256)", "PoolDoesNotExist(uint32)"),
    *("SequencerOffline()", "NotEnoughHistory()", "UV3PH_OracleConsultFailed()"),
    *("StalePrice()", "PriceFeedNotFound()", "PriceFeedNotFoundWithinRange()"),
    *("InsufficientFee()", "InvalidUpdateData()"),
)
"""Signatures of the custom errors that an exit may meet at venues and at Pyth."""

SOON = 16
"""Seconds after which Perp v2 records its last tick anew, and with it moves its tick limit."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A refusal in words.

    `remedy` is what the owner can do; `retry` is after how many seconds the same may pass, where
    time alone can help within a run.
    """

    why: str
    remedy: str
    retry: int | None = None


_WAIT_OWNER = "only the venue's owner can lift it: run the exit again later"
_LOWER = "run it again with a larger --slippage, or with --at-any-price"
_POOR = "post margin there with `Vault.post`, or leave it to the venue's liquidators"
_AGAIN = "run the exit again later"

_KNOWN: dict[str, Reason] = {
    # Perpetual Protocol v2
    "CH_MP": Reason("the venue's owner has paused this market", _WAIT_OWNER),
    "CH_MNO": Reason(
        "the venue's owner has paused this market",
        "five days after the pause anyone may close the market at the price of its pause "
        "(`BaseToken.close`); run the exit again then",
    ),
    "CH_NEFCM": Reason(
        "what is left after closing would be less than the venue's maintenance margin", _POOR
    ),
    "CH_NEFCI": Reason("the venue wants more free collateral for this", _POOR),
    "CH_PSZ": Reason("fewer than ten wei, which the venue counts as nothing", "none is needed"),
    "CH_F0S": Reason("the price is at the venue's limit of the moment", _AGAIN, SOON),
    "SPL": Reason("the price is at the venue's limit of the moment", _AGAIN, SOON),
    "EX_OPLAS": Reason(
        "the venue lets the price move no further for now (its tick limit)", _AGAIN, SOON
    ),
    "EX_OPB": Reason(
        "closing would leave the venue's price too far from its index (its price band)",
        "run the exit again when others have brought the price back",
    ),
    "EX_MIP": Reason("the venue has switched this market off", _WAIT_OWNER),
    "V_NEFC": Reason("the venue does not let this margin go: it is not free", _AGAIN),
    "Pausable: paused": Reason("the venue is paused by its owner", _WAIT_OWNER),
    # Rage Trade
    "LowNotionalValue": Reason(
        "the position is worth less than the smallest order that the venue takes",
        "it is dust: leave it, or trade it together with more at the seat (`Vault.trade`)",
    ),
    "InvalidTransactionNotEnoughMargin": Reason(
        "what would be left is less than the margin that the venue wants", _POOR
    ),
    "InvalidTransactionNotEnoughProfit": Reason(
        "the venue counts a loss that is not settled against this margin", _AGAIN
    ),
    "PoolNotAllowedForTrade": Reason("the venue's owner has paused this pool", _WAIT_OWNER),
    "SequencerOffline": Reason("the venue takes no price: the chain's sequencer is down", _AGAIN),
    # Synthetix
    "Position flagged": Reason(
        "the position is flagged for liquidation: it can do nothing until it is liquidated",
        "none: the liquidation returns nothing",
    ),
    "Position can be liquidated": Reason(
        "the position is worth less than the venue's liquidation margin", _POOR
    ),
    "Insufficient margin": Reason("the margin left is too little for this order", _POOR),
    "Max leverage exceeded": Reason(
        "the position is beyond the venue's largest leverage, which binds reductions too", _POOR
    ),
    "previous order exists": Reason("an order is pending there", _AGAIN),
    "Pending order exists": Reason("an order is pending there, which locks the margin", _AGAIN),
    "no previous order": Reason("the venue has no such order any more", _AGAIN),
    "cannot cancel yet": Reason("the order's time has not passed", _AGAIN),
    "order too old, use cancel": Reason("the order's time has passed", _AGAIN),
    "price not updated": Reason("the price is older than the order", _AGAIN),
    "executability not reached": Reason("the order is too young", _AGAIN),
    "price divergence too high": Reason("Pyth's price and Chainlink's are too far apart", _AGAIN),
    "Price impact exceeded": Reason("the fill would be beyond the limit of the order", _LOWER),
    "Price too volatile": Reason("the venue takes no orders while the price jumps", _AGAIN),
    "Invalid price": Reason(
        "the venue's price is stale, or its circuit breaker has tripped", _AGAIN
    ),
    "StalePrice": Reason("the Pyth price is too old", "bring a newer price update"),
    "PriceFeedNotFound": Reason("the update has no price of this feed", "bring the feed's update"),
    "Not enough eth for paying the fee": Reason("Pyth's fee was not sent", "send the fee along"),
    # The way back to USDC
    "PaidShort": Reason(
        "the pool gives too little USDC for what the venue pays in",
        "run it again with --in-kind to take the venue's own token, or with a larger --max-loss",
    ),
    # The vault and its seats
    "BeyondLimit": Reason("the price is worse than the exit's limit", _LOWER),
    "TicketOpen": Reason("a ticket is open there, which locks the margin", _AGAIN),
    "StillReserved": Reason("it can be taken back a day after the ticket was made", _AGAIN),
    "BadVenuePrice": Reason("the venue has no valid price at the moment", _AGAIN),
    "LimitTooTight": Reason(
        "the position is worth less than the venue's fee and deposit", "use --at-any-price"
    ),
    "NotExact": Reason(
        "the venue did something else than close the position", "none: the seat does not accept it"
    ),
    "reverted without a reason": Reason("the venue reverts and does not say why", _AGAIN),
}


def explain(refused: Refused, pulling: bool = False) -> Reason:
    """What a refusal means; one that is not known is told as it is.

    While margin is pulled, a pool that has no price left is the one on the way back to USDC.
    """
    known = _KNOWN.get("PaidShort" if pulling and refused.name == "SPL" else refused.name)
    if known is None and "suspended" in refused.name:
        # Synthetix' SystemStatus names what is: the system, an exchange, the market.
        return Reason(f"the venue is suspended: “{refused.name}”", _WAIT_OWNER)
    if known is None:
        return Reason(f"refused with “{refused}”", _AGAIN)
    return Reason(f"{known.why} ({refused})", known.remedy, known.retry)
