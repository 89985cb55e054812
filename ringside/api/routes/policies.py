"""Standing policies: handed in, shown to their owners, taken back."""

from __future__ import annotations

from typing import Annotated, Any

from eth_abi.abi import decode
from fastapi import APIRouter, Path, Request, Response

from ringside import wire
from ringside.accounts import Right, owner_of
from ringside.api import metrics
from ringside.api.errors import Json, Problem, told
from ringside.api.logs import logger
from ringside.api.models import Cancellation, PolicyAccepted, PolicyView, PolicyWithdrawn
from ringside.api.routes.accounts import Own
from ringside.api.routes.orders import object_of, require_open, require_signed, signature_of
from ringside.api.schema import policy_body
from ringside.api.state import Here, Running, Signed, client_of
from ringside.chain.abi import selector, word
from ringside.chain.multicall import Call
from ringside.keeper.admission import Grant, Rejected
from ringside.keeper.admission_standing import Facts, admit
from ringside.keeper.guard import USE, Use
from ringside.policies import Policy
from ringside.store import standing
from ringside.store.standing import Entry, NonceInUse, Standing

router = APIRouter(tags=["policies"])
Key = Annotated[
    str, Path(pattern=r"^0x[0-9a-fA-F]{64}$", description="The digest that was signed.")
]
TAKEN_BACK = "taken back at the house; the signature is valid until its nonce is cancelled on-chain"


@router.post(
    "/v1/policies",
    status_code=201,
    response_model=PolicyAccepted,
    summary="Hands in a signed standing policy",
    responses={
        200: {"model": PolicyAccepted, "description": "The house had it already."},
        **told(400, 401, 409, 413, 422, 429, 500, 503),
    },
    openapi_extra={"requestBody": policy_body()},
)
async def accept(request: Request, here: Here) -> Response:
    """Watches the account's margin from the next block on. It is on the disk when this answers."""
    require_open(here)
    policy, signature = _read(await request.body())
    digest = policy.digest(here.house.policy_domain)
    key = "0x" + digest.hex()
    await require_signed(here, policy, digest, signature, client_of(request))
    here.per_account.require(policy.account.hex(), 1.0, "this account")
    try:
        admit(policy, await _facts(here, policy, digest))
    except Rejected as no:
        metrics.REFUSED.labels(no.code).inc()
        raise Problem(422, no.code, str(no)) from None
    try:
        fresh, state = await here.threads.run(
            here.threads.database, lambda: _store(here, digest, policy, signature)
        )
    except NonceInUse as no:
        raise Problem(409, "nonce-in-use", str(no)) from None
    if fresh:
        here.stored()
        logger().info("policy accepted", order=key, account="0x" + policy.account.hex())
    return Json({"key": key, "state": state.value}, 201 if fresh else 200)


@router.get(
    "/v1/accounts/{account}/policies",
    response_model=list[PolicyView],
    summary="An account's standing policies",
    responses=told(400, 401, 403, 422, 429, 500, 503),
)
async def listed(here: Here, account: Own) -> list[PolicyView]:
    """The newest first; `reason` is what a working one cannot do now for a pocket in need."""

    def look() -> list[Entry]:
        with here.house.database.read() as connection:
            return standing.of_account(connection, account)

    return [_view(entry) for entry in await here.threads.run(here.threads.database, look)]


@router.delete(
    "/v1/policies/{key}",
    response_model=PolicyWithdrawn,
    summary="Asks the house to stop working a standing policy",
    responses=told(400, 401, 404, 422, 429, 500, 503),
)
async def withdraw(here: Here, session: Signed, key: Key) -> PolicyWithdrawn:
    """Whoever has the signature may still use it: to end that, send what `on_chain` says."""
    found = await here.threads.run(
        here.threads.database, lambda: _withdraw(here, session.owner, bytes.fromhex(key[2:]))
    )
    here.stored()
    logger().info("policy taken back", order="0x" + found.key.hex())
    nonce = found.policy.nonce.to_bytes(32, "big")
    data = selector("cancel(bytes32,uint256)") + found.account + nonce
    return PolicyWithdrawn(
        key="0x" + found.key.hex(),
        state=found.state.value,
        reason=found.reason,
        on_chain=Cancellation(
            to=here.house.ringside.policies.address,
            data="0x" + data.hex(),
            sender=owner_of(found.account),
        ),
    )


def _read(body: bytes) -> tuple[Policy, bytes]:
    data = object_of(body)
    if data.keys() != {"policy", "signature"}:
        raise Problem(422, "malformed", "The body must be an object of a policy and a signature.")
    try:
        policy = wire.policy(data["policy"])
    except ValueError as no:
        raise Problem(422, "malformed", str(no)) from None
    return policy, signature_of(data)


async def _facts(here: Running, policy: Policy, digest: bytes) -> Facts:
    """
    Raises:
        Problem: 503; the chain cannot be read.
    """
    seen = await here.market.current()
    known = await here.accounts.known(policy.account, seen)
    at = here.house.ringside
    place = int(at.policies.address, 16).to_bytes(32, "big")
    operators = selector("operators(bytes32,address)") + policy.account + place
    use = selector("used(bytes32,uint256)") + policy.account + policy.nonce.to_bytes(32, "big")
    operator, used = await here.reads.ask(
        [Call(at.vault.address, operators, True), Call(at.policies.address, use, True)]
    )
    if len(operator) < 128 or not used:
        raise Problem(503, "account-unread", "The account cannot be read now: try again.")
    rights, expiry, cap, venues = (word(operator, i) for i in range(4))
    return Facts(
        seen.block.timestamp,
        digest,
        known.view.epoch,
        Use(*decode(USE, used)),
        Grant(Right(rights & 7), expiry, cap, venues),
        {
            number: list(at.addresses["venues"].get(name, {}).get("markets", {}))
            for name, number in at.venue_ids.items()
        },
    )


def _store(here: Running, key: bytes, policy: Policy, signature: bytes) -> tuple[bool, Standing]:
    with here.house.database.write() as connection:
        return standing.accept(connection, key, policy, signature, here.house.clock())


def _withdraw(here: Running, owner: str, key: bytes) -> Entry:
    with here.house.database.write() as connection:
        found = standing.by_key(connection, [key]).get(key)
        if found is None or owner_of(found.account) != owner:
            raise Problem(404, "no-policy", "You have no policy under this key.")
        standing.end(connection, found, Standing.CANCELLED, TAKEN_BACK, here.house.clock())
        return standing.by_key(connection, [key])[key]


def _view(entry: Entry) -> PolicyView:
    message: dict[str, Any] = wire.message(entry.policy)
    return PolicyView(
        key="0x" + entry.key.hex(),
        account="0x" + entry.account.hex(),
        state=entry.state.value,
        reason=entry.reason,
        received_at=entry.received_at,
        changed_at=entry.changed_at,
        message=message,
    )
