"""Asks providers: within a rate, and later where one cannot answer now."""

from __future__ import annotations

import threading
import time
import zlib
from typing import Any

import httpx

from callweave.client import Later, send, steps

__all__ = ["Asks", "Refusal"]


class Refusal(Exception):
    """A provider refuses: `reason` is a stable code. It is the key's fault where another key ends it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.of_key = steps.needs_another_key(reason)


class Asks:
    """Requests to providers, one try each. `key` names the work whose tries are counted."""

    def __init__(self, client: httpx.Client, policy: dict[str, Any] | None) -> None:
        self._client, self._policy = client, policy
        self._pacing: dict[str, dict[str, Any]] = {}
        self._retries: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def ask(self, of: str, key: str, request: dict[str, Any], since_ms: int | None = None) -> tuple[str, str]:
        """What the answer means (`done`, `early`, `gone`) and its body.

        Raises `Later` where the same request can succeed later, and `Refusal`.
        """
        with self._lock:
            paced = steps.pace(self._pacing.get(of), _now_ms())
            if paced["waitMs"] > 0:
                raise Later(paced["waitMs"])
            self._pacing[of] = paced["pacing"]
        answer = send(self._client, request)
        judged = steps.judge(of, dict(answer), _now_ms(), since_ms)
        meaning = str(judged["judgement"])
        if meaning != "again":
            self.forget(key)
        if meaning in ("done", "early", "gone"):
            return meaning, answer["body"]
        if meaning == "refused":
            raise Refusal(judged["reason"])
        wait_ms = self.wait_ms(key, judged)
        if answer["status"] == 429:
            with self._lock:
                self._pacing[of] = steps.pace(self._pacing[of], _now_ms(), wait_ms)["pacing"]
        raise Later(wait_ms)

    def wait_ms(self, key: str, judged: dict[str, Any] | None = None) -> float:
        """Counts a try that failed: how long to wait for the next."""
        with self._lock:
            before = self._retries.get(key) or {"seed": zlib.crc32(key.encode())}
            step = steps.next_try(before, judged or {"judgement": "again", "waitMs": None}, _now_ms(), self._policy)
            self._retries[key] = step["retries"]
        return float(step["next"]["waitMs"])

    def forget(self, key: str) -> None:
        """The work succeeded: the next failure is its first."""
        with self._lock:
            self._retries.pop(key, None)


def _now_ms() -> int:
    return int(time.time() * 1000)
