"""Sends one request of the core's and gives the answer as the core takes it."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypedDict

import httpx

from callweave.client import steps
from callweave.client._drive import BROKEN, Need, Open, Read, Resolve, drive, drive_async
from callweave.client.guard import Guard, parsed, pinned

__all__ = ["Answered", "send", "send_async"]

BLOCK = 64 << 10
LARGEST_ANSWER = 16 << 20


class Answered(TypedDict):
    """What came of a request."""

    status: int | None
    """None: the connection failed, broke off or took too long."""
    retryAfter: str | None
    body: str


FAILED: Answered = {"status": None, "retryAfter": None, "body": ""}


def send(
    client: httpx.Client,
    request: dict[str, Any],
    file: str | os.PathLike[str] | None = None,
    guard: Guard | None = None,
) -> Answered:
    """Sends a request as `steps` gives it, once. A file is streamed with its length. Request and
    answer have a time by the file's size.

    With a `guard` the address is checked: that of an upload comes in an answer. Raises `Refused`
    where it does not pass, and `OSError` where the file cannot be read. Without a `guard` the name
    is resolved in the system's own time, and not within that of the request.
    """
    return drive(client, _sending(request, file, guard))


async def send_async(
    client: httpx.AsyncClient,
    request: dict[str, Any],
    file: str | os.PathLike[str] | None = None,
    guard: Guard | None = None,
) -> Answered:
    """`send` without blocking. An answer that comes before a file is sent can be lost by asyncio:
    then the connection failed."""
    return await drive_async(client, _sending(request, file, guard))


def _sending(
    request: dict[str, Any], file: str | os.PathLike[str] | None, guard: Guard | None
) -> Generator[Need, Any, Answered]:
    url, headers = parsed(request["url"]), {**dict(request["headers"]), "Accept-Encoding": "identity"}
    extensions: dict[str, Any] = {}
    content: bytes | Iterator[bytes] | None = None if request["body"] is None else request["body"].encode()
    size = 0
    if request["file"]:
        path = Path(file or "")
        size = path.stat().st_size
        headers["Content-Length"] = str(size)
        content = _blocks(path)
    until = time.monotonic() + steps.transfer_limit(size) / 1000
    try:
        if guard is not None:
            url, host, extensions = pinned(url, (yield Resolve(guard, url, until)))
            headers |= host
        answer = yield Open(request["method"], url, headers, until, extensions, content)
        data = bytearray()
        while len(data) <= LARGEST_ANSWER and (block := (yield Read(until))) is not None:
            data += block
        return answered(answer, bytes(data))
    except BROKEN:
        return FAILED


def answered(answer: httpx.Response, body: bytes = b"") -> Answered:
    """An answer as the core takes it."""
    text = body.decode("utf-8", "replace")
    return {"status": answer.status_code, "retryAfter": answer.headers.get("Retry-After"), "body": text}


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            yield block
