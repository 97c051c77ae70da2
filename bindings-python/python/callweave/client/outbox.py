"""Where pushes, sessions and postings are kept: an SQLite file that a crash at any moment leaves
whole.

What a method has returned from is on disk. A push is acknowledged behind `push`, and never before.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from callweave.client import steps

__all__ = ["Outbox", "PostingRow", "SessionRow"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
  key TEXT PRIMARY KEY, provider TEXT NOT NULL, state TEXT NOT NULL, due_ms INTEGER, status TEXT NOT NULL,
  reason TEXT, seen_ms INTEGER NOT NULL, version INTEGER NOT NULL, failure TEXT, failing_ms INTEGER);
CREATE INDEX IF NOT EXISTS session_due ON session (due_ms);
CREATE TABLE IF NOT EXISTS stray (
  id INTEGER PRIMARY KEY, provider TEXT NOT NULL, action TEXT, uuid TEXT, body TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS posting (
  data_id TEXT PRIMARY KEY, key TEXT NOT NULL, state TEXT NOT NULL, file TEXT, due_ms INTEGER, status TEXT NOT NULL,
  reason TEXT, recording_id TEXT, warnings TEXT NOT NULL, version INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS posting_due ON posting (due_ms);
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

MORE = "CASE WHEN status = 'waiting' OR status LIKE '%+' THEN status ELSE status || '+' END"
"""The status of a session that was handled or listed, and of which something came since."""
HOW = "CASE WHEN status LIKE '%+' THEN 'waiting' ELSE status END"
LATER = ("failure TEXT", "failing_ms INTEGER")
"""Columns of a session that outboxes of before lack."""


def now_ms() -> int:
    """Unix milliseconds."""
    return int(time.time() * 1000)


@dataclass(frozen=True)
class SessionRow:
    """A session, or a call that comes in pieces."""

    key: str
    provider: str
    state: dict[str, Any]
    seen_ms: int
    """When it was first heard of."""
    version: int
    failing_ms: int | None = None
    """Since when looks at it fail; None where the last one did not, or something came since."""


@dataclass(frozen=True)
class PostingRow:
    """A recording on its way to MCloud."""

    data_id: str
    key: str
    state: dict[str, Any]
    file: str | None
    version: int


class Outbox:
    """The database at `path`, for one process at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        known = {row[1] for row in self._db.execute("PRAGMA table_info(session)")}
        for column in LATER:
            if column.partition(" ")[0] not in known:
                self._db.execute(f"ALTER TABLE session ADD COLUMN {column}")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on disk behind the block, or none."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite itself takes a transaction back where the disk is full.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def push(self, action: str, uuid: str | None, body: str, *, at_ms: int | None = None) -> str:
        """Keeps a push of Tencent's: `new`, `repeat` or `kept`. What names no session is kept
        aside."""
        at = now_ms() if at_ms is None else at_ms
        first = steps.session_take(None, action, uuid, body, at)
        session_id = first["sessionId"]
        with self._write() as db:
            if session_id is None:
                values = ("tencent", action, uuid, body, at)
                db.execute("INSERT INTO stray (provider, action, uuid, body, at_ms) VALUES (?, ?, ?, ?, ?)", values)
                return "kept"
            key = f"tencent:{session_id}"
            row = db.execute("SELECT state, seen_ms, version FROM session WHERE key = ?", (key,)).fetchone()
            if row is None:
                self._insert(db, key, "tencent", first["session"], at, at)
                return str(first["taken"])
            taken = steps.session_take(json.loads(row[0]), action, uuid, body, at)
            due_ms = at if taken["taken"] == "new" else None
            db.execute(
                f"UPDATE session SET state = ?1, due_ms = coalesce(?2, due_ms), version = version + 1,"
                f" status = CASE WHEN ?2 IS NULL THEN status ELSE {MORE} END,"
                " failing_ms = CASE WHEN ?2 IS NULL THEN failing_ms END WHERE key = ?3",
                (json.dumps(taken["session"]), due_ms, key),
            )
            return str(taken["taken"])

    def add_call(self, provider: str, call_id: str, ended_ms: int) -> bool:
        """Keeps a call whose recordings are to be asked for; whether it is new."""
        pieces = steps.pieces_new(provider, call_id, ended_ms)
        with self._write() as db:
            return self._insert(db, f"{provider}:{call_id}", provider, pieces, ended_ms, now_ms())

    def _insert(
        self, db: sqlite3.Connection, key: str, provider: str, state: dict[str, Any], due_ms: int, seen_ms: int
    ) -> bool:
        made = db.execute(
            "INSERT OR IGNORE INTO session (key, provider, state, due_ms, status, seen_ms, version)"
            " VALUES (?, ?, ?, ?, 'waiting', ?, 0)",
            (key, provider, json.dumps(state), due_ms, seen_ms),
        )
        return made.rowcount == 1

    def due_sessions(self, at_ms: int, limit: int = 32, provider: str | None = None) -> list[SessionRow]:
        """Sessions to be looked at; of one provider, or of all."""
        query = (
            "SELECT key, provider, state, seen_ms, version, failing_ms FROM session"
            " WHERE due_ms <= ?1 AND provider = coalesce(?3, provider) ORDER BY due_ms LIMIT ?2"
        )
        rows = self._read(query, at_ms, limit, provider)
        return [SessionRow(key, provider, json.loads(state), *more) for key, provider, state, *more in rows]

    def put_session(
        self,
        row: SessionRow,
        due_ms: int | None,
        status: str | None = None,
        *,
        reason: str | None = None,
        state: dict[str, Any] | None = None,
    ) -> bool:
        """Notes when to look at a session next, and with a status how it stands (`settled`: as
        before); nothing where a push came meanwhile."""
        with self._write() as db:
            return self._put_session(db, row, due_ms, status, reason, row.state if state is None else state)

    def put_failure(self, row: SessionRow, due_ms: int | None, reason: str) -> bool:
        """Notes why the look at a session failed, and when it is looked at again; without a time,
        when there is another key (`revive`). How the session stands is as before. The next look
        that succeeds takes the note away."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE session SET due_ms = ?, failure = ?, failing_ms = coalesce(failing_ms, ?), state = ?,"
                " version = version + 1 WHERE key = ? AND version = ?",
                (due_ms, reason, now_ms(), json.dumps(row.state), row.key, row.version),
            )
            return changed.rowcount == 1

    def _put_session(
        self,
        db: sqlite3.Connection,
        row: SessionRow,
        due_ms: int | None,
        status: str | None,
        reason: str | None,
        state: dict[str, Any],
    ) -> bool:
        changed = db.execute(
            "UPDATE session SET due_ms = ?1, reason = CASE WHEN coalesce(?2, 'settled') = 'settled' THEN reason ELSE ?3 END,"
            " status = CASE WHEN ?2 = 'settled' THEN rtrim(status, '+') ELSE coalesce(?2, status) END, state = ?4,"
            " failure = NULL, failing_ms = NULL, version = version + 1 WHERE key = ?5 AND version = ?6",
            (due_ms, status, reason, json.dumps(state), row.key, row.version),
        )
        return changed.rowcount == 1

    def take_rows(self, provider: str, call_id: str, rows: list[dict[str, Any]], at_ms: int) -> None:
        """Gives a call what a list says of it; a call that is not known yet becomes one."""
        key = f"{provider}:{call_id}"
        with self._write() as db:
            found = db.execute("SELECT state FROM session WHERE key = ?", (key,)).fetchone()
            pieces = steps.pieces_new(provider, call_id, at_ms) if found is None else json.loads(found[0])
            taken = steps.pieces_take(pieces, rows, at_ms)
            if found is not None and not taken["changed"]:
                return
            db.execute(
                "INSERT INTO session (key, provider, state, due_ms, status, seen_ms, version)"
                " VALUES (?, ?, ?, ?, 'waiting', ?, 0) ON CONFLICT (key) DO UPDATE SET state = excluded.state,"
                f" due_ms = excluded.due_ms, status = {MORE}, failing_ms = NULL, version = version + 1",
                (key, provider, json.dumps(taken["pieces"]), at_ms, at_ms),
            )

    def enqueue(
        self,
        row: SessionRow,
        state: dict[str, Any],
        due_ms: int | None,
        body: dict[str, Any],
        audio: dict[str, Any],
        file: str,
        reason: str | None = None,
    ) -> bool:
        """A processed call goes on its way, and its session is handled: both or, where a push came
        meanwhile, neither. `reason`: what is missing of it."""
        data_id = body["dataId"]
        with self._write() as db:
            if not self._put_session(db, row, due_ms, "handled", reason, state):
                return False
            known = db.execute("SELECT state FROM posting WHERE data_id = ?", (data_id,)).fetchone()
            posting = steps.posting(body, audio, None if known is None else json.loads(known[0]))
            db.execute(
                "INSERT INTO posting (data_id, key, state, file, due_ms, status, warnings, version)"
                " VALUES (?, ?, ?, ?, ?, 'waiting', '[]', 0) ON CONFLICT (data_id) DO UPDATE SET state = excluded.state,"
                " file = excluded.file, due_ms = excluded.due_ms, status = 'waiting', reason = NULL, version = version + 1",
                (data_id, row.key, json.dumps(posting), file, now_ms()),
            )
            return True

    def due_postings(self, at_ms: int, limit: int = 32) -> list[PostingRow]:
        """Recordings of which a request may go."""
        query = "SELECT data_id, key, state, file, version FROM posting WHERE due_ms <= ? ORDER BY due_ms LIMIT ?"
        return [
            PostingRow(row[0], row[1], json.loads(row[2]), row[3], row[4]) for row in self._read(query, at_ms, limit)
        ]

    def put_posting(
        self,
        row: PostingRow,
        state: dict[str, Any],
        due_ms: int | None,
        status: str = "waiting",
        *,
        reason: str | None = None,
        answered: dict[str, Any] | None = None,
    ) -> PostingRow | None:
        """Stores a step of a posting; None where the call was made anew meanwhile. `answered`: what
        `steps.posting_answered` gave, for its `recordingId` and `warnings`; without it these stay
        as they are."""
        known = () if answered is None else (answered["recordingId"], json.dumps(answered["warnings"]))
        more = ", recording_id = ?, warnings = ?" if known else ""
        with self._write() as db:
            changed = db.execute(
                f"UPDATE posting SET state = ?, due_ms = ?, status = ?, reason = ?{more}, version = version + 1"
                " WHERE data_id = ? AND version = ?",
                (json.dumps(state), due_ms, status, reason, *known, row.data_id, row.version),
            )
            if changed.rowcount != 1:
                return None
            return PostingRow(row.data_id, row.key, state, row.file, row.version + 1)

    def revive(self) -> int:
        """Takes up what was refused for the key's sake, once there is another key; how many there
        were. Call it at a start: of what fails, the time since it was due does not count, as nobody
        looked at it."""
        failed = self._read("SELECT data_id, state, reason FROM posting WHERE status = 'failed'")
        postings = [(row[0], row[1]) for row in failed if steps.needs_another_key(row[2])]
        sessions = self._refused_sessions()
        with self._write() as db:
            db.execute(
                "UPDATE session SET failing_ms = failing_ms + ?1 - due_ms, due_ms = ?1"
                " WHERE failing_ms IS NOT NULL AND due_ms < ?1",
                (now_ms(),),
            )
            for data_id, text in postings:
                before = json.loads(text)
                state = steps.posting(before["body"], before["audio"], before)
                db.execute(
                    "UPDATE posting SET state = ?, due_ms = 0, status = 'waiting', reason = NULL, version = version + 1"
                    " WHERE data_id = ?",
                    (json.dumps(state), data_id),
                )
            for key, _, _ in sessions:
                query = "UPDATE session SET due_ms = 0, failure = NULL, failing_ms = NULL, version = version + 1 WHERE key = ?"
                db.execute(query, (key,))
        return len(postings) + len(sessions)

    def _refused_sessions(self) -> list[Any]:
        rows = self._read("SELECT key, provider, failure FROM session WHERE failure IS NOT NULL")
        return [row for row in rows if steps.needs_another_key(row[2])]

    def refused(self) -> dict[str, str]:
        """Whose key is refused, and how: a provider's, or `mcloud`."""
        refused = {provider: reason for _, provider, reason in self._refused_sessions()}
        failed = self._read("SELECT DISTINCT reason FROM posting WHERE status = 'failed' ORDER BY reason")
        keys = [reason for (reason,) in failed if steps.needs_another_key(reason)]
        return {**refused, "mcloud": keys[0]} if keys else refused

    def next_due(self, after_ms: int | None = None) -> int | None:
        """When something is to be done next, Unix milliseconds; of what is due later than
        `after_ms`, if it is given."""
        query = (
            "SELECT min(due_ms) FROM (SELECT due_ms FROM session UNION ALL SELECT due_ms FROM posting)"
            " WHERE ?1 IS NULL OR due_ms > ?1"
        )
        [[at]] = self._read(query, after_ms)
        return None if at is None else int(at)

    def files(self) -> set[str]:
        """The files that postings still need: those of postings that failed are sent once these are
        taken up again."""
        return {row[0] for row in self._read("SELECT file FROM posting WHERE status != 'done' AND file IS NOT NULL")}

    def given_up_files(self) -> set[str]:
        """Those of `files` whose postings were refused for good: only the same call, made anew,
        takes them up again."""
        query = "SELECT file, reason FROM posting WHERE status = 'failed' AND due_ms IS NULL AND file IS NOT NULL"
        return {file for file, reason in self._read(query) if not steps.needs_another_key(reason)}

    def unfinished(self) -> set[str]:
        """The keys of the sessions that wait or fail."""
        return {row[0] for row in self._read(f"SELECT key FROM session WHERE {HOW} = 'waiting' OR failure IS NOT NULL")}

    def note(self, name: str, value: str | None = None) -> str | None:
        """A note of a poller's, such as where it looked last; with a value, that is kept."""
        if value is not None:
            with self._write() as db:
                db.execute("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)", (name, value))
        rows = self._read("SELECT value FROM note WHERE name = ?", name)
        return rows[0][0] if rows else None

    def counts(self) -> dict[str, Any]:
        """How many sessions and postings are how far, how many looks fail and why, and how many
        stray pushes there are."""
        sessions = dict(self._read(f"SELECT {HOW}, count(*) FROM session GROUP BY {HOW}"))
        postings = dict(self._read("SELECT status, count(*) FROM posting GROUP BY status"))
        failing = dict(self._read("SELECT failure, count(*) FROM session WHERE failure IS NOT NULL GROUP BY failure"))
        stray = self._read("SELECT count(*) FROM stray")[0][0]
        return {"sessions": sessions, "postings": postings, "failing": failing, "stray": stray}

    def listed(self) -> list[dict[str, Any]]:
        """Every call that is not at MCloud, or not as it should be, with its reason."""
        rows = self._read("SELECT key, rtrim(status, '+'), reason FROM session WHERE reason IS NOT NULL ORDER BY key")
        sent = self._read(
            "SELECT key, status, reason, warnings FROM posting WHERE reason IS NOT NULL OR warnings != '[]' ORDER BY key"
        )
        rows += self._read("SELECT key, 'failing', failure FROM session WHERE failure IS NOT NULL ORDER BY key")
        listed = [{"key": key, "status": status, "reason": reason} for key, status, reason in rows]
        for key, status, reason, warnings in sent:
            listed.append({"key": key, "status": status, "reason": reason or ",".join(json.loads(warnings))})
        return listed
