"""Functions on whole calls and recordings: process, analyze, normalize, probe, decode and
others."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from callweave import _callweave
from callweave._progress import OnProgress, Progress, watched
from callweave._storage import is_url, put
from callweave._values import optional, refused, to_json
from callweave.audio import Audio, SamplesWarning
from callweave.config import Config, config_json
from callweave.errors import InvalidArgument
from callweave.inputs import DescribedInput, Input, Recording, Role, native, natives
from callweave.processed import Chunk, Cover, Processed, Spans, Unit
from callweave.report import Alignment, Probe, Report, Source, Span

__all__ = [
    "Normalized",
    "OnProgress",
    "Processed",
    "align",
    "analyze",
    "chunks",
    "decode",
    "detect_speech",
    "mix",
    "normalize",
    "probe",
    "process",
    "redact",
]

Inputs: TypeAlias = Recording | Input | DescribedInput | Iterable[Recording | Input]

Facts: TypeAlias = Sequence[Mapping[str, Any]]
"""Facts about a call from the phone system, for `process`."""


def facts_json(facts: Facts) -> str | None:
    """Converts facts to JSON for the core, or returns `None` if there are none."""
    if isinstance(facts, (Mapping, str)) or not isinstance(facts, Iterable):
        raise refused("facts", f"one {type(facts).__name__}", "a list of mappings", "input")
    told = list(facts)
    for index, fact in enumerate(told):
        if not isinstance(fact, Mapping):
            raise refused(f"facts[{index}]", type(fact).__name__, "a mapping", "input")
    return to_json(told, "facts") if told else None


def process(
    inputs: Inputs,
    config: Config | None = None,
    *,
    roles: Sequence[Role] = (),
    facts: Facts = (),
    progress: Progress | None = None,
    threads: int | None = None,
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> Processed:
    """Processes a call and keeps its tracks, so that it can be mixed.

    `inputs` is one recording or several, the path of a manifest or of a provider's JSON next to its
    audio, or a call of `callweave.provider`. `roles` are the roles of the tracks, in order; a
    recording with two channels is two tracks. The result does not depend on `threads`.

    `facts` are what the phone system knows about the call. Each is a mapping with `kind` (`answer`,
    `hold`, `resume`, `pause`, `unpause`, `mute`, `unmute`, `consult`, `conference`, `transfer`,
    `key`, `hangup`), `at` (Unix seconds, RFC 3339 or a `datetime`) or `atMs` (milliseconds on the
    call's timeline), and optionally `party`, `reason` and `key`.

    Recordings and documents may be URLs that fsspec supports (`s3://`, `gs://`, `https://`), with
    its `storage_options` (`pip install callweave[cloud]`).

    An unreadable recording among several is an error. With `strict=False` the others are processed,
    and the failure is in the track's `error` and in the report's `warnings`.

    >>> import callweave
    >>> call = callweave.process("fixtures/short/manifest.json")
    >>> call.report.outcome.value
    'conversation'
    >>> call.mix().samples.shape[0]
    2
    """
    with watched(progress) as hear:
        inner = _callweave.process(
            natives(inputs, storage_options),
            list(roles),
            config_json(config),
            hear,
            optional("threads", threads),
            strict,
            facts_json(facts),
        )
    return Processed(inner, config)


def analyze(
    inputs: Inputs,
    config: Config | None = None,
    *,
    roles: Sequence[Role] = (),
    facts: Facts = (),
    progress: Progress | None = None,
    threads: int | None = None,
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> Report:
    """Analyzes a call and returns its report. Like `process`, but keeps no samples."""
    with watched(progress) as hear:
        text = _callweave.analyze(
            natives(inputs, storage_options),
            list(roles),
            config_json(config),
            hear,
            optional("threads", threads),
            strict,
            facts_json(facts),
        )
    return Report.from_json(text)


def align(
    inputs: Inputs, config: Config | None = None, *, storage_options: Mapping[str, Any] | None = None
) -> tuple[Alignment | None, ...]:
    """Returns each track's placement on the call's timeline, or `None` for a track that cannot be
    read. Samples that are replaced or clipped are told by `SamplesWarning`."""
    report = analyze(inputs, config, strict=False, storage_options=storage_options)
    _warn_of_samples(report)
    return tuple(track.alignment for track in report.tracks)


def detect_speech(
    recording: Recording | Input, config: Config | None = None, *, storage_options: Mapping[str, Any] | None = None
) -> tuple[tuple[Span, ...], ...]:
    """Detects speech in a recording, and returns the spans of each of its tracks. Samples that are
    replaced or clipped are told by `SamplesWarning`.

    >>> [track] = detect_speech(callweave.Input("fixtures/stereo/call.wav", channel=0))
    >>> track[0].end_ms > track[0].start_ms
    True
    """
    report = analyze([recording], config, storage_options=storage_options)
    _warn_of_samples(report)
    return tuple(track.speech for track in report.tracks)


def _warn_of_samples(report: Report) -> None:
    """Warns of samples that were replaced or clipped, for results without a place for it."""
    for track in report.tracks:
        for warning in track.source.warnings if track.source else ():
            if warning.code in ("not_finite", "samples_out_of_range"):
                warnings.warn(f"track {track.index}: {warning.message}", SamplesWarning, stacklevel=3)


def mix(
    inputs: Inputs,
    config: Config | None = None,
    *,
    roles: Sequence[Role] = (),
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> Audio:
    """Returns the mix of a call as int16 samples: its parties, placed and normalized. Samples that are
    replaced or clipped are told by `SamplesWarning`."""
    call = process(inputs, config, roles=roles, strict=strict, storage_options=storage_options)
    _warn_of_samples(call.report)
    return call.mix()


def chunks(
    inputs: Inputs,
    config: Config | None = None,
    *,
    roles: Sequence[Role] = (),
    longest_ms: float | None = None,
    pad_ms: float | None = None,
    merge_gap_ms: float | None = None,
    sample_rate_hz: int | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> Iterator[Chunk]:
    """Yields each party's own speech in chunks for a transcriber, in the order of the call; see
    `Processed.chunks`. Samples that are replaced or clipped are told by `SamplesWarning`.

    >>> for chunk in chunks("fixtures/short/manifest.json"):
    ...     words = [(100.0, "hello")]  # what a transcriber returns for chunk.samples, from the chunk's beginning
    ...     placed = [(chunk.to_call(at_ms), word) for at_ms, word in words]
    >>> chunk.role, placed[0][0] == chunk.start_ms + 100
    ('customer', True)
    """
    options: dict[str, Any] = {"threads": threads, "strict": strict, "storage_options": storage_options}
    call = process(inputs, config, roles=roles, progress=progress, **options)
    _warn_of_samples(call.report)
    cut: dict[str, Any] = {"longest_ms": longest_ms, "pad_ms": pad_ms, "merge_gap_ms": merge_gap_ms}
    return call.chunks(**cut, sample_rate_hz=sample_rate_hz)


def redact(
    inputs: Inputs,
    spans: Spans = (),
    *,
    unit: Unit | None = None,
    keys: bool = False,
    unsure: bool = False,
    cover: Cover = "silence",
    config: Config | None = None,
    roles: Sequence[Role] = (),
    progress: Progress | None = None,
    threads: int | None = None,
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> Processed:
    """Processes a call and redacts spans of it, or every key press, on its tracks, so that it can
    be mixed and written without them. The recordings are not changed. `unit` is that of the spans'
    numbers; see `Processed.redact`.

    >>> redact("fixtures/keypad-hold/manifest.json", keys=True).report.redacted != ()
    True
    """
    options: dict[str, Any] = {"threads": threads, "strict": strict, "storage_options": storage_options}
    call = process(inputs, config, roles=roles, progress=progress, **options)
    call.redact(spans, unit=unit, keys=keys, unsure=unsure, cover=cover)
    return call


def probe(
    recording: Recording | Input,
    config: Config | None = None,
    *,
    quick: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Probe:
    """Returns a file's actual format, and what is wrong with it. A file that is not a recording is
    a result, not an error.

    The recording is read to its end. With `quick`, only its head is read, about 128 KB, and nothing
    is decoded; the result is then in `head` instead of `source`. A ZIP archive has a result for
    each of its `members`.

    >>> probe("fixtures/stereo/call.wav").source.codec
    'pcm_s16'
    >>> probe("fixtures/stereo/call.wav", quick=True).head.declared_duration_ms
    26060.0
    """
    return Probe.from_dict(json.loads(_callweave.probe(native(recording, storage_options), config_json(config), quick)))


def decode(
    recording: Recording | Input,
    config: Config | None = None,
    *,
    dtype: Literal["float32", "int16"] = "float32",
    storage_options: Mapping[str, Any] | None = None,
) -> Audio:
    """Decodes a recording at its own rate, with the codec delay removed.

    >>> decode("fixtures/stereo/call.wav")
    <Audio 2 x 208480 float32 at 8000 Hz, 26.060 s>
    """
    choices: dict[str, Any] = {"float32": _callweave.decode_float32, "int16": _callweave.decode_int16}
    if dtype not in choices:
        raise InvalidArgument(f"dtype: found {dtype}, expected {' or '.join(choices)}", "config")
    samples, rate, source = choices[dtype](native(recording, storage_options), config_json(config))
    return Audio(samples, rate, Source.from_dict(json.loads(source)))


@dataclass(frozen=True, eq=False)
class Normalized:
    """A recording converted to another rate and level."""

    audio: Audio | None
    """Its int16 samples, or `None` if they were written to a file."""
    sample_rate_hz: int
    source: Source
    """What the recording was, with its warnings."""
    gain_db: float
    """The gain that was applied to all channels."""


def normalize(
    recording: Recording | Input,
    output: str | os.PathLike[str] | None = None,
    *,
    rate: Literal["auto", "source"] | int | None = None,
    level: str | None = None,
    layout: Literal["split", "mono"] | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Normalized:
    """Converts one recording to a rate and a level.

    Returns int16 samples, or writes them to the file `output`, WAV or FLAC by its extension, which
    appears complete or not at all. `rate`, `level` and `layout` take precedence over the
    configuration's mix.

    >>> normalize("fixtures/stereo/call.wav", rate=16000, level="-23lufs", layout="mono").audio
    <Audio 1 x 416960 int16 at 16000 Hz, 26.060 s>
    """
    wanted = {"rate": rate, "level": level, "layout": layout}
    config = config or Config()
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    config = replace(config, mix=replace(config.mix, **changes))
    url = os.fspath(output) if output is not None and is_url(output) else None
    with (
        tempfile.TemporaryDirectory(prefix="callweave-") if url else nullcontext(None) as local,
        watched(progress) as hear,
    ):
        path = output if url is None else os.path.join(local or "", url.rpartition("/")[2])
        item = native(recording, storage_options, output)
        samples, hz, source, gain = _callweave.normalize(item, config_json(config), path, hear)
        if url is not None and path is not None:
            put(url, Path(path).read_bytes(), storage_options)
    audio = None if samples is None else Audio(samples, hz)
    return Normalized(audio, hz, Source.from_dict(json.loads(source)), gain)
