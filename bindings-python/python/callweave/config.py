"""What a caller can choose: frozen, comparable, picklable.

Defaults and limits are the core's, read from it when this module is imported; only names and types are written here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, TypeAlias

from callweave import _callweave
from callweave._record import Record, camel

__all__ = [
    "AlignOptions",
    "Config",
    "DecodeOptions",
    "Detector",
    "IntegrityConfig",
    "MetricsConfig",
    "MixConfig",
    "OutcomeConfig",
    "SpeechConfig",
]

Detector: TypeAlias = Literal["silero", "webrtc"]
"""A detector of speech."""

_WHERE_GIVEN = ("confidenceMap", "profile")
"""Fields that are written only where something was given."""

_DEFAULTS: dict[str, Any] = json.loads(_callweave.read_config("{}")[0])


def _default(*path: str) -> Any:
    """A field with the core's default."""
    value: Any = _DEFAULTS
    for name in path:
        value = value[camel(name)]
    return field(default_factory=lambda: dict(value)) if isinstance(value, dict) else field(default=value)


@dataclass(frozen=True, kw_only=True, repr=False)
class _Section(Record):
    """A part of a configuration, shown by what differs from the defaults."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads a part of a configuration, under its JSON names or Python's; fields that do not exist are refused."""
        section = next(f.name for f in fields(Config) if f.default_factory is cls)
        part: Self = getattr(Config.from_dict({section: values}), section)
        return part

    def __repr__(self) -> str:
        plain = type(self)()
        changed = (name for name, value in vars(self).items() if value != getattr(plain, name))
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in changed)})"


@dataclass(frozen=True, kw_only=True, repr=False)
class DecodeOptions(_Section):
    """How recordings are read, and how much of one is accepted."""

    stereo: Literal["split", "downmix"] = _default("decode", "stereo")
    """What becomes of a recording with two channels."""
    assumed_mp3_delay: int = _default("decode", "assumed_mp3_delay")
    """Codec delay of an mp3 without a tag, in samples of the file's own rate."""
    max_bytes: int = _default("decode", "max_bytes")
    """The most bytes that are read of one input."""
    max_buffered_bytes: int = _default("decode", "max_buffered_bytes")
    """The most bytes of an input without seeking that are kept in memory, where its format asks for that."""
    max_duration_ms: float = _default("decode", "max_duration_ms")
    """The longest recording that is decoded."""
    max_channels: int = _default("decode", "max_channels")
    """The most channels of one recording."""
    max_tracks: int = _default("decode", "max_tracks")
    """The most tracks of one call."""
    max_members: int = _default("decode", "max_members")
    """The most members of an archive."""
    max_members_bytes: int = _default("decode", "max_members_bytes")
    """The most bytes of all recordings in an archive together, unpacked."""
    max_member_ratio: int = _default("decode", "max_member_ratio")
    max_total_duration_ms: float = _default("decode", "max_total_duration_ms")
    max_samples: int = _default("decode", "max_samples")
    max_ms_per_byte: float = _default("decode", "max_ms_per_byte")
    min_rate_hz: int = _default("decode", "min_rate_hz")
    max_decoder_bytes: int = _default("decode", "max_decoder_bytes")
    """How many times its packed size a member of an archive may have."""
    sha256: bool = _default("decode", "sha256")
    """Whether the SHA-256 of each input is computed while it is read."""


@dataclass(frozen=True, kw_only=True, repr=False)
class AlignOptions(_Section):
    """How tracks are placed: what may be used, and where to look."""

    search_ms: float = _default("align", "search_ms")
    """How far apart two recorders may have started, or stopped, or have been from their start times; 1 s to 1 h."""
    bleed: bool = _default("align", "bleed")
    """Whether one party heard on the other's track may be used."""
    timestamps: bool = _default("align", "timestamps")
    """Whether start times may be used."""
    turns: bool = _default("align", "turns")
    """Whether turn taking may be used."""
    aligned: bool = _default("align", "aligned")
    """Whether one recorder made all tracks: they begin together, but for those whose offset is known."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SpeechConfig(_Section):
    """From probabilities to spans, with the meanings that users of Silero VAD know."""

    threshold: float = _default("speech", "threshold")
    """Speech begins at this probability."""
    neg_threshold: float = _default("speech", "neg_threshold")
    """Speech goes on until the probability is below this."""
    min_speech_ms: float = _default("speech", "min_speech_ms")
    """Shorter speech is dropped."""
    min_silence_ms: float = _default("speech", "min_silence_ms")
    """Shorter pauses do not end speech."""
    speech_pad_ms: float = _default("speech", "speech_pad_ms")
    """Added on either side of a span, without meeting its neighbour."""
    max_speech_ms: float | None = _default("speech", "max_speech_ms")
    """The longest span; a longer one is cut in its longest pause. `None`: no limit."""
    turn_pause_ms: float = _default("speech", "turn_pause_ms")
    """Pauses up to this long do not end a party's turn, unless the other party takes the floor."""
    reset_after_ms: float | None = _default("speech", "reset_after_ms")
    """Silero begins anew after so long without a probability of `neg_threshold`. `None`: never, as its users know it."""
    edges: Literal["energy", "detector"] = _default("speech", "edges")
    """What says where a span begins and ends: the detector, the level and the noise together, or the detector alone."""
    bleed_gate: bool = _default("speech", "bleed_gate")
    """Whether speech that only repeats another track is told apart as bleed."""

    @classmethod
    def metrics(cls) -> Self:
        """For figures, the default: a short "yes" counts, and nothing is padded."""
        return cls._preset("metrics")

    @classmethod
    def asr(cls) -> Self:
        """For transcribers: nothing clipped at either end, at most 30 s.

        >>> SpeechConfig.asr().speech_pad_ms
        200.0
        """
        return cls._preset("asr")

    @classmethod
    def silero(cls) -> Self:
        """What `silero_vad.get_speech_timestamps` does by itself."""
        return cls._preset("silero")

    @classmethod
    def _preset(cls, name: str) -> Self:
        return cls._of(json.loads(_callweave.speech_preset(name)))


@dataclass(frozen=True, kw_only=True, repr=False)
class MixConfig(_Section):
    """How a mix is made."""

    rate: Literal["auto", "source"] | int = _default("mix", "rate")
    """Samples per second: a number, `source` (the inputs' highest) or `auto` (that, at most 16000)."""
    layout: Literal["split", "mono", "voices"] = _default("mix", "layout")
    """One channel per party, one for all (`mono`), or one per party and per voice of a mixed track (`voices`)."""
    format: Literal["wav", "wav-ulaw", "flac"] = _default("mix", "format")
    """How the file is written: 16-bit PCM or mu-law in wav, or FLAC."""
    level: str = _default("mix", "level")
    """The level to which each party is brought: such as `-26dbov` or `-23lufs`, or `off`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class MetricsConfig(_Section):
    """The parameters of the conversation's figures."""

    non_talk_ms: float = _default("metrics", "non_talk_ms")
    """Silence of all parties from this long on is non-talk."""
    interruption_after_ms: float = _default("metrics", "interruption_after_ms")
    """An interruption begins at least this long after the interrupted turn."""
    interruption_overlap_ms: float = _default("metrics", "interruption_overlap_ms")
    """An interruption overlaps the interrupted turn at least this long."""
    interruption_yield_ms: float = _default("metrics", "interruption_yield_ms")
    """The interrupted party stops within this time."""
    backchannel_ms: float = _default("metrics", "backchannel_ms")
    """A backchannel lasts at most this long."""
    max_uncertainty_ms: float = _default("metrics", "max_uncertainty_ms")
    """Placements less certain than this make no figures that compare parties in time."""


@dataclass(frozen=True, kw_only=True, repr=False)
class IntegrityConfig(_Section):
    """From which measures on something is wrong with a recording."""

    clipped_share: float = _default("integrity", "clipped_share")
    """A track with at least this share of its samples at full scale is clipped."""
    wide_share: float = _default("integrity", "wide_share")
    """Speech is wideband where at least this share of its loud frames holds power above the telephone band."""
    pause_ms: float = _default("integrity", "pause_ms")
    """Digital zero, or time that the recording leaves out, of at least this length is a pause."""
    dropout_share: float = _default("integrity", "dropout_share")
    """Short holes that take at least this share of a track are reported."""


@dataclass(frozen=True, kw_only=True, repr=False)
class OutcomeConfig(_Section):
    """The limits of the rules that decide outcome and tag, and the map from one to the other."""

    short_speech_ms: float = _default("outcome", "short_speech_ms")
    """Less speech than this in a conversation is a short call."""
    short_span_ms: float = _default("outcome", "short_span_ms")
    """First to last speech no longer than this is a short call, if it holds few exchanges."""
    short_exchanges: int = _default("outcome", "short_exchanges")
    """Fewer exchanges of turns than this are few."""
    silent_party_ms: float = _default("outcome", "silent_party_ms")
    """A party silent for at least this long may be a silent party."""
    silent_party_turns: int = _default("outcome", "silent_party_turns")
    """The other party speaks at least this many times to a silent one."""
    monologue_ms: float = _default("outcome", "monologue_ms")
    """Speech of at least this length without room for an answer is a monologue."""
    monologue_gap_ms: float = _default("outcome", "monologue_gap_ms")
    """A gap of at least this length is room for an answer."""
    min_voice_ms: float = _default("outcome", "min_voice_ms")
    """Voice of its own that a party needs to count as one who speaks: two short words."""
    fax_voice_ms: float = _default("outcome", "fax_voice_ms")
    """Fax tones from a party with less voice of its own than this are a machine's."""
    greeting_ms: float = _default("outcome", "greeting_ms")
    """A greeting ends at most this long after a monologue has begun."""
    before_beep_ms: float = _default("outcome", "before_beep_ms")
    """A caller says no more than this before a machine's beep."""
    machine_greeting_ms: float = _default("outcome", "machine_greeting_ms")
    """A machine greets for longer than this in one go; a person who answers says a word or two."""
    max_greeting_ms: float = _default("outcome", "max_greeting_ms")
    """A machine greets no longer than this."""
    greeting_pause_ms: float = _default("outcome", "greeting_pause_ms")
    """A pause of at least this length ends a greeting."""
    dead_dbov: float = _default("outcome", "dead_dbov")
    """A dead line's level lies below this."""
    profile: Literal["default", "spam"] = _default("outcome", "profile")
    """The map from outcome to tag that `tags` changes: `spam` takes a silent party and a monologue for wrong_or_spam too."""
    tags: Mapping[str, str] = _default("outcome", "tags")
    """The map from outcome to tag, where it differs from the profile's."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Config(_Section):
    """Everything that a caller can choose. The result depends on this and the input alone.

    >>> config = Config(speech=SpeechConfig(min_speech_ms=200), mix=MixConfig(rate=8000, layout="mono"))
    >>> config.changes()
    {'mix': {'layout': 'mono', 'rate': 8000}, 'speech': {'minSpeechMs': 200}}
    >>> config
    Config(speech=SpeechConfig(min_speech_ms=200), mix=MixConfig(rate=8000, layout='mono'))

    Raises `InvalidArgument` where the numbers make no sense, with the field's name.
    """

    decode: DecodeOptions = field(default_factory=DecodeOptions)
    """How recordings are read."""
    align: AlignOptions = field(default_factory=AlignOptions)
    """How tracks are placed."""
    detector: Detector = _default("detector")
    """Which speech detector listens."""
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    """From probabilities to spans."""
    mix: MixConfig = field(default_factory=MixConfig)
    """How a mix is made."""
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    """The conversation's figures."""
    integrity: IntegrityConfig = field(default_factory=IntegrityConfig)
    """What is wrong with a recording."""
    outcome: OutcomeConfig = field(default_factory=OutcomeConfig)
    """Outcome and tag."""
    voices: bool = _default("voices")
    """Whether the voices of mixed tracks are told apart."""
    dtmf_digits: bool = _default("dtmf_digits")
    """Whether key presses are reported with their digits (card numbers often enough)."""
    pii: Literal["keep", "drop"] = _default("pii")
    """What becomes of personal data in a report."""
    portable: bool = _default("portable")
    """Takes the slower path whose bits are the same on every kind of CPU."""
    confidence_map: tuple[tuple[float, float], ...] = ()
    """How often placements of a confidence are right on calls like these: pairs of what is said and what is right."""
    profile: str | Mapping[str, Any] | None = None
    """What is known of a trunk or recorder, under what this configuration changes: the name of a profile (`freeswitch`,
    `twilio-conference`, `vicidial`), or one of `calibrate`."""

    def __post_init__(self) -> None:
        for section in fields(self):
            value = getattr(self, section.name)
            if isinstance(section.default_factory, type) and not isinstance(value, section.default_factory):
                raise TypeError(
                    f"{section.name}: found {type(value).__name__}, expected {section.default_factory.__name__}"
                )
        self._read()

    def to_dict(self) -> dict[str, Any]:
        """The configuration under its JSON names; a profile and a map of confidences only where there are any."""
        told = super().to_dict()
        return {name: value for name, value in told.items() if value or name not in _WHERE_GIVEN}

    def _read(self) -> tuple[str, str, str]:
        """The core's view: the whole configuration, what differs from the defaults, and the hash."""
        return _callweave.read_config(json.dumps(self.to_dict()))

    def __hash__(self) -> int:
        return hash(self.config_hash())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads a configuration, under its JSON names or Python's; fields left out keep their defaults, fields that do not
        exist are refused.

        >>> Config.from_dict({"speech": {"min_speech_ms": 200}, "dtmfDigits": True})
        Config(speech=SpeechConfig(min_speech_ms=200.0), dtmf_digits=True)
        """
        return cls.from_json(json.dumps(_json_names(cls, values)))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a configuration; fields left out keep their defaults, fields that do not exist are refused."""
        return cls._of(json.loads(_callweave.read_config(text)[0]))

    def to_json(self) -> str:
        """The whole configuration under its JSON names, as the core writes it."""
        return self._read()[0]

    def changes(self) -> dict[str, Any]:
        """What differs from the defaults, under its JSON names, as reports tell it."""
        changes: dict[str, Any] = json.loads(self._read()[1])
        return changes

    def config_hash(self) -> str:
        """SHA-256 of the whole configuration: equal hashes mean equal configurations."""
        return self._read()[2]


def _json_names(section: type[_Section], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values under the core's names."""
    if not isinstance(values, Mapping):
        raise TypeError(f"found {type(values).__name__}, expected a mapping")
    known = {f.name: f for f in fields(section)} | {camel(f.name): f for f in fields(section)}
    out: dict[str, Any] = {}
    for name, value in values.items():
        field_of = known.get(name)
        part: Any = field_of.default_factory if field_of else None
        if isinstance(part, type) and issubclass(part, _Section):
            value = _json_names(part, value)
        out[camel(field_of.name) if field_of else name] = value
    return out


def config_json(config: Config | None) -> str:
    """A configuration for the native module."""
    if config is None:
        return "{}"
    if not isinstance(config, Config):
        raise TypeError(f"config: found {type(config).__name__}, expected callweave.Config")
    return config.to_json()
