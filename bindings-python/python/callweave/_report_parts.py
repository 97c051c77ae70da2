"""The parts of a report, with a type for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from callweave._record import Record
from callweave.inputs import Role

__all__ = [
    "Alignment",
    "Bleed",
    "Call",
    "Event",
    "EventKind",
    "Fact",
    "FactKind",
    "Finding",
    "FindingCode",
    "Head",
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
    "ResponseTimes",
    "Source",
    "Span",
    "SpeechDetector",
    "Tag",
    "TagName",
    "Track",
    "TrackError",
    "Turn",
    "Voice",
    "Warning",
]

Label: TypeAlias = Literal["rttm", "textgrid", "audacity", "vtt", "csv"]
"""A label format."""

Method: TypeAlias = Literal["reference", "bleed", "given", "lengths", "timestamps", "turns", "prior", "none"]
"""How a placement was found."""

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
"""The kind of a sound other than speech."""

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
"""An outcome."""

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
"""The kind of a fact that a phone system reports about a call."""

TagName: TypeAlias = Literal["normal", "short", "wrong_or_spam", "other"]
"""A tag: one of the four values of the provider's API."""

FindingCode: TypeAlias = Literal[
    "dead_track", "one_way_audio", "clipped", "dc_offset", "narrow_band", "header_mismatch", "damaged", "pause_zeros", "pause_splice",
    "dropouts", "dual_mono",
]  # fmt: skip
"""The kind of a problem with a recording."""


@dataclass(frozen=True)
class Warning(Record):
    """A problem with a recording or a call that did not stop the work."""

    code: str
    """Stable name of the problem."""
    message: str
    """Description of the problem with its numbers."""
    at_byte: int | None = None
    """Byte offset in the recording."""


@dataclass(frozen=True)
class Named(Record):
    """A name with a version."""

    name: str
    version: str


@dataclass(frozen=True)
class SpeechDetector(Record):
    """The speech detector of a call."""

    name: str
    version: str
    arithmetic: Literal["int16", "f32", "portable"] | None = None
    """How Silero's network was computed: by 16-bit integers, by f32, or by f32 with the same bits on
    every machine. None for other detectors."""


@dataclass(frozen=True)
class Call(Record):
    """The call as a whole."""

    id: str | None
    """The call's id at its provider."""
    provider: str | None
    direction: Literal["in", "out", "internal"] | None
    """Who called whom, seen from the contact center."""
    started_at: str | None
    """When the call began (RFC 3339)."""
    duration_ms: float
    """Time from the first recorded sample of any track to the last."""


@dataclass(frozen=True)
class Source(Record):
    """The actual properties of a track's recording."""

    path: str | None
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    bytes: int
    sha256: str | None
    duration_ms: float
    codec_delay_ms: float
    """Codec delay removed from the start."""
    codec_delay_basis: Literal["tag", "assumed", "none"]
    warnings: tuple[Warning, ...]
    decoded_rate_hz: int | None = None
    """The lower rate at which it was decoded and measured, if `downsample_hz` asks for one. `None`
    if it was decoded at its own rate."""


@dataclass(frozen=True)
class Problem(Record):
    """Why a file cannot be read, or not to its end."""

    code: str
    """The error's code."""
    message: str


@dataclass(frozen=True)
class Head(Record):
    """What a recording's first bytes declare. Nothing is decoded or verified."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    bytes: int | None
    """Its size in bytes, if known without reading it."""
    declared_duration_ms: float | None
    """The duration declared by the header, without codec delay and padding. `None` if it declares
    none."""
    codec_delay_ms: float
    """Codec delay that decoding removes from the start."""
    codec_delay_basis: Literal["tag", "assumed", "none"]


@dataclass(frozen=True)
class Probe(Record):
    """A file's actual format, and what is wrong with it."""

    path: str
    source: Source | None
    """The recording's properties, read to its end. `None` if it is not a recording, and for a quick
    probe."""
    problem: Problem | None
    """Why it cannot be read, or not to its end."""
    members: tuple[Probe, ...] = ()
    """The members of a ZIP archive."""
    head: Head | None = None
    """What the first bytes declare, for a quick probe."""


@dataclass(frozen=True)
class Alignment(Record):
    """A track's placement on the call's timeline."""

    offset_ms: float
    """Call time of the track's first sample."""
    drift_ppm: float
    """The recorder's clock error; positive if it ran fast."""
    method: Method
    """How the placement was found."""
    confidence: float
    """The probability that the placement is within 250 ms of the truth."""
    uncertainty_ms: float
    """Half the width of the 90 % interval around the placement."""
    knots: tuple[tuple[float, float], ...]
    """The placement itself: pairs of track time and call time, linear in between."""


@dataclass(frozen=True)
class Level(Record):
    """A track's levels. A level is `None` if there is nothing to measure."""

    active_dbov: float | None
    """Active speech level (ITU-T P.56)."""
    activity_factor: float
    """Share of the time in which speech is active."""
    true_peak_dbtp: float | None
    loudness_lufs: float | None
    noise_dbov: float | None
    """Noise level outside speech."""
    clipped_samples: int
    gain_db: float
    """The gain that brings the party to the mix's level."""


@dataclass(frozen=True)
class Span(Record):
    """A span of time."""

    start_ms: float
    end_ms: float


@dataclass(frozen=True)
class Bleed(Span):
    """A span in which another party is faintly audible on this track."""

    from_track: int


@dataclass(frozen=True)
class Event(Span):
    """A sound other than speech."""

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
    """One of the recordings of a track, and the time it covers on the call's timeline."""

    source: Source


@dataclass(frozen=True)
class Voice(Record):
    """One party of a mixed track."""

    voice: int
    role: Role
    """`unknown` without evidence."""
    role_confidence: float | None
    speech: tuple[Span, ...]


@dataclass(frozen=True)
class Track(Record):
    """One track. A track that could not be read has an `error`, and no source, alignment or
    level."""

    index: int
    role: Role
    party: str | None
    source: Source | None
    alignment: Alignment | None
    level: Level | None
    speech: tuple[Span, ...]
    """Spans in which the party speaks."""
    bleed: tuple[Bleed, ...]
    events: tuple[Event, ...]
    voices: tuple[Voice, ...] | None = field(default=None, kw_only=True)
    """The parties of a mixed track. `None` if the track was not examined or the voices cannot be
    told apart."""
    voices_confidence: float | None = field(default=None, kw_only=True)
    """The expected share of speech time that is with its right voice. `None` if `voices` is, and
    without speech.
    """
    error: TrackError | None = None
    pieces: tuple[Piece, ...] = ()
    """The recordings it consists of, if a party has several in sequence. `source` is then the first
    of them."""
    channel: int | None = None
    """The channel of its recording, if that has several and the track is one of them."""


@dataclass(frozen=True)
class Turn(Span):
    """A party's turn."""

    track: int
    voice: int | None = None
    """The party's voice, on a mixed track."""


@dataclass(frozen=True)
class PartyMetrics(Record):
    """The metrics of one party."""

    track: int
    talk_ms: float
    talk_share: float | None
    turns: int
    longest_monologue_ms: float
    first_speech_ms: float | None
    voice: int | None = None
    """The party's voice, on a mixed track."""


@dataclass(frozen=True)
class Interruption(Span):
    """An interruption, from its beginning until the interrupted party stops."""

    by: int


@dataclass(frozen=True)
class ResponseTimes(Record):
    """Response times."""

    count: int
    mean: float | None
    median: float | None
    p95: float | None


@dataclass(frozen=True)
class Metrics(Record):
    """The conversation metrics.

    Metrics that compare parties are `None` if a placement is too uncertain, or if several parties
    share a track.
    """

    by_track: tuple[PartyMetrics, ...]
    speech_ms: float | None
    non_talk_ms: float | None
    non_talk: tuple[Span, ...] | None
    overlap_ms: float | None
    interruptions: tuple[Interruption, ...] | None
    backchannels: int | None
    response_ms: ResponseTimes | None
    unavailable: Literal["alignment", "voices", "tracks"] | None
    """Why metrics are missing: `alignment`, `voices`, or `tracks` if a track could not be read. `None` if
    none is missing."""


@dataclass(frozen=True)
class Reason(Record):
    """A reason for a decision: what was measured, and the limit."""

    code: str
    measured: float
    limit: float
    unit: str
    message: str


@dataclass(frozen=True)
class Outcome(Record):
    """The outcome, with its reasons."""

    value: OutcomeName
    confidence: float
    """The probability that the outcome is right, from 0 to 1."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Tag(Record):
    """The tag that follows from the outcome."""

    value: TagName
    from_: str


@dataclass(frozen=True)
class Finding(Record):
    """A problem with a recording."""

    code: FindingCode
    track: int
    """The track's index in the call."""
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
    """The configuration's profile."""

    name: str
    hash: str
    """SHA-256 of the profile."""


@dataclass(frozen=True)
class Fact(Record):
    """A fact about the call, as given by the caller."""

    kind: FactKind
    party: str | None
    """The party concerned, as the caller named it."""
    reason: str | None
    start_ms: float
    end_ms: float
    contradicted: bool
    """Whether the audio contradicts it."""
