"""The API and its administration on their ports, in one loop, in a thread beside the engine."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import uvicorn
import uvloop

from ringside.api.admin import create_admin
from ringside.api.app import create_app
from ringside.api.house import House
from ringside.api.state import Running

START = 30.0
"""Seconds within which both must listen."""
WORDS = 16 * 1024
"""Bytes of a message that a stream's reader may send."""


class NotServed(Exception):
    """A port cannot be listened on; the message says which, and what would help."""


class Servers:
    """Serves a house: `start`, and `stop`, which lets what is under way end first."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.app = create_app(house)
        self.running: Running = self.app.state.running
        config = house.config
        common = {"log_config": None, "access_log": False, "server_header": False}
        self.servers = [
            uvicorn.Server(
                uvicorn.Config(
                    self.app,
                    config.host,
                    config.port,
                    ws="websockets-sansio",  # Waits for its reader, as the older one does not.
                    ws_max_size=WORDS,
                    timeout_graceful_shutdown=10,
                    **common,  # type: ignore[arg-type]
                )
            ),
            uvicorn.Server(
                uvicorn.Config(
                    create_admin(house, self.running),
                    "127.0.0.1",
                    config.admin_port,
                    timeout_graceful_shutdown=2,
                    **common,  # type: ignore[arg-type]
                )
            ),
        ]
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    @property
    def ports(self) -> tuple[int, int]:
        """The API's and the administration's, once started."""
        found = [one.getsockname()[1] for one in self._sockets]
        return found[0], found[1]

    def start(self) -> None:
        """Listens; returns once both answer.

        Raises:
            NotServed: a port is taken, or may not be used.
        """
        config = self.house.config
        for host, port in ((config.host, config.port), ("127.0.0.1", config.admin_port)):
            try:
                kind = socket.AF_INET6 if ":" in host else socket.AF_INET
                self._sockets.append(socket.create_server((host, port), family=kind, backlog=2_048))
            except OSError as no:
                self._close()
                raise NotServed(
                    f"{host}:{port} cannot be listened on ({no.strerror}): set another port, "
                    "or end who has it."
                ) from None
        self._thread.start()
        until = time.monotonic() + START
        while not all(server.started for server in self.servers):
            if not self._thread.is_alive() or time.monotonic() > until:
                raise NotServed("The API did not start: the log says why.")
            time.sleep(0.005)

    def stop(self) -> None:
        """Takes nothing more, and ends."""
        self.house.status.draining = True
        for server in self.servers:
            server.should_exit = True
        self._thread.join(START)
        self._close()

    def _close(self) -> None:
        for one in self._sockets:
            one.close()

    def _run(self) -> None:
        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(self._serve())
        finally:
            loop.close()

    async def _serve(self) -> None:
        both = zip(self.servers, self._sockets, strict=True)
        await asyncio.gather(*(server.serve(sockets=[one]) for server, one in both))
