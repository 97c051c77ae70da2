#!/usr/bin/env python3
"""A local stand-in for MCloud's Call Recording API, behaving as its documents say.

    python3 tests/servers/mcloud.py --port 0            prints its port, then serves

The documents leave some things open; what is done here about them:

- `POST /recordings` answers 201, for a `dataId` that is there already 200 with the same id and
  nothing changed.
- A field that is not documented is refused (422), so that tests notice what a service would quietly
  lose.
- The list begins with the newest call. `sourceProvider` of what came by this API is `upload`.
- `DELETE` answers 204, `reextract` 202.
- A 429 of its own rate has no `Retry-After`.

It can be nasty (`POST /_test/nasty`): requests fail as `Nasty` of http_server.py says, addresses to
upload to expire (`expired`) and repeated posts give none (`stingy`), a share of them each.

Below `/_test` a test looks in and makes things go wrong; see `Mcloud.test_door`.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from http_server import Handler, Nasty, Server, port_argument
from mcloud_rules import BUSINESSES, CREATE, PATCH, TOKENS, Refused, Token, fields_of, filters, instant, may_view, need


@dataclass
class Recording:
    """A recording, and what became of its audio."""

    business: str
    fields: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    audio: bytes | None = None
    audio_type: str | None = None
    linked_user: str | None = None
    deleted: bool = False
    extractions: int = 0

    def item(self) -> dict[str, Any]:
        """As `GET /recordings` gives it."""
        shown = {name: value for name, value in self.fields.items() if name != "audioPresignedUploadUrl"}
        status = "pending" if self.audio is None else "processing" if self.extractions else "uploaded"
        urls = {f"{what}Url": f"/api/recording/{what}/{self.id}" for what in ("audio", "transcript", "summary")}
        return {"id": self.id, **shown, "sourceProvider": "upload", "processingStatus": status, **urls}


class Mcloud:
    """The API. `rate` requests in `window_s` seconds for each key."""

    url = ""

    def __init__(self, rate: int = 600, window_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.window_s, self.clock = rate, window_s, clock
        self.recordings: dict[str, Recording] = {}
        self.requests: list[str] = []
        self.faults: list[dict[str, Any]] = []
        self.nasty, self.stingy, self.expired = Nasty(), 0.0, 0.0
        self.most_of_a_data_id: dict[tuple[str, str], int] = {}
        self._chance = random.Random(7)
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.RLock()

    def answer(self, http: Handler) -> None:
        """Answers one request."""
        try:
            if http.route.startswith("/_test/"):
                self.test_door(http)
            elif http.route.startswith("/storage/"):
                self.upload(http)
            else:
                with self._lock:
                    self.requests.append(f"{http.command} {http.route}")
                body = http.body()
                what = self.nasty.draw()
                if http.befallen(what):
                    return
                with self._lock:
                    status, value = self.api(http, body)
                    self.count()
                if what is not None:
                    return http.send_badly(what, status, b"" if value is None else json.dumps(value).encode())
                http.send(204) if value is None else http.send_json(status, value)
        except Refused as refused:
            http.send_json(refused.status, refused.body)

    def api(self, http: Handler, body: bytes | None) -> tuple[int, Any]:
        """An endpoint's status and answer."""
        token = self.token(http)
        self.fault(http)
        route = http.route.removeprefix("/api/v1")
        if route == http.route:
            raise Refused("not_found")
        if (http.command, route) == ("GET", "/meta/whoami"):
            return 200, self.whoami(token)
        if not re.fullmatch(r"/recordings(/[^/]+(/reextract)?)?", route):
            raise Refused("not_found")
        business = self.business(http, token)
        _, _, recording_id, *action = f"{route}/".split("/")
        match (http.command, recording_id, action[:1]):
            case ("GET", "", _):
                return 200, self.list(http.query, business, token)
            case ("POST", "", _):
                need(token, "manage_call_recording")
                return self.create(fields_of(body, CREATE, ("dataId", "callAt", "direction")), business)
            case ("GET", _, [""]):
                return 200, self.seen(recording_id, business, token).item()
            case ("PATCH", _, [""]):
                return 200, self.review(recording_id, body, business, token)
            case ("DELETE", _, [""]):
                need(token, "manage_call_recording")
                self.found(recording_id, business).deleted = True
                return 204, None
            case ("POST", _, ["reextract"]):
                need(token, "manage_call_recording")
                recording = self.found(recording_id, business)
                recording.extractions += 1
                return 202, {"id": recording.id, "processingStatus": "processing"}
        raise Refused("not_found")

    def count(self) -> None:
        """Notes the most recordings that there ever were of a `dataId`."""
        now: dict[tuple[str, str], int] = defaultdict(int)
        for recording in self.recordings.values():
            if not recording.deleted:
                now[recording.business, recording.fields["dataId"]] += 1
        for key, many in now.items():
            self.most_of_a_data_id[key] = max(many, self.most_of_a_data_id.get(key, 0))

    def token(self, http: Handler) -> Token:
        """The key of a request, within its rate."""
        header = http.headers.get("Authorization")
        if not header:
            raise Refused("missing_token")
        name = header.removeprefix("Bearer ")
        token = TOKENS.get(name) if name != header else None
        if token is None:
            raise Refused("invalid_token", "Token is wrong or expired")
        if token.disabled:
            raise Refused("token_disabled", "Token was revoked")
        recent, now = self._recent[name], self.clock()
        while recent and recent[0] <= now - self.window_s:
            recent.popleft()
        if len(recent) >= self.rate:
            raise Refused("rate_limited", f"More than {self.rate} requests")
        recent.append(now)
        return token

    def business(self, http: Handler, token: Token) -> str:
        """The business a data endpoint works on."""
        if token.business is not None:
            return token.business
        wanted = (http.headers.get("X-Business-Id") or "").strip()
        if not wanted:
            raise Refused("business_required", "X-Business-Id is required")
        if wanted not in BUSINESSES:
            raise Refused("forbidden_business", "Not a business of yours")
        return wanted

    def whoami(self, token: Token) -> dict[str, Any]:
        if token.business is None:
            listed = list(BUSINESSES.values())
            return {"level": "account", "userId": token.user, "scopes": ["manage_all"], "businesses": listed}
        return {"level": "business", "business": BUSINESSES[token.business], "scopes": list(token.scopes)}

    def list(self, query: dict[str, str], business: str, token: Token) -> dict[str, Any]:
        may_view(token)
        limit, offset, wanted = filters(query)
        seen = [r for r in self.recordings.values() if r.business == business and not r.deleted and visible(r, token)]
        chosen = [r for r in seen if wanted(r.item())]
        chosen.sort(key=lambda r: (-instant(r.fields["callAt"]), r.fields["dataId"]))
        page = [r.item() for r in chosen[offset : offset + limit]]
        return {"items": page, "total": len(chosen), "limit": limit, "offset": offset}

    def create(self, fields: dict[str, Any], business: str) -> tuple[int, dict[str, Any]]:
        same = (r for r in self.recordings.values() if r.business == business and not r.deleted)
        recording = next((r for r in same if r.fields["dataId"] == fields["dataId"]), None)
        status = 200 if recording else 201
        if recording is None:
            recording = Recording(business, {"contentType": "audio/wav", **fields})
            self.recordings[recording.id] = recording
        answer = {"id": recording.id, "dataId": recording.fields["dataId"]}
        if fields.get("audioPresignedUploadUrl") and not (status == 200 and self._chance.random() < self.stingy):
            expired = "&expired=1" if self._chance.random() < self.expired else ""
            answer["uploadUrl"] = f"{self.url}/storage/{recording.id}?signature={signature(recording.id)}{expired}"
        return status, answer

    def review(self, recording_id: str, body: bytes | None, business: str, token: Token) -> dict[str, Any]:
        if not {"manage_recording_review", "manage_recording_link", "manage_all"} & set(token.scopes):
            need(token, "manage_recording_review")
        recording = self.found(recording_id, business)
        fields = fields_of(body, PATCH, ())
        if "linkedUserId" in fields:
            need(token, "manage_recording_link")
            recording.linked_user = fields.pop("linkedUserId")
        if fields:
            need(token, "manage_recording_review")
            recording.fields.update(fields)
        return recording.item()

    def found(self, recording_id: str, business: str) -> Recording:
        recording = self.recordings.get(recording_id)
        if recording is None or recording.deleted or recording.business != business:
            raise Refused("not_found", "No such recording")
        return recording

    def seen(self, recording_id: str, business: str, token: Token) -> Recording:
        may_view(token)
        recording = self.found(recording_id, business)
        if not visible(recording, token):
            raise Refused("not_found", "No such recording")
        return recording

    def upload(self, http: Handler) -> None:
        """The storage behind a presigned address: no key, only the signature counts."""
        recording = self.recordings.get(http.route.removeprefix("/storage/"))
        fault = self.next_fault("PUT /storage")
        if fault is not None:
            http.rfile.read(min(fault.get("after", 0), int(http.headers.get("Content-Length", "0"))))
            http.close_connection = True
            http.connection.close()
            return
        what = self.nasty.draw()
        if what is not None:
            # A body that is not read: the next request cannot follow on this connection.
            http.close_connection = True
            if what != "lost":
                return None if http.befallen(what) else http.reset()
        signed = recording is not None and http.query.get("signature") == signature(recording.id)
        if http.command != "PUT" or recording is None or not signed or "expired" in http.query:
            http.close_connection = True
            return http.send(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", "application/xml")
        if "Content-Length" not in http.headers:
            http.close_connection = True
            return http.send(411)
        data = http.body()
        if data is not None:
            recording.audio, recording.audio_type = data, http.headers.get("Content-Type")
            http.reset() if what == "lost" else http.send(200)

    def next_fault(self, at: str) -> dict[str, Any] | None:
        """The fault that is due at a place."""
        with self._lock:
            due = next((fault for fault in self.faults if fault["at"] == at), None)
            if due is not None:
                due["times"] = due.get("times", 1) - 1
                if due["times"] <= 0:
                    self.faults.remove(due)
            return due

    def fault(self, http: Handler) -> None:
        fault = self.next_fault(f"{http.command} {http.route.removeprefix('/api/v1')}")
        if fault is not None:
            raise Refused(fault["code"], "as asked for")

    def test_door(self, http: Handler) -> None:
        """`POST /_test/fault`: `{"at": "POST /recordings", "code": "internal_error", "times": 2}`,
        or `{"at": "PUT /storage", "after": 1000}` for an upload that breaks off behind so many
        bytes. `POST /_test/rate`: `{"rate": 3, "windowS": 1}`. `POST /_test/nasty`: `{"share": 0.2,
        "seed": 1, "stingy": 0.5, "expired": 0.1}`. `POST /_test/review`: `{"dataId": "a", "fields":
        {"tag": "other"}}`. `GET /_test/state`: requests and recordings."""
        body = json.loads(http.body() or b"{}")
        with self._lock:
            if http.route == "/_test/fault":
                self.faults.append(body)
            elif http.route == "/_test/nasty":
                self.nasty = Nasty(body.get("share", 0.0), body.get("seed", 0))
                self.stingy, self.expired = body.get("stingy", 0.0), body.get("expired", 0.0)
            elif http.route == "/_test/review":
                for recording in self.recordings.values():
                    if recording.fields["dataId"] == body["dataId"] and not recording.deleted:
                        recording.fields.update(body["fields"])
            elif http.route == "/_test/rate":
                self.rate, self.window_s = body["rate"], body["windowS"]
            recordings = [
                {
                    **recording.item(),
                    "business": recording.business,
                    "audioBytes": len(recording.audio or b""),
                    "audioType": recording.audio_type,
                    "audioSha256": hashlib.sha256(recording.audio or b"").hexdigest(),
                    "extractions": recording.extractions,
                    "deleted": recording.deleted,
                }
                for recording in self.recordings.values()
            ]
            http.send_json(200, {"requests": self.requests, "recordings": recordings})


def signature(recording_id: str) -> str:
    return hashlib.sha256(f"stand-in:{recording_id}".encode()).hexdigest()[:32]


def visible(recording: Recording, token: Token) -> bool:
    """Whether a key that may view sees a recording: all of its business, or those linked to its
    user."""
    whole = bool({"view_recording_all", "manage_all"} & set(token.scopes))
    return whole or (token.user is not None and recording.linked_user == token.user)


if __name__ == "__main__":
    parser = port_argument("A local stand-in for MCloud's Call Recording API.")
    parser.add_argument("--rate", type=int, default=600, help="requests of a key in a window")
    parser.add_argument("--window", type=float, default=60.0, help="the window in seconds")
    arguments = parser.parse_args()
    Server(Mcloud(arguments.rate, arguments.window), arguments.port).run()
