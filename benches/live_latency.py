#!/usr/bin/env python3
"""How soon speech is told: SpeechStream, Silero VAD's VADIterator by onnxruntime and WebRTC's
detector, in the same run.

    live_latency.py EXE UTTERANCES      UTTERANCES holds wav files and edges.csv: file, start_s, end_s by hand

EXE is the program `live_starts`. The first run makes a virtual environment with onnxruntime, as
compare_onnxruntime.py does. A beginning is the first that is told between 0.25 s before the marked
one and the marked end; those told elsewhere are false alarms. Every figure is from the sound to the
end of the frame that decided: no system's buffers, no network.
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from compare_onnxruntime import enter_environment, reference, session

EARLY_MS = 250
BINS = [-50, 0, 25, 50, 75, 100, 150, 200, 300, 500, 10_000]


def vad_iterator(probabilities, threshold=0.5, min_silence_ms=100):
    """When VADIterator tells of beginnings and ends: its rule over its probabilities, a window of
    32 ms each."""
    starts, ends, triggered, quiet = [], [], False, 0
    for frame, p in enumerate(probabilities):
        heard = (frame + 1) * 32
        if p >= threshold:
            quiet = 0
            if not triggered:
                triggered = True
                starts.append(heard)
        elif triggered and p < threshold - 0.15:
            quiet = quiet or heard
            if heard - quiet >= min_silence_ms:
                triggered, quiet = False, 0
                ends.append(heard)
    return starts, ends


def webrtc(answers, least=3):
    """Beginnings and ends of runs: `least` frames of 30 ms in a row decide, as its users do."""
    starts, ends, speaking, run = [], [], False, 0
    for frame, answer in enumerate(answers):
        run = run + 1 if (answer > 0.5) != speaking else 0
        if run == (least if not speaking else 4):
            speaking, run = not speaking, 0
            (starts if speaking else ends).append((frame + 1) * 30)
    return starts, ends


def late(told, start, end):
    """How late a beginning and the end after it are, and how many beginnings are false alarms."""
    starts, ends = told
    inside = [at for at in starts if start - EARLY_MS <= at <= end + EARLY_MS]
    begun = inside[0] - start if inside else None
    after = [at for at in ends if inside and at > max(inside[0], end - 300)]
    return begun, after[0] - end if after else None, len(starts) - len(inside)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    enter_environment()
    exe, folder = sys.argv[1], Path(sys.argv[2])
    import numpy as np

    edges = {
        row["file"]: (1000 * float(row["start_s"]), 1000 * float(row["end_s"]))
        for row in csv.DictReader((folder / "edges.csv").open())
    }
    onnx = session()
    found = {"SpeechStream": [], "VADIterator": [], "WebRTC, 1 frame": [], "WebRTC, 3 frames": []}
    with tempfile.TemporaryDirectory() as scratch:
        lines = subprocess.run(
            [exe, scratch, *(str(folder / name) for name in edges)], stdout=subprocess.PIPE, check=True
        ).stdout
        for line in lines.splitlines():
            told = json.loads(line)
            start, end = edges[told["file"]]
            samples = np.fromfile(f"{scratch}/{told['file']}.f32", "f4")
            probabilities, _ = reference(onnx, np.pad(samples, (0, -len(samples) % 256)))
            found["SpeechStream"].append(late((told["starts"], told["ends"]), start, end))
            found["VADIterator"].append(late(vad_iterator(probabilities), start, end))
            found["WebRTC, 1 frame"].append(late(webrtc(told["webrtc"], 1), start, end))
            found["WebRTC, 3 frames"].append(late(webrtc(told["webrtc"]), start, end))
    print(f"{len(edges)} utterances\n")
    print("| | found | start, median | 90 % within | end after, median | false alarms |\n|---|---|---|---|---|---|")
    for name, results in found.items():
        starts, ends = [r[0] for r in results if r[0] is not None], [r[1] for r in results if r[1] is not None]
        figures = f"{np.median(starts):.0f} ms | {np.quantile(starts, 0.9):.0f} ms | {np.median(ends):.0f} ms"
        print(f"| {name} | {len(starts)} | {figures} | {sum(r[2] for r in results)} |")
    print("\n| start told after, ms | " + " | ".join(found) + " |\n|---" * 1 + "|---" * len(found) + "|")
    for low, high in zip(BINS, BINS[1:]):
        counts = [sum(r[0] is not None and low <= r[0] < high for r in results) for results in found.values()]
        print(f"| {low} to {high} | " + " | ".join(map(str, counts)) + " |")


main()
