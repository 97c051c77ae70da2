"""A small client of MCloud's Call Recording API."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from callweave.provider import mcloud

__all__ = ["Api", "ApiFailure"]


class ApiFailure(Exception):
    """An answer that a retry did not cure or could not."""

    def __init__(self, error: mcloud.ApiError) -> None:
        super().__init__(f"{error.status} {error.code}: {error.message}")
        self.error = error


@dataclass
class Api:
    """The API at `url`, such as `https://phone.mcloud.co.th/api/v1`."""

    url: str
    token: str
    business: str | None = None
    """Which business, where the token is an account's."""
    tries: int = 5
    pause_s: float = 1.0
    """The pause before the second try; each one after is twice as long."""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30.0))

    def create(self, body: mcloud.NewRecording) -> dict[str, Any]:
        """Posts a recording: its id and the address for its audio. Posting it again is the same recording."""
        made: dict[str, Any] = self._ask("POST", "/recordings", body)
        return made

    def patch(self, recording_id: str, body: mcloud.Review) -> None:
        """Adds a review to a recording."""
        self._ask("PATCH", f"/recordings/{recording_id}", body)

    def extract(self, recording_id: str) -> None:
        """Has the recording transcribed and summed up."""
        self._ask("POST", f"/recordings/{recording_id}/reextract", None)

    def upload(self, url: str, audio: bytes, content_type: str) -> None:
        """Puts the audio where `create` said."""
        answer = self._tried("PUT", url, {"Content-Type": content_type}, audio)
        if answer.status_code >= 300:
            raise ApiFailure(_error(answer))

    def _ask(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.business is not None:
            headers["X-Business-Id"] = self.business
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        answer = self._tried(method, self.url + path, headers, content)
        if answer.status_code >= 300:
            raise ApiFailure(_error(answer))
        return answer.json() if answer.content else None

    def _tried(self, method: str, url: str, headers: dict[str, str], content: bytes | None) -> httpx.Response:
        """The answer to a request that may be repeated, as all of these may."""
        pause = self.pause_s
        for left in reversed(range(self.tries)):
            try:
                answer = self.client.request(method, url, headers=headers, content=content)
            except httpx.TransportError:
                if left == 0:
                    raise
            else:
                error = mcloud.read_error(answer.status_code, answer.content)
                if error is None or not error.retryable or left == 0:
                    return answer
            time.sleep(pause)
            pause *= 2
        raise AssertionError("at least one try")


def _error(answer: httpx.Response) -> mcloud.ApiError:
    error = mcloud.read_error(answer.status_code, answer.content)
    return error or mcloud.ApiError(answer.status_code, None, False, "an unexpected redirect", False)
