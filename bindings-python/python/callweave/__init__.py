"""callweave: the audio library for call recordings.

Everything here is a thin, typed face of the Rust crate of the same name: the same defaults, the same checks, the same
bytes out. All work runs with the interpreter released; from asyncio, use `asyncio.to_thread`.
"""

from callweave import errors, provider, report
from callweave._callweave import VERSION as __version__
from callweave._many import BatchResult, process_batch
from callweave._peaks import Peaks, peaks
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
    IntegrityConfig,
    MetricsConfig,
    MixConfig,
    OutcomeConfig,
    SpeechConfig,
)
from callweave.errors import Error
from callweave.inputs import Audio, Input
from callweave.live import LiveCall, LiveEvent, LiveTrack, SpeechEnd, SpeechStart, SpeechStream
from callweave.processed import Chunk
from callweave.report import Probe, Report

version: str = __version__

__all__ = [
    "AlignOptions",
    "Audio",
    "BatchResult",
    "Chunk",
    "Config",
    "DecodeOptions",
    "Error",
    "Input",
    "IntegrityConfig",
    "LiveCall",
    "LiveEvent",
    "LiveTrack",
    "MetricsConfig",
    "MixConfig",
    "Normalized",
    "OutcomeConfig",
    "Peaks",
    "Probe",
    "Processed",
    "Report",
    "SpeechConfig",
    "SpeechEnd",
    "SpeechStart",
    "SpeechStream",
    "__version__",
    "align",
    "analyze",
    "chunks",
    "decode",
    "detect_speech",
    "errors",
    "mix",
    "normalize",
    "peaks",
    "probe",
    "process",
    "process_batch",
    "provider",
    "redact",
    "report",
    "version",
]
