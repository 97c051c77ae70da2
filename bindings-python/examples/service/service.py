"""From Tencent's pushes, Wellcloud's calls and VoIPBin's recordings to MCloud, without a wrong or
lost call.

    MCLOUD_TOKEN=crk_... PUSH_SECRET=$(openssl rand -hex 16) python service.py --port 8080

A push is answered once it is on disk. What is to be done is in the outbox: the service can be
killed at any moment and goes on where it was.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import logging
import math
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
from asks import Asks, NoList, Refusal
from calls import Unpostable, made, tracks_of
from http_door import listen
from moments import unix_ms
from polling import Poll
from settings import Settings
from workers import AT_ONCE, Workers

import callweave
from callweave.client import Later, Outbox, Poster, PostingRow, SessionRow, steps

LOG = logging.getLogger("service")
STALE_FILE_S = 60.0
CLOCKS_MS = 600_000
"""So far two clocks may differ: a call that ended later than that has not ended."""
LONGEST_NAP_S = 5.0
REFUSED_NAP_S = 3600.0
PROVIDERS = ("tencent", "wellcloud", "voipbin")


def now_ms() -> int:
    return int(time.time() * 1000)


def log(event: str, key: str = "", **more: Any) -> None:
    """One line of JSON. A call is named by a hash: ids can hold numbers."""
    call = {"call": hashlib.sha256(key.encode()).hexdigest()[:12]} if key else {}
    LOG.info(json.dumps({"at": round(time.time(), 3), "event": event, **call, **more}))


def failure(error: Exception) -> str:
    """Why something failed, by a stable code without a word of whom it was about."""
    if isinstance(error, callweave.Error):
        return str(error.code)
    return errno.errorcode.get(error.errno or 0, "OSError") if isinstance(error, OSError) else type(error).__name__


def log_failure(error: Exception, key: str = "") -> None:
    """One line: what failed, and where in the program."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    log("failure", key, reason=failure(error), where=f"{Path(last.filename).name}:{last.lineno}")
    LOG.debug("", exc_info=error)


class Service:
    """Threads over one outbox: they make records of sessions and bring them to MCloud, each session
    for itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.folder.mkdir(0o700, parents=True, exist_ok=True)
        self.outbox = Outbox(settings.folder / "outbox.sqlite")
        self.poster = Poster(self.outbox, settings.mcloud, guard=settings.anywhere, policy=settings.policy)
        self.client = httpx.Client(timeout=30.0, trust_env=False)
        self.asks = Asks(self.client, settings.policy)
        self._workers = Workers(log_failure, self._wake)
        self.stopping = threading.Event()
        self._swept = -math.inf
        # Held while a mix is put in its place and enqueued, so that a sweep never comes between.
        self._mixes = threading.Lock()
        self._work, self._polls = threading.Event(), threading.Event()
        self._poll_refused: str | None = None
        self._poll_failing: str | None = None
        self._threads = [threading.Thread(target=self._loop, args=task) for task in self._tasks()]

    def _tasks(self) -> list[Any]:
        tasks: list[Any] = [(self._round, self._work)]
        if not self.settings.voipbin:
            return tasks
        self.poll = Poll(self.settings, self.outbox, self.asks, log)
        return [*tasks, (self._poll, self._polls)]

    def _wake(self) -> None:
        self._work.set()

    def start(self) -> None:
        if revived := self.outbox.revive():
            log("revived", many=revived)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends behind the step that is being worked on."""
        self.stopping.set()
        self._work.set()
        self._polls.set()
        for thread in self._threads:
            thread.join()
        self._workers.stop()
        self.client.close()
        self.outbox.close()

    def push(self, action: str, uuid: str | None, body: str) -> dict[str, Any]:
        """Keeps a push and then says so."""
        try:
            taken = self.outbox.push(action, uuid, body)
        except callweave.Error as error:
            log("push_refused", reason=error.code)
            return {"ErrCode": 1, "ErrMsg": "not a push"}
        log("push", action=action[:20], taken=taken)
        self._work.set()
        return {"ErrCode": 0, "ErrMsg": ""}

    def call_ended(self, provider: str, call: dict[str, Any]) -> bool:
        """Keeps a call whose recordings are to be asked for."""
        call_id, ended = call.get("callId"), call.get("endedAt")
        if provider != "wellcloud" or self.settings.wellcloud is None or not isinstance(call_id, str) or not call_id:
            return False
        at = now_ms()
        ended_ms = at if ended is None else unix_ms(ended) if isinstance(ended, str) else None
        if ended_ms is None or ended_ms > at + CLOCKS_MS:
            return False
        try:
            steps.wellcloud_request("recordings", call_id, self.settings.wellcloud)
        except callweave.Error:
            return False
        self.outbox.add_call(provider, call_id, min(ended_ms, at))
        self._work.set()
        return True

    def _loop(self, task: Any, wake: threading.Event) -> None:
        while not self.stopping.is_set():
            try:
                nap = task()
            except Exception as error:
                log_failure(error)
                nap = 1.0
            wake.wait(nap)
            wake.clear()

    def _round(self) -> float:
        """Begins with what is due and has a place; the seconds until something more is due. What
        ends wakes it."""
        at = now_ms()
        for provider in PROVIDERS:
            for row in self.outbox.due_sessions(at, 2 * AT_ONCE, provider):
                self._workers.offer(provider, row.key, partial(self._looked, row))
        for posting in self.outbox.due_postings(at, 2 * AT_ONCE):
            self._workers.offer("mcloud", posting.data_id, partial(self._posted, posting))
        self._sweep()
        due = self.outbox.next_due(at)
        return LONGEST_NAP_S if due is None else min(max(due - now_ms(), 10) / 1000, LONGEST_NAP_S)

    def _posted(self, row: PostingRow) -> None:
        """One request of a posting; what it fails with is stored."""
        if reason := self.poster.step(self.client, row):
            log("posting_failed", row.key, reason=reason)

    def _looked(self, row: SessionRow) -> None:
        """Looks at one session. Whatever goes wrong with it is stored with its reason and holds up
        no other."""
        try:
            self._look(row)
        except NoList as later:
            self._later(row, later, later.reason)
        except Refusal as refusal:
            self._refused(row, refusal)
        except Exception as error:
            log_failure(error, row.key)
            self.outbox.put_failure(row, int(now_ms() + self.asks.wait_ms(row.key)) + 1, failure(error))
        else:
            self.asks.forget(row.key)

    def _refused(self, row: SessionRow, refusal: Refusal) -> None:
        """A provider refuses. What is the key's fault waits for another key, and fetches its
        recordings again then."""
        if refusal.of_key:
            self.outbox.put_failure(row, None, refusal.reason)
        else:
            self.outbox.put_session(row, None, "listed", reason=refusal.reason)
        self._put_away(row.key)
        log("refused", row.key, reason=refusal.reason)

    def _put_away(self, key: str) -> None:
        """A session waits for nothing more: neither its recordings nor its tries are kept."""
        self.asks.forget(key)
        shutil.rmtree(tracks_of(self.settings, key), ignore_errors=True)

    def _look(self, row: SessionRow) -> None:
        """Looks how a session stands and does what follows."""
        pieces = row.provider != "tencent"
        if pieces:
            row = self._asked(row)
        look = steps.pieces_standing if pieces else steps.session_standing
        standing = look(row.state, now_ms(), dict(self.settings.patience))
        again = standing.get("nextLookMs")
        match standing["standing"]["standing"]:
            case "waiting":
                until = standing["standing"]["untilMs"]
                self.outbox.put_session(row, min(until, again) if again else until, state=row.state)
            case "settled":
                self.outbox.put_session(row, again, "settled", state=row.state)
            case _:
                self._make(row, standing, again)

    def _asked(self, row: SessionRow) -> SessionRow:
        """The session behind another look at its provider's list, if one is due."""
        at = now_ms()
        next_look = steps.pieces_standing(row.state, at, dict(self.settings.patience))["nextLookMs"]
        if next_look is None or next_look > at:
            return row
        state = steps.pieces_take(row.state, self._rows(row), at)["pieces"]
        return replace(row, state=state)

    def _rows(self, row: SessionRow) -> list[dict[str, Any]]:
        """What the provider lists of a call; nothing where it says that there is nothing (yet)."""
        if row.provider == "wellcloud":
            request = steps.wellcloud_request("recordings", row.key.partition(":")[2], self.settings.wellcloud or {})
            return self.asks.ask("wellcloud", row.key, request, _rows_of, row.seen_ms) or []
        found: list[dict[str, Any]] = []
        for known in row.state["rows"]:
            request = steps.voipbin_request("recording", self.settings.voipbin or {}, id=known["id"])
            record = self.asks.ask("voipbin", row.key, request, _record_of)
            if record is not None:
                found.append(record)
        return found

    def _make(self, row: SessionRow, standing: dict[str, Any], again: int | None) -> None:
        done = steps.pieces_handled if row.provider != "tencent" else steps.session_handled
        handled = done(row.state, standing["fingerprint"])
        started = time.monotonic()
        try:
            if standing["described"] is None:
                raise Unpostable("no_recording")
            call = made(self.settings, self.client, row, standing["document"])
        except Unpostable as unpostable:
            self.outbox.put_session(row, again, "listed", reason=unpostable.reason, state=handled)
            log("listed", row.key, reason=unpostable.reason)
        except Later as later:
            self._later(row, later, "recording_unreachable", handled, again)
            return
        else:
            reason = f"incomplete: {','.join(call.missing)}" if call.missing else None
            with self._mixes:
                call.put()
                kept = self.outbox.enqueue(row, handled, again, call.body, call.audio, str(call.file), reason)
            log("made", row.key, kept=kept, missing=len(call.missing), seconds=round(time.monotonic() - started, 3))
        self._put_away(row.key)

    def _later(
        self,
        row: SessionRow,
        later: Later,
        reason: str,
        handled: dict[str, Any] | None = None,
        again: int | None = None,
    ) -> None:
        """A list or a recording cannot be had for now: the call waits for it, a day long."""
        if row.failing_ms is not None and now_ms() - row.failing_ms > self.settings.give_up_s * 1000:
            self.outbox.put_session(row, again, "listed", reason=reason, state=handled)
            self._put_away(row.key)
            log("listed", row.key, reason=reason)
            return
        self.outbox.put_failure(row, int(now_ms() + later.wait_ms) + 1, reason)
        log("later", row.key, reason=reason, wait_ms=round(later.wait_ms))

    def _poll(self) -> float:
        """One page of VoIPBin's list; the seconds until the next."""
        try:
            nap = self.poll.page()
        except NoList as later:
            if self._poll_failing != later.reason:
                log("poll_failing", reason=later.reason)
            self._poll_refused, self._poll_failing = None, later.reason
            return later.wait_ms / 1000
        except Refusal as refusal:
            self._poll_refused, self._poll_failing = refusal.reason, None
            log("refused", reason=refusal.reason)
            return REFUSED_NAP_S
        except Exception as error:
            self._poll_refused, self._poll_failing = None, failure(error)
            log_failure(error)
            return self.asks.wait_ms("voipbin:poll") / 1000
        self._poll_refused = self._poll_failing = None
        self.asks.forget("voipbin:poll")
        self._wake()
        return nap

    def _sweep(self) -> None:
        """Takes away mixes that are uploaded or given up for long, and what a kill left."""
        if time.monotonic() - self._swept < STALE_FILE_S:
            return
        self._swept = time.monotonic()
        with self._mixes:
            self._sweep_mixes()
        open_ones = {tracks_of(self.settings, key) for key in self.outbox.unfinished() | self._workers.busy()}
        for folder in _found(self.settings.folder / "tracks"):
            if folder not in open_ones:
                shutil.rmtree(folder, ignore_errors=True)

    def _sweep_mixes(self) -> None:
        needed, given_up = self.outbox.files(), self.outbox.given_up_files()
        for file in _found(self.settings.folder / "mixes"):
            age_s = time.time() - file.stat().st_mtime
            kept = str(file) in needed and not (str(file) in given_up and age_s > self.settings.give_up_s)
            if not kept and age_s > STALE_FILE_S:
                file.unlink(missing_ok=True)

    def health(self) -> dict[str, Any]:
        """How much is how far, whose key is refused and whose list cannot be polled, without
        anybody's data."""
        due = self.outbox.next_due()
        alive = all(thread.is_alive() for thread in self._threads)
        late = 0 if due is None else max(0, now_ms() - due)
        refused = {**self.outbox.refused(), **({"voipbin": self._poll_refused} if self._poll_refused else {})}
        ok = alive and not self.stopping.is_set()
        polling = {"voipbin": self._poll_failing} if self._poll_failing else {}
        return {"ok": ok, "behindMs": late, "refused": refused, "polling": polling, **self.outbox.counts()}


def _rows_of(body: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = steps.wellcloud_list(200, body)["rows"]
    return rows


def _record_of(body: str) -> dict[str, Any]:
    record: Any = json.loads(body)
    if not isinstance(record, dict):
        raise ValueError("no record")
    return cast("dict[str, Any]", record)


def _found(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is not there."""
    return list(folder.iterdir()) if folder.is_dir() else []


def main() -> None:
    parser = argparse.ArgumentParser(description="From pushes to MCloud.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), stream=sys.stderr, format="%(message)s")
    # Addresses hold keys, and headers do: neither is told, at any level.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = Settings.of(os.environ)
    except ValueError as error:
        sys.exit(str(error))
    service = Service(settings)
    server = listen(service, arguments.host, arguments.port)

    def end(_number: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    service.start()
    print(server.server_address[1], flush=True)
    server.serve_forever(0.1)
    server.server_close()
    service.stop()
    log("stopped")


if __name__ == "__main__":
    main()
