"""Orders: taken, shown to their owners, withdrawn."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from ringside import wire
from ringside.accounts import owner_of
from ringside.api import metrics
from ringside.api.errors import Json, Problem, told
from ringside.api.logs import logger
from ringside.api.models import Accepted, Cancellation, OrderView, Withdrawn, order_view
from ringside.api.schema import accept_body
from ringside.api.state import Here, Running, Signed, client_of
from ringside.chain.abi import selector
from ringside.chain.signatures import LONGEST, ChainSilent, said_by_contract, signer
from ringside.keeper.admission import Rejected, admit
from ringside.orders import Bundle, Order
from ringside.policies import Policy
from ringside.routing.policies import PolicyError, canonical, parse
from ringside.store import book
from ringside.store.book import Entry, NonceInUse, Received, State

router = APIRouter(prefix="/v1/orders", tags=["orders"])

ASKING = 5.0
"""Tokens of a client's rate that it costs to ask a contract."""
Key = Annotated[
    str, Path(pattern=r"^0x[0-9a-fA-F]{64}$", description="The digest that was signed.")
]


@router.post(
    "",
    status_code=201,
    response_model=Accepted,
    summary="Hands in a signed order or bundle",
    responses={
        200: {"model": Accepted, "description": "The house had it already; its state now."},
        **told(400, 401, 409, 413, 422, 429, 500, 503),
    },
    openapi_extra={"requestBody": accept_body()},
)
async def accept(request: Request, here: Here) -> Response:
    """Takes an order. It is on the disk when this answers; the same again does nothing more."""
    require_open(here)
    asked, signature, policy, message = read(await request.body())
    digest = asked.digest(here.house.domain)
    key = "0x" + digest.hex()
    await require_signed(here, asked, digest, signature, client_of(request))
    # Only now: else a stranger could use up what is the account's.
    here.per_account.require(asked.account.hex(), 1.0, "this account")
    try:
        await _admit(here, asked, digest)
    except Rejected as no:
        if (known := await _known(here, digest)) is not None:
            return Json({"key": key, "state": known.state.value}, 200)
        metrics.REFUSED.labels(no.code).inc()
        logger().info("order refused", order=key, code=no.code)
        raise Problem(422, no.code, str(no)) from None
    received = Received(digest, asked, signature, "api", policy, here.house.clock(), message)
    try:
        stored = await here.writer.accept(received)
    except NonceInUse as no:
        metrics.REFUSED.labels("nonce-in-use").inc()
        raise Problem(409, "nonce-in-use", str(no)) from None
    if stored.fresh:
        metrics.ACCEPTED.inc()
    return Json({"key": key, "state": stored.state.value}, 201 if stored.fresh else 200)


async def _admit(here: Running, asked: Order | Bundle, digest: bytes) -> None:
    """
    Raises:
        Rejected: by what is known of the newest block; nobody is refused by less.
    """
    try:
        admit(asked, await here.accounts.facts(asked, digest))
    except Rejected:
        admit(asked, await here.accounts.facts(asked, digest, newest=True))


def read(body: bytes) -> tuple[Order | Bundle, bytes, str, Any]:
    """The order, its signature, its policy in canonical text, and the message as it came.

    Raises:
        Problem: 400 or 422; it is no order.
    """
    data = object_of(body)
    if more := [name for name in data if name not in ("order", "bundle", "signature", "policy")]:
        raise Problem(422, "malformed", f"The body has {str(more[0])[:40]!r}, which is not known.")
    if ("order" in data) == ("bundle" in data):
        raise Problem(422, "malformed", "The body must have either an order or a bundle.")
    try:
        asked: Order | Bundle
        message = data["order"] if "order" in data else data["bundle"]
        asked = wire.order(message) if "order" in data else wire.bundle(message)
    except ValueError as no:
        raise Problem(422, "malformed", str(no)) from None
    return asked, signature_of(data), _policy(data.get("policy", "")), message


def object_of(body: bytes) -> dict[str, Any]:
    """
    Raises:
        Problem: 400 or 422; the body is no JSON object.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "not-json", "The body must be JSON.") from None
    if not isinstance(data, dict):
        raise Problem(422, "malformed", "The body must be an object.")
    return data


def signature_of(data: dict[str, Any]) -> bytes:
    """
    Raises:
        Problem: 422; there is none, or one longer than any.
    """
    try:
        signature = wire.hexed(data.get("signature"), "signature")
    except ValueError as no:
        raise Problem(422, "malformed", str(no)) from None
    if len(signature) > LONGEST:
        raise Problem(422, "malformed", f"signature must be at most {LONGEST} bytes")
    return signature


def _policy(given: Any) -> str:
    if given in ("", None):
        return ""
    if not isinstance(given, str) or len(given) > 256:
        raise Problem(422, "policy", "policy must be text of at most 256 characters")
    try:
        found = canonical(parse(given))
    except PolicyError as no:
        raise Problem(422, "policy", str(no)) from None
    if len(found) > 256:
        raise Problem(422, "policy", "policy must be text of at most 256 characters")
    return found


async def require_signed(
    here: Running, asked: Order | Bundle | Policy, digest: bytes, signature: bytes, client: str
) -> None:
    """To ask a contract costs `client` some of its rate.

    Raises:
        Problem: 401; neither the owner's key nor its contract signed this. 429; too much was asked.
            503; the chain cannot be asked about the contract.
    """
    owner = owner_of(asked.account)
    if signer(digest, signature) == owner:
        return
    here.per_client.require(client, ASKING)
    w3 = here.house.ringside.w3
    try:
        signed = await here.threads.run(
            here.threads.chain, lambda: said_by_contract(w3, owner, digest, signature)
        )
    except ChainSilent:
        raise Problem(503, "chain-silent", "The node does not answer: try again.") from None
    if not signed:
        metrics.REFUSED.labels("bad-signature").inc()
        raise Problem(
            401,
            "bad-signature",
            f"The signature is not {owner}'s over this message in the domain of /v1/deployment.",
        )


def require_open(here: Running) -> None:
    """
    Raises:
        Problem: 503; the house takes nothing now.
    """
    status = here.house.status
    if status.draining:
        raise Problem(503, "draining", "The keeper is shutting down: hand it in again shortly.")
    if not status.accepting:
        raise Problem(503, "paused", "The house takes no orders now: try again later.")


async def _known(here: Running, key: bytes) -> Entry | None:
    def look() -> Entry | None:
        with here.house.database.read() as connection:
            return book.by_key(connection, [key]).get(key)

    return await here.threads.run(here.threads.database, look)


async def _own(here: Running, session: Signed, key: str) -> Entry:
    """
    Raises:
        Problem: 404; there is none, or none of this owner: which of them is nobody's business.
    """
    found = await _known(here, bytes.fromhex(key[2:]))
    if found is None or owner_of(found.account) != session.owner:
        raise Problem(404, "no-order", "You have no order under this key.")
    return found


@router.get(
    "/{key}",
    response_model=OrderView,
    summary="An order of yours",
    responses=told(400, 401, 404, 422, 429, 500, 503),
)
async def show(here: Here, session: Signed, key: Key) -> OrderView:
    """The order's state and what was signed."""
    return order_view(await _own(here, session, key))


@router.delete(
    "/{key}",
    response_model=Withdrawn,
    summary="Asks the house to stop working an order",
    responses=told(400, 401, 404, 409, 422, 429, 500, 503),
)
async def withdraw(here: Here, session: Signed, key: Key) -> Withdrawn:
    """The house works it no more. Whoever has the signature may still fill it: to end that, send
    what `on_chain` says. While a transaction or ticket of it is under way that is the only way."""
    entry = await _own(here, session, key)
    found = await here.threads.run(here.threads.database, lambda: _withdraw(here, entry))
    on_chain = cancellation(here, entry)
    if found.state is State.PENDING:
        raise Problem(
            409,
            "under-way",
            "A transaction or ticket of the order is under way: cancel it on-chain by sending "
            f"{on_chain.data} to the Desk at {on_chain.to}, or try again when it is done.",
        )
    here.stored()
    logger().info("order withdrawn", order="0x" + entry.key.hex())
    return Withdrawn(
        key="0x" + entry.key.hex(),
        state=found.state.value,
        reason=found.reason,
        on_chain=on_chain,
    )


def _withdraw(here: Running, entry: Entry) -> Entry:
    with here.house.database.write() as connection:
        now = book.by_key(connection, [entry.key])[entry.key]
        if now.state in (State.RECEIVED, State.WORKING):
            book.withdraw(connection, now, here.house.clock())
            return book.by_key(connection, [entry.key])[entry.key]
        return now


def cancellation(here: Running, entry: Entry) -> Cancellation:
    """How its owner cancels the order on the chain."""
    request = entry.request
    data = selector("cancel(bytes32,uint256)") + request.account + request.nonce.to_bytes(32, "big")
    return Cancellation(
        to=here.house.ringside.desk.address, data="0x" + data.hex(), sender=owner_of(entry.account)
    )
