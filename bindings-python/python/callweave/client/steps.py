"""The core's steps: requests as values, policy, sessions, postings. JSON values in, JSON values
out.

Every function asks the core and does nothing of its own. States (`session`, `pieces`, `posting`,
`retries`, `pacing`) are what the function before gave; store them as they are.
"""

from __future__ import annotations

from typing import Any

from callweave.provider._ask import ask

Json = dict[str, Any]


def _given(**arguments: Any) -> Json:
    return {name: value for name, value in arguments.items() if value is not None}


def mcloud_request(endpoint: str, api: Json | None = None, **more: Any) -> Json:
    """A request of MCloud's API. `endpoint`: whoami, list, create, recording, upload, review,
    delete, reextract; `api`: `token`, `base`, `business`; `more`: `id`, `query`, `body`,
    `uploadUrl`, `contentType`, each where the endpoint uses it.

    >>> mcloud_request("whoami", {"token": "crk_1"})["url"]
    'https://phone.mcloud.co.th/api/v1/meta/whoami'
    """
    request: Json = ask("mcloudRequest", _given(endpoint=endpoint, api=api, **more))
    return request


def mcloud_answer(endpoint: str, body: str) -> Any:
    """What an answer of MCloud's says: a key's scopes, a page, a recording with its
    `processing`."""
    return ask("mcloudAnswer", {"endpoint": endpoint, "body": body})


def wellcloud_request(endpoint: str, id: str, api: Json, download: bool | None = None) -> Json:
    """A request of Wellcloud's: `recordings` and `audioOfCall` by a call's id, `audio` by a
    recording's."""
    request: Json = ask("wellcloudRequest", _given(endpoint=endpoint, id=id, api=api, download=download))
    return request


def wellcloud_list(status: int, body: str) -> Json:
    """The `rows` of a list, or the code of its `refusal`."""
    answer: Json = ask("wellcloudList", {"status": status, "body": body})
    return answer


def voipbin_request(endpoint: str, api: Json, **more: Any) -> Json:
    """A request of VoIPBin's. `endpoint`: recordings, recording, recordingFile, recordingStart;
    `api`: `token` or `accessKey`, `base`; `more`: `id`, `pageSize`, `pageToken`, `start`."""
    request: Json = ask("voipbinRequest", _given(endpoint=endpoint, api=api, **more))
    return request


def voipbin_page(body: str) -> Json:
    """The `records` of a page, when each was made (`createdMs`, None where it does not say), and
    its `nextPageToken`; None behind the last. `overlappingToken` gives once more what has the very
    time at which the page ends."""
    page: Json = ask("voipbinPage", {"body": body})
    return page


def content_type(head: bytes) -> str:
    """The MIME type of a recording by its first bytes.

    >>> content_type(b"fLaC")
    'audio/flac'
    """
    kind: str = ask("contentType", {"head": list(head[:4096])})
    return kind


def is_text(head: bytes) -> bool:
    """Whether what begins with these bytes is a text and no recording: a page, an error as JSON.

    >>> is_text(b"<html>")
    True
    """
    text: bool = ask("isText", {"head": list(head[:4096])})
    return text


def judge(of: str, answer: Json, now_ms: int, since_ms: int | None = None, file: bool | None = None) -> Json:
    """What an answer means. `of`: mcloud, upload, wellcloud, voipbin, audio; `answer`: `status`
    (None: the connection failed), `retryAfter`, `body`; `since_ms` (wellcloud, audio): when the
    call ended, or its push came; `file`: a file was asked for, and a success with a text in `body`
    is a refusal.

    >>> judge("wellcloud", {"status": 448}, now_ms=5000, since_ms=0)
    {'judgement': 'early'}
    """
    judgement: Json = ask("judge", _given(of=of, answer=answer, nowMs=now_ms, sinceMs=since_ms, file=file))
    return judgement


def needs_another_key(reason: str) -> bool:
    """Whether a reason is a refusal of the key, which another key ends.

    >>> needs_another_key("wellcloud_401"), needs_another_key("wellcloud_448")
    (True, False)
    """
    needs: bool = ask("needsAnotherKey", {"reason": reason})
    return needs


def next_try(retries: Json, judgement: Json, now_ms: int, policy: Json | None = None) -> Json:
    """What is next behind a try, and the `retries` to go on with. `{"seed": 7}` are none yet."""
    step: Json = ask("nextTry", _given(retries=retries, judgement=judgement, nowMs=now_ms, policy=policy))
    return step


def pace(pacing: Json | None, now_ms: int, hold_ms: float | None = None) -> Json:
    """Takes the next place for a request: `waitMs` until it, and the `pacing` to go on with; or
    holds all of them."""
    paced: Json = ask("pace", _given(pacing=pacing, nowMs=now_ms, holdMs=hold_ms))
    return paced


def transfer_limit(size: int) -> float:
    """How long the transfer of so many bytes may take, in milliseconds."""
    limit: float = ask("transferLimit", {"bytes": size})
    return limit


def session_take(session: Json | None, action: str, uuid: str | None, body: str, now_ms: int) -> Json:
    """Takes a push of Tencent's: `session`, `sessionId`, `taken` (new, repeat, kept), `kind`."""
    taken: Json = ask(
        "sessionTake", {"session": session, "action": action, "uuid": uuid, "body": body, "nowMs": now_ms}
    )
    return taken


def session_standing(session: Json, now_ms: int, patience: Json | None = None) -> Json:
    """How a session stands: `standing`, `fingerprint`, `document`, `described`."""
    standing: Json = ask("sessionStanding", _given(session=session, nowMs=now_ms, patience=patience))
    return standing


def session_handled(session: Json, fingerprint: str) -> Json:
    """The session, processed as it was when it had this fingerprint."""
    handled: Json = ask("sessionHandled", {"session": session, "fingerprint": fingerprint})
    return handled


def pieces_new(kind: str, call_id: str, ended_ms: int) -> Json:
    """A call whose recordings are asked for: `wellcloud` or `voipbin`."""
    pieces: Json = ask("piecesNew", {"kind": kind, "callId": call_id, "endedMs": ended_ms})
    return pieces


def pieces_take(pieces: Json, rows: list[Json], now_ms: int) -> Json:
    """Takes what a look found: `pieces`, `changed`."""
    taken: Json = ask("piecesTake", {"pieces": pieces, "rows": rows, "nowMs": now_ms})
    return taken


def pieces_standing(pieces: Json, now_ms: int, patience: Json | None = None) -> Json:
    """How a call stands: as `session_standing`, and `nextLookMs`."""
    standing: Json = ask("piecesStanding", _given(pieces=pieces, nowMs=now_ms, patience=patience))
    return standing


def pieces_handled(pieces: Json, fingerprint: str) -> Json:
    """The call, processed as it was when it had this fingerprint."""
    handled: Json = ask("piecesHandled", {"pieces": pieces, "fingerprint": fingerprint})
    return handled


def posting(body: Json, audio: Json | None, before: Json | None = None) -> Json:
    """A recording on its way to MCloud, with its audio (`sha256`, `bytes`, `contentType`);
    `before`: the same call's, made anew."""
    made: Json = ask("posting", {"posting": before, "body": body, "audio": audio})
    return made


def posting_request(posting: Json, api: Json) -> Json:
    """The next `request` (None: nothing is left to do), what it `uploads`, and the `posting` to
    store before it goes."""
    asked: Json = ask("postingRequest", {"posting": posting, "api": api})
    return asked


def posting_answered(posting: Json, answer: Json, now_ms: int, policy: Json | None = None) -> Json:
    """What is `next` behind an answer, and the `posting` to store; `recordingId`, `warnings`."""
    answered: Json = ask("postingAnswered", _given(posting=posting, answer=answer, nowMs=now_ms, policy=policy))
    return answered
