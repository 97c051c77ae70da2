#!/usr/bin/env python3
"""Who speaks on mixed recordings: the tables of docs/voices.md.

    benches/voices_table.py scenarios CALLS_DIR...      made calls (mono.json of make_calls.py), by kind of call
    benches/voices_table.py pairs --speech DIR          every pair of voices, a made conversation each, by pitch and language
    benches/voices_table.py real RTTM_DIR               two-channel recordings with *.rttm, summed, through codecs
    options: --program target/release/callweave

Error: missed, false and confused speech; confused: speech with another party's voice; both as parts
of all speech, in frames of 10 ms, no collar, overlapped speech counted for each party. Needs numpy,
scipy, soundfile, soxr, sox and lame.
"""

import argparse
import collections
import importlib.util
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent.parent
RATE = 8000
DEEP_HZ = 155  # voices below are counted as deep: between the usual ranges of men and women


def module(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"benches/lab/{name}.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    return found


class Rows:
    """Sums by row: calls, right numbers, frames of error, confusion and speech."""

    def __init__(self, lab):
        self.lab, self.rows = lab, collections.defaultdict(lambda: np.zeros(5))

    def add(self, names, parties, seconds, told, prompts=()):
        count = int(seconds * 100)
        (track,) = told["tracks"]
        want = np.array([self.lab.mask(p, count) for p in parties if p])

        def spans(x):
            return [(s["startMs"] / 1000, s["endMs"] / 1000) for s in x]

        voices = track["voices"] if track["voices"] is not None else [track]
        got = np.array([self.lab.mask(spans(v["speech"]), count) for v in voices])
        keep = ~self.lab.mask(prompts, count)
        if not len(want) or not want[:, keep].any():
            return
        got = got[:, keep] if len(got) else np.zeros((1, int(keep.sum())), bool)
        missed, false, confused, speech = self.lab.errors(want[:, keep], got)
        right = sum(bool(row.any()) for row in got) == len(want)
        for name in names:
            self.rows[name] += [1, right, missed + false + confused, confused, speech]

    def show(self):
        print("| calls | number of voices right | confused | error |\n|---|---|---|---|")
        for name, (calls, right, error, confused, speech) in self.rows.items():
            print(f"| {name} | {right:.0f} of {calls:.0f} | {confused / speech:.3f} | {error / speech:.3f} |")


def report(program, path):
    run = subprocess.run([program, "process", "--json", path], capture_output=True, text=True)
    if run.returncode:
        raise ValueError(f"{path}: exit {run.returncode}: {run.stderr.strip()[-300:]}")
    return json.loads(run.stdout)


def scenarios(a, lab):
    rows = Rows(lab)
    for path in (p for folder in a.folders for p in sorted(Path(folder).glob("*/mono.json"))):
        truth = json.loads((path.parent / "truth.json").read_text())
        prompts = [s for t in truth["tracks"] if t.get("prompt") for s in t["speech"]]
        parties = [t["speech"] for t in truth["tracks"] if not t.get("prompt")]
        rows.add([truth["scenario"], "all"], parties, truth["durationSec"], report(a.program, path), prompts)
    rows.show()


def mixed(program, folder, samples, sox=(), lame=()):
    """The report of samples as a mixed recording, through a codec."""
    import soundfile as sf

    wav = Path(folder) / "call.wav"
    sf.write(wav, np.clip(samples, -1, 1), RATE, subtype="PCM_16")
    name = "call.wav"
    if sox:
        name = f"coded.{sox[0]}"
        subprocess.run(["sox", "-R", wav, *sox[1:], Path(folder) / name], check=True)
    if lame:
        name = "coded.mp3"
        subprocess.run(["lame", "--quiet", *lame, wav, Path(folder) / name], check=True)
    manifest = Path(folder) / "call.json"
    manifest.write_text(json.dumps({"direction": "in", "tracks": [{"path": name, "role": "mixed"}]}))
    return report(program, manifest)


def pitch(utterances):
    """The median pitch of voiced frames, by autocorrelation."""
    found = []
    for x in utterances:
        for at in range(0, len(x) - 400, 400):
            frame = x[at : at + 400] - x[at : at + 400].mean()
            r = np.correlate(frame, frame, "full")[399:]
            lag = 20 + int(r[20:125].argmax())
            if r[0] > 0 and r[lag] > 0.6 * r[0]:
                found.append(RATE / lag)
    return float(np.median(found))


def pairs(a, lab):
    made = module("make_calls")
    voices = {name: lines for name, lines in made.utterances(a.speech).items() if name != "prompts"}
    deep = {name: pitch(lines[:30]) < DEEP_HZ for name, lines in voices.items()}
    rows = Rows(lab)
    for number, (one, other) in enumerate(itertools.combinations(sorted(voices), 2)):
        rng = np.random.default_rng(number)
        maker = made.Maker(voices, [], rng)
        legs = maker.legs(90)
        maker.talk(legs, [voices[one], voices[other]], 1.0, 88.0)
        noise = made.noise(rng, len(legs[0].audio)) * 10 ** (-60 / 20)
        kind = {2: "two deep voices", 1: "a deep and a high voice", 0: "two high voices"}[deep[one] + deep[other]]
        languages = sorted({name[:2].lower() for name in (one, other)})
        names = ["all", kind, f"languages: {' and '.join(languages)}"]
        with tempfile.TemporaryDirectory() as folder:
            told = mixed(a.program, folder, sum(leg.audio for leg in legs) + noise)
        rows.add(names, [leg.speech for leg in legs], 90, told)
    rows.show()
    print("\n" + ", ".join(f"{name}: {'deep' if deep[name] else 'high'}" for name in sorted(voices)))


def real(a, lab):
    import soundfile as sf
    import soxr

    rows = Rows(lab)
    codecs = {
        "as it is": {},
        "one party 20 dB softer": {},
        "G.711 mu-law": {"sox": ("wav", "-e", "mu-law")},
        "GSM 06.10": {"sox": ("wav", "-e", "gsm-full-rate")},
        "mp3 of 8 kbit/s": {"lame": ("-m", "m", "-b", "8", "--resample", "8")},
    }
    for wav in (w for folder in a.folders for w in sorted(Path(folder).glob("*.wav"))):
        if not wav.with_suffix(".rttm").exists():
            continue
        x, rate = sf.read(wav, dtype="float32", always_2d=True)
        x = soxr.resample(x, rate, RATE)
        for name, codec in codecs.items():
            gains = (1.0, 0.1) if name.startswith("one party") else (1.0, 1.0)
            with tempfile.TemporaryDirectory() as folder:
                told = mixed(a.program, folder, x @ np.array(gains, np.float32)[: x.shape[1]], **codec)
            rows.add([name], lab.rttm(wav.with_suffix(".rttm")), len(x) / RATE, told)
    rows.show()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("what", choices=("scenarios", "pairs", "real"))
    ap.add_argument("folders", nargs="*")
    ap.add_argument("--speech")
    ap.add_argument("--program", default=HERE / "target/release/callweave")
    a = ap.parse_args()
    {"scenarios": scenarios, "pairs": pairs, "real": real}[a.what](a, module("score_voices"))


if __name__ == "__main__":
    main()
