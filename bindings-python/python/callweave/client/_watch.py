"""Ends a connection at a time: httpx bounds each read and each write, and not all of them
together."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

__all__ = ["Watch"]


class Watch:
    """Shuts the connections of a client that blocks, once their time is over. Times are those of
    `time.monotonic`."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._until = math.inf
        self._ended = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def until(self, until: float) -> None:
        """What is connected, or will be, has until then."""
        with self._changed:
            earlier, self._until = until < self._until, until
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            elif earlier:
                self._changed.notify()

    def rest(self) -> None:
        """Nothing is connected for now."""
        with self._changed:
            self._sockets.clear()
            self._until = math.inf

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpx's extension `trace`, by which new connections are known."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self.add(info["return_value"])

    def add(self, stream: Any) -> None:
        """A connection as httpx's extension `network_stream` gives it."""
        found = stream.get_extra_info("socket")
        if isinstance(found, socket.socket):
            with self._changed:
                self._sockets.append(found)

    def _run(self) -> None:
        with self._changed:
            while not self._ended:
                left = self._until - time.monotonic()
                if left > 0:
                    self._changed.wait(None if left == math.inf else left)
                    continue
                self._until = math.inf
                for connected in self._sockets:
                    try:
                        # Not that of TLS, which would first take the encryption away.
                        socket.socket.shutdown(connected, socket.SHUT_RDWR)
                    except OSError:
                        pass
