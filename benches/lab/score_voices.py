#!/usr/bin/env python3
"""Score what is made of one mixed recording: who speaks when (diarisation error), the tag, the
outcome.

    score_voices.py CALLS_DIR [--json FILE] -- COMMAND...         made calls: the mono.json of each
    score_voices.py --rttm DIR [--json FILE] -- COMMAND...        recordings (*.wav, two channels are summed) with *.rttm
    e.g. score_voices.py calls -- target/release/callweave process --json

Read from the report of the one track (core/docs/voices.md): `voices`, `voicesConfidence`; and tag,
outcome.
Diarisation error is (missed + false + confused speech) / speech, best assignment of voices to
parties, in frames of 10 ms, overlapped speech counted for each party: without a collar (the figure
to quote) and with 250 ms left out about each edge. Where `voices` is null or absent all speech
counts as one voice's.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

HOP = 0.01


def mask(spans, n):
    m = np.zeros(n, bool)
    for s, e in spans:
        m[max(0, round(s / HOP)) : max(0, round(e / HOP))] = True
    return m


def errors(want, got):
    """(missed, false, confused, speech) frames at the best assignment; rows are parties and
    voices."""
    rows = max(len(want), len(got))

    def pad(m):
        return np.vstack([m, np.zeros((rows - len(m), m.shape[1]), bool)]) if len(m) < rows else m

    want, got = pad(want), pad(got)
    w, g = want.sum(0), got.sum(0)
    right = max(sum((want[a] & got[b]).sum() for a, b in enumerate(p)) for p in itertools.permutations(range(rows)))
    return np.array(
        [np.maximum(w - g, 0).sum(), np.maximum(g - w, 0).sum(), np.minimum(w, g).sum() - right, w.sum()], float
    )


class Scores:
    def __init__(self):
        self.bare, self.collar = np.zeros(4), np.zeros(4)
        self.tags, self.outcomes, self.failed = Counter(), Counter(), []
        self.spoken = self.calls = self.abstained = self.count_right = self.confident_and_wrong = 0
        self.sure, self.each = [], []

    def add(self, name, parties, seconds, report, truth=None, prompts=()):
        """`prompts`: spans of recorded announcements, which may be a voice or none: left out of the
        frames."""
        n = int(seconds / HOP)
        want = np.array([mask(p, n) for p in parties if p]) if any(parties) else np.zeros((1, n), bool)
        (track,) = report["tracks"] if len(report["tracks"]) == 1 else [None]
        if track is None:
            raise ValueError(f"{len(report['tracks'])} tracks reported for one mixed recording")
        voices = track.get("voices")

        def spans(x):
            return [(s["startMs"] / 1000, s["endMs"] / 1000) for s in x]

        got = (
            np.array([mask(spans(v["speech"]), n) for v in voices])
            if voices
            else np.array([mask(spans(track["speech"]), n)])
        )
        self.calls += 1
        self.spoken += int(want.any())
        self.abstained += voices is None
        keep = ~mask(prompts, n)
        want, got = want[:, keep], got[:, keep]
        n = int(keep.sum())
        miss, false, confused, speech = e = errors(want, got)
        self.bare += e
        near = np.zeros(n, bool)
        for row in want:
            for k in np.flatnonzero(np.diff(row.astype(int))):
                near[max(0, k - 25) : k + 26] = True
        self.collar += errors(want[:, ~near], got[:, ~near])
        if speech > 0:
            self.each.append((name, (miss + false + confused) / speech, confused / speech))
        if voices is not None and speech > 0:
            self.count_right += int(sum(1 for v in got if v.any()) == sum(bool(row.any()) for row in want))
            sure, right = track.get("voicesConfidence") or 0.0, 1 - confused / speech
            self.sure.append((sure, right))
            self.confident_and_wrong += int(sure >= 0.9 and right < 0.85)
        if truth:
            self.tags[truth["tag"], report["tag"]["value"]] += 1
            if truth["outcome"] != "one_way_audio":  # cannot be heard in a mix
                self.outcomes[truth["outcome"], report["outcome"]["value"]] += 1

    def calibration(self):
        """How well `voicesConfidence` says which share of the speech is with its right voice."""
        if not self.sure:
            return None
        said, right = (np.array([pair[side] for pair in self.sure]) for side in (0, 1))

        def bin_of(calls):
            means = {"said": said[calls].mean(), "right": right[calls].mean()} if calls.any() else {}
            return {"calls": int(calls.sum())} | {name: round(float(mean), 3) for name, mean in means.items()}

        return {
            "squared_error": round(float(np.mean((said - right) ** 2)), 4),
            "squared_error_of_constant": round(float(right.var()), 4),
            "at_0.9": bin_of(said >= 0.9),
            "below_0.9": bin_of(said < 0.9),
        }

    def summary(self):
        def share(e):
            return {k: round(float(v / max(1, e[3])), 4) for k, v in zip(("missed", "false", "confused"), e)} | {
                "der": round(float(e[:3].sum() / max(1, e[3])), 4)
            }

        def right(c):
            return round(sum(v for (a, b), v in c.items() if a == b) / max(1, sum(c.values())), 4)

        def wrong(c):
            return {f"{a}->{b}": v for (a, b), v in sorted(c.items()) if a != b}

        out = {
            "calls": self.calls,
            "failed": len(self.failed),
            "no_collar": share(self.bare),
            "collar_250ms": share(self.collar),
            "abstained": self.abstained,
            "number_of_voices_right": round(self.count_right / max(1, self.spoken), 3),
            "confident_and_wrong": self.confident_and_wrong,
            "confidence": self.calibration(),
            "confidence_said": round(float(np.mean([s for s, _ in self.sure] or [0])), 3),
            "speech_with_right_voice": round(float(np.mean([r for _, r in self.sure] or [0])), 3),
            "worst": [f"{n}: {d:.3f} (confused {c:.3f})" for n, d, c in sorted(self.each, key=lambda x: -x[1])[:6]],
        }
        if self.tags:
            out |= {
                "tags": {
                    "accuracy": right(self.tags),
                    "confusions": wrong(self.tags),
                    "normal_called_otherwise": sum(v for (a, b), v in self.tags.items() if a == "normal" != b),
                },
                "outcomes": {"accuracy": right(self.outcomes), "confusions": wrong(self.outcomes)},
            }
        return out


def rttm(path):
    parties = {}
    for line in path.read_text().splitlines():
        f = line.split()
        if f and f[0] == "SPEAKER":
            parties.setdefault((f[2], f[7]), []).append((float(f[3]), float(f[3]) + float(f[4])))
    return list(parties.values())


def main():
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    ap = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        usage="score_voices.py [CALLS_DIR | --rttm DIR] [--json FILE] -- COMMAND...",
    )
    ap.add_argument("calls", nargs="?")
    ap.add_argument("--rttm")
    ap.add_argument("--json")
    a, command = ap.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    scores = Scores()

    def run(path):
        r = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=300)
        if r.returncode:
            raise ValueError(f"exit {r.returncode}: {r.stderr.strip()[-300:]}")
        return json.loads(r.stdout)

    if a.rttm:
        import soundfile as sf

        with tempfile.TemporaryDirectory() as d:
            for wav in sorted(Path(a.rttm).glob("*.wav")):
                if not wav.with_suffix(".rttm").exists():
                    continue
                x, rate = sf.read(wav, dtype="float32", always_2d=True)
                mono = Path(d) / wav.name
                sf.write(mono, np.clip(x.sum(1), -1, 1), rate, subtype="PCM_16")
                manifest = Path(d) / (wav.stem + ".json")
                manifest.write_text(json.dumps({"tracks": [{"path": wav.name, "role": "mixed"}]}))
                try:
                    scores.add(wav.stem, rttm(wav.with_suffix(".rttm")), len(x) / rate, run(manifest))
                except (ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as e:
                    scores.failed.append(f"{wav.stem}: {e}")
    else:
        for f in sorted(Path(a.calls).glob("*/mono.json")):
            truth = json.loads((f.parent / "truth.json").read_text())
            try:
                prompts = [s for t in truth["tracks"] if t.get("prompt") for s in t["speech"]]
                scores.add(
                    truth["id"],
                    [t["speech"] for t in truth["tracks"] if not t.get("prompt")],
                    truth["durationSec"],
                    run(f),
                    truth,
                    prompts,
                )
            except (ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as e:
                scores.failed.append(f"{truth['id']}: {e}")
    out = scores.summary()
    print(json.dumps(out, indent=1))
    for line in scores.failed[:20]:
        print("FAILED", line, file=sys.stderr)
    if a.json:
        Path(a.json).write_text(json.dumps(out, indent=1) + "\n")
    sys.exit(bool(scores.failed))


if __name__ == "__main__":
    main()
