"""What an operator measures, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
"""The keeper's own: other parts of the process add theirs to it."""

REQUESTS = Counter(
    "ringside_http_requests",
    "Requests, by route and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
SECONDS = Histogram(
    "ringside_http_seconds",
    "Seconds that a request took.",
    ("route",),
    registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
ACCEPTED = Counter("ringside_orders_accepted", "Orders taken by the API.", registry=REGISTRY)
REFUSED = Counter(
    "ringside_orders_refused", "Orders not taken, by why.", ("code",), registry=REGISTRY
)
FAULTS = Counter("ringside_faults", "Requests that ended in a fault of ours.", registry=REGISTRY)
STREAMS = Gauge("ringside_streams", "Open streams.", registry=REGISTRY)
DROPPED = Counter("ringside_streams_dropped", "Streams dropped as too slow.", registry=REGISTRY)
WAITING = Gauge("ringside_orders_waiting", "Orders that wait to be stored.", registry=REGISTRY)
GROUPS = Gauge(
    "ringside_order_groups", "Transactions in which orders were stored.", registry=REGISTRY
)
READS = Gauge("ringside_account_reads", "Multicalls for accounts.", registry=REGISTRY)
BLOCK = Gauge("ringside_block", "The newest block that was read.", registry=REGISTRY)
TURNED = Gauge(
    "ringside_turned_at", "When the engine last turned, Unix seconds.", registry=REGISTRY
)
STATES = Gauge("ringside_orders", "Orders in the book, by state.", ("state",), registry=REGISTRY)
QUARANTINED = Gauge(
    "ringside_quarantined", "Whether a venue is left out.", ("venue",), registry=REGISTRY
)
ACCEPTING = Gauge("ringside_accepting", "Whether orders are taken.", registry=REGISTRY)

TURN_SECONDS = Histogram(
    "ringside_turn_seconds",
    "Seconds that a turn of the engine took.",
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
TO_SENT = Histogram(
    "ringside_order_to_sent_seconds",
    "Seconds from an order's arrival to its first transaction, of those sent at once.",
    registry=REGISTRY,
    buckets=(0.02, 0.05, 0.1, 0.15, 0.2, 0.5, 1, 2, 5, 10),
)
ENDED = Counter(
    "ringside_transactions_ended", "Transactions that ended, by how.", ("stage",), registry=REGISTRY
)
GAS_SPENT = Counter("ringside_gas_wei", "Wei that transactions cost.", registry=REGISTRY)
UNWOUND = Counter("ringside_blocks_unwound", "Blocks that were unwound.", registry=REGISTRY)
UNDER_WAY = Gauge(
    "ringside_transactions", "Transactions under way, by stage.", ("stage",), registry=REGISTRY
)
OLDEST = Gauge(
    "ringside_oldest_transaction_seconds", "Age of the oldest under way.", registry=REGISTRY
)
TICKETS = Gauge("ringside_tickets", "Tickets that are open.", registry=REGISTRY)
LANE_COIN = Gauge(
    "ringside_lane_coin", "The chain's coin that a lane has for gas.", ("lane",), registry=REGISTRY
)
WATCHED = Gauge("ringside_policies", "Standing policies that are watched.", registry=REGISTRY)
UNREAD = Gauge(
    "ringside_policies_unread", "Accounts with a policy that are not read yet.", registry=REGISTRY
)
IN_NEED = Gauge(
    "ringside_policies_in_need",
    "Policies with a pocket in need that nothing is done for.",
    registry=REGISTRY,
)


def text() -> bytes:
    """All of it, as Prometheus reads it."""
    return generate_latest(REGISTRY)
