#!/usr/bin/env python3
"""Score speech detectors on made calls, and time them: the table of docs/speech.md.

    cargo build --release -p callweave-benches --examples
    benches/speech_table.py CALLS_DIR [--examples target/release/examples]

CALLS_DIR holds calls of make_calls.py. All detectors hear the same samples (our decoder's, 8 kHz),
and their probabilities go through the same span rule. The first run makes a virtual environment
with onnxruntime, numpy, silero-vad 6.2.3 and webrtcvad-wheels. One thread each.
"""

import argparse, importlib.util, json, os, subprocess, tempfile, time
from pathlib import Path

import compare_onnxruntime

RULE = {
    "threshold": 0.5,
    "negThreshold": 0.35,
    "minSilenceMs": 200,
    "minSpeechMs": 250,
    "speechPadMs": 30,
    "resetAfterMs": None,
    "edges": "detector",
}
ENVIRONMENT = {**os.environ, "RAYON_NUM_THREADS": "1"}


def webrtc(samples):
    import numpy as np
    import webrtcvad

    detector = webrtcvad.Vad(3)
    pcm = np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")
    frames = [f.tobytes() for f in np.pad(pcm, (0, -len(pcm) % 240)).reshape(-1, 240)]
    start = time.perf_counter()
    out = [float(detector.is_speech(f, 8000)) for f in frames]
    return np.array(out, "f4"), (time.perf_counter() - start) * 1e3


class Row:
    """One detector under one configuration."""

    def __init__(self, name, config, answers=None, hop=32, timed=None):
        self.name, self.config, self.answers, self.hop, self.timed = name, config, answers, hop, timed
        self.milliseconds, self.gate = 0.0, 0.0


def main():
    compare_onnxruntime.enter_environment("webrtcvad-wheels")
    import numpy as np

    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("calls")
    here = Path(__file__).resolve().parent.parent
    ap.add_argument("--examples", default=here / "target/release/examples", type=Path)
    a = ap.parse_args()
    spec = importlib.util.spec_from_file_location("score_calls", here / "benches/lab/score_calls.py")
    lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lab)

    session = compare_onnxruntime.session()
    off = {"bleedGate": False}
    rows = [
        Row("Silero by onnxruntime", {"speech": RULE | off}, lambda x: compare_onnxruntime.reference(session, x)),
        Row("`silero`", {"speech": RULE | off}, timed=[]),
        Row("WebRTC mode 3 (PyPI)", {"speech": RULE | off}, webrtc, 30),
        Row("`webrtc`", {"speech": RULE | off, "detector": "webrtc"}, timed=["--webrtc"]),
        Row("`silero`, preset `metrics`, never forgetting", {"speech": off | {"resetAfterMs": None}}),
        Row("`silero`, preset `metrics`", {"speech": off}),
        Row("`silero`, preset `metrics`, gate, the detector's edges", {"speech": {"edges": "detector"}}),
        Row("`silero`, preset `metrics`, gate", {}),
        Row("`silero`, the rule above, gate", {"speech": RULE | {"resetAfterMs": 4000}}),
    ]
    scores = [lab.Scores() for _ in rows]
    seconds = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for manifest in sorted(Path(a.calls).glob("*/manifest.json")):
            truth = json.loads((manifest.parent / "truth.json").read_text())
            tracks = len(truth["tracks"])
            samples = []
            for row, score in zip(rows, scores):
                Path(scratch, "config.json").write_text(json.dumps(row.config))
                command = [a.examples / "report_placed", "--config", f"{scratch}/config.json"]
                if not samples:
                    subprocess.run([*command, "--narrow", scratch, manifest], check=True, capture_output=True)
                    samples = [np.fromfile(f"{scratch}/{n}.f32", "<f4") for n in range(tracks)]
                    seconds += sum(map(len, samples)) / 8000
                if row.answers:
                    for n, x in enumerate(samples):
                        p, ms = row.answers(x)
                        p.tofile(f"{scratch}/{n}.p32")
                        row.milliseconds += ms
                    command += ["--probabilities", scratch, str(row.hop)]
                if row.timed is not None:
                    raws = [f"{scratch}/{n}.f32" for n in range(tracks)]
                    run = [a.examples / "probabilities", *row.timed, *raws]
                    row.milliseconds += float(subprocess.run(run, check=True, capture_output=True).stdout)
                run = subprocess.run([*command, manifest], check=True, capture_output=True, text=True, env=ENVIRONMENT)
                row.gate += float(run.stderr.rsplit("gate ", 1)[1].split()[0])
                score.add(truth, json.loads(manifest.read_text()), json.loads(run.stdout))
    print("| detector | F1 | false alarm | miss | tones and music called speech | times real time |")
    print("|---|---|---|---|---|---|")
    for row, score in zip(rows, scores):
        s = score.summary()["speech"]
        speed = f"{seconds * 1e3 / row.milliseconds:.0f}" if row.milliseconds else ""
        print(
            f"| {row.name} | {s['f1']:.3f} | {s['false_alarm']:.3f} | {s['miss']:.3f} "
            f"| {s['tones_or_music_called_speech']:.3f} | {speed} |"
        )
    print(f"\n{seconds:.0f} s of tracks; the gate took {rows[-2].gate:.0f} ms of it all")


if __name__ == "__main__":
    main()
