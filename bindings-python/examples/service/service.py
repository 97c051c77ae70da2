"""From Tencent's pushes, Wellcloud's calls and VoIPBin's recordings to MCloud, without a wrong or lost call.

    MCLOUD_TOKEN=crk_... PUSH_SECRET=$(openssl rand -hex 16) python service.py --port 8080

A push is answered once it is on disk. What is to be done is in the outbox: the service can be killed at any moment and
goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
from calls import Unpostable, made, tracks_of
from http_door import listen
from settings import Settings

import callweave
from callweave.client import Later, Outbox, Poster, PostingRow, Refused, SessionRow, send, steps

LOG = logging.getLogger("service")
STALE_FILE_S = 60.0
LONGEST_NAP_S = 5.0
# A call that waits for a slow server holds up three others at most.
AT_ONCE = 4


def now_ms() -> int:
    return int(time.time() * 1000)


def log(event: str, key: str = "", **more: Any) -> None:
    """One line of JSON. A call is named by a hash: ids can hold numbers."""
    call = {"call": hashlib.sha256(key.encode()).hexdigest()[:12]} if key else {}
    LOG.info(json.dumps({"at": round(time.time(), 3), "event": event, **call, **more}))


class Service:
    """Two threads over one outbox: one makes records of sessions, one brings them to MCloud."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.outbox = Outbox(settings.folder / "outbox.sqlite")
        self.poster = Poster(self.outbox, settings.mcloud, guard=settings.anywhere, policy=settings.policy)
        self.client = httpx.Client(timeout=30.0, trust_env=False)
        self._pool, self._post_pool = ThreadPoolExecutor(AT_ONCE), ThreadPoolExecutor(AT_ONCE)
        self.stopping = threading.Event()
        self._swept = 0.0
        self._work, self._post = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._loop, args=task) for task in self._tasks()]

    def _tasks(self) -> list[Any]:
        tasks: list[Any] = [(self._sessions, self._work), (self._postings, self._post)]
        return [*tasks, (self._poll, threading.Event())] if self.settings.voipbin else tasks

    def start(self) -> None:
        if revived := self.outbox.revive():
            log("revived", many=revived)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends behind the step that is being worked on."""
        self.stopping.set()
        self._work.set()
        self._post.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()
        self._post_pool.shutdown()
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
        ended_ms = int(datetime.fromisoformat(ended).timestamp() * 1000) if isinstance(ended, str) else now_ms()
        self.outbox.add_call(provider, call_id, ended_ms)
        self._work.set()
        return True

    def _loop(self, task: Any, wake: threading.Event) -> None:
        while not self.stopping.is_set():
            try:
                nap = task()
            except Exception as error:
                log("failure", reason=type(error).__name__, where=task.__name__)
                LOG.debug("", exc_info=error)
                nap = 1.0
            wake.wait(nap)
            wake.clear()

    def _sessions(self) -> float:
        """One round over the sessions that are due; the seconds until the next."""
        list(self._pool.map(self._looked, self.outbox.due_sessions(now_ms())))
        self._sweep()
        return self._nap()

    def _looked(self, row: SessionRow) -> None:
        """Looks at one session; what goes wrong with it holds up no other."""
        if self.stopping.is_set():
            return
        try:
            self._look(row)
        except Exception as error:
            log("failure", row.key, reason=type(error).__name__)
            LOG.debug("", exc_info=error)
            self.outbox.put_session(row, now_ms() + 60_000)

    def _nap(self) -> float:
        due = self.outbox.next_due()
        return LONGEST_NAP_S if due is None else min(max(due - now_ms(), 0) / 1000, LONGEST_NAP_S) or 0.01

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
        rows = self._rows(row, at)
        if rows is None:
            return row
        state = steps.pieces_take(row.state, rows, at)["pieces"]
        return SessionRow(row.key, row.provider, state, row.seen_ms, row.version)

    def _rows(self, row: SessionRow, at: int) -> list[dict[str, Any]] | None:
        """What the provider lists of a call; None where it could not be asked."""
        if row.provider == "wellcloud":
            request = steps.wellcloud_request("recordings", row.key.partition(":")[2], self.settings.wellcloud or {})
            answer = send(self.client, request)
            if steps.judge("wellcloud", dict(answer), at, row.seen_ms)["judgement"] == "again":
                return None
            rows: list[dict[str, Any]] = steps.wellcloud_list(answer["status"] or 0, answer["body"])["rows"]
            return rows
        found: list[dict[str, Any]] = []
        for known in row.state["rows"]:
            answer = send(self.client, steps.voipbin_request("recording", self.settings.voipbin or {}, id=known["id"]))
            if answer["status"] != 200:
                return None
            found.append(json.loads(answer["body"]))
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
            self._later(row, handled, again, later)
            return
        else:
            reason = f"incomplete: {','.join(call.missing)}" if call.missing else None
            kept = self.outbox.enqueue(row, handled, again, call.body, call.audio, str(call.file), reason)
            log("made", row.key, kept=kept, missing=len(call.missing), seconds=round(time.monotonic() - started, 3))
            self._post.set()
        shutil.rmtree(tracks_of(self.settings, row), ignore_errors=True)

    def _later(self, row: SessionRow, handled: dict[str, Any], again: int | None, later: Later) -> None:
        """A recording cannot be had for now: the call waits for it, a day long."""
        if now_ms() - row.seen_ms > self.settings.give_up_s * 1000:
            self.outbox.put_session(row, again, "listed", reason="recording_unreachable", state=handled)
            log("listed", row.key, reason="recording_unreachable")
            return
        self.outbox.put_session(row, int(now_ms() + later.wait_ms), state=row.state)
        log("later", row.key, wait_ms=round(later.wait_ms))

    def _postings(self) -> float:
        list(self._post_pool.map(self._posted, self.outbox.due_postings(now_ms())))
        return self._nap()

    def _posted(self, row: PostingRow) -> None:
        """One request of a posting."""
        if self.stopping.is_set():
            return
        try:
            self.poster.step(self.client, row)
        except (Refused, callweave.Error, OSError) as error:
            self.outbox.put_posting(row, row.state, None, "failed", reason=f"posting_{type(error).__name__}")
            log("failure", row.key, reason=type(error).__name__)

    def _poll(self) -> float:
        """Looks through VoIPBin's list, newest first, up to what was seen before."""
        token, seen, newest = None, self.outbox.note("voipbin"), None
        for _ in range(100):
            request = steps.voipbin_request(
                "recordings", self.settings.voipbin or {}, pageSize=100, **({"pageToken": token} if token else {})
            )
            answer = send(self.client, request)
            if answer["status"] != 200:
                return self.settings.poll_s
            page = steps.voipbin_page(answer["body"])
            for record in page["records"]:
                newest = max(newest or "", record.get("tm_create") or "")
                self.outbox.take_rows("voipbin", record.get("reference_id") or record["id"], [record], now_ms())
            token = page["nextPageToken"]
            oldest = min((record.get("tm_create") or "" for record in page["records"]), default="")
            if token is None or (seen and oldest < seen):
                break
        if newest:
            self.outbox.note("voipbin", newest)
        self._work.set()
        return self.settings.poll_s

    def _sweep(self) -> None:
        """Takes away mixes that are uploaded, and what a kill left."""
        if time.monotonic() - self._swept < STALE_FILE_S:
            return
        self._swept = time.monotonic()
        needed, folder = self.outbox.files(), self.settings.folder / "mixes"
        for file in folder.iterdir() if folder.is_dir() else ():
            if str(file) not in needed and time.time() - file.stat().st_mtime > STALE_FILE_S:
                file.unlink(missing_ok=True)

    def health(self) -> dict[str, Any]:
        """How much is how far, without anybody's data."""
        due = self.outbox.next_due()
        alive = all(thread.is_alive() for thread in self._threads)
        late = 0 if due is None else max(0, now_ms() - due)
        return {"ok": alive and not self.stopping.is_set(), "behindMs": late, **self.outbox.counts()}


def main() -> None:
    parser = argparse.ArgumentParser(description="From pushes to MCloud.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), stream=sys.stderr, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    service = Service(Settings.of(os.environ))
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
