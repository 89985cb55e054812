"""Signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request

from ringside.api import sessions
from ringside.api.errors import told
from ringside.api.models import Challenge, ChallengeRequest, Done, SessionRequest, SessionView
from ringside.api.state import Here, Signed, bearer, client_of

ASKING = 5.0
"""Tokens of a client's rate that a challenge costs: so many may be open at once."""
router = APIRouter(prefix="/v1/session", tags=["sessions"])


@router.post(
    "/challenge",
    response_model=Challenge,
    summary="A text to sign in with",
    responses=told(400, 413, 422, 429, 500, 503),
)
async def challenge(here: Here, asked: ChallengeRequest, request: Request) -> Challenge:
    """Sign `message` as it is, with the wallet's personal_sign, and hand it in at /v1/session."""
    here.per_client.require(client_of(request), ASKING)
    owner = sessions.address_of(asked.address)
    message, until = await here.threads.run(
        here.threads.database, lambda: sessions.challenge(here.house, owner)
    )
    return Challenge(message=message, expires_at=until)


@router.post(
    "",
    response_model=SessionView,
    status_code=201,
    summary="Signs in",
    responses=told(400, 401, 413, 422, 429, 500, 503),
)
async def begin(here: Here, asked: SessionRequest) -> SessionView:
    """A token for the owner who signed the challenge. A challenge opens one session."""
    signature = bytes.fromhex(asked.signature[2:])
    token, session = await here.threads.run(
        here.threads.chain, lambda: sessions.open_session(here.house, asked.message, signature)
    )
    return SessionView(token=token, owner=session.owner, expires_at=session.expires_at)


@router.delete(
    "",
    response_model=Done,
    summary="Signs out",
    responses=told(400, 401, 429, 500, 503),
)
async def leave(here: Here, session: Signed, request: Request) -> Done:
    """The token opens nothing any more."""
    token = bearer(request)
    done = await here.threads.run(here.threads.database, lambda: sessions.end(here.house, token))
    return Done(done=done)
