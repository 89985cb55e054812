"""Pyth's web service Hermes, as a stand-in on loopback: it answers as Hermes does, with the prices
of the local chain's feeds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from web3 import Web3

from devnet.venues import synthetix

PATH = "/v2/updates/price/latest"


@contextmanager
def running(w3: Web3, addresses: dict[str, Any], port: int = 0) -> Iterator[str]:
    """Its address, for the length of a `with` block."""
    venue = addresses["venues"]["synthetix"]
    feeds = {str(at["price_feed_id"]): name for name, at in venue["markets"].items()}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            asked = parse_qs(place.query).get("ids[]", [])
            names = [feeds.get("0x" + one.lower().removeprefix("0x")) for one in asked]
            if place.path != PATH or not names or None in names:
                self.send_error(404, "Price ids not found")
                return
            data = [synthetix.price_update(w3, venue, name)[0][0].hex() for name in names if name]
            body = json.dumps({"binary": {"encoding": "hex", "data": data}, "parsed": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
