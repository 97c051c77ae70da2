#!/usr/bin/env python3
"""What telling voices apart costs, beside its encoder by numpy and beside Resemblyzer: CPU seconds of
one thread, in one run (docs/voices.md).

    cargo build --release -p callweave --all-features
    benches/compare_voices.py CALL [--exe target/release/callweave] [--rounds 3] [--no-resemblyzer]

CALL is one mixed recording. Callweave's figure is what the whole program takes with voices, less
what it takes without them. numpy computes the encoder's three LSTM layers and its linear layer for
as many windows of 1.6 s, all at once; its time does not depend on the weights, so they are random.
Resemblyzer (PyPI, PyTorch) embeds the whole recording in windows of 1.6 s, 1.3 and 16 of them each
second (its default, and what its examples of diarisation take); grouping them comes on top. The
first run makes a virtual environment beside the build, with numpy 2, and PyTorch unless Resemblyzer
is left out. Rounds go through all in turn; a figure is the least of them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "compare-voices"
THREADS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ONE = {**os.environ, **{name: "1" for name in THREADS}}
WINDOWS = 96

NUMPY = """
import sys, time, numpy as np
count, rng = int(sys.argv[1]), np.random.default_rng(1)
layers = [(rng.normal(0, 0.1, (n, 1024)).astype("f4"), rng.normal(0, 0.1, (256, 1024)).astype("f4")) for n in (40, 256, 256)]
last, x = rng.normal(0, 0.1, (256, 256)).astype("f4"), rng.normal(0, 1, (count, 160, 40)).astype("f4")
def sigmoid(a):
    return 1 / (1 + np.exp(-a))
began = time.process_time()
for inner, outer in layers:
    given = x.reshape(-1, x.shape[2]) @ inner
    given, hidden, cell = given.reshape(count, 160, 1024), np.zeros((count, 256), "f4"), np.zeros((count, 256), "f4")
    told = np.empty((count, 160, 256), "f4")
    for t in range(160):
        gates = given[:, t] + hidden @ outer
        i, f, g, o = gates[:, :256], gates[:, 256:512], gates[:, 512:768], gates[:, 768:]
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        told[:, t] = hidden
    x = told
embedding = np.maximum(hidden @ last, 0)
embedding /= np.linalg.norm(embedding, axis=1, keepdims=True) + 1e-9
print(time.process_time() - began)
"""

RESEMBLYZER = """
import sys, time, torch
torch.set_num_threads(1)
from resemblyzer import VoiceEncoder
import librosa
samples, _ = librosa.load(sys.argv[1], sr=16000)
encoder = VoiceEncoder("cpu", verbose=False)
encoder.embed_utterance(samples[:32000])
began = time.process_time()
_, partial, _ = encoder.embed_utterance(samples, return_partials=True, rate=float(sys.argv[2]))
print(time.process_time() - began, len(partial))
"""


def environment(resemblyzer):
    """The interpreter of the virtual environment, made and filled if need be."""
    python = HOME / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-q"]
    if not python.exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([*pip, "numpy"], check=True)
    if resemblyzer and not list(HOME.glob("lib/*/site-packages/resemblyzer")):
        subprocess.run([*pip, "torch", "librosa", "webrtcvad-wheels"], check=True)
        subprocess.run([*pip, "--no-deps", "resemblyzer"], check=True)
    return str(python)


def cpu(command):
    """CPU seconds of a program and its children, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = subprocess.run(command, check=True, env=ONE, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, told


def printed(python, source, *arguments):
    run = subprocess.run([python, "-c", source, *arguments], check=True, env=ONE, capture_output=True, text=True)
    return run.stdout.split()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("call")
    ap.add_argument("--exe", default=str(ROOT / "target/release/callweave"))
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--no-resemblyzer", action="store_true")
    a = ap.parse_args()
    python = environment(not a.no_resemblyzer)
    process = [a.exe, "process", "--json", "--threads", "1", "--roles", "mixed", a.call]
    best, windows = {}, {}

    def note(name, seconds):
        best[name] = min(seconds, best.get(name, seconds))

    for _ in range(a.rounds):
        whole, told = cpu(process)
        note("whole", whole)
        note("without", cpu([*process, "--no-voices"])[0])
        note("numpy", float(printed(python, NUMPY, str(WINDOWS))[0]))
        for rate in () if a.no_resemblyzer else ("1.3", "16"):
            seconds, count = printed(python, RESEMBLYZER, a.call, rate)
            note(rate, float(seconds))
            windows[rate] = count
    track = json.loads(told)["tracks"][0]
    ours = best["whole"] - best["without"]
    rows = [
        (f"callweave, voices told apart, at most {WINDOWS} windows", ours),
        ("callweave, all else", best["without"]),
        (f"the encoder alone by numpy, {WINDOWS} windows", best["numpy"]),
    ]
    rows += [(f"Resemblyzer's encoder, {windows[rate]} windows", best[rate]) for rate in windows]
    print(f"{track['source']['durationMs'] / 60_000:.1f} minutes, {len(track['voices'] or [])} voices\n")
    print("| | CPU s | callweave's voices, as a multiple |\n|---|---|---|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} | {ours / seconds:.3f} |")


if __name__ == "__main__":
    sys.exit(main())
