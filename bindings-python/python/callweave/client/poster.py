"""Brings what an outbox holds to MCloud, request by request, within the rate."""

from __future__ import annotations

import threading
from typing import Any

import httpx

from callweave.client import steps
from callweave.client.guard import Guard, Refused
from callweave.client.outbox import Outbox, PostingRow, now_ms
from callweave.client.send import FAILED, Answered, send, send_async
from callweave.errors import Error

__all__ = ["Poster"]


def _code(error: Exception) -> str:
    """Why a step failed, by a stable code without a word of what it was about."""
    if isinstance(error, Refused):
        return "address_refused"
    if isinstance(error, Error):
        return f"posting_{error.code}"
    return "mix_unreadable" if isinstance(error, OSError) else f"posting_{type(error).__name__}"


class Poster:
    """The postings of an outbox. `api`: `token`, `base`, `business`, as `steps` takes them;
    `guard`: of the addresses to upload to, which come in answers."""

    def __init__(
        self, outbox: Outbox, api: dict[str, Any], *, guard: Guard | None = None, policy: dict[str, Any] | None = None
    ) -> None:
        self.outbox, self.api, self.guard, self.policy = outbox, api, guard or Guard(), policy
        self._pacing: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def step(self, client: httpx.Client, row: PostingRow) -> str | None:
        """Sends the next request of a posting. It is stored before the request goes and behind its
        answer; a step that fails is stored as `failed` with its reason and with the time of its
        next try. Returns that reason."""
        try:
            if (asked := self._asked(row)) is not None:
                row, request, file = asked
                answer = send(client, request, file, self.guard if file else None)
                return self._answered(row, answer, of_api=file is None)
        except Exception as error:
            return self._failed(row, error)
        return None

    async def step_async(self, client: httpx.AsyncClient, row: PostingRow) -> str | None:
        """`step` without blocking."""
        try:
            if (asked := self._asked(row)) is not None:
                row, request, file = asked
                answer = await send_async(client, request, file, self.guard if file else None)
                return self._answered(row, answer, of_api=file is None)
        except Exception as error:
            return self._failed(row, error)
        return None

    def _failed(self, row: PostingRow, error: Exception) -> str:
        """Stores that a step failed here, and not at a server: it is tried again as slowly as one
        that failed there."""
        at = now_ms()
        try:
            answered = steps.posting_answered(row.state, dict(FAILED), at, self.policy)
        except Error:
            self.outbox.put_posting(row, row.state, None, "failed", reason=_code(error))
            return _code(error)
        wait = answered["next"].get("waitMs")
        self.outbox.put_posting(
            row, answered["posting"], None if wait is None else int(at + wait) + 1, "failed", reason=_code(error),
            answered=answered,
        )  # fmt: skip
        return _code(error)

    def _asked(self, row: PostingRow) -> tuple[PostingRow, dict[str, Any], str | None] | None:
        asked = steps.posting_request(row.state, self.api)
        request, file = asked["request"], row.file if asked["uploads"] else None
        if request is None:
            self.outbox.put_posting(row, asked["posting"], None, "done")
            return None
        if file is None and (wait := self._pace()) > 0:
            self.outbox.put_posting(row, row.state, now_ms() + wait)
            return None
        stored = self.outbox.put_posting(row, asked["posting"], now_ms())
        return None if stored is None else (stored, request, file)

    def _pace(self) -> int:
        """The milliseconds until a request may go; a place that is not free yet is not taken."""
        with self._lock:
            paced = steps.pace(self._pacing, now_ms())
            if paced["waitMs"] <= 0:
                self._pacing = paced["pacing"]
            return int(paced["waitMs"])

    def _answered(self, row: PostingRow, answer: Answered, *, of_api: bool) -> str | None:
        at = now_ms()
        answered = steps.posting_answered(row.state, dict(answer), at, self.policy)
        what, posting = answered["next"], answered["posting"]
        if of_api:
            self._hold(answer, what, at)
        match what["next"]:
            case "done":
                self.outbox.put_posting(row, posting, None, "done", answered=answered)
            case "stop":
                reason = str(what["reason"])
                self.outbox.put_posting(row, posting, None, "failed", reason=reason, answered=answered)
                return reason
            case _:
                self.outbox.put_posting(row, posting, int(at + what["waitMs"]), answered=answered)
        return None

    def _hold(self, answer: Answered, what: dict[str, Any], at: int) -> None:
        """What the API says of its load holds for all postings. The storage behind it is another
        server."""
        asked = steps.judge("mcloud", dict(answer), at).get("waitMs")
        hold = what.get("waitMs") if asked is None and answer["status"] == 429 else asked
        if hold is not None:
            with self._lock:
                self._pacing = steps.pace(self._pacing, at, hold)["pacing"]
