"""What the owner's key signs: orders, and the challenge of a session. It signs nothing else,
whatever a server sends."""

from __future__ import annotations

import re
from typing import Any, Protocol

from ringside.client.errors import AuthenticationError
from ringside.eip712 import Domain, Signable


class Signer(Protocol):
    """An `eth_account` LocalAccount, an account of Ape's, or what is like them: it must have
    `sign_message`; `sign_typed_data`, if there, signs orders."""

    @property
    def address(self) -> Any: ...

    def sign_message(self, message: Any) -> Any: ...


def signed(signer: Signer, order: Signable, domain: Domain) -> bytes:
    """The signature of an order or bundle."""
    typed = order.typed_data(domain)
    if hasattr(signer, "sign_typed_data"):
        return _bytes(signer.sign_typed_data(full_message=typed))
    from eth_account.messages import encode_typed_data  # Slow to import.

    return _bytes(signer.sign_message(encode_typed_data(full_message=typed)))


def signed_in(signer: Signer, challenge: str, owner: str, site: str, chain_id: int) -> bytes:
    """The signature that opens a session.

    Raises:
        AuthenticationError: the challenge is not for this site, owner and chain: who signed it
            might sign in somewhere else.
    """
    found = re.fullmatch(
        r"(\S+) wants you to sign in with your Ethereum account:\n(0x[0-9a-fA-F]{40})\n\n"
        r"[^\n]*\n\nURI: \S+\nVersion: 1\nChain ID: (\d+)\nNonce: [0-9a-zA-Z]+\n"
        r"Issued At: \S+\nExpiration Time: \S+",
        challenge,
    )
    if found is None:
        raise AuthenticationError(
            "What the server wants signed is no sign-in: it was not signed.", "no-challenge"
        )
    if found[1] != site:
        raise AuthenticationError(
            f"The server wants a sign-in for {found[1]}, and was asked at {site}: if that is its "
            f"name for itself, give the client site={found[1]!r}.",
            "other-site",
        )
    if found[2].lower() != owner or int(found[3]) != chain_id:
        raise AuthenticationError(
            f"The server wants a sign-in of {found[2]} on chain {found[3]}, and this is {owner} on "
            f"chain {chain_id}: it was not signed.",
            "other-owner",
        )
    from eth_account.messages import encode_defunct  # Slow to import.

    return _bytes(signer.sign_message(encode_defunct(text=challenge)))


def _bytes(signature: Any) -> bytes:
    """65 bytes, as the libraries give them: themselves, in a field, or as r, s and v."""
    if signature is None:
        raise AuthenticationError("The signer did not sign.", "not-signed")
    if hasattr(signature, "encode_rsv"):
        return bytes(signature.encode_rsv())
    return bytes(getattr(signature, "signature", signature))
