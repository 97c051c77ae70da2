import os
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ERROR_CODES",
    "VERSION",
    "Processed",
    "analyze",
    "decode_float32",
    "decode_int16",
    "normalize",
    "probe",
    "process",
    "provider",
    "read_config",
    "run_program",
]

VERSION: str
ERROR_CODES: tuple[str, ...]

_Progress = Callable[[str, int, int | None], object] | None

@final
class Processed:
    def report_json(self) -> str: ...
    def mix(self, config: str) -> tuple[NDArray[np.int16], int]: ...
    def write(self, folder: str | os.PathLike[str], config: str) -> None: ...

def read_config(json: str) -> tuple[str, str, str]: ...
def process(
    inputs: Sequence[Any], roles: Sequence[str], config: str, progress: _Progress, threads: int | None
) -> Processed: ...
def analyze(
    inputs: Sequence[Any], roles: Sequence[str], config: str, progress: _Progress, threads: int | None
) -> str: ...
def probe(input: Any, config: str) -> str: ...
def decode_float32(input: Any, config: str) -> tuple[NDArray[np.float32], int, str]: ...
def decode_int16(input: Any, config: str) -> tuple[NDArray[np.int16], int, str]: ...
def normalize(
    input: Any, config: str, path: str | os.PathLike[str] | None, progress: _Progress
) -> tuple[NDArray[np.int16] | None, int, str, float]: ...
def provider(helper: str, json: str) -> str: ...
def run_program(args: Sequence[str]) -> int: ...
