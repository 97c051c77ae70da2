"""The report of a call: what callweave heard, with a type for every part.

Times are milliseconds on the call's timeline unless a name says otherwise. The meaning of every field is that of the
report's JSON Schema; `Report.to_json` gives the core's own bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from callweave import _callweave
from callweave._record import Record
from callweave.errors import InvalidArgument
from callweave.inputs import Role

if TYPE_CHECKING:
    from callweave.tables import Table

__all__ = [
    "Alignment",
    "Bleed",
    "Call",
    "Event",
    "Head",
    "EventKind",
    "Fact",
    "FactKind",
    "FindingCode",
    "Interruption",
    "Label",
    "Level",
    "Method",
    "Metrics",
    "Named",
    "Outcome",
    "OutcomeName",
    "Output",
    "PartyMetrics",
    "Piece",
    "Probe",
    "Problem",
    "Profile",
    "Reason",
    "Report",
    "ResponseTimes",
    "Source",
    "Span",
    "Tag",
    "TagName",
    "Track",
    "TrackError",
    "Turn",
    "Warning",
    "schema",
]

Label: TypeAlias = Literal["rttm", "textgrid", "audacity", "vtt", "csv"]
"""A format of labels."""

Method: TypeAlias = Literal["reference", "bleed", "given", "lengths", "timestamps", "turns", "none"]
"""How a track's place was found."""

EventKind: TypeAlias = Literal[
    "dtmf",
    "ringback",
    "busy",
    "congestion",
    "sit",
    "fax",
    "beep",
    "music",
    "silence",
    "digital_zero",
    "dropout",
    "clipping",
]
"""A kind of sound that is not speech."""

OutcomeName: TypeAlias = Literal[
    "conversation",
    "silent_party",
    "one_way_audio",
    "monologue",
    "ivr_only",
    "voicemail",
    "no_answer",
    "busy",
    "fax",
    "unknown",
]
"""What can be heard to happen."""

FactKind: TypeAlias = Literal[
    "answer",
    "hold",
    "resume",
    "pause",
    "unpause",
    "mute",
    "unmute",
    "consult",
    "conference",
    "transfer",
    "key",
    "hangup",
]
"""What a phone system knows of a call."""

TagName: TypeAlias = Literal["normal", "short", "wrong_or_spam", "other"]
"""A provider's value for a call."""

FindingCode: TypeAlias = Literal[
    "dead_track", "one_way_audio", "clipped", "narrow_band", "header_mismatch", "damaged", "pause_zeros", "pause_splice",
    "dropouts", "dual_mono",
]  # fmt: skip
"""Something that can be wrong with a recording."""


def schema() -> dict[str, Any]:
    """The JSON Schema of the report.

    >>> schema()["title"]
    'callweave report'
    """
    values: dict[str, Any] = json.loads(_callweave.REPORT_SCHEMA)
    return values


@dataclass(frozen=True)
class Warning(Record):
    """Something wrong with a recording or a call that did not stop the work."""

    code: str
    """Stable name of the fault."""
    message: str
    """The fault in words, with its numbers."""
    at_byte: int | None = None
    """The byte of the recording at which it was noticed."""


@dataclass(frozen=True)
class Named(Record):
    """A name and a version."""

    name: str
    version: str


@dataclass(frozen=True)
class Call(Record):
    """The call as a whole."""

    id: str | None
    """The call's id at its provider."""
    provider: str | None
    direction: Literal["in", "out", "internal"] | None
    """Who called whom, seen from the service."""
    started_at: str | None
    """When the call began, RFC 3339."""
    duration_ms: float
    """From the first recorded sample of any track to the last."""


@dataclass(frozen=True)
class Source(Record):
    """The recording of a track, as it really is."""

    path: str | None
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    bytes: int
    sha256: str | None
    duration_ms: float
    codec_delay_ms: float
    """Removed from the start: samples that the codec added."""
    codec_delay_basis: Literal["tag", "assumed", "none"]
    warnings: tuple[Warning, ...]


@dataclass(frozen=True)
class Problem(Record):
    """Why a file cannot be read, or not to its end."""

    code: str
    """The code of the error."""
    message: str


@dataclass(frozen=True)
class Head(Record):
    """What a recording's first bytes say of it; nothing is decoded and nothing is checked."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    bytes: int | None
    """Its size, where that is known without reading it."""
    declared_duration_ms: float | None
    """The length that the header declares, without codec delay and padding; `None` where it declares none."""
    codec_delay_ms: float
    """What decoding removes from the start: samples that the codec added."""
    codec_delay_basis: Literal["tag", "assumed", "none"]


@dataclass(frozen=True)
class Probe(Record):
    """What a file really is, and what is wrong with it."""

    path: str
    source: Source | None
    """What the recording is, read to its end; `None` where it is no recording, and for a quick probe."""
    problem: Problem | None
    """Why it cannot be read, or not to its end."""
    members: tuple[Probe, ...] = ()
    """The members of a zip archive."""
    head: Head | None = None
    """What the first bytes say; for a quick probe."""


@dataclass(frozen=True)
class Alignment(Record):
    """Where a track lies on the call's timeline."""

    offset_ms: float
    """Call time of the track's first sample."""
    drift_ppm: float
    """The recorder's clock error; above 0 it ran fast."""
    method: Method
    """How the place was found."""
    confidence: float
    """The probability that the placement is within 250 ms of the truth."""
    uncertainty_ms: float
    """Half the width of the interval that holds the truth nine times in ten."""
    knots: tuple[tuple[float, float], ...]
    """The placement: pairs of track time and call time, linear between."""


@dataclass(frozen=True)
class Level(Record):
    """How loud a track is. Levels are `None` where there is nothing to measure."""

    active_dbov: float | None
    """Active speech level, ITU-T P.56."""
    activity_factor: float
    """Share of the time in which speech is active."""
    true_peak_dbtp: float | None
    loudness_lufs: float | None
    noise_dbov: float | None
    """The line's noise outside speech."""
    clipped_samples: int
    gain_db: float
    """The gain that brings the party to the mix's level."""


@dataclass(frozen=True)
class Span(Record):
    """A stretch of time."""

    start_ms: float
    end_ms: float


@dataclass(frozen=True)
class Bleed(Span):
    """Another party, heard faintly on this track."""

    from_track: int


@dataclass(frozen=True)
class Event(Span):
    """A sound that is not speech."""

    kind: EventKind
    detail: str | None
    confidence: float


@dataclass(frozen=True)
class TrackError(Record):
    """Why a track could not be read."""

    code: str
    message: str


@dataclass(frozen=True)
class Piece(Span):
    """One of the recordings that a track is made of: where it lies on the call."""

    source: Source


@dataclass(frozen=True)
class Voice(Record):
    """One party of a track that holds several."""

    voice: int
    role: Role
    """`unknown` where nothing tells."""
    role_confidence: float | None
    speech: tuple[Span, ...]


@dataclass(frozen=True)
class Track(Record):
    """One participant. A track that could not be read has an `error` and neither source, alignment nor level."""

    index: int
    role: Role
    party: str | None
    source: Source | None
    alignment: Alignment | None
    level: Level | None
    speech: tuple[Span, ...]
    """Where the party speaks."""
    bleed: tuple[Bleed, ...]
    events: tuple[Event, ...]
    voices: tuple[Voice, ...] | None = field(default=None, kw_only=True)
    """The parties of a track that holds several; `None` where nobody looked, or where they cannot be told apart."""
    voices_confidence: float | None = field(default=None, kw_only=True)
    """The expected share of speech that is with its right voice."""
    error: TrackError | None = None
    pieces: tuple[Piece, ...] = ()
    """The recordings it is made of, where a party has several, one after the other; `source` is the first of them."""


@dataclass(frozen=True)
class Turn(Span):
    """A party's turn."""

    track: int
    voice: int | None = None
    """The party's voice, where the track holds several."""


@dataclass(frozen=True)
class PartyMetrics(Record):
    """One party's figures."""

    track: int
    talk_ms: float
    talk_share: float | None
    turns: int
    longest_monologue_ms: float
    first_speech_ms: float | None
    voice: int | None = None
    """The party's voice, where the track holds several."""


@dataclass(frozen=True)
class Interruption(Span):
    """An interruption, from its beginning until the interrupted party stops."""

    by: int


@dataclass(frozen=True)
class ResponseTimes(Record):
    """Response times in milliseconds."""

    count: int
    mean: float | None
    median: float | None
    p95: float | None


@dataclass(frozen=True)
class Metrics(Record):
    """The conversation's figures.

    `None` where a placement is too uncertain, or several parties share a track, so that parties cannot be compared.
    """

    by_track: tuple[PartyMetrics, ...]
    speech_ms: float | None
    non_talk_ms: float | None
    non_talk: tuple[Span, ...] | None
    overlap_ms: float | None
    interruptions: tuple[Interruption, ...] | None
    backchannels: int | None
    response_ms: ResponseTimes | None
    unavailable: Literal["alignment", "voices"] | None
    """Why figures are missing: `alignment`, `voices`, or `None`."""


@dataclass(frozen=True)
class Reason(Record):
    """A figure on which a decision rests."""

    code: str
    measured: float
    limit: float
    unit: str
    message: str


@dataclass(frozen=True)
class Outcome(Record):
    """What was heard to happen, and why callweave thinks so."""

    value: OutcomeName
    confidence: float
    """The probability that it is the true one among those it could be, 0 to 1."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Tag(Record):
    """The tag that follows from the outcome."""

    value: TagName
    from_: str


@dataclass(frozen=True)
class Finding(Record):
    """Something that is wrong with a recording."""

    code: FindingCode
    track: int
    """The track's place among the call's tracks."""
    measured: float
    limit: float
    unit: str
    message: str


@dataclass(frozen=True)
class Output(Record):
    """A file that was written."""

    kind: str
    path: str
    sample_rate_hz: int
    channels: int
    sha256: str


@dataclass(frozen=True)
class Profile(Record):
    """The profile that a configuration came from."""

    name: str
    hash: str
    """SHA-256 of all it says."""


@dataclass(frozen=True)
class Fact(Record):
    """Something that the caller knew of the call."""

    kind: FactKind
    party: str | None
    """The party whom it concerns, as the caller named it."""
    reason: str | None
    start_ms: float
    end_ms: float
    contradicted: bool
    """Whether what is heard contradicts it."""


@dataclass(frozen=True, repr=False)
class Report(Record):
    """What callweave heard in a call."""

    schema_version: int
    library: Named
    config: dict[str, Any]
    """What of the configuration differed from the defaults, under its JSON names."""
    config_hash: str
    profile: Profile | None
    """The profile that the configuration came from."""
    stages: dict[str, int]
    """A revision per stage, which rises when the stage's numbers change."""
    detector: Named
    call: Call
    tracks: tuple[Track, ...]
    turns: tuple[Turn, ...]
    metrics: Metrics
    outcome: Outcome
    tag: Tag
    integrity: tuple[Finding, ...]
    """What is wrong with the recordings."""
    redacted: tuple[Span, ...]
    """Where sound was taken out of the tracks."""
    facts: tuple[Fact, ...]
    """What the caller knew of the call."""
    warnings: tuple[Warning, ...]
    outputs: tuple[Output, ...]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a report; its text is kept, so that `to_json` gives the same bytes."""
        report = cls._of(json.loads(text))
        # No field: a copy with other values (`dataclasses.replace`) has no text to keep.
        object.__setattr__(report, "_text", text)
        return report

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads a report from its parsed JSON."""
        return cls.from_json(json.dumps(values))

    def to_json(self) -> str:
        """The report as the core wrote it: the same bytes as `callweave process --json` prints; of a copy with other values
        (`dataclasses.replace`), these under their JSON names."""
        text: str | None = getattr(self, "_text", None)
        return json.dumps(super().to_dict(), separators=(",", ":"), ensure_ascii=False) if text is None else text

    def to_dict(self) -> dict[str, Any]:
        """The report under its JSON names, fields that this version does not know included."""
        values: dict[str, Any] = json.loads(self.to_json())
        return values

    def track(self, who: Role | int) -> Track:
        """The one track of a role, or the track at a place.

        >>> callweave.analyze("fixtures/short/manifest.json").track("agent").role
        'agent'
        """
        found = [track for track in self.tracks if who == (track.index if isinstance(who, int) else track.role)]
        if len(found) == 1:
            return found[0]
        said = ", ".join(f"{track.index} {track.role}" for track in self.tracks)
        raise InvalidArgument(f"track {who!r}: found {len(found)} of them, expected one of {said}", "input")

    def labels(self, format: Label, *, show_parties: bool = False) -> str:
        """The call in the format of another tool, without writing a folder. Parties are named by role unless `show_parties`
        is set.

        >>> callweave.analyze("fixtures/short/manifest.json").labels("rttm").split()[0]
        'SPEAKER'
        """
        return _callweave.labels(self.to_json(), format, show_parties)

    def to_pandas(self, table: Table = "calls") -> Any:
        """One of the report's tables as a `pandas.DataFrame`; `callweave.tables` takes many reports."""
        from callweave import tables

        return tables.to_pandas(self, table)

    def to_polars(self, table: Table = "calls") -> Any:
        """One of the report's tables as a `polars.DataFrame`."""
        from callweave import tables

        return tables.to_polars(self, table)

    def to_arrow(self, table: Table = "calls") -> Any:
        """One of the report's tables as a `pyarrow.Table`."""
        from callweave import tables

        return tables.to_arrow(self, table)

    def _repr_html_(self) -> str:
        """The call as a picture, for notebooks: who speaks when, and what else sounds. Parties are not named."""
        return _callweave.strip_svg(self.to_json())

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (type(self).from_json, (self.to_json(),))

    def __hash__(self) -> int:
        return hash((self.config_hash, self.call, self.tracks, self.turns, self.outcome, self.tag))

    def __repr__(self) -> str:
        seconds = self.call.duration_ms / 1000
        roles = ", ".join(track.role for track in self.tracks)
        return (
            f"<Report {self.call.id or 'call'}: {seconds:.1f} s, {roles}; {self.outcome.value}, tag {self.tag.value}>"
        )
