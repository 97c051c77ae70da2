"""What MCloud's Call Recording API takes and answers: bodies, ids, queries, errors. Sending is the
caller's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, TypedDict

from callweave._record import Record, camel
from callweave.provider._ask import ask, text_of
from callweave.report import Report

if TYPE_CHECKING:
    from callweave.provider import DescribedCall, Document, Sound

__all__ = [
    "ApiError",
    "NewRecording",
    "Review",
    "create_body",
    "data_id",
    "e164",
    "error",
    "list_query",
    "patch_body",
    "read_error",
    "recording",
]

Tag: TypeAlias = Literal["normal", "short", "wrong_or_spam", "other"]
Moment: TypeAlias = str | float | datetime
"""RFC 3339, Unix seconds, or a datetime with its zone."""


class NewRecording(TypedDict):
    """The body of `POST /recordings`."""

    dataId: str
    callAt: str
    direction: Literal["in", "out"]
    audioPresignedUploadUrl: bool
    contentType: NotRequired[str]
    customerPhone: NotRequired[str]
    callcenterNumber: NotRequired[str]
    callcenterName: NotRequired[str]
    tag: NotRequired[Tag]
    score: NotRequired[float]
    note: NotRequired[str]


class Review(TypedDict, total=False):
    """The body of `PATCH /recordings/{id}`."""

    score: float
    tag: Tag
    reviewComment: str
    note: str
    linkedUserId: str | None


@dataclass(frozen=True)
class ApiError(Record):
    """An answer of the API that is not a success."""

    status: int
    code: str | None
    """The code as it was sent."""
    known: bool
    """Whether it is one of the API's table."""
    message: str | None
    retryable: bool
    """Whether the same request can succeed later."""


def _moment(value: Moment | None) -> str | float | None:
    return value.isoformat() if isinstance(value, datetime) else value


def _written(**options: Any) -> dict[str, Any]:
    """Options under the names of the core; those left out are left out."""
    return {camel(name): value for name, value in options.items() if value is not None}


def _processed(report: Report | None, call: DescribedCall | None) -> dict[str, Any]:
    return {
        "report": None if report is None else report.to_json(),
        "document": None if call is None else call._document,
    }


def create_body(
    report: Report | None,
    call: DescribedCall | None = None,
    *,
    data_id: str | None = None,
    call_at: Moment | None = None,
    utc_offset: str | None = None,
    direction: Literal["in", "out"] | None = None,
    country_code: str | None = None,
    trunk_prefix: str | None = None,
    customer_phone: str | None = None,
    callcenter_number: str | None = None,
    callcenter_name: str | None = None,
    tag: Tag | None = None,
    score: float | None = None,
    note: str | None = None,
    content_type: str | None = None,
    upload: bool | None = None,
) -> NewRecording:
    """The body of `POST /recordings` for a processed call: its tag, its start, its parties, an id
    derived from its own.

    `call` adds what a report does not hold: ids of recordings, the customer of a mixed recording.
    `country_code` and `trunk_prefix` say how national numbers are dialled (`"66"` and `"0"`).
    `utc_offset` is the offset in which `callAt` is written.

    >>> report = callweave.analyze("fixtures/tencent-transfer/pushes.json")
    >>> body = create_body(report, direction="in", country_code="44", trunk_prefix="0", utc_offset="+07:00")
    >>> body["dataId"], body["callAt"]
    ('tencent_dc2d0354eceb453ac40ec7bdd4b09654', '2026-05-21T09:40:09+07:00')
    """
    options = _written(
        data_id=data_id,
        call_at=_moment(call_at),
        utc_offset=utc_offset,
        direction=direction,
        country_code=country_code,
        trunk_prefix=trunk_prefix,
        customer_phone=customer_phone,
        callcenter_number=callcenter_number,
        callcenter_name=callcenter_name,
        tag=tag,
        score=score,
        note=note,
        content_type=content_type,
        upload=upload,
    )
    body: NewRecording = ask("createBody", {**_processed(report, call), "options": options})
    return body


def patch_body(
    report: Report | None = None,
    *,
    score: float | None = None,
    tag: Tag | None = None,
    review_comment: str | None = None,
    note: str | None = None,
    linked_user_id: str | None | EllipsisType = ...,
    overwrite_tag: bool = False,
) -> Review:
    """The body of `PATCH /recordings/{id}`. The tag is a reviewer's: it is left out unless one is
    given or `overwrite_tag` asks for that of the report. `linked_user_id=None` unlinks.

    >>> patch_body(note="checked")
    {'note': 'checked'}
    """
    options = _written(score=score, tag=tag, review_comment=review_comment, note=note)
    if linked_user_id is not ...:
        options["linkedUserId"] = linked_user_id
    options["overwriteTag"] = overwrite_tag
    body: Review = ask("patchBody", {**_processed(report, None), "options": options})
    return body


def data_id(report: Report | None = None, call: DescribedCall | None = None) -> str:
    """The id under which a call is posted: the same whenever it is the same call, and nobody's
    number or address."""
    made: str = ask("dataId", _processed(report, call))
    return made


def error(code: str) -> ApiError:
    """A code of the API's table, with its status and whether a retry can help.

    >>> error("rate_limited").retryable, error("insufficient_scope").retryable
    (True, False)
    """
    return ApiError.from_dict(ask("apiCode", {"text": code}))


def read_error(status: int, body: str | bytes = b"") -> ApiError | None:
    """The error in an answer of the API; `None` for a success.

    >>> read_error(403, b'{"error": {"code": "insufficient_scope"}}').code
    'insufficient_scope'
    """
    found = ask("apiError", {"status": status, "body": text_of(body, errors="replace")})
    return None if found is None else ApiError.from_dict(found)


def list_query(
    *,
    limit: int | None = None,
    offset: int | None = None,
    direction: Literal["in", "out"] | None = None,
    source_provider: Literal["threecx", "dtac", "upload"] | None = None,
    call_date_from: Moment | None = None,
    call_date_to: Moment | None = None,
    customer_phone: str | None = None,
    search: str | None = None,
) -> str:
    """The query of `GET /recordings`, checked and percent-encoded, without its question mark.

    >>> list_query(limit=10, direction="in")
    'limit=10&direction=in'
    """
    options = _written(
        limit=limit,
        offset=offset,
        direction=direction,
        source_provider=source_provider,
        call_date_from=_moment(call_date_from),
        call_date_to=_moment(call_date_to),
        customer_phone=customer_phone,
        search=search,
    )
    query: str = ask("listQuery", options)
    return query


def e164(text: str, country_code: str | None = None, trunk_prefix: str | None = None) -> str | None:
    """A telephone number in E.164, if it can be had.

    >>> e164("0812345678", "66", "0")
    '+66812345678'
    """
    number: str | None = ask("e164", {"text": text, "countryCode": country_code, "trunkPrefix": trunk_prefix})
    return number


def recording(document: Document, audio: Sound | None = None) -> DescribedCall:
    """The call of a recording as `GET /recordings/{id}` gives it."""
    from callweave.provider import DescribedCall

    described = DescribedCall({"kind": "mcloud", "text": text_of(document)})
    if audio is None:
        return described
    facts = described.described
    return described.with_audio({facts.recordings[0].leg.recording_id or facts.call.id or "": audio})
