"""Fetches a recording to a file: resumed by range, checked by length, never from where the guard does not let it."""

from __future__ import annotations

import asyncio
import json
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from callweave.client import steps
from callweave.client.guard import Guard, Refused, pinned
from callweave.client.send import FAILED, Answered

__all__ = ["Gone", "Later", "download", "download_async"]


class Later(Exception):
    """The file cannot be had now; it can be asked for again after `wait_ms`."""

    def __init__(self, wait_ms: float) -> None:
        super().__init__(f"to be asked for again in {wait_ms} ms")
        self.wait_ms = wait_ms


class Gone(Exception):
    """The file cannot be had, and never will: `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Transfer:
    """A download between its tries: what is there, and what is asked for next."""

    def __init__(
        self, url: str, path: Path, guard: Guard, headers: Mapping[str, str], judged: Mapping[str, Any]
    ) -> None:
        self.first, self.path, self.guard, self.own, self.judged = httpx.URL(url), path, guard, dict(headers), judged
        self.part, self.notes = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
        self.retries: dict[str, Any] = {"seed": zlib.crc32(path.name.encode())}
        self.total: int | None = None
        self.url, self.redirects = self.first, 0

    def begin(self) -> dict[str, str]:
        """The headers of a try, which goes on where the one before ended if the server can tell that it may."""
        self.url, self.redirects, self.total = self.first, 0, None
        headers = {**self.own, "Accept-Encoding": "identity"}
        try:
            notes = json.loads(self.notes.read_text())
            have = self.part.stat().st_size
        except (OSError, ValueError):
            return headers
        if have and notes.get("path") == self.first.path and notes.get("validator"):
            headers |= {"Range": f"bytes={have}-", "If-Range": notes["validator"]}
        return headers

    def redirected(self, answer: httpx.Response) -> bool:
        """Whether the answer leads elsewhere, where it is asked for without the key."""
        if not answer.is_redirect:
            return False
        self.redirects += 1
        if self.redirects > self.guard.max_redirects:
            raise Refused("too many redirects")
        there = self.url.join(answer.headers["Location"])
        self.url = there
        return True

    def opened(self, answer: httpx.Response) -> Any:
        """The file that the body goes to: from the start, or behind what is there."""
        length = answer.headers.get("Content-Length", "")
        size = int(length) if length.isdigit() else None
        start, mode = 0, "wb"
        if answer.status_code == 206:
            start = self.part.stat().st_size
            unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
            if unit != "bytes" or not rest.startswith(f"{start}-"):
                self.forget()
                raise httpx.RemoteProtocolError("another range than the one asked for")
            mode = "ab"
        self.total = None if size is None else start + size
        validator = answer.headers.get("ETag", "")
        usable = validator if validator and not validator.startswith("W/") else answer.headers.get("Last-Modified", "")
        self.notes.write_text(json.dumps({"path": self.first.path, "validator": usable}))
        if self.total is not None and self.total > self.guard.max_bytes:
            raise Refused(f"more than {self.guard.max_bytes} bytes")
        return self.part.open(mode)

    def check(self, size: int) -> None:
        if size > self.guard.max_bytes:
            self.forget()
            raise Refused(f"more than {self.guard.max_bytes} bytes")

    def finish(self) -> None:
        """Puts the whole file in its place, on disk; one that is not whole is gone on with."""
        size = self.part.stat().st_size
        if self.total is not None and size != self.total:
            raise httpx.RemoteProtocolError(f"{size} bytes of {self.total}")
        with self.part.open("rb+") as whole:
            os.fsync(whole.fileno())
        os.replace(self.part, self.path)
        self.notes.unlink(missing_ok=True)

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def next(self, answered: Answered) -> float | None:
        """The seconds until the next try; None: it is done."""
        now_ms = int(time.time() * 1000)
        if answered["status"] == 416:
            # The part is no longer one of the file, or all of it: the next try begins anew.
            self.forget()
            answered = FAILED
        of, since_ms, policy = self.judged["of"], self.judged["since_ms"], self.judged["policy"]
        judgement = steps.judge(of, dict(answered), now_ms, since_ms)
        step = steps.next_try(self.retries, judgement, now_ms, policy)
        self.retries, what = step["retries"], step["next"]
        match what["next"]:
            case "done":
                return None
            case "wait":
                return float(what["waitMs"]) / 1000
            case "rest":
                raise Later(what["waitMs"])
            case _:
                self.forget()
                raise Gone(what.get("reason", "refused"))


def _stripped(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in ("authorization", "cookie")}


def _summary(answer: httpx.Response) -> Answered:
    return {"status": answer.status_code, "retryAfter": answer.headers.get("Retry-After"), "body": ""}


def download(
    url: str,
    path: str | os.PathLike[str],
    *,
    guard: Guard | None = None,
    client: httpx.Client | None = None,
    headers: Mapping[str, str] | None = None,
    of: str = "audio",
    since_ms: int | None = None,
    policy: dict[str, Any] | None = None,
) -> Path:
    """Fetches a file. It stands at `path` once it is whole and on disk, never before.

    A try that breaks off is gone on with by range where the server names its file (`ETag`, `Last-Modified`). Headers
    with keys do not follow a redirect to another host. `of` and `since_ms`: who answers, and when the call ended or its
    push came, as `steps.judge` takes them.

    Raises `Gone`, `Later` (tries go on for as long as `policy` says), `Refused`.
    """
    transfer = _Transfer(url, Path(path), guard or Guard(), headers or {}, _judged(of, since_ms, policy))
    own = client or httpx.Client(trust_env=False, timeout=30.0)
    try:
        while True:
            try:
                answered = _tried(own, transfer)
            except httpx.TransportError:
                answered = FAILED
            wait = transfer.next(answered)
            if wait is None:
                return transfer.path
            time.sleep(wait)
    finally:
        if client is None:
            own.close()


def _judged(of: str, since_ms: int | None, policy: dict[str, Any] | None) -> dict[str, Any]:
    return {"of": of, "since_ms": since_ms, "policy": policy}


def _tried(client: httpx.Client, transfer: _Transfer) -> Answered:
    asked = transfer.begin()
    while True:
        url, host, extensions = pinned(transfer.url, transfer.guard.address(transfer.url))
        started = time.monotonic()
        with client.stream(
            "GET", url, headers={**asked, **host}, extensions=extensions, follow_redirects=False
        ) as answer:
            before = transfer.url
            if transfer.redirected(answer):
                asked = asked if transfer.url.netloc == before.netloc else _stripped(asked)
                continue
            if answer.status_code not in (200, 206):
                return _summary(answer)
            with transfer.opened(answer) as out:
                for block in answer.iter_raw():
                    out.write(block)
                    transfer.check(out.tell())
                    _hurry(started, transfer, out.tell())
            transfer.finish()
            return _summary(answer)


async def download_async(
    url: str,
    path: str | os.PathLike[str],
    *,
    guard: Guard | None = None,
    client: httpx.AsyncClient | None = None,
    headers: Mapping[str, str] | None = None,
    of: str = "audio",
    since_ms: int | None = None,
    policy: dict[str, Any] | None = None,
) -> Path:
    """`download` without blocking."""
    transfer = _Transfer(url, Path(path), guard or Guard(), headers or {}, _judged(of, since_ms, policy))
    own = client or httpx.AsyncClient(trust_env=False, timeout=30.0)
    try:
        while True:
            try:
                answered = await _tried_async(own, transfer)
            except httpx.TransportError:
                answered = FAILED
            wait = transfer.next(answered)
            if wait is None:
                return transfer.path
            await asyncio.sleep(wait)
    finally:
        if client is None:
            await own.aclose()


async def _tried_async(client: httpx.AsyncClient, transfer: _Transfer) -> Answered:
    asked = transfer.begin()
    while True:
        url, host, extensions = pinned(transfer.url, await transfer.guard.address_async(transfer.url))
        started = time.monotonic()
        async with client.stream(
            "GET", url, headers={**asked, **host}, extensions=extensions, follow_redirects=False
        ) as answer:
            before = transfer.url
            if transfer.redirected(answer):
                asked = asked if transfer.url.netloc == before.netloc else _stripped(asked)
                continue
            if answer.status_code not in (200, 206):
                return _summary(answer)
            with transfer.opened(answer) as out:
                async for block in answer.aiter_raw():
                    out.write(block)
                    transfer.check(out.tell())
                    _hurry(started, transfer, out.tell())
            transfer.finish()
            return _summary(answer)


def _hurry(started: float, transfer: _Transfer, size: int) -> None:
    """Ends a try that drips: it has the time that its size may take."""
    if time.monotonic() - started > steps.transfer_limit(transfer.total or size) / 1000:
        raise httpx.ReadTimeout("the download is not done within its time")
