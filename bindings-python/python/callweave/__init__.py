"""callweave: the audio library for call recordings.

A thin, typed interface to the Rust crate of the same name, with the same defaults, checks and
results. All work runs with the interpreter released. For asyncio, see `callweave.aio`.
"""

from typing import TYPE_CHECKING, Any

from callweave import errors, provider, report, tables
from callweave._callweave import VERSION as __version__
from callweave._many import BatchResult, process_batch
from callweave._peaks import Peaks, peaks
from callweave._speech import Speech, get_speech_timestamps, speech
from callweave.amr import AmrPackets
from callweave.audio import Audio, Levels, SamplesWarning, levels, load
from callweave.calls import (
    Normalized,
    Processed,
    align,
    analyze,
    chunks,
    decode,
    detect_speech,
    mix,
    normalize,
    probe,
    process,
    redact,
)
from callweave.config import (
    AlignOptions,
    Config,
    DecodeOptions,
    EchoPrior,
    IntegrityConfig,
    MetricsConfig,
    MixConfig,
    OffsetPrior,
    OutcomeConfig,
    SpeechConfig,
)
from callweave.errors import Error
from callweave.evaluation import Comparison, Evaluation, calibrate, compare, evaluate
from callweave.inputs import Input
from callweave.live import LiveCall, LiveEvent, LiveTrack, SpeechEnd, SpeechStart, SpeechStream
from callweave.processed import Chunk, ProcessedTrack
from callweave.report import Probe, Report, Span
from callweave.transcript import Transcript, Word

if TYPE_CHECKING:
    from callweave import aio

version: str = __version__


def __getattr__(name: str) -> Any:
    """Imports `callweave.aio` on first use, because asyncio takes longer to import than everything
    else."""
    if name == "aio":
        import importlib

        return importlib.import_module("callweave.aio")
    raise AttributeError(f"module 'callweave' has no attribute {name!r}")


__all__ = [
    "AlignOptions",
    "AmrPackets",
    "Audio",
    "BatchResult",
    "Chunk",
    "Comparison",
    "Config",
    "DecodeOptions",
    "EchoPrior",
    "Error",
    "Evaluation",
    "Input",
    "IntegrityConfig",
    "Levels",
    "LiveCall",
    "LiveEvent",
    "LiveTrack",
    "MetricsConfig",
    "MixConfig",
    "OffsetPrior",
    "Normalized",
    "OutcomeConfig",
    "Peaks",
    "Probe",
    "Processed",
    "ProcessedTrack",
    "Report",
    "SamplesWarning",
    "Span",
    "Speech",
    "SpeechConfig",
    "SpeechEnd",
    "SpeechStart",
    "SpeechStream",
    "Transcript",
    "Word",
    "__version__",
    "aio",
    "align",
    "analyze",
    "calibrate",
    "chunks",
    "compare",
    "decode",
    "detect_speech",
    "errors",
    "evaluate",
    "get_speech_timestamps",
    "levels",
    "load",
    "mix",
    "normalize",
    "peaks",
    "probe",
    "process",
    "process_batch",
    "provider",
    "redact",
    "report",
    "speech",
    "tables",
    "version",
]
