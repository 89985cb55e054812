"""Several nodes as one: the first that answers is asked, until it does not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from requests import RequestException, Session
from requests.utils import get_environ_proxies
from web3 import HTTPProvider, Web3
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

TIMEOUT = 20
"""Seconds that one request may take."""
RETRY = 30.0
"""Seconds after which a node that did not answer is asked first again, if it was named first."""


class NoNode(ConnectionError):
    """None of the nodes answers; the message names them."""


class Nodes(BaseProvider):
    """JSON-RPC over HTTP by several addresses, in order of preference. What a node answers, errors
    included, is an answer; only where none comes is the next one asked."""

    def __init__(self, urls: Sequence[str], timeout: float = TIMEOUT) -> None:
        super().__init__()
        if not urls:
            raise ValueError("give one address of a node at least")
        self.urls = tuple(urls)
        # Retries of its own would hide for seconds that a node is gone.
        self._nodes = [
            HTTPProvider(
                url,
                request_kwargs={"timeout": timeout},
                session=_session(url),
                exception_retry_configuration=None,
            )
            for url in urls
        ]
        self._silent_since: dict[int, float] = {}

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        found: RPCResponse = self._ask(lambda node: node.make_request(method, params))
        return found

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> Any:
        return self._ask(lambda node: node.make_batch_request(requests))

    def is_connected(self, show_traceback: bool = False) -> bool:
        return any(node.is_connected(show_traceback) for node in self._nodes)

    def _ask(self, ask: Any) -> Any:
        now = time.monotonic()
        rested = [
            i for i, _ in enumerate(self._nodes) if now - self._silent_since.get(i, -RETRY) >= RETRY
        ]
        tired = [i for i, _ in enumerate(self._nodes) if i not in rested]
        why: Exception | None = None
        for i in (*rested, *tired):
            try:
                found = ask(self._nodes[i])
            except (RequestException, OSError) as no:
                self._silent_since[i] = time.monotonic()
                why = no
            else:
                self._silent_since.pop(i, None)
                return found
        raise NoNode(f"No node answers: {', '.join(self.urls)} ({why})") from why


def _session(url: str) -> Session:
    """Asks the environment for its proxies once, and not with every request."""
    made = Session()
    made.proxies.update(get_environ_proxies(url))
    made.trust_env = False
    return made


def connect(urls: Sequence[str]) -> Web3:
    """A Web3 over these nodes."""
    return Web3(Nodes(urls))
