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


def text() -> bytes:
    """All of it, as Prometheus reads it."""
    return generate_latest(REGISTRY)
