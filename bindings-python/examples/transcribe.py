"""A call to a transcript: each party's own speech, cut for a transcriber, its words back on the
call's timeline.

    python examples/transcribe.py fixtures/short/manifest.json

`transcript` takes any callable that turns samples into words with times; put a model of your choice
there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import callweave

Words = Iterable[tuple[float, float, str]]
"""Words with their beginnings and ends in milliseconds from the first sample."""


@dataclass(frozen=True)
class Word:
    """A word on the call's timeline."""

    start_ms: float
    end_ms: float
    role: str
    text: str


def transcript(call: str, transcriber: Callable[[NDArray[np.float32], int], Words]) -> Iterator[Word]:
    """The words of a call in the order of its chunks; bleed is left out, so nobody is transcribed
    twice."""
    for chunk in callweave.chunks(call, longest_ms=30_000, sample_rate_hz=16_000):
        for start_ms, end_ms, text in transcriber(chunk.samples, chunk.sample_rate_hz):
            yield Word(chunk.to_call(start_ms), chunk.to_call(end_ms), chunk.role, text)


def loudness(samples: NDArray[np.float32], rate: int) -> Words:
    """Stands in for a transcriber: says how loud each second is."""
    for at in range(0, len(samples), rate):
        part = samples[at : at + rate]
        level = 10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-10)
        yield 1000 * at / rate, 1000 * (at + len(part)) / rate, f"[{level:.0f} dBov]"


if __name__ == "__main__":
    for word in transcript(sys.argv[1], loudness):
        print(f"{word.start_ms / 1000:8.2f} {word.role:<9} {word.text}")
