"""What the API takes and says. Numbers are decimal text, since many readers make floats of JSON's:
sizes in base, money in USD or USDC, prices in USD per base, rates as fractions; times are Unix
seconds, but in a signed message, which stands as it was signed, in its own units."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ringside import wire
from ringside.orders import Bundle
from ringside.store.book import Entry, State
from ringside.units import from_units

Amount = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["12.5"])]
Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
StateName = Literal[
    "received", "working", "pending", "filled", "partly filled", "cancelled", "expired", "rejected"
]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


def text(units: int, decimals: int = 18) -> str:
    """A number of the chain, exact, as decimal text."""
    return f"{from_units(units, decimals):f}"


def maybe(units: int | None, decimals: int = 18) -> str | None:
    return None if units is None else text(units, decimals)


class Accepted(Model):
    """An order that the house has."""

    key: Hash = Field(description="The digest that was signed; under it the order is known.")
    state: StateName


class OrderView(Model):
    """An order, as its owner sees it."""

    key: Hash
    kind: Literal["order", "bundle"]
    account: Hash
    state: StateName
    reason: str = Field(description="Why it is in that state, in words; empty where that is plain.")
    filled: Amount = Field(description="Base units filled; of a bundle, steps done.")
    size: Amount | None = Field(
        description="Base units signed, negative for a sale; null of a bundle, or to close all."
    )
    market: str | None = Field(description="Null of a bundle.")
    source: Literal["api", "chain"]
    policy: str = Field(description="How it is routed; empty for the house's own way.")
    received_at: float
    changed_at: float
    message: dict[str, Any] = Field(description="As signed: EIP-712, integers as text.")


class Orders(Model):
    orders: list[OrderView]
    next: str | None = Field(description="Give it as `before` for the next page; null at the end.")


class Cancellation(Model):
    """How to cancel on the chain, which alone makes the signature worthless."""

    to: Address = Field(description="The Desk.")
    data: str = Field(pattern=r"^0x[0-9a-f]*$", description="Calldata; the owner is to send it.")
    sender: Address = Field(description="The owner.")


class Withdrawn(Model):
    """An order that the house works no more."""

    key: Hash
    state: StateName
    reason: str
    on_chain: Cancellation


PolicyState = Literal["working", "cancelled", "expired"]


class PolicyAccepted(Model):
    """A standing policy that the house has."""

    key: Hash = Field(description="The digest that was signed; under it the policy is known.")
    state: PolicyState


class PolicyView(Model):
    """A standing policy, as its owner sees it."""

    key: Hash
    account: Hash
    state: PolicyState
    reason: str = Field(
        description="Of a working one, what it cannot do for a pocket in need; else why it ended."
    )
    received_at: float
    changed_at: float
    message: dict[str, Any] = Field(description="As signed: EIP-712, integers as text.")


class PolicyWithdrawn(Model):
    """A standing policy that the house works no more."""

    key: Hash
    state: PolicyState
    reason: str
    on_chain: Cancellation


class PositionView(Model):
    market: str
    size: Amount = Field(description="Base units, negative for a short.")
    mark_price: Amount = Field(description="USD per base, the venue's risk price.")
    index_price: Amount = Field(description="USD per base.")
    notional: Amount = Field(description="USD at the mark.")
    funding_rate: Amount = Field(description="A fraction a day; positive: longs pay.")
    funding_accrued: Amount = Field(
        description="USD owed since it was last settled; negative: due."
    )
    liquidation_price: Amount | None = Field(
        description="USD per base at which the venue may liquidate; null if at none, or unknown."
    )


class PocketView(Model):
    """Margin that counts together."""

    market: str | None = Field(description="The market it is for; null where all share it.")
    equity: Amount = Field(description="USD.")
    backing: Amount = Field(description="USD: equity less unrealised profit.")
    free: Amount = Field(description="USD that may be taken out.")
    maintenance: Amount = Field(description="USD below which the venue may liquidate.")
    leverage: Amount = Field(description="Notional over backing.")


class SeatState(Model):
    venue: str
    seat: Address
    made: bool = Field(description="Whether the account has ever had anything there.")
    readable: bool = Field(description="False: the venue does not say; nothing is shown as zero.")
    pockets: list[PocketView]
    positions: list[PositionView]
    pending: dict[str, Amount] = Field(description="By market, base units in open tickets.")


class AccountState(Model):
    account: Hash
    owner: Address
    block: int
    at: int = Field(description="The block's time.")
    idle: Amount = Field(description="USDC in the vault.")
    reserved: Amount = Field(description="USDC set aside for tickets.")
    epoch: Amount
    equity: Amount = Field(description="USD in all readable pockets, idle and reserved.")
    seats: list[SeatState]


class FillView(Model):
    tx: Hash
    log: int
    order: Hash
    key: Hash = Field(description="Of a bundle's step, the step's own; else the order's.")
    market: str | None
    size: Amount = Field(description="Base units, negative for a sale.")
    quote: Amount | None = Field(description="USD exchanged, fees in it; null where unknown.")
    price: Amount | None = Field(description="USD per base, all in but the tip.")
    tip: Amount = Field(description="USDC.")
    receipt: Hash | None
    block: int
    at: int


class Fills(Model):
    fills: list[FillView]
    next: str | None = Field(description="Give it as `after` for the next page; null at the end.")


class StatementView(Model):
    """Where every dollar went; USD."""

    account: Hash
    from_block: int
    to_block: int
    deposited: Amount
    withdrawn: Amount
    fees: Amount
    protocol_fees: Amount
    tips: Amount
    funding: Amount = Field(description="Paid; negative: received.")
    realised_pnl: Amount
    rounding: Amount
    in_kind: Amount
    held: Amount
    difference: Amount = Field(description="What the lines leave unexplained: 0.")


class MarketView(Model):
    market: str
    mark_price: Amount = Field(description="USD per base.")
    index_price: Amount = Field(description="USD per base.")
    funding_rate: Amount = Field(description="A fraction a day; positive: longs pay.")


class VenueView(Model):
    venue: str
    id: int
    delayed: bool = Field(description="Whether fills come later, as tickets.")
    quarantined: bool = Field(description="Left out for a while, since it kept refusing.")
    markets: list[MarketView]
    failures: dict[str, str] = Field(description="By market, why it cannot be read.")


class Venues(Model):
    block: int
    at: int
    venues: list[VenueView]


class Depth(Model):
    within_bps: int = Field(description="Basis points of the mark that the whole price is within.")
    buy: Amount = Field(description="Base units.")
    sell: Amount = Field(description="Base units.")


class MarketDepth(Model):
    venue: str
    market: str
    block: int
    at: int
    delayed: bool
    mark_price: Amount = Field(description="USD per base.")
    index_price: Amount = Field(description="USD per base.")
    funding_rate: Amount = Field(description="A fraction a day; positive: longs pay.")
    funding_velocity: Amount = Field(description="What is added to the rate in a day.")
    initial_margin: Amount = Field(description="A fraction of notional.")
    maintenance_margin: Amount = Field(description="A fraction of notional.")
    most_to_buy: Amount = Field(description="Base units that the venue fills at once.")
    most_to_sell: Amount = Field(description="Base units that the venue fills at once.")
    depth: list[Depth]


class OfferView(Model):
    """What a venue does with a size."""

    venue: str
    later: bool
    size: Amount = Field(description="Base units, negative for a sale.")
    notional: Amount = Field(description="USD.")
    fee: Amount = Field(description="USD.")
    impact_bps: Amount = Field(description="Basis points against the first unit.")
    funding: Amount = Field(description="USD over the horizon; negative: received.")
    gas: Amount = Field(description="USD.")
    total: Amount = Field(description="USD paid or, of a sale, received, with all of these.")
    price: Amount = Field(description="USD per base, the total's.")
    why: str = Field(description="Why it cannot; empty where it can.")


class QuoteView(Model):
    market: str
    size: Amount = Field(description="Base units, negative for a sale.")
    block: int
    at: int
    horizon: int = Field(description="Seconds held.")
    policy: str
    notional: Amount = Field(description="USD.")
    fee: Amount = Field(description="USD.")
    funding: Amount = Field(description="USD over the horizon; negative: received.")
    gas: Amount = Field(description="USD.")
    total: Amount = Field(description="USD.")
    price: Amount = Field(description="USD per base, all in.")
    best_single: str | None
    saving: Amount | None = Field(description="USD against the best single venue.")
    saving_bps: Amount | None
    legs: list[OfferView]
    offers: list[OfferView] = Field(description="Each venue's for the whole, the best first.")
    left_out: dict[str, str]
    failures: dict[str, str]


class ChallengeRequest(Model):
    address: str = Field(description="The owner's address.", examples=["0x" + "ab" * 20])


class Challenge(Model):
    message: str = Field(description="EIP-4361; the owner signs it as it is (personal_sign).")
    expires_at: float


class SessionRequest(Model):
    message: str = Field(max_length=2_048, description="The challenge as it came.")
    signature: str = Field(
        pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=8_194, description="The owner's."
    )


class SessionView(Model):
    token: str = Field(description="Send it as `Authorization: Bearer …`.")
    owner: Address
    expires_at: float


class Done(Model):
    done: bool


def order_view(entry: Entry) -> OrderView:
    """An order for its owner."""
    request = entry.request
    is_bundle = isinstance(request, Bundle)
    size = market = None
    if not isinstance(request, Bundle):
        market = request.market
        size = None if request.closes_all else text(request.size)
    return OrderView(
        key="0x" + entry.key.hex(),
        kind="bundle" if is_bundle else "order",
        account="0x" + entry.account.hex(),
        state=entry.state.value,
        reason=entry.reason,
        filled=str(entry.filled) if is_bundle else text(entry.filled),
        size=size,
        market=market,
        source="chain" if entry.source == "chain" else "api",
        policy=entry.policy,
        received_at=entry.received_at,
        changed_at=entry.changed_at,
        message=wire.message(request),
    )


STATES: tuple[str, ...] = tuple(state.value for state in State)
