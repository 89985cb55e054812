"""What both clients are: whose account, where the API is, what is known of it, and a session."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ringside.accounts import AccountError, account_id
from ringside.client.calls import Ask, Pause, Steps
from ringside.client.errors import (
    AuthenticationError,
    BadRequest,
    BadResponse,
    ExchangeNotAvailable,
    NetworkError,
    RateLimitExceeded,
)
from ringside.client.making import Defaults
from ringside.client.signing import Signer, signed_in
from ringside.client.symbols import market_of, symbol_of
from ringside.eip712 import Domain as SigningDomain
from ringside.orders import Domain

URL = "http://127.0.0.1:8600"
"""Where a keeper listens by default."""
EARLY = 60.0
"""Seconds before its end at which a session is renewed."""
RUN = 7
"""Bits of a nonce that count on: so many share a word of the Desk's storage, which is cheaper."""


class Core:
    """State that the methods share; `Client` and `AsyncClient` add how to ask.

    Args:
        url: the API's address.
        signer: who signs: an `eth_account` LocalAccount, an account of Ape's, or what is like
            them. Without one, what everybody may see is there.
        label: which of the owner's accounts; its own by default.
        owner: the owner's address, where that is a contract for which the signer signs.
        site: what the API calls itself in a sign-in, where that is not the host in `url`.
        desk: the Desk to sign for; another that the API names is refused. Give it where the API is
            somebody else's: orders count at whatever Desk was granted rights at the vault.
        defaults: what orders sign that do not say otherwise.
        patience: seconds that a call may wait for a house that is busy.
        timeout: seconds that one request may take.
        transport: httpx's, for tests and proxies.

    Raises:
        BadRequest: the address or the owner's account is none.
    """

    def __init__(
        self,
        url: str = URL,
        signer: Signer | None = None,
        *,
        label: str = "",
        owner: str = "",
        site: str = "",
        desk: str = "",
        defaults: Defaults | None = None,
        patience: float = 5.0,
        timeout: float = 30.0,
        transport: Any = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadRequest(f"{url!r} is no http:// or https:// address of an API.", "no-url")
        self.url, self.signer, self.desk = url.rstrip("/"), signer, desk.lower()
        self.site = site or parts.netloc.rpartition("@")[2]
        self.defaults = defaults or Defaults()
        self.patience = patience
        self._account: bytes | None = None
        if signer is not None or owner:
            try:
                self._account = account_id(owner or str(getattr(signer, "address", "")), label)
            except AccountError as no:
                raise BadRequest(f"{no}.", "no-account") from None
        self._http: dict[str, Any] = {
            "base_url": self.url,
            "timeout": timeout,
            "transport": transport,
        }
        self._known: dict[str, Any] | None = None
        self._epoch: int | None = None
        self._token, self._until, self._signing_in = "", 0.0, False
        # A run of nonces of its own for every client, however many there are of an account.
        self._nonces = itertools.count(secrets.randbits(64) << RUN)

    def __repr__(self) -> str:
        whose = f" for 0x{self.account.hex()}" if self._account else ""
        return f"{type(self).__name__}({self.url}{whose})"

    @property
    def account(self) -> bytes:
        """The 32 bytes of the account.

        Raises:
            AuthenticationError: there is no signer.
        """
        if self._account is None:
            raise AuthenticationError(
                "This needs the owner's key: give the client a signer, such as "
                "eth_account.Account.from_key(…).",
                "no-signer",
            )
        return self._account

    @property
    def _place(self) -> str:
        return f"/v1/accounts/0x{self.account.hex()}"

    @property
    def _stream(self) -> str:
        return "ws" + self.url.removeprefix("http")

    # ------------------------------------------------------------------ asking

    def _ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Steps[Any]:
        """Something that everybody may ask; waits, within patience, for a house that is busy."""
        found = yield from self._patient(Ask(method, path, query or {}, body))
        return found

    def _own(self, method: str, path: str, query: Mapping[str, Any] | None = None) -> Steps[Any]:
        """Something that the owner alone may ask."""
        token = yield from self._sign_in()
        try:
            return (yield from self._patient(Ask(method, path, query or {}, None, token)))
        except AuthenticationError as no:
            if no.code != "no-session":
                raise
        # The house forgot the session; another call may have opened the next one already.
        if self._token == token:
            self._token = ""
        token = yield from self._sign_in()
        return (yield from self._patient(Ask(method, path, query or {}, None, token)))

    def _patient(self, ask: Ask) -> Steps[Any]:
        left = self.patience
        while True:
            try:
                return (yield ask)
            except (RateLimitExceeded, ExchangeNotAvailable) as no:
                wait = no.retry_after if isinstance(no, RateLimitExceeded) else 1.0
                if wait > left or no.code in ("draining", "paused"):
                    raise
                left -= wait
            yield Pause(wait)

    def _again(self, ask: Ask) -> Steps[Any]:
        """The same once more where nothing answered: for what does nothing more if it was done."""
        try:
            return (yield from self._patient(ask))
        except (RateLimitExceeded, ExchangeNotAvailable):
            raise
        except NetworkError:
            yield Pause(0.2)
        return (yield from self._patient(ask))

    # ------------------------------------------------------------------ what is known

    def _deployment(self) -> Steps[dict[str, Any]]:
        """What to sign for; asked once.

        Raises:
            BadResponse: the API is of another Desk than the one that is signed for, or signs
                otherwise.
        """
        if self._known is None:
            found = yield from self._ask("GET", "/v1/deployment")
            try:
                domain = Domain(int(found["chain_id"]), str(found["desk"]))
                _ = found["markets"], found["venue_ids"]
            except (KeyError, TypeError, ValueError):
                raise BadResponse(f"{self.url} names no deployment.", "no-api") from None
            if self.desk and domain.contract.lower() != self.desk:
                raise BadResponse(
                    f"The API is of the Desk at {domain.contract}, and {self.desk} is to be signed "
                    "for: nothing was signed.",
                    "other-desk",
                )
            if found["domain"] != domain.fields:
                raise BadResponse(
                    "The API's orders are signed otherwise than this client signs them: take the "
                    "client of the API's version.",
                    "other-version",
                )
            self._known = found
        return self._known

    def _domain(self) -> Steps[SigningDomain]:
        found = yield from self._deployment()
        return Domain(found["chain_id"], found["desk"])

    def _seen(self) -> Steps[Any]:
        """The venues and markets of now."""
        return (yield from self._ask("GET", "/v1/venues"))

    def _account_view(self) -> Steps[Any]:
        found = yield from self._own("GET", self._place)
        self._epoch = int(found["epoch"])
        return found

    def _current_epoch(self) -> Steps[int]:
        if self._epoch is None:
            yield from self._account_view()
        assert self._epoch is not None
        return self._epoch

    def _symbol(self, symbol: str | None) -> Steps[str | None]:
        """A symbol by either name, as CCXT's."""
        if symbol is None:
            return None
        return symbol_of(market_of(symbol, (yield from self._deployment())["markets"]))

    # ------------------------------------------------------------------ the session

    def _sign_in(self) -> Steps[str]:
        """The session's token; signs in where there is none, once for all who ask meanwhile."""
        while self._signing_in:
            yield Pause(0.01)
        if self._token and time.time() < self._until - EARLY:
            return self._token
        self._signing_in = True
        try:
            yield from self._open_session()
        finally:
            self._signing_in = False
        return self._token

    def _open_session(self) -> Steps[None]:
        owner = "0x" + self.account[:20].hex()
        if self.signer is None:
            raise AuthenticationError("This needs a signer of the owner's.", "no-signer")
        chain_id = (yield from self._deployment())["chain_id"]
        asked = yield from self._ask("POST", "/v1/session/challenge", body={"address": owner})
        signature = signed_in(self.signer, str(asked["message"]), owner, self.site, chain_id)
        body = {"message": asked["message"], "signature": "0x" + signature.hex()}
        session = yield from self._ask("POST", "/v1/session", body=body)
        self._token, self._until = str(session["token"]), float(session["expires_at"])

    def _sign_out(self) -> Steps[None]:
        if self._token:
            token, self._token = self._token, ""
            # It may be over already, and ends by itself: what was done stays done.
            with suppress(AuthenticationError, NetworkError):
                yield Ask("DELETE", "/v1/session", token=token)
