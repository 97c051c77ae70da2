"""Ctrl-C, or any signal whose handler raises, is heard in every stage of the work."""

import gc
import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import LONG

import callweave

# A shell without job control starts background processes with SIGINT ignored, which children
# inherit.
INTERRUPTED = """
import callweave, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
def go(*_):
    global begun
    if not begun:
        begun = True
        print("working", flush=True)
begun = False
end = time.monotonic() + 60
try:
    while time.monotonic() < end:
        callweave.analyze(sys.argv[1:], progress=go)
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""


def test_ctrl_c_stops_the_work(long_call: list[str]) -> None:
    delays = []
    for _ in range(3):
        command = [sys.executable, "-c", INTERRUPTED, *long_call * 4]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None and child.stdout.readline() == "working\n"
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            delays.append(float(child.stdout.readline()) - sent)
            assert child.wait() == 0
    print("Ctrl-C took", [f"{1000 * delay:.0f} ms" for delay in delays])
    if LONG:
        assert min(delays) < 0.05


class Rung(BaseException):
    """What the signal's handler raises: no more an exception of a file's than KeyboardInterrupt
    is."""


class Waiting:
    """A file that keeps its reader waiting, as a connection may."""

    def read(self, size: int, /) -> bytes:
        time.sleep(1)
        return b""


@pytest.fixture(scope="module")
def call(long_call: list[str]) -> callweave.Processed:
    return callweave.process(long_call)


@pytest.fixture(scope="module")
def samples(long_call: list[str]) -> callweave.Audio:
    return callweave.decode(long_call[0])


@pytest.fixture
def rung() -> Iterator[list[float]]:
    """When the signal came."""
    times: list[float] = []

    def ring(*_: object) -> None:
        times.append(time.monotonic())
        raise Rung

    before = signal.signal(signal.SIGALRM, ring)
    # What is raised in a callback of the collector is lost.
    gc.disable()
    yield times
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.enable()
    signal.signal(signal.SIGALRM, before)


STAGES: dict[str, Callable[[list[str], callweave.Processed, callweave.Audio, Path], object]] = {
    "process": lambda paths, call, samples, out: callweave.process(paths),
    "one thread": lambda paths, call, samples, out: callweave.analyze(paths, threads=1),
    "batch": lambda paths, call, samples, out: list(callweave.process_batch([paths] * 4)),
    "chunks": lambda paths, call, samples, out: list(call.chunks(longest_ms=2_000)),
    "write": lambda paths, call, samples, out: call.write(
        out, embed_audio=True, peaks=100, series=True, labels=["vtt"]
    ),
    "mix": lambda paths, call, samples, out: call.mix(),
    "decode": lambda paths, call, samples, out: callweave.decode(paths[0]),
    "samples": lambda paths, call, samples, out: callweave.decode(samples),
    "normalize": lambda paths, call, samples, out: callweave.normalize(paths[0], level="-23lufs"),
    "peaks": lambda paths, call, samples, out: callweave.peaks(paths[0]),
    "probe": lambda paths, call, samples, out: callweave.probe(paths[0]),
    "file": lambda paths, call, samples, out: callweave.analyze(io.BytesIO(Path(paths[0]).read_bytes())),
    "file that waits": lambda paths, call, samples, out: callweave.analyze(Waiting()),
    "file that waits, in a batch": lambda paths, call, samples, out: list(callweave.process_batch([Waiting()] * 9)),
}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_hears_a_signal(
    stage: str,
    long_call: list[str],
    call: callweave.Processed,
    samples: callweave.Audio,
    rung: list[float],
    tmp_path: Path,
) -> None:
    delays = []
    for after in (0.03, 0.08, 0.13, 0.21, 0.34):
        begun = time.monotonic()
        with pytest.raises(Rung):
            signal.setitimer(signal.ITIMER_REAL, after)
            while time.monotonic() < begun + 60:
                STAGES[stage](long_call, call, samples, tmp_path)
        delays.append(time.monotonic() - rung[-1])
    assert len(rung) == 5
    print(f"{stage}:", [f"{1000 * delay:.1f} ms" for delay in delays])
    if LONG:
        assert sorted(delays)[2] < 0.05


def test_a_call_that_was_interrupted_is_still_whole(call: callweave.Processed, rung: list[float]) -> None:
    before = call.report
    with pytest.raises(Rung):
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        while True:
            call.mix()
    assert call.mix().samples.shape[0] == 2 and call.report == before
