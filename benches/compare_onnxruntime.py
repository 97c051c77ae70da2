#!/usr/bin/env python3
"""Compare the native Silero detector with onnxruntime: probabilities and speed, one thread each,
same run.

    compare_onnxruntime.py EXE CALL_DIR...      CALL_DIR holds the tracks of one call (wav, mp3, ...)

EXE is the program `probabilities`. The first run makes a virtual environment with onnxruntime,
numpy and the PyPI package silero-vad 6.2.3 (the model is read out of it). ffmpeg decodes. A frame
is 256 samples; the last one, filled up with zeros by ours, is left out of the comparison.
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HOME = Path(tempfile.gettempdir()) / "callweave-onnxruntime"


def enter_environment(*more):
    """Goes on in the virtual environment, made if need be; `more` are further packages from
    PyPI."""
    python = HOME / "bin" / "python"
    if Path(sys.prefix) == HOME:
        return
    pip = [str(python), "-m", "pip", "install", "-q"]
    if not python.exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([*pip, "onnxruntime", "numpy"], check=True)
        subprocess.run([*pip, "--no-deps", "silero-vad==6.2.3"], check=True)
    if more:
        subprocess.run([*pip, *more], check=True)
    os.execv(python, [str(python), *sys.argv])


def session():
    """Silero by onnxruntime, on one thread."""
    import onnxruntime as ort

    model = next(HOME.glob("lib/*/site-packages/silero_vad/data/silero_vad.onnx"))
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def reference(session, samples):
    import numpy as np

    rate = np.array(8000, "int64")
    state, context, out = np.zeros((2, 1, 128), "f4"), np.zeros((1, 32), "f4"), []
    start = time.perf_counter()
    for k in range(0, len(samples) - 255, 256):
        frame = np.concatenate([context, samples[None, k : k + 256]], axis=1)
        p, state = session.run(None, {"input": frame, "state": state, "sr": rate})
        context = frame[:, -32:]
        out.append(p[0, 0])
    return np.array(out, "f4"), (time.perf_counter() - start) * 1e3


def main():
    enter_environment()
    import numpy as np

    ort = session()
    exe, calls = sys.argv[1], sys.argv[2:]
    seconds = theirs = ours = portable_ours = furthest = portable_furthest = frames = flips = 0
    with tempfile.TemporaryDirectory() as scratch:
        for call in map(Path, calls):
            tracks = sorted(p for p in call.iterdir() if p.suffix in (".wav", ".mp3", ".flac", ".ogg"))
            raws, expected = [], []
            for n, track in enumerate(tracks):
                raws.append(Path(scratch) / f"{n}.f32")
                decode = [
                    "ffmpeg",
                    "-v",
                    "error",
                    "-y",
                    "-i",
                    track,
                    "-ac",
                    "1",
                    "-ar",
                    "8000",
                    "-f",
                    "f32le",
                    raws[-1],
                ]
                subprocess.run(decode, check=True)
                samples = np.fromfile(raws[-1], "<f4")
                p, ms = reference(ort, samples)
                expected.append(p)
                theirs, seconds, frames = theirs + ms, seconds + len(samples) / 8000, frames + len(p)
            for flags in ([], ["--portable"]):
                runs = [
                    float(subprocess.run([exe, *flags, *raws], check=True, capture_output=True).stdout)
                    for _ in range(3)
                ]
                off = 0
                for raw, p in zip(raws, expected):
                    found = np.fromfile(raw.with_suffix(".p32"), "<f4")[: len(p)]
                    off = max(off, float(abs(found - p).max(initial=0)))
                    flips += int(((found >= 0.5) != (p >= 0.5)).sum()) if not flags else 0
                if flags:
                    portable_ours, portable_furthest = portable_ours + min(runs), max(portable_furthest, off)
                else:
                    ours, furthest = ours + min(runs), max(furthest, off)
                    print(f"{call.name}: {len(tracks)} tracks, furthest {off:.1e}")
    print(f"{len(calls)} calls, {seconds:.0f} s of tracks, {frames} frames, {flips} on the other side of 0.5")
    print(f"onnxruntime {theirs:.0f} ms ({seconds * 1e3 / theirs:.0f} x real time)")
    for name, ms, off in (("native", ours, furthest), ("portable", portable_ours, portable_furthest)):
        print(
            f"{name} {ms:.1f} ms ({seconds * 1e3 / ms:.0f} x real time), {theirs / ms:.1f} times faster, furthest {off:.1e}"
        )


if __name__ == "__main__":
    main()
