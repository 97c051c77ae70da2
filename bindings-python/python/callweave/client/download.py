"""Fetches a recording to a file: resumed by range, checked by length, never from where the guard
does not let it."""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import httpx

from callweave.client import steps
from callweave.client._drive import BROKEN, Need, Open, Read, Resolve, Sleep, drive, drive_async
from callweave.client.guard import Guard, Refused, parsed, pinned
from callweave.client.send import FAILED, Answered, answered

__all__ = ["Gone", "Later", "download", "download_async"]

HEAD = 512
"""By so many bytes a text is told from audio."""
LARGEST_TEXT = 64 << 10
LENGTH = re.compile(r"[0-9]{1,15}")
PART = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
"""`Content-Range` of a part that says how long the whole file is."""


class Later(Exception):
    """The file cannot be had now; it can be asked for again after `wait_ms`."""

    def __init__(self, wait_ms: float) -> None:
        super().__init__(f"to be asked for again in {wait_ms} ms")
        self.wait_ms = wait_ms


class Gone(Exception):
    """The file cannot be had, and never will: `reason` is a stable code.

    A refusal of the key (`steps.needs_another_key`) ends with another key.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Transfer:
    """A download: its tries, and what is there between them."""

    def __init__(
        self, url: str, path: Path, guard: Guard, headers: Mapping[str, str], judged: Mapping[str, Any]
    ) -> None:
        self.first, self.path, self.guard, self.own, self.judged = parsed(url), path, guard, dict(headers), judged
        self.part, self.notes = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
        self.retries: dict[str, Any] = {"seed": zlib.crc32(path.name.encode())}

    def fetched(self) -> Generator[Need, Any, Path]:
        """Tries until the file stands at its path."""
        while True:
            try:
                came = yield from self.tried()
            except BROKEN:
                came = FAILED
            wait = self.next(came)
            if wait is None:
                return self.path
            yield Sleep(wait)

    def tried(self) -> Generator[Need, Any, Answered]:
        """One try, which goes on where the one before ended if the server can tell that it may."""
        url, own = self.first, self.own
        ranges = self.ranges()
        for _ in range(self.guard.max_redirects + 1):
            started = time.monotonic()
            there, host, extensions = pinned(url, (yield Resolve(self.guard, url, _until(started, 0))))
            # A connection of its own, which can be ended.
            headers = {**own, **ranges, "Accept-Encoding": "identity", "Connection": "close", **host}
            answer = yield Open("GET", there, headers, _until(started, 0), extensions)
            if not answer.has_redirect_location:
                break
            there = redirected(url, answer.headers["Location"])
            # What else the caller sends is for who was asked: keys in it are for nobody else, nor
            # for an open line.
            own = own if _origin(there) == _origin(url) else {}
            url = there
        else:
            raise Refused("too many redirects")
        if answer.status_code in (401, 403) and _origin(url) != _origin(self.first):
            # An address that is no longer valid: who gave it gives another.
            return FAILED
        if answer.status_code not in (200, 206):
            return answered(answer)
        start, total = self.extent(answer, ranges)
        return (yield from self.kept(answer, start, total, started))

    def ranges(self) -> dict[str, str]:
        try:
            notes = json.loads(self.notes.read_text())
            have = self.part.stat().st_size
        except (OSError, ValueError):
            return {}
        if have and notes.get("path") == self.first.path and notes.get("validator"):
            return {"Range": f"bytes={have}-", "If-Range": notes["validator"]}
        return {}

    def extent(self, answer: httpx.Response, ranges: dict[str, str]) -> tuple[int, int | None]:
        """Where in the file the body of an answer begins, and how long the whole file is, if that
        is said."""
        if answer.status_code == 200:
            length = answer.headers.get("Content-Length", "")
            return 0, int(length) if LENGTH.fullmatch(length) else None
        asked = ranges.get("Range", "bytes=none-").removeprefix("bytes=")
        part = PART.fullmatch(answer.headers.get("Content-Range", ""))
        another = _validator(answer) not in ("", ranges.get("If-Range"))
        if another or part is None or f"{part[1]}-" != asked or not int(part[1]) <= int(part[2]) < int(part[3]):
            self.forget()
            raise httpx.RemoteProtocolError("another range than the one asked for")
        return int(part[1]), int(part[3])

    def kept(
        self, answer: httpx.Response, start: int, total: int | None, started: float
    ) -> Generator[Need, Any, Answered]:
        """Writes the body, from the start or behind what is there, and puts the whole file in its
        place. A body that ends before the file does is one that broke off."""
        self.check(total or 0, None)
        head, soon = b"", Read(_until(started, 0))
        while start == 0 and len(head) < HEAD and (block := (yield soon)) is not None:
            head += block
        if start == 0 and steps.is_text(head[:HEAD]):
            while len(head) < LARGEST_TEXT and (block := (yield soon)) is not None:
                head += block
            return answered(answer, head)
        size = start
        with self.opened(answer, start) as out:
            block = head
            while block is not None:
                out.write(block)
                size += len(block)
                self.check(size, total)
                block = yield Read(_until(started, total or size))
            if total is not None and size < total:
                raise httpx.RemoteProtocolError(f"{size} bytes of {total}")
            out.flush()
            os.fsync(out.fileno())
        os.replace(self.part, self.path)
        self.notes.unlink(missing_ok=True)
        return answered(answer)

    def opened(self, answer: httpx.Response, start: int) -> Any:
        """The file that the body goes to. What is noted of it is at no moment another file's: the
        note goes before the old bytes do, and the new one comes behind that."""
        if start:
            return self.part.open("ab")
        self.notes.unlink(missing_ok=True)
        out = self.part.open("wb")
        note = self.notes.with_name(self.notes.name + ".new")
        note.write_text(json.dumps({"path": self.first.path, "validator": _validator(answer)}))
        os.replace(note, self.notes)
        return out

    def check(self, size: int, total: int | None) -> None:
        """Ends what is too large, and what is more than it says."""
        if size > self.guard.max_bytes:
            self.forget()
            raise Refused(f"more than {self.guard.max_bytes} bytes")
        if total is not None and size > total:
            self.forget()
            raise httpx.RemoteProtocolError(f"more than {total} bytes")

    def forget(self) -> None:
        self.notes.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)

    def next(self, came: Answered) -> float | None:
        """The seconds until the next try; None: it is done."""
        now_ms = int(time.time() * 1000)
        if came["status"] == 416:
            # The part is no longer one of the file, or all of it: the next try begins anew.
            self.forget()
            came = FAILED
        of, since_ms, policy = self.judged["of"], self.judged["since_ms"], self.judged["policy"]
        judgement = steps.judge(of, dict(came), now_ms, since_ms, file=True)
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


def _until(started: float, size: int) -> float:
    """By when so many bytes are to be there."""
    return started + steps.transfer_limit(size) / 1000


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def redirected(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads."""
    try:
        return url.join(location)
    except httpx.InvalidURL as error:
        raise Refused("a redirect to what is no address") from error


def _validator(answer: httpx.Response) -> str:
    """By what the server names its file: a strong `ETag`, else `Last-Modified`."""
    tag: str = answer.headers.get("ETag", "")
    modified: str = answer.headers.get("Last-Modified", "")
    return tag if tag and not tag.startswith("W/") else modified


def _transfer(
    url: str, path: str | os.PathLike[str], guard: Guard | None, headers: Mapping[str, str] | None, **judged: Any
) -> _Transfer:
    return _Transfer(url, Path(path), guard or Guard(), headers or {}, judged)


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

    A try that breaks off is gone on with by range where the server names its file (`ETag`,
    `Last-Modified`); so is one that brings less than the whole file. Each connection has 30 s up to
    its first bytes, 30 s for each read, and a time by the file's size for all of it
    (`steps.transfer_limit`). `headers` do not follow a redirect to another host, port or scheme. A
    text where audio should be (a page, an error as JSON) is a refusal. `of` and `since_ms`: who
    answers, and when the call ended or its push came, as `steps.judge` takes them.

    Raises `Gone`, `Later` (tries go on for as long as `policy` says), `Refused`, and `OSError`
    where it cannot be written.
    """
    transfer = _transfer(url, path, guard, headers, of=of, since_ms=since_ms, policy=policy)
    if client is not None:
        return drive(client, transfer.fetched())
    with httpx.Client(trust_env=False, timeout=30.0) as own:
        return drive(own, transfer.fetched())


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
    transfer = _transfer(url, path, guard, headers, of=of, since_ms=since_ms, policy=policy)
    if client is not None:
        return await drive_async(client, transfer.fetched())
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as own:
        return await drive_async(own, transfer.fetched())
