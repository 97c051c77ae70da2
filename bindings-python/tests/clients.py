"""The thin client as the tests run it, blocking and not, against servers of their own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
from callweave.client import Guard, download, download_async

LOCAL = Guard(["127.0.0.1"], allow_private=True)
Fetch = Callable[..., Path]


def fetch_async(url: str, path: Path, **more: Any) -> Path:
    return asyncio.run(download_async(url, path, **more))


BOTH = pytest.mark.parametrize("fetch", [download, fetch_async])


class Listening(threading.Thread):
    """A server that gives each connection to `serve`, one thread each, for as long as its `with`
    lasts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listening.close()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError
