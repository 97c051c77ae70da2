"""Asks providers: within a rate, and later where one cannot answer now."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

import callweave
from callweave.client import Later, send, steps

__all__ = ["Asks", "NoList", "Refusal"]

T = TypeVar("T")


class NoList(Later):
    """What is asked for cannot be had for now: `reason` is a stable code."""

    def __init__(self, wait_ms: float, reason: str) -> None:
        super().__init__(wait_ms)
        self.reason = reason


class Refusal(Exception):
    """A provider refuses: `reason` is a stable code. It is the key's fault where another key ends
    it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.of_key = steps.needs_another_key(reason)


class Asks:
    """Requests to providers, one try each. `key` names the work whose tries are counted, until it
    is forgotten."""

    def __init__(self, client: httpx.Client, policy: dict[str, Any] | None) -> None:
        self._client, self._policy = client, policy
        self._pacing: dict[str, dict[str, Any]] = {}
        self._retries: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def ask(
        self, of: str, key: str, request: dict[str, Any], read: Callable[[str], T], since_ms: int | None = None
    ) -> T | None:
        """What `read` makes of the answer's body; None where there is nothing, or nothing yet.

        Raises `NoList` where the same request can succeed later, or its answer makes no sense, and
        `Refusal`.
        """
        with self._lock:
            paced = steps.pace(self._pacing.get(of), _now_ms())
            if paced["waitMs"] > 0:
                raise NoList(paced["waitMs"], "list_unreachable")
            self._pacing[of] = paced["pacing"]
        answer = send(self._client, request)
        judged = steps.judge(of, dict(answer), _now_ms(), since_ms)
        match judged["judgement"]:
            case "done":
                try:
                    return read(answer["body"])
                except (callweave.Error, ValueError, KeyError, TypeError, AttributeError) as error:
                    raise NoList(self.wait_ms(key), "list_unreadable") from error
            case "early" | "gone":
                return None
            case "refused":
                raise Refusal(judged["reason"])
            case _:
                pass
        wait_ms = self.wait_ms(key, judged)
        # What a provider says of its load holds for all that is asked of it.
        hold_ms = wait_ms if answer["status"] == 429 else judged["waitMs"]
        if hold_ms is not None:
            with self._lock:
                self._pacing[of] = steps.pace(self._pacing[of], _now_ms(), hold_ms)["pacing"]
        raise NoList(wait_ms, "list_unreachable")

    def wait_ms(self, key: str, judged: dict[str, Any] | None = None) -> float:
        """Counts a try that failed: how long to wait for the next."""
        with self._lock:
            before = self._retries.get(key) or {"seed": zlib.crc32(key.encode())}
            step = steps.next_try(before, judged or {"judgement": "again", "waitMs": None}, _now_ms(), self._policy)
            self._retries[key] = step["retries"]
        return float(step["next"]["waitMs"])

    def forget(self, key: str) -> None:
        """The work succeeded, or is over: the next failure is its first."""
        with self._lock:
            self._retries.pop(key, None)


def _now_ms() -> int:
    return int(time.time() * 1000)
