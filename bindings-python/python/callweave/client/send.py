"""Sends one request of the core's and gives the answer as the core takes it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypedDict

import httpx

from callweave.client import steps
from callweave.client.guard import Guard, pinned

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


class _TooSlow(httpx.TransportError):
    """A transfer that is not done within its time."""


def send(
    client: httpx.Client,
    request: dict[str, Any],
    file: str | os.PathLike[str] | None = None,
    guard: Guard | None = None,
) -> Answered:
    """Sends a request as `steps` gives it, once. A file is streamed with its length, within a time by its size.

    With a `guard` the address is checked: that of an upload comes in an answer.
    """
    url, headers = httpx.URL(request["url"]), dict(request["headers"])
    extensions: dict[str, Any] = {}
    content: Any = None if request["body"] is None else request["body"].encode()
    try:
        if guard is not None:
            url, host, extensions = pinned(url, guard.address(url))
            headers |= host
        if request["file"]:
            path = Path(file or "")
            headers["Content-Length"] = str(path.stat().st_size)
            content = _blocks(path)
        with client.stream(
            request["method"], url, headers=headers, content=content, extensions=extensions, follow_redirects=False
        ) as answer:
            data = bytearray()
            for block in answer.iter_bytes():
                data += block
                if len(data) > LARGEST_ANSWER:
                    break
            return _answered(answer, bytes(data))
    except httpx.TransportError:
        return FAILED


async def send_async(
    client: httpx.AsyncClient,
    request: dict[str, Any],
    file: str | os.PathLike[str] | None = None,
    guard: Guard | None = None,
) -> Answered:
    """`send` without blocking."""
    url, headers = httpx.URL(request["url"]), dict(request["headers"])
    extensions: dict[str, Any] = {}
    content: Any = None if request["body"] is None else request["body"].encode()
    try:
        if guard is not None:
            url, host, extensions = pinned(url, await guard.address_async(url))
            headers |= host
        if request["file"]:
            path = Path(file or "")
            headers["Content-Length"] = str(path.stat().st_size)
            content = _blocks_async(path)
        async with client.stream(
            request["method"], url, headers=headers, content=content, extensions=extensions, follow_redirects=False
        ) as answer:
            data = bytearray()
            async for block in answer.aiter_bytes():
                data += block
                if len(data) > LARGEST_ANSWER:
                    break
            return _answered(answer, bytes(data))
    except httpx.TransportError:
        return FAILED


def _answered(answer: httpx.Response, body: bytes) -> Answered:
    text = body.decode("utf-8", "replace")
    return {"status": answer.status_code, "retryAfter": answer.headers.get("Retry-After"), "body": text}


def _blocks(path: Path) -> Iterator[bytes]:
    deadline = time.monotonic() + steps.transfer_limit(path.stat().st_size) / 1000
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            if time.monotonic() > deadline:
                raise _TooSlow("the upload is not done within its time")
            yield block


async def _blocks_async(path: Path) -> AsyncIterator[bytes]:
    for block in _blocks(path):
        yield block
