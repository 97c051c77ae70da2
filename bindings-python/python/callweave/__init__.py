"""callweave: the audio library for call recordings.

Everything here is a thin, typed face of the Rust crate of the same name: the same defaults, the same checks, the same
bytes out.
"""

from callweave import errors
from callweave._callweave import VERSION as __version__
from callweave.config import Config, DecodeOptions, MetricsConfig, MixConfig, OutcomeConfig, SpeechConfig
from callweave.errors import Error

version: str = __version__

__all__ = [
    "Config",
    "DecodeOptions",
    "Error",
    "MetricsConfig",
    "MixConfig",
    "OutcomeConfig",
    "SpeechConfig",
    "__version__",
    "errors",
    "version",
]
