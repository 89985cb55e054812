"""What an operator may ask and tell the keeper: on a port of its own, on loopback only.

Whoever may open a connection from this machine is trusted, but not a page in a browser on it: a
request must name loopback as its host, and what changes anything carries a header that no page can
send elsewhere."""

from __future__ import annotations

import ipaddress
import time

from fastapi import Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from ringside.api import metrics
from ringside.api.app import add_handlers
from ringside.api.errors import Problem, told
from ringside.api.house import House
from ringside.api.logs import logger
from ringside.api.models import Done, Model
from ringside.api.state import Running
from ringside.store import book, ledger, outbox

HEADER = "x-ringside-admin"


class Standing(Model):
    accepting: bool
    draining: bool
    leader: bool | None
    turned_at: float | None = Field(description="Unix seconds.")
    block: int | None
    orders: dict[str, int] = Field(description="In the book, by state.")
    waiting: int = Field(description="Orders that wait to be stored.")
    streams: int


class Left(Model):
    venues: dict[str, float] = Field(description="Left out, and for how many seconds more.")


def _is_loopback(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def require_local(request: Request) -> None:
    """
    Raises:
        Problem: 403; the request comes from elsewhere, or by way of a browser.
    """
    client = request.client.host if request.client else ""
    if not (_is_loopback(client) and _is_loopback(request.headers.get("host", ""))):
        raise Problem(403, "not-local", "Administration is by loopback only.")
    if request.method != "GET" and request.headers.get(HEADER) != "1":
        raise Problem(403, "no-header", f"Send the header {HEADER}: 1 with what changes anything.")


def create_admin(house: House, running: Running | None = None) -> FastAPI:
    """The administration of a house, to be bound to loopback. `running` is the API's
    `app.state.running`, where it is served by the same loop: its metrics are added."""
    app = FastAPI(
        title="Ringside, administration", version="1", dependencies=[Depends(require_local)]
    )
    add_handlers(app)

    def counted() -> dict[str, int]:
        with house.database.read() as connection:
            return {state.value: count for state, count in book.counts(connection).items()}

    @app.get("/metrics", response_class=Response, responses=told(403))
    def measured() -> Response:
        """For Prometheus."""
        states = counted()
        for state in book.State:
            metrics.STATES.labels(state.value).set(states.get(state.value, 0))
        out = house.quarantine.out
        for venue in house.ringside.venue_ids:
            metrics.QUARANTINED.labels(venue).set(venue in out)
        metrics.ACCEPTING.set(house.status.accepting and not house.status.draining)
        with house.database.read() as connection:
            under_way = outbox.under_way(connection)
            metrics.TICKETS.set(len(ledger.pending(connection)))
        for stage in outbox.UNDER_WAY:
            count = sum(one.stage is stage for one in under_way)
            metrics.UNDER_WAY.labels(stage.value).set(count)
        oldest = min((one.created_at for one in under_way), default=house.clock())
        metrics.OLDEST.set(max(house.clock() - oldest, 0))
        metrics.TURNED.set(house.status.turned_at or 0)
        if running is not None:
            metrics.WAITING.set(running.writer.waiting)
            metrics.GROUPS.set(running.writer.groups)
            metrics.READS.set(running.reads.rounds)
            metrics.BLOCK.set(running.market.seen.block.number if running.market.seen else 0)
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/status", responses=told(403))
    def status() -> Standing:
        """How the keeper stands."""
        seen = running.market.seen if running is not None else None
        return Standing(
            accepting=house.status.accepting,
            draining=house.status.draining,
            leader=house.status.leader,
            turned_at=house.status.turned_at,
            block=seen.block.number if seen else None,
            orders=counted(),
            waiting=running.writer.waiting if running is not None else 0,
            streams=running.happenings.listening if running is not None else 0,
        )

    @app.post("/pause", responses=told(403))
    async def pause() -> Done:
        """Orders are refused; those in the book are worked on."""
        done, house.status.accepting = house.status.accepting, False
        logger().warning("taking of orders stopped by an operator")
        return Done(done=done)

    @app.post("/resume", responses=told(403, 409))
    async def resume() -> Done:
        """Orders are taken again."""
        if house.status.draining:
            raise Problem(409, "draining", "The keeper is shutting down: start it anew.")
        done, house.status.accepting = not house.status.accepting, True
        logger().warning("taking of orders resumed by an operator")
        return Done(done=done)

    @app.post("/drain", responses=told(403))
    async def drain() -> Done:
        """Orders are refused and streams closed, for good: the process is about to end."""
        done, house.status.draining = not house.status.draining, True
        logger().warning("draining by an operator")
        house.wake()
        return Done(done=done)

    @app.get("/quarantine", responses=told(403))
    async def left_out() -> Left:
        """The venues that are left out, since they kept refusing."""
        return Left(venues=_left(house))

    @app.delete("/quarantine/{venue}", responses=told(403, 404))
    async def take_back(venue: str) -> Done:
        """The venue is planned with again."""
        _require_venue(house, venue)
        done = house.quarantine.until.pop(venue, None) is not None
        house.quarantine.strikes.pop(venue, None)
        logger().warning("quarantine lifted by an operator", venue=venue)
        house.wake()
        return Done(done=done)

    return app


def _left(house: House) -> dict[str, float]:
    now = time.monotonic()
    until = dict(house.quarantine.until)
    return {venue: round(at - now, 1) for venue, at in until.items() if at > now}


def _require_venue(house: House, venue: str) -> None:
    if venue not in house.ringside.venue_ids:
        raise Problem(404, "no-venue", "There is no such venue.")
