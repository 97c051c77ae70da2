"""The rules of MCloud's documents, as the stand-in holds to them: keys and scopes, errors, bodies,
filters of the list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

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
"""The keys of the stand-in. Any other is `invalid_token`. The account is a member of B1 and B2, not
of B3."""

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


def need(token: Token, scope: str) -> None:
    if scope not in token.scopes and "manage_all" not in token.scopes:
        raise Refused("insufficient_scope", f"Token lacks '{scope}'")


def may_view(token: Token) -> None:
    if not {"view_recording_all", "view_recording_self", "manage_all"} & set(token.scopes):
        raise Refused("insufficient_scope", "Token lacks 'view_recording_all'")


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
        same = all(
            query.get(name) in (None, item.get(name)) for name in ("direction", "sourceProvider", "customerPhone")
        )
        at = instant(item["callAt"])
        since = "callDateFrom" not in query or instant(query["callDateFrom"]) <= at
        until = "callDateTo" not in query or at <= instant(query["callDateTo"])
        return same and since and until and query.get("search", "").lower() in item["dataId"].lower()

    return int(query.get("limit", "20")), int(query.get("offset", "0")), wanted
