"""callweave: the audio library for call recordings.

Everything here is a thin, typed face of the Rust crate of the same name: the same defaults, the same checks, the same
bytes out. All work runs with the interpreter released; from asyncio, use `asyncio.to_thread`.
"""

from callweave import errors, provider, report
from callweave._callweave import VERSION as __version__
from callweave.calls import (
    Normalized,
    Processed,
    align,
    analyze,
    decode,
    detect_speech,
    mix,
    normalize,
    probe,
    process,
)
from callweave.config import AlignOptions, Config, DecodeOptions, MetricsConfig, MixConfig, OutcomeConfig, SpeechConfig
from callweave.errors import Error
from callweave.inputs import Audio, Input
from callweave.report import Probe, Report

version: str = __version__

__all__ = [
    "AlignOptions",
    "Audio",
    "Config",
    "DecodeOptions",
    "Error",
    "Input",
    "MetricsConfig",
    "MixConfig",
    "Normalized",
    "OutcomeConfig",
    "Probe",
    "Processed",
    "Report",
    "SpeechConfig",
    "__version__",
    "align",
    "analyze",
    "decode",
    "detect_speech",
    "errors",
    "mix",
    "normalize",
    "probe",
    "process",
    "provider",
    "report",
    "version",
]
