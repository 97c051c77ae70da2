#!/usr/bin/env python3
"""A local stand-in for MCloud's Call Recording API, behaving as its documents say.

    python3 tests/servers/mcloud.py --port 0            prints its port, then serves

The documents leave some things open; what is done here about them:

- `POST /recordings` answers 201, for a `dataId` that is there already 200 with the same id and nothing changed.
- A field that is not documented is refused (422), so that tests notice what a service would quietly lose.
- The list begins with the newest call. `sourceProvider` of what came by this API is `upload`.
- `DELETE` answers 204, `reextract` 202.
- A 429 has no `Retry-After`.

Below `/_test` a test looks in and makes things go wrong; see `Mcloud.test_door`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from http_server import Handler, Server, port_argument

B1, B2, B3 = (f"b{n}000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
USER = "a1000000-0000-4000-8000-000000000001"
SCOPES = (
    "view_recording_all",
    "view_recording_self",
    "manage_recording_review",
    "manage_call_recording",
    "manage_recording_link",
)
TAGS = ("normal", "short", "wrong_or_spam", "other")
ERRORS = {
    "business_required": 400,
    "missing_token": 401,
    "invalid_token": 401,
    "token_disabled": 401,
    "insufficient_scope": 403,
    "forbidden_business": 403,
    "not_found": 404,
    "validation_failed": 422,
    "rate_limited": 429,
    "internal_error": 500,
}


@dataclass(frozen=True)
class Token:
    """A key: of one business, or of an account (`business` is None)."""

    business: str | None
    scopes: tuple[str, ...]
    disabled: bool = False
    user: str | None = None


TOKENS = {
    "crk_full": Token(B1, SCOPES),
    "crk_other": Token(B2, SCOPES),
    "crk_view": Token(B1, ("view_recording_all",)),
    "crk_self": Token(B1, ("view_recording_self",), user=USER),
    "crk_ingest": Token(B1, ("manage_call_recording",)),
    "crk_review": Token(B1, ("manage_recording_review",)),
    "crk_link": Token(B1, ("manage_recording_link",)),
    "crk_revoked": Token(B1, SCOPES, disabled=True),
    "crk_account": Token(None, ("manage_all",), user=USER),
}
"""The keys of the stand-in. Any other is `invalid_token`. The account is a member of B1 and B2, not of B3."""

BUSINESSES = {
    B1: {"id": B1, "name": "Acme Sales", "slug": "acme-sales"},
    B2: {"id": B2, "name": "Acme Support", "slug": "acme-support"},
}


class Refused(Exception):
    """An answer of the error table."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code)
        self.status = ERRORS[code]
        self.body = {"error": {"code": code, **({"message": message} if message else {})}}


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


def text(value: Any) -> bool:
    return isinstance(value, str)


def moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def score(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100


CREATE: dict[str, Callable[[Any], bool]] = {
    "dataId": lambda value: text(value) and value.strip() != "",
    "callAt": moment,
    "direction": lambda value: value in ("in", "out"),
    "customerPhone": text,
    "callcenterNumber": text,
    "callcenterName": text,
    "tag": lambda value: value in TAGS,
    "score": score,
    "note": text,
    "contentType": lambda value: text(value) and re.fullmatch(r"[\w.+-]+/[\w.+-]+(;.*)?", value) is not None,
    "audioPresignedUploadUrl": lambda value: isinstance(value, bool),
}
PATCH: dict[str, Callable[[Any], bool]] = {
    "score": score,
    "tag": lambda value: value in TAGS,
    "reviewComment": text,
    "note": text,
    "linkedUserId": lambda value: value is None or is_uuid(value),
}


def is_uuid(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def instant(value: str) -> float:
    """A moment for comparison; one without an offset is UTC."""
    read = datetime.fromisoformat(value)
    return (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).timestamp()


class Mcloud:
    """The API. `rate` requests in `window_s` seconds for each key."""

    url = ""

    def __init__(self, rate: int = 600, window_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.window_s, self.clock = rate, window_s, clock
        self.recordings: dict[str, Recording] = {}
        self.requests: list[str] = []
        self.faults: list[dict[str, Any]] = []
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
                with self._lock:
                    status, value = self.api(http, body)
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
        if fields.get("audioPresignedUploadUrl"):
            answer["uploadUrl"] = f"{self.url}/storage/{recording.id}?signature={signature(recording.id)}"
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
        if http.command != "PUT" or recording is None or http.query.get("signature") != signature(recording.id):
            http.close_connection = True
            return http.send(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", "application/xml")
        if "Content-Length" not in http.headers:
            http.close_connection = True
            return http.send(411)
        data = http.body()
        if data is not None:
            recording.audio, recording.audio_type = data, http.headers.get("Content-Type")
            http.send(200)

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
        """`POST /_test/fault`: `{"at": "POST /recordings", "code": "internal_error", "times": 2}`, or
        `{"at": "PUT /storage", "after": 1000}` for an upload that breaks off behind so many bytes.
        `POST /_test/rate`: `{"rate": 3, "windowS": 1}`. `GET /_test/state`: requests and recordings."""
        body = json.loads(http.body() or b"{}")
        with self._lock:
            if http.route == "/_test/fault":
                self.faults.append(body)
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


def need(token: Token, scope: str) -> None:
    if scope not in token.scopes and "manage_all" not in token.scopes:
        raise Refused("insufficient_scope", f"Token lacks '{scope}'")


def may_view(token: Token) -> None:
    if not {"view_recording_all", "view_recording_self", "manage_all"} & set(token.scopes):
        raise Refused("insufficient_scope", "Token lacks 'view_recording_all'")


def visible(recording: Recording, token: Token) -> bool:
    """Whether a key that may view sees a recording: all of its business, or those linked to its user."""
    whole = bool({"view_recording_all", "manage_all"} & set(token.scopes))
    return whole or (token.user is not None and recording.linked_user == token.user)


def fields_of(body: bytes | None, known: dict[str, Callable[[Any], bool]], required: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a body, checked."""
    try:
        fields = json.loads(body or b"null")
    except ValueError:
        raise Refused("validation_failed", "Body is not JSON") from None
    if not isinstance(fields, dict):
        raise Refused("validation_failed", "Body is not an object")
    wrong = [name for name in required if name not in fields]
    wrong += [name for name, value in fields.items() if name not in known or not known[name](value)]
    if wrong:
        raise Refused("validation_failed", f"Wrong or missing: {', '.join(wrong)}")
    return fields


def filters(query: dict[str, str]) -> tuple[int, int, Callable[[dict[str, Any]], bool]]:
    """Limit, offset and what a listed recording has to be."""
    checks: dict[str, Callable[[str], bool]] = {
        "limit": lambda value: value.isdigit() and 1 <= int(value) <= 200,
        "offset": str.isdigit,
        "direction": lambda value: value in ("in", "out"),
        "sourceProvider": lambda value: value in ("threecx", "dtac", "upload"),
        "callDateFrom": moment,
        "callDateTo": moment,
    }
    wrong = [name for name, value in query.items() if name in checks and not checks[name](value)]
    if wrong:
        raise Refused("validation_failed", f"Wrong: {', '.join(wrong)}")

    def wanted(item: dict[str, Any]) -> bool:
        same = all(query.get(name) in (None, item.get(name)) for name in ("direction", "sourceProvider", "customerPhone"))
        at = instant(item["callAt"])
        since = "callDateFrom" not in query or instant(query["callDateFrom"]) <= at
        until = "callDateTo" not in query or at <= instant(query["callDateTo"])
        return same and since and until and query.get("search", "").lower() in item["dataId"].lower()

    return int(query.get("limit", "20")), int(query.get("offset", "0")), wanted


if __name__ == "__main__":
    parser = port_argument("A local stand-in for MCloud's Call Recording API.")
    parser.add_argument("--rate", type=int, default=600, help="requests of a key in a window")
    parser.add_argument("--window", type=float, default=60.0, help="the window in seconds")
    arguments = parser.parse_args()
    Server(Mcloud(arguments.rate, arguments.window), arguments.port).run()
