"""The configuration: frozen, comparable, picklable.

Defaults and limits are read from the core when this module is imported; only names and types are
defined here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, TypeAlias

from callweave import _callweave
from callweave._record import Record, _plain, _readers, camel
from callweave._values import refused, to_json

__all__ = [
    "AlignOptions",
    "Config",
    "DecodeOptions",
    "Detector",
    "EchoPrior",
    "IntegrityConfig",
    "MetricsConfig",
    "MixConfig",
    "OffsetPrior",
    "OutcomeConfig",
    "SpeechConfig",
]

Detector: TypeAlias = Literal["silero", "webrtc"]
"""A speech detector."""

_WHERE_GIVEN = ("confidenceMap", "downsampleHz", "echoPrior", "offsetPrior", "profile")
"""Fields that are only written if they are set."""

_DEFAULTS: dict[str, Any] = json.loads(_callweave.read_config("{}")[0])


def _default(*path: str) -> Any:
    """A field with the core's default."""
    value: Any = _DEFAULTS
    for name in path:
        value = value[camel(name)]
    return field(default_factory=lambda: dict(value)) if isinstance(value, dict) else field(default=value)


@dataclass(frozen=True, kw_only=True, repr=False)
class _Section(Record):
    """A part of a configuration. Its `repr` shows what differs from the defaults."""

    def __new__(cls, **given: Any) -> Self:
        """Notes which fields are given: they go before those of a profile, whatever their values
        are."""
        part = super().__new__(cls)
        object.__setattr__(part, "_given", frozenset(given))
        return part

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads a part of a configuration with JSON or Python names. Unknown fields are errors."""
        section = next(f.name for f in fields(Config) if f.default_factory is cls)
        part: Self = getattr(Config.from_dict({section: values}), section)
        given = _json_names(cls, values)
        return cls(**{f.name: getattr(part, f.name) for f in fields(cls) if camel(f.name) in given})

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration with its JSON names. A profile, a confidence map, priors and
        a lower rate are only included if they are set.
        """
        told = super().to_dict()
        return {name: value for name, value in told.items() if value or name not in _WHERE_GIVEN}

    def _given_dict(self) -> dict[str, Any]:
        """Returns what was given, with JSON names."""
        given: frozenset[str] = vars(self)["_given"]
        told: dict[str, Any] = {}
        for name, value in ((f.name, getattr(self, f.name)) for f in fields(self)):
            if isinstance(value, _Section):
                told[camel(name)] = value._given_dict()
            elif name in given and (value or camel(name) not in _WHERE_GIVEN):
                told[camel(name)] = _plain(value)
        return told

    def __repr__(self) -> str:
        plain = type(self)()
        changed = (f.name for f in fields(self) if getattr(self, f.name) != getattr(plain, f.name))
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in changed)})"


@dataclass(frozen=True, kw_only=True, repr=False)
class DecodeOptions(_Section):
    """How recordings are read, and the limits on them. Exceeding a limit is the error
    `limit_exceeded`."""

    stereo: Literal["split", "downmix"] = _default("decode", "stereo")
    """How a recording with two channels is read: as two tracks, or averaged into one."""
    assumed_mp3_delay: int = _default("decode", "assumed_mp3_delay")
    """Codec delay assumed for an MP3 without a delay tag, in samples at the file's own rate."""
    downsample_hz: int | None = None
    """Recordings of a higher rate are decoded at this rate, 8000 to 48,000 Hz; the others keep
    theirs. Everything is then measured at it, and a kept track takes less memory. With `None`, each
    recording has its own rate."""
    max_bytes: int = _default("decode", "max_bytes")
    """Most bytes read from one input."""
    max_buffered_bytes: int = _default("decode", "max_buffered_bytes")
    """Most bytes held in memory for an unseekable input whose format requires seeking."""
    max_duration_ms: float = _default("decode", "max_duration_ms")
    """Longest recording that is decoded."""
    max_channels: int = _default("decode", "max_channels")
    """Most channels per recording."""
    max_tracks: int = _default("decode", "max_tracks")
    """Most tracks per call."""
    max_members: int = _default("decode", "max_members")
    """Most members of an archive."""
    max_members_bytes: int = _default("decode", "max_members_bytes")
    """Most uncompressed bytes of all members of an archive together."""
    max_member_ratio: int = _default("decode", "max_member_ratio")
    """Highest compression ratio of an archive member."""
    max_total_duration_ms: float = _default("decode", "max_total_duration_ms")
    """Most audio per call, all tracks together."""
    max_samples: int = _default("decode", "max_samples")
    """Most samples per call, all tracks together."""
    max_ms_per_byte: float = _default("decode", "max_ms_per_byte")
    """Most audio per byte of a recording, all its tracks together."""
    min_rate_hz: int = _default("decode", "min_rate_hz")
    """Lowest accepted sample rate."""
    max_decoder_bytes: int = _default("decode", "max_decoder_bytes")
    """Most bytes of memory that a recording's header may make a decoder allocate."""
    sha256: bool = _default("decode", "sha256")
    """Whether to compute the SHA-256 of each input."""


@dataclass(frozen=True, kw_only=True)
class OffsetPrior(Record):
    """How much later the recording of one party starts than that of another, as measured on calls
    of one recorder."""

    of: Literal["customer", "agent", "transfer", "participant"]
    """The party whose recording starts later, if the mean is positive."""
    after: Literal["customer", "agent", "transfer", "participant"]
    """The party after whose recording it starts."""
    mean_ms: float
    """The mean of the time between the two starts."""
    spread_ms: float
    """Its standard deviation."""
    calls: int
    """The number of calls on which both were measured, 2 or more."""


@dataclass(frozen=True, kw_only=True)
class EchoPrior(Record):
    """Which echo the calls of one trunk have: how much of it is near, and how late far echo is."""

    near_share: float
    """Share of echoes that are near, 0 to 1: from a hybrid, a side tone or a loudspeaker. The
    others come from the other party's phone.
    """
    far_ms: float | None = None
    """The mean delay of far echo, 100 ms to 1 s. `None` for anything from 100 to 750 ms."""
    far_spread_ms: float | None = None
    """Its standard deviation from call to call. Needed with `far_ms`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class AlignOptions(_Section):
    """How tracks are placed on the call's timeline."""

    search_ms: float = _default("align", "search_ms")
    """Search range, 1 s to 1 h: how far apart two recorders may have started or stopped, and how
    far off start times may be.
    """
    bleed: bool = _default("align", "bleed")
    """Whether to use bleed: one party audible on the other's track."""
    timestamps: bool = _default("align", "timestamps")
    """Whether to use the recordings' start times."""
    turns: bool = _default("align", "turns")
    """Whether to use turn taking."""
    aligned: bool = _default("align", "aligned")
    """Whether one recorder made all tracks, so that they start together unless an offset is
    given."""
    offset_prior: OffsetPrior | None = None
    """How far apart the recorders of two parties start, if that was measured. It decides where no
    bleed, offset or start time does.
    """
    echo_prior: EchoPrior | None = None
    """Which echo the calls have, if that is known. It weighs the delays that bleed leaves open."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SpeechConfig(_Section):
    """How speech probabilities become spans. Parameters mean what they mean in Silero VAD."""

    threshold: float = _default("speech", "threshold")
    """Speech begins when the probability reaches this."""
    neg_threshold: float = _default("speech", "neg_threshold")
    """Speech ends when the probability falls below this."""
    min_speech_ms: float = _default("speech", "min_speech_ms")
    """Shorter spans of speech are dropped."""
    min_silence_ms: float = _default("speech", "min_silence_ms")
    """Shorter pauses do not end a span."""
    speech_pad_ms: float = _default("speech", "speech_pad_ms")
    """Padding on either side of a span, without touching the next span."""
    max_speech_ms: float | None = _default("speech", "max_speech_ms")
    """Longest span; a longer one is split at its longest pause. `None` means no limit."""
    turn_pause_ms: float = _default("speech", "turn_pause_ms")
    """Pauses up to this long do not end a party's turn, unless the other party takes the turn."""
    reset_after_ms: float | None = _default("speech", "reset_after_ms")
    """Resets Silero's state after this long without a probability of at least `neg_threshold`.
    `None` never resets."""
    edges: Literal["energy", "detector"] = _default("speech", "edges")
    """What decides where a span begins and ends: detector, level and noise together, or the
    detector alone."""
    bleed_gate: bool = _default("speech", "bleed_gate")
    """Whether speech that only repeats another track is reported as bleed."""

    @classmethod
    def metrics(cls) -> Self:
        """The preset for metrics, and the default: short replies count, and nothing is padded."""
        return cls._preset("metrics")

    @classmethod
    def asr(cls) -> Self:
        """The preset for transcription: padded spans of at most 30 s.

        >>> SpeechConfig.asr().speech_pad_ms
        200.0
        """
        return cls._preset("asr")

    @classmethod
    def silero(cls) -> Self:
        """The preset that behaves like `silero_vad.get_speech_timestamps`."""
        return cls._preset("silero")

    @classmethod
    def _preset(cls, name: str) -> Self:
        return cls._of(json.loads(_callweave.speech_preset(name)))


@dataclass(frozen=True, kw_only=True, repr=False)
class MixConfig(_Section):
    """How a mix is written."""

    rate: Literal["auto", "source"] | int = _default("mix", "rate")
    """Sample rate in Hz, `source` (the highest input rate) or `auto` (the same, up to 16000)."""
    layout: Literal["split", "mono", "voices"] = _default("mix", "layout")
    """Channels: one per party (`split`), one for all (`mono`), or one per party and per voice of a
    mixed track (`voices`).
    """
    format: Literal["wav", "wav-ulaw", "flac"] = _default("mix", "format")
    """File format: 16-bit PCM or mu-law in WAV, or FLAC."""
    level: str = _default("mix", "level")
    """The level to which each party is normalized, such as `-26dbov` or `-23lufs`, or `off`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class MetricsConfig(_Section):
    """Parameters of the conversation metrics."""

    non_talk_ms: float = _default("metrics", "non_talk_ms")
    """Shortest silence of all parties that counts as non-talk."""
    interruption_after_ms: float = _default("metrics", "interruption_after_ms")
    """An interrupting turn begins at least this long after the interrupted one."""
    interruption_overlap_ms: float = _default("metrics", "interruption_overlap_ms")
    """Shortest overlap of an interruption."""
    interruption_yield_ms: float = _default("metrics", "interruption_yield_ms")
    """Longest time until the interrupted party stops."""
    backchannel_ms: float = _default("metrics", "backchannel_ms")
    """Longest backchannel."""
    max_uncertainty_ms: float = _default("metrics", "max_uncertainty_ms")
    """Largest placement uncertainty with which parties are compared in time. Beyond it, such
    metrics are `None`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class IntegrityConfig(_Section):
    """Thresholds for problems with recordings."""

    clipped_share: float = _default("integrity", "clipped_share")
    """Share of samples at full scale from which a track is clipped."""
    wide_share: float = _default("integrity", "wide_share")
    """Share of loud frames with power above the telephone band from which speech is wideband."""
    pause_ms: float = _default("integrity", "pause_ms")
    """Shortest digital silence, or time missing from the recording, that counts as a pause."""
    dropout_share: float = _default("integrity", "dropout_share")
    """Share of a track taken up by dropouts from which they are reported."""


@dataclass(frozen=True, kw_only=True, repr=False)
class OutcomeConfig(_Section):
    """Limits of the rules that decide the outcome, and the mapping from outcome to tag."""

    short_speech_ms: float = _default("outcome", "short_speech_ms")
    """A conversation with less speech than this is short."""
    short_span_ms: float = _default("outcome", "short_span_ms")
    """A conversation whose first and last speech are at most this far apart is short, if it has few
    exchanges."""
    short_exchanges: int = _default("outcome", "short_exchanges")
    """Fewer exchanges than this count as few."""
    silent_party_ms: float = _default("outcome", "silent_party_ms")
    """A party must be silent on an open line for at least this long to be a silent party."""
    silent_party_turns: int = _default("outcome", "silent_party_turns")
    """Number of times the other party must speak to a silent one."""
    monologue_ms: float = _default("outcome", "monologue_ms")
    """Shortest speech without room for an answer that is a monologue."""
    monologue_gap_ms: float = _default("outcome", "monologue_gap_ms")
    """Shortest gap that leaves room for an answer."""
    min_voice_ms: float = _default("outcome", "min_voice_ms")
    """Speech of its own that a party needs to count as speaking: two short words."""
    fax_voice_ms: float = _default("outcome", "fax_voice_ms")
    """A party with fax tones and less speech of its own than this is a machine."""
    greeting_ms: float = _default("outcome", "greeting_ms")
    """In a monologue, the other party's greeting ends within this time of its beginning."""
    before_beep_ms: float = _default("outcome", "before_beep_ms")
    """Most speech of the caller before a voicemail's beep."""
    machine_greeting_ms: float = _default("outcome", "machine_greeting_ms")
    """A greeting without a pause longer than this is a machine's; a person says a word or two."""
    max_greeting_ms: float = _default("outcome", "max_greeting_ms")
    """A machine's greeting is shorter than this."""
    greeting_pause_ms: float = _default("outcome", "greeting_pause_ms")
    """Shortest pause that ends a greeting."""
    dead_dbov: float = _default("outcome", "dead_dbov")
    """A track is dead below this level, in dBov."""
    profile: Literal["default", "spam"] = _default("outcome", "profile")
    """The mapping from outcome to tag, before `tags`. `spam` also maps `silent_party` and
    `monologue` to `wrong_or_spam`.
    """
    tags: Mapping[str, str] = _default("outcome", "tags")
    """Exceptions to the mapping of `profile`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Config(_Section):
    """All options. The result of an analysis depends only on these and the input.

    >>> config = Config(speech=SpeechConfig(min_speech_ms=200), mix=MixConfig(rate=8000, layout="mono"))
    >>> config.changes()
    {'mix': {'layout': 'mono', 'rate': 8000}, 'speech': {'minSpeechMs': 200}}
    >>> config
    Config(speech=SpeechConfig(min_speech_ms=200), mix=MixConfig(rate=8000, layout='mono'))

    Raises `InvalidArgument` with the field's name for a value out of range.
    """

    decode: DecodeOptions = field(default_factory=DecodeOptions)
    """How recordings are read."""
    align: AlignOptions = field(default_factory=AlignOptions)
    """How tracks are placed on the timeline."""
    detector: Detector = _default("detector")
    """The speech detector."""
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    """How speech probabilities become spans."""
    mix: MixConfig = field(default_factory=MixConfig)
    """How a mix is written."""
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    """Parameters of the conversation metrics."""
    integrity: IntegrityConfig = field(default_factory=IntegrityConfig)
    """Thresholds for problems with recordings."""
    outcome: OutcomeConfig = field(default_factory=OutcomeConfig)
    """Limits for outcome and tag."""
    voices: bool = _default("voices")
    """Whether to separate the voices of mixed tracks."""
    dtmf_digits: bool = _default("dtmf_digits")
    """Whether DTMF events include their digits, which are often card numbers."""
    pii: Literal["keep", "drop"] = _default("pii")
    """What happens to personal data in a report."""
    portable: bool = _default("portable")
    """Whether to take a slower path that is bit-identical on every kind of CPU."""
    confidence_map: tuple[tuple[float, float], ...] = ()
    """Calibration of placement confidence: pairs of stated and true confidence, both increasing.
    Where it is empty, a profile's applies.
    """
    profile: str | Mapping[str, Any] | None = None
    """The profile on which the configuration is based: the name of a built-in one (`freeswitch`,
    `genesys-audiohook`, `twilio-conference`, `vicidial`), or one made by `calibrate`. Fields that
    are given go before the profile's, defaults too; all others are as the profile says.
    `dataclasses.replace` gives every field: make a configuration anew to add a profile.
    """

    def __post_init__(self) -> None:
        for section in fields(self):
            value = getattr(self, section.name)
            if isinstance(section.default_factory, type) and not isinstance(value, section.default_factory):
                raise TypeError(
                    f"{section.name}: found {type(value).__name__}, expected {section.default_factory.__name__}"
                )
        if self.profile is None:
            self._read()
            return
        merged = json.loads(_callweave.read_config(to_json(self._given_dict()))[0])
        for name, read in _readers(type(self)).values():
            if camel(name) in merged:
                object.__setattr__(self, name, read(merged[camel(name)]))

    def _read(self) -> tuple[str, str, str]:
        """Returns the core's view: the whole configuration, what differs from the defaults, and the
        hash."""
        return _callweave.read_config(to_json(self.to_dict()))

    def __hash__(self) -> int:
        return hash(self.config_hash())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads a configuration with JSON or Python names. Missing fields keep their defaults;
        unknown fields, and a field under both of its names, are errors.

        >>> Config.from_dict({"speech": {"min_speech_ms": 200}, "dtmfDigits": True})
        Config(speech=SpeechConfig(min_speech_ms=200.0), dtmf_digits=True)
        """
        return cls.from_json(to_json(_json_names(cls, values)))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a configuration from JSON. Missing fields keep their defaults; unknown fields are
        errors."""
        return cls._of(json.loads(_callweave.read_config(text)[0]))

    def to_json(self) -> str:
        """Returns the whole configuration with its JSON names, as the core writes it."""
        return self._read()[0]

    def changes(self) -> dict[str, Any]:
        """Returns what differs from the defaults, with JSON names, as in reports."""
        changes: dict[str, Any] = json.loads(self._read()[1])
        return changes

    def config_hash(self) -> str:
        """Returns the SHA-256 of the whole configuration. Equal hashes mean equal
        configurations."""
        return self._read()[2]


_PRIORS: dict[str, type[Record]] = {"offsetPrior": OffsetPrior, "echoPrior": EchoPrior}


def _json_names(section: type[Record], values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts values to the core's names."""
    if not isinstance(values, Mapping):
        raise TypeError(f"found {type(values).__name__}, expected a mapping")
    known = {f.name: f for f in fields(section)} | {camel(f.name): f for f in fields(section)}
    out: dict[str, Any] = {}
    for name, value in values.items():
        field_of = known.get(name)
        part: Any = field_of.default_factory if field_of else None
        if isinstance(part, type) and issubclass(part, _Section):
            value = _json_names(part, value)
        elif camel(name) in _PRIORS and value is not None:
            value = _json_names(_PRIORS[camel(name)], value)
        told = camel(field_of.name) if field_of else name
        if told in out:
            raise refused(name, f"{told} under both of its names", "one of them")
        out[told] = value
    return out


def config_json(config: Config | None) -> str:
    """Converts a configuration for the native module."""
    if config is None:
        return "{}"
    if not isinstance(config, Config):
        raise TypeError(f"config: found {type(config).__name__}, expected callweave.Config")
    return config.to_json()
