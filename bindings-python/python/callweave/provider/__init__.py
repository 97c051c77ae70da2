"""Providers' documents: JSON (of SIPREC, XML) in, a described call out, joined by id with the audio
that the caller holds.

`read` takes any document that `detect` knows; `tencent`, `wellcloud`, `voipbin`, `threecx`, `vcon`,
`siprec` and `manifest` take those of one kind. What they give goes to `callweave.process` and
`callweave.analyze`. `mcloud` makes what MCloud's API takes. No network here: fetching and sending
is the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from callweave.inputs import DescribedInput, Input, Recording, _NativeCall, native
from callweave.provider import mcloud
from callweave.provider._ask import ask, text_of
from callweave.provider.described import Described, Refusal
from callweave.report import Report

__all__ = [
    "DescribedCall",
    "Document",
    "detect",
    "manifest",
    "mcloud",
    "read",
    "read_all",
    "siprec",
    "tencent",
    "tencent_reply",
    "threecx",
    "vcon",
    "vcon_with_report",
    "voipbin",
    "wellcloud",
    "wellcloud_list_path",
    "wellcloud_refusal",
    "wellcloud_stream_path",
]

Document: TypeAlias = str | bytes | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A document: its text, or of JSON what `json.loads` makes of it."""

Sound: TypeAlias = Recording | Input


class DescribedCall(DescribedInput):
    """A call as a provider's document describes it, with audio by recording id, URL or file name.

    Hand it to `callweave.process` or `callweave.analyze`.
    """

    described: Described
    """What the document says, and which recordings have no audio among that in hand."""
    audio: Mapping[str, Sound]
    """The audio, by recording id, URL or file name."""

    def __init__(self, document: Mapping[str, Any], audio: Mapping[str, Sound] | None = None) -> None:
        keys = list(audio or {})
        self._document = dict(document)
        self.audio = dict(audio or {})
        [described] = ask("read", {"document": self._document, "keys": keys})
        self.described = Described.from_dict(described)

    def with_audio(self, audio: Mapping[str, Sound]) -> DescribedCall:
        """The same call with other audio."""
        return DescribedCall(self._document, audio)

    def _native(self) -> _NativeCall:
        audio = [(key, native(sound)) for key, sound in self.audio.items()]
        return _NativeCall(json.dumps(self._document), audio)

    def __repr__(self) -> str:
        call, held = self.described, len(self.audio)
        return (
            f"<DescribedCall {call.kind} {call.call.id}, {len(call.recordings)} recordings, {held} with audio in hand>"
        )


def _call(
    kind: str | None, document: Document, audio: Mapping[str, Sound] | None, utc_offset: str | None = None
) -> DescribedCall:
    return DescribedCall({"kind": kind, "text": text_of(document), "utcOffset": utc_offset}, audio)


def detect(document: Document) -> str | None:
    """Which document it is: `manifest`, `tencent`, `wellcloud`, `voipbin`, `mcloud`, `vcon` or
    `siprec`; `None` if it is none of them.

    >>> detect([{"SessionId": "s", "RecordId": "1"}])
    'tencent'
    """
    kind: str | None = ask("detect", {"text": text_of(document)})
    return kind


def read(
    document: Document, audio: Mapping[str, Sound] | None = None, *, utc_offset: str | None = None
) -> DescribedCall:
    """The one call of any document that `detect` knows."""
    return _call(None, document, audio, utc_offset)


def read_all(document: Document, *, utc_offset: str | None = None) -> list[DescribedCall]:
    """Every call of a document, as a page of MCloud's list or pushes of several sessions hold
    them."""
    whole = {"kind": None, "text": text_of(document), "utcOffset": utc_offset}
    count = len(ask("read", {"document": whole, "keys": None}))
    return [DescribedCall({**whole, "index": index}) for index in range(count)]


def tencent(pushes: Document, audio: Mapping[str, Sound] | None = None) -> DescribedCall:
    """The call of one push or several of Tencent Cloud Contact Center, in any order, repeated or
    not.

    >>> push = {"SessionId": "s", "RecordId": "1", "EndpointUser": "+447700900187"}
    >>> call = tencent([push], audio={"1": "fixtures/short/customer.wav"})
    >>> call.described.customer
    '+447700900187'
    >>> callweave.analyze(call).tracks[0].role
    'customer'
    """
    return _call("tencent", pushes, audio)


def tencent_reply(code: int = 0, message: str = "") -> dict[str, Any]:
    """The answer to a push; code 0 says that it was taken."""
    return {"ErrCode": code, "ErrMsg": message}


def wellcloud(
    rows: Document, audio: Mapping[str, Sound] | None = None, *, utc_offset: str | None = None
) -> DescribedCall:
    """The call of Wellcloud's `recordings2`. Its times have no offset: +08:00 unless `utc_offset`
    says otherwise."""
    return _call("wellcloud", rows, audio, utc_offset)


def wellcloud_list_path(call_id: str) -> str:
    """The path of a call's list of recordings, below the service's address."""
    path: str = ask("wellcloudListPath", {"text": call_id})
    return path


def wellcloud_stream_path(recording_id: str) -> str:
    """The path of a recording's audio, below the service's address."""
    path: str = ask("wellcloudStreamPath", {"text": recording_id})
    return path


def wellcloud_refusal(status: int, body: str | bytes = b"") -> Refusal | None:
    """What an answer of Wellcloud's refuses, by its status or by a code in its body; `None` if it
    is no refusal.

    >>> wellcloud_refusal(448)
    Refusal(code=448, message="448: the recording's file does not exist", retryable=False)
    """
    refusal = ask("wellcloudRefusal", {"status": status, "body": text_of(body, errors="replace")})
    return None if refusal is None else Refusal.from_dict(refusal)


def voipbin(recordings: Document, audio: Mapping[str, Sound] | None = None) -> DescribedCall:
    """The call of one recording or several of VoIPBin; the audio may be the zip or its members."""
    return _call("voipbin", recordings, audio)


def threecx(name: str, audio: Sound | None = None, *, utc_offset: str | None = None) -> DescribedCall:
    """The call of a file named as 3CX names them. Its time has no offset: without `utc_offset` it
    is not known.

    >>> call = threecx("[Anna Lee]_0812345678-204_20260520081400(1734).wav", utc_offset="+07:00")
    >>> call.described.customer, call.described.call.started_at
    ('0812345678', '2026-05-20T08:14:00+07:00')
    """
    return _call("threecx", name, None if audio is None else {name: audio}, utc_offset)


def vcon(document: Document, audio: Mapping[str, Sound] | None = None) -> DescribedCall:
    """The call of a vCon (IETF): audio inside it needs no `audio`; other audio by file name, by URL
    or by `dialog[0]`.

    >>> call = vcon(open("fixtures/stereo/call.vcon.json").read(), audio={"call.wav": "fixtures/stereo/call.wav"})
    >>> [track.role for track in callweave.analyze(call).tracks]
    ['customer', 'agent']
    """
    return _call("vcon", document, audio)


def vcon_with_report(document: Document, report: Report) -> str:
    """A vCon's text with the report as another `analysis`; everything else stays as it is written.

    >>> text = open("fixtures/stereo/call.vcon.json").read()
    >>> report = callweave.analyze("fixtures/stereo/call.vcon.json")
    >>> json.loads(vcon_with_report(text, report))["analysis"][0]["schema"]
    'urn:callweave:report:1'
    """
    whole = {"document": {"text": text_of(document)}, "report": report.to_json()}
    text: str = ask("vconWithReport", whole)
    return text


def siprec(document: str | bytes, audio: Mapping[str, Sound] | None = None) -> DescribedCall:
    """The call of SIPREC's recording metadata (RFC 7865): the XML, or several one after another,
    each with its XML declaration; the audio by the label or the id of its stream.
    """
    return _call("siprec", document, audio)


def manifest(document: Document, audio: Mapping[str, Sound] | None = None) -> DescribedCall:
    """The call of callweave's own manifest; the audio by the paths in it."""
    return _call("manifest", document, audio)
