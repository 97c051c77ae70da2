"""One description of a piece of work for both clients: a generator says what it needs, a driver gets it and waits in its
own way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from callweave.client.guard import Guard

__all__ = ["BROKEN", "Need", "Open", "Read", "Resolve", "Sleep", "drive", "drive_async"]

T = TypeVar("T")

BROKEN = (httpx.RequestError, httpx.StreamError)
"""What a connection raises that failed, broke off, took too long or made no sense."""


@dataclass(frozen=True)
class Resolve:
    """The address of a URL's host, checked."""

    guard: Guard
    url: httpx.URL


@dataclass(frozen=True)
class Open:
    """The answer to a request, whose body is still to be read; it ends the one before."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])
    content: bytes | Iterator[bytes] | None = None


@dataclass(frozen=True)
class Read:
    """The next block of the answer's body; None behind the last."""


@dataclass(frozen=True)
class Sleep:
    """A pause."""

    seconds: float


Need = Resolve | Open | Read | Sleep


def drive(client: httpx.Client, work: Generator[Need, Any, T]) -> T:
    """Does the work with a client that blocks."""
    with ExitStack() as opened:
        blocks: Iterator[bytes] = iter(())
        got: Any = None
        error: Exception | None = None
        while True:
            try:
                need = work.send(got) if error is None else work.throw(error)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            got, error = None, None
            try:
                match need:
                    case Resolve(guard, url):
                        got = guard.address(url)
                    case Open(method, url, headers, extensions, content):
                        opened.close()
                        got = opened.enter_context(
                            client.stream(
                                method, url, headers=headers, content=content, extensions=extensions,
                                follow_redirects=False,
                            )
                        )  # fmt: skip
                        blocks = got.iter_raw()
                    case Read():
                        got = next(blocks, None)
                    case Sleep(seconds):
                        opened.close()
                        time.sleep(seconds)
            except Exception as raised:
                error = raised


async def drive_async(client: httpx.AsyncClient, work: Generator[Need, Any, T]) -> T:
    """`drive` without blocking."""
    async with AsyncExitStack() as opened:
        blocks: AsyncIterator[bytes] = _asynchronous(iter(()))
        got: Any = None
        error: Exception | None = None
        while True:
            try:
                need = work.send(got) if error is None else work.throw(error)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            got, error = None, None
            try:
                match need:
                    case Resolve(guard, url):
                        got = await guard.address_async(url)
                    case Open(method, url, headers, extensions, content):
                        await opened.aclose()
                        whole = content if content is None or isinstance(content, bytes) else _asynchronous(content)
                        got = await opened.enter_async_context(
                            client.stream(
                                method, url, headers=headers, content=whole, extensions=extensions,
                                follow_redirects=False,
                            )
                        )  # fmt: skip
                        blocks = got.aiter_raw()
                    case Read():
                        got = await anext(blocks, None)
                    case Sleep(seconds):
                        await opened.aclose()
                        await asyncio.sleep(seconds)
            except Exception as raised:
                error = raised


async def _asynchronous(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
