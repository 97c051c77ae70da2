"""One description of a piece of work for both clients: a generator says what it needs, a driver
gets it and waits in its own way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from callweave.client._watch import Watch
from callweave.client.guard import Guard

__all__ = ["BROKEN", "IDLE_S", "Need", "Open", "Read", "Resolve", "Sleep", "drive", "drive_async"]

T = TypeVar("T")

BROKEN = (httpx.RequestError, httpx.StreamError)
"""What a connection raises that failed, broke off, took too long or made no sense."""
IDLE_S = 30.0
"""So long at most a connection is waited for, and each read and write over it."""


@dataclass(frozen=True)
class Resolve:
    """The address of a URL's host, checked. `until`, here and below: by when, as `time.monotonic`
    tells it."""

    guard: Guard
    url: httpx.URL
    until: float


@dataclass(frozen=True)
class Open:
    """The answer to a request, whose body is still to be read; it ends the one before."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    until: float
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])
    content: bytes | Iterator[bytes] | None = None


@dataclass(frozen=True)
class Read:
    """The next block of the answer's body; None behind the last."""

    until: float


@dataclass(frozen=True)
class Sleep:
    """A pause."""

    seconds: float


Need = Resolve | Open | Read | Sleep


def drive(client: httpx.Client, work: Generator[Need, Any, T]) -> T:
    """Does the work with a client that blocks. What it has open is closed whatever ends it."""
    with closing(work), ExitStack() as opened, Watch() as watch:
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
                if not isinstance(need, Sleep):
                    watch.until(need.until)
                match need:
                    case Resolve(guard, url, until):
                        got = _address(guard, url, until)
                    case Open():
                        opened.close()
                        more = {**need.extensions, "trace": watch.trace}
                        got = opened.enter_context(client.stream(**_request(client, need, more, need.content)))
                        if (stream := got.extensions.get("network_stream")) is not None:
                            watch.add(stream)
                        blocks = got.iter_raw()
                    case Read():
                        got = next(blocks, None)
                    case Sleep(seconds):
                        opened.close()
                        watch.rest()
                        time.sleep(seconds)
                if not isinstance(need, Sleep) and time.monotonic() >= need.until:
                    # What was shut looks like one that ended.
                    raise httpx.ReadTimeout("not done within its time")
            except Exception as raised:
                error = raised


def _address(guard: Guard, url: httpx.URL, until: float) -> str:
    """What the guard says of a URL. The system's resolver cannot be ended: it is left to a thread of
    its own once its time is over."""
    found: Future[str] = Future()

    def resolve() -> None:
        try:
            found.set_result(guard.address(url))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=resolve, daemon=True).start()
    try:
        return found.result(until - time.monotonic())
    except TimeoutError as late:
        raise httpx.ConnectTimeout(f"{url.host}: not resolved within its time") from late


async def drive_async(client: httpx.AsyncClient, work: Generator[Need, Any, T]) -> T:
    """`drive` without blocking."""
    with closing(work):
        return await _driven(client, work)


async def _driven(client: httpx.AsyncClient, work: Generator[Need, Any, T]) -> T:
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
                    case Resolve(guard, url, until):
                        async with _within(until):
                            got = await guard.address_async(url)
                    case Open():
                        await opened.aclose()
                        content = need.content
                        whole = content if content is None or isinstance(content, bytes) else _asynchronous(content)
                        async with _within(need.until):
                            asked = client.stream(**_request(client, need, need.extensions, whole))
                            got = await opened.enter_async_context(asked)
                        blocks = got.aiter_raw()
                    case Read(until):
                        async with _within(until):
                            got = await anext(blocks, None)
                    case Sleep(seconds):
                        await opened.aclose()
                        await asyncio.sleep(seconds)
            except TimeoutError as late:
                error = httpx.ReadTimeout("not done within its time")
                error.__cause__ = late
            except Exception as raised:
                error = raised


def _request(
    client: httpx.Client | httpx.AsyncClient, need: Open, extensions: dict[str, Any], content: Any
) -> dict[str, Any]:
    """The arguments of a client's `stream`. A client that waits without an end, or for longer, does
    not here."""
    waits = {name: IDLE_S if wait is None else min(wait, IDLE_S) for name, wait in client.timeout.as_dict().items()}
    return {
        "method": need.method, "url": need.url, "headers": need.headers, "content": content, "extensions": extensions,
        "timeout": httpx.Timeout(**waits), "follow_redirects": False,
    }  # fmt: skip


def _within(until: float) -> asyncio.Timeout:
    return asyncio.timeout(until - time.monotonic())


async def _asynchronous(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
