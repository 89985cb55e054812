"""Signed prices from Hermes, Pyth's web service, for the venues that take them with a fill.

https://hermes.pyth.network/docs: `GET /v2/updates/price/latest?ids[]=…&encoding=hex` answers
`{"binary": {"encoding": "hex", "data": ["…"]}, …}`. Pyth's contract checks who signed them.
"""

from __future__ import annotations

import re

import httpx
from eth_abi.abi import encode

from ringside.chain.abi import selector, word
from ringside.chain.contracts import Ringside
from ringside.keeper.tickets import Ticket

PATIENCE = 2.0
"""Seconds that an answer may take: the engine waits for it."""
LONGEST = 64 * 1024
"""Bytes of an answer at most."""


class NoPrice(Exception):
    """There is no price to be had; the message says why."""


class Hermes:
    """A `PriceSource` out of the service at `url`."""

    def __init__(self, url: str, ringside: Ringside) -> None:
        self.ringside = ringside
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=PATIENCE)

    def __call__(self, ticket: Ticket) -> tuple[list[bytes], int]:
        """
        Raises:
            NoPrice: the service does not answer, or with something else.
        """
        venue = self.ringside.addresses["venues"][ticket.venue]
        updates = self._latest(str(venue["markets"][ticket.market]["price_feed_id"]))
        data = selector("getUpdateFee(bytes[])") + encode(["bytes[]"], [updates])
        fee = self.ringside.w3.eth.call({"to": venue["pyth"], "data": "0x" + data.hex()})  # type: ignore[typeddict-item]
        return updates, word(bytes(fee))

    def close(self) -> None:
        self._http.close()

    def _latest(self, feed: str) -> list[bytes]:
        try:
            answer = self._http.get(
                "/v2/updates/price/latest", params={"ids[]": feed, "encoding": "hex"}
            )
            answer.raise_for_status()
        except httpx.HTTPError as no:
            raise NoPrice(f"Hermes at {self._http.base_url} gives no price: {no!r}") from None
        if len(answer.content) > LONGEST:
            raise NoPrice(f"Hermes answers with {len(answer.content)} bytes, which no price has.")
        try:
            told = answer.json()["binary"]["data"]
            if not told or not all(re.fullmatch("([0-9a-fA-F]{2})+", one) for one in told):
                raise ValueError("no hex")
            return [bytes.fromhex(one) for one in told]
        except (ValueError, KeyError, TypeError) as no:
            raise NoPrice(f"Hermes answers with something else than prices: {no!r}") from None
