"""Sessions: who signed a challenge (EIP-4361, "Sign-In with Ethereum") may read what is its own.

The message is the house's own, word for word, so that nothing in it is left to be understood: one
line more or less, another site or chain, and it is not the challenge. A token is random; the
database has its hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone

from eth_utils.address import to_checksum_address
from sqlalchemy import delete, func, select

from ringside.api.errors import Problem
from ringside.api.house import House
from ringside.api.signatures import LONGEST, ChainSilent, personal, said_by_contract, signer
from ringside.store.schema import challenges, sessions

STATEMENT = "Sign in to see and cancel your orders. This moves no money and costs nothing."
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_TOKEN = re.compile(r"rs_[A-Za-z0-9_-]{43}")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Session:
    """Of an owner (lower-case address), until a time (Unix seconds)."""

    owner: str
    expires_at: float


def address_of(text: str) -> str:
    """The address in lower case.

    Raises:
        Problem: 422; it is none.
    """
    if not _ADDRESS.fullmatch(text):
        raise Problem(422, "address", "An address is 0x and 40 hex digits.")
    return text.lower()


def challenge(house: House, owner: str) -> tuple[str, float]:
    """A message for the owner to sign, and until when. Writes the database.

    Raises:
        Problem: 503; too many are open.
    """
    now = int(house.clock())
    nonce, expires = secrets.token_hex(16), now + house.limits.challenge
    with house.database.write() as connection:
        connection.execute(delete(challenges).where(challenges.c.expires_at < now))
        connection.execute(delete(sessions).where(sessions.c.expires_at < now))
        count = connection.execute(select(func.count()).select_from(challenges)).scalar() or 0
        if count >= house.limits.challenges:
            raise Problem(503, "busy", "Too many challenges are open: try again in a minute.")
        connection.execute(challenges.insert(), [{"nonce": nonce, "expires_at": expires}])
    times = _times(house, expires)
    return _text(house, to_checksum_address(owner), nonce, *times), expires


def open_session(house: House, message: str, signature: bytes) -> tuple[str, Session]:
    """A token for who signed the challenge. Writes the database, may ask the chain.

    Raises:
        Problem: 401; it is no challenge of this house, was used, is over, or is not signed by the
            owner that it names. 503; the chain cannot be asked.
    """
    owner, nonce, times = _read(house, message)
    digest = personal(message)
    if len(signature) > LONGEST:
        raise _refused("the signature is too long")
    signed = signer(digest, signature) == owner
    if not signed:
        try:
            signed = said_by_contract(house.ringside.w3, owner, digest, signature)
        except ChainSilent:
            raise Problem(503, "chain-silent", "The node does not answer: try again.") from None
    if not signed:
        raise _refused("the signature is not of the owner that the message names")
    now = house.clock()
    token = "rs_" + secrets.token_urlsafe(32)
    session = Session(owner, now + house.limits.session)
    with house.database.write() as connection:
        # Taken only with a signature that holds: a stranger cannot use up what it saw.
        known = challenges.c.nonce == nonce
        expires = connection.execute(select(challenges.c.expires_at).where(known)).scalar()
        connection.execute(delete(challenges).where(known))
        if expires is None or expires < now or times != _times(house, expires):
            raise _refused("the challenge was used, or its time is over")
        row = {"token": _hashed(token), "owner": owner, "expires_at": session.expires_at}
        connection.execute(sessions.insert(), [row])
    return token, session


def session_of(house: House, token: str) -> Session | None:
    """Whose token it is, `None` if nobody's. Reads the database."""
    if not _TOKEN.fullmatch(token):
        return None
    query = select(sessions.c.owner, sessions.c.expires_at).where(
        sessions.c.token == _hashed(token)
    )
    with house.database.read() as connection:
        row = connection.execute(query).first()
    if row is None or row.expires_at < house.clock():
        return None
    return Session(row.owner, row.expires_at)


def end(house: House, token: str) -> bool:
    """Ends the session of a token; returns whether there was one. Writes the database."""
    with house.database.write() as connection:
        gone = connection.execute(delete(sessions).where(sessions.c.token == _hashed(token)))
    return bool(gone.rowcount)


def _hashed(token: str) -> str:
    return "0x" + hashlib.sha256(token.encode()).hexdigest()


def _times(house: House, expires: float) -> tuple[str, str]:
    """When a challenge was issued, and until when it may be signed, as it says."""
    issued, until = (
        datetime.fromtimestamp(round(at), timezone.utc).strftime(_TIME)
        for at in (expires - house.limits.challenge, expires)
    )
    return issued, until


def _text(house: House, address: str, nonce: str, issued: str, expires: str) -> str:
    return (
        f"{house.site} wants you to sign in with your Ethereum account:\n"
        f"{address}\n\n{STATEMENT}\n\n"
        f"URI: {house.origin}\nVersion: 1\nChain ID: {house.chain_id}\nNonce: {nonce}\n"
        f"Issued At: {issued}\nExpiration Time: {expires}"
    )


def _read(house: House, message: str) -> tuple[str, str, tuple[str, str]]:
    """The owner, the nonce and the times in a message that this house may have written."""
    found = re.search(
        r"account:\n(0x[0-9a-fA-F]{40})\n.*\nNonce: ([0-9a-f]{32})\n"
        r"Issued At: (\S{20})\nExpiration Time: (\S{20})\Z",
        message[:2_048],
        re.DOTALL,
    )
    if found is None or _text(house, *found.groups()) != message:
        raise _refused(
            "the message is not a challenge of this house: sign the text of /v1/session/challenge "
            "as it is"
        )
    return found[1].lower(), found[2], (found[3], found[4])


def _refused(why: str) -> Problem:
    return Problem(401, "not-signed-in", f"No session: {why}.", {"WWW-Authenticate": "Bearer"})
