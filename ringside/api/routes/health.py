"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import delete
from starlette.responses import Response

from ringside.api.errors import Json, told
from ringside.api.models import Model
from ringside.api.state import Here, Running
from ringside.cli.explain import LOCAL_CHAIN
from ringside.store.schema import challenges

router = APIRouter(tags=["operations"])
KEPT = 1.0
"""Seconds for which an answer stands."""
PATIENCE = 3.0
"""Seconds that the database has."""


class Health(Model):
    status: str


class Readiness(Model):
    ready: bool
    role: str = Field(description="leader, standby, or unknown.")
    reasons: dict[str, str] = Field(description="What is not ready, and why.")


@router.get("/health", response_model=Health, summary="The process lives", responses=told(500))
async def health() -> Health:
    """Answers while the loop runs."""
    return Health(status="ok")


@router.get(
    "/ready",
    response_model=Readiness,
    summary="It can do its work",
    responses={
        503: {"model": Readiness, "description": "It cannot; the reasons say why."},
        **told(500),
    },
)
async def ready(here: Here) -> Response:
    """Whether orders that are handed in now would be stored, planned and sent."""
    at, reasons = here.checked
    if not 0 <= time.monotonic() - at < KEPT:
        reasons = await _reasons(here)
        here.checked = time.monotonic(), reasons
    leader = here.house.status.leader
    role = "unknown" if leader is None else "leader" if leader else "standby"
    body = Readiness(ready=not reasons, role=role, reasons=reasons)
    return Json(body.model_dump(), 503 if reasons else 200)


async def _reasons(here: Running) -> dict[str, str]:
    house, status, limits = here.house, here.house.status, here.house.limits
    found: dict[str, str] = {}
    if status.draining:
        found["draining"] = "the keeper is shutting down"
    elif not status.accepting:
        found["paused"] = "an operator stopped the taking of orders"
    for task in getattr(here, "tasks", ()):
        if task.done():
            found[task.get_name()] = "this part of the process has ended: restart it"
    try:
        await asyncio.wait_for(here.threads.run(here.threads.watch, lambda: _write(here)), PATIENCE)
    except asyncio.TimeoutError:
        found["database"] = f"did not take a write within {PATIENCE:g} s"
    except Exception as no:
        found["database"] = f"takes no write: {type(no).__name__}"
    silent = time.monotonic() - here.market.answered_at
    if here.market.seen is None or silent > max(5.0, 20 * house.config.poll):
        found["node"] = "does not answer"
    elif house.chain_id != LOCAL_CHAIN:
        age = house.clock() - here.market.seen.block.timestamp
        if age > limits.behind:
            found["node"] = f"its newest block is {age:.0f} s old"
    if house.needs_engine:
        if status.turned_at is None:
            found["engine"] = "has not turned yet"
        elif (ago := house.clock() - status.turned_at) > limits.turned:
            found["engine"] = f"turned {ago:.0f} s ago"
    return found


def _write(here: Running) -> None:
    """Something that needs the disk and is of use."""
    with here.house.database.write() as connection:
        now = here.house.clock()
        connection.execute(delete(challenges).where(challenges.c.expires_at < now))
