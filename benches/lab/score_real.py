#!/usr/bin/env python3
"""Score reports on real telephone audio.

    score_real.py DATA_DIR [--json FILE] -- COMMAND...
    e.g. score_real.py DATA_DIR -- target/release/callweave process --json

DATA_DIR/utterances: one utterance a file, edges marked by hand (edges.csv: file, start_s, end_s).
Frames of 10 ms and the first and last edge of what is reported as speech are compared with the
marks.
DATA_DIR/pairs: two-channel calls, both parties recorded by one machine (*.wav, *.rttm by channel).
As one file: speech of each channel. As two files, with seconds cut from one beginning, in wav:
where the tracks are placed, and how sure that is.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

HOP = 0.01
CUTS = (
    (0.0, 0.0),
    (0.7, 0.4),
    (3.3, 2.5),
    (11.0, 0.0),
    (0.0, 1.7),
)  # seconds from the beginning of one, from the end of the other


def mask(spans, n):
    m = np.zeros(n, bool)
    for s, e in spans:
        m[max(0, round(s / HOP)) : max(0, round(e / HOP))] = True
    return m


class Frames:
    def __init__(self):
        self.tp = self.fp = self.fn = self.quiet = 0

    def add(self, want, got):
        self.tp += int((want & got).sum())
        self.fp += int((got & ~want).sum())
        self.fn += int((want & ~got).sum())
        self.quiet += int((~want).sum())

    def summary(self):
        return {
            "f1": round(2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn), 4),
            "false_alarm": round(self.fp / max(1, self.quiet), 4),
            "miss": round(self.fn / max(1, self.tp + self.fn), 4),
        }


def spans(track):
    return [(s["startMs"] / 1000, s["endMs"] / 1000) for s in track["speech"]]


def utterances(folder, run):
    frames, on, off, missed, n = Frames(), [], [], 0, 0
    for row in csv.DictReader(open(folder / "edges.csv")):
        path, s, e = folder / row["file"], float(row["start_s"]), float(row["end_s"])
        got = spans(run(path)["tracks"][0])
        length = int(sf.info(str(path)).duration / HOP)
        frames.add(mask([(s, e)], length), mask(got, length))
        hit = [x for x in got if x[0] < e and x[1] > s]
        n, missed = n + 1, missed + (not hit)
        if hit:
            on.append(hit[0][0] - s)
            off.append(hit[-1][1] - e)

    def ms(x):
        return round(1000 * float(x), 1)

    def edge(x):
        return {"median_ms": ms(np.median(x)), "p90_abs_ms": ms(np.percentile(np.abs(x), 90))}

    return {"files": n, **frames.summary(), "utterances_missed": missed, "onset": edge(on), "offset": edge(off)}


def pairs(folder, run):
    frames, placed, shortcuts = Frames(), [], []
    with tempfile.TemporaryDirectory() as d:
        for wav in sorted(folder.glob("*.wav")):
            x, rate = sf.read(wav, dtype="float32")
            n = int(len(x) / rate / HOP)
            truth = {"1": [], "2": []}
            for line in wav.with_suffix(".rttm").read_text().splitlines():
                f = line.split()
                truth[f[2]].append((float(f[3]), float(f[3]) + float(f[4])))
            for c, track in zip("12", run(wav)["tracks"]):
                frames.add(mask(truth[c], n), mask(spans(track), n))
            for which in (0, 1):
                for cut, tail in CUTS if which else CUTS[1:]:
                    for c in (0, 1):
                        sf.write(
                            Path(d) / f"{c}.wav",
                            x[int(cut * rate) :, c] if c == which else x[: len(x) - int(tail * rate), c],
                            rate,
                            subtype="PCM_16",
                        )
                    a, b = (t["alignment"] for t in run(Path(d) / "0.wav", Path(d) / "1.wav")["tracks"])
                    error = abs((b["offsetMs"] - a["offsetMs"]) / 1000 - (cut if which else -cut))
                    sure = min([t["confidence"] for t in (a, b) if t["method"] != "reference"], default=1.0)
                    placed.append((wav.stem, which, cut + tail, error, sure))
                    shortcuts.append((cut, tail))
    e = np.array([p[3] for p in placed])
    cut0 = np.array([p[2] == 0 for p in placed])
    return {
        "calls": len(list(folder.glob("*.wav"))),
        "speech": frames.summary(),
        "placement": {
            "n": len(placed),
            "median_ms": round(1000 * float(np.median(e)), 1),
            "within_100ms": round(float((e < 0.1).mean()), 3),
            "within_250ms": round(float((e < 0.25).mean()), 3),
            "said": round(float(np.mean([p[4] for p in placed])), 3),
            "shortcuts_within_250ms": {
                "begin_together": round(float(np.mean([c < 0.25 for c, _ in shortcuts])), 3),
                "end_together": round(float(np.mean([t < 0.25 for _, t in shortcuts])), 3),
            },
            "expected_wrong_at_0.8": round(sum(1 - p[4] for p in placed if p[4] >= 0.8), 1),
            "confident_and_wrong": int(sum(p[3] > 0.25 and p[4] >= 0.8 for p in placed)),
            "same_length_within_20ms": round(float((e[cut0] < 0.02).mean()), 3),
        },
    }


def main():
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    ap = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], usage="score_real.py DATA_DIR [--json FILE] -- COMMAND..."
    )
    ap.add_argument("data")
    ap.add_argument("--json")
    a, command = ap.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]

    def run(*paths):
        r = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, timeout=300)
        if r.returncode:
            sys.exit(f"{paths}: exit {r.returncode}: {r.stderr.strip()[-300:]}")
        return json.loads(r.stdout)

    data, out = Path(a.data), {}
    if (data / "utterances/edges.csv").exists():
        out["utterances"] = utterances(data / "utterances", run)
    if (data / "pairs").exists():
        out["pairs"] = pairs(data / "pairs", run)
    print(json.dumps(out, indent=1))
    if a.json:
        Path(a.json).write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
