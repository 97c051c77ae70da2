#!/usr/bin/env python3
"""Placement on made calls, and on a real one cut at its ends: the tables of docs/alignment.md.

    benches/align_table.py calls CALLS_DIR... [--program target/release/callweave]
    benches/align_table.py real CALL_DIR [--program ...]

`calls`: figures by evidence as score_calls.py gives them, and how often placements of a reported
confidence are within 250 ms. CALLS_DIR holds calls of make_calls.py. `real`: CALL_DIR holds
caller.wav and agent.wav that began together; 0.3 to 20 s are cut from either beginning, as wav and
through mp3 of 16 kbit/s (needs lame). Needs numpy. Says so and stops where the scorer or the
recordings are not there.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
EDGES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01]
GOOD_S = 0.25
CUTS_S = (0.3, 0.7, 1.5, 3, 6, 10, 15, 20)


def report(program, *arguments):
    run = subprocess.run([program, "process", "--json", *map(str, arguments)], capture_output=True, text=True)
    if run.returncode:
        raise ValueError(f"exit {run.returncode}: {run.stderr.strip()[-300:]}")
    return json.loads(run.stdout)


def calls(a):
    spec = importlib.util.spec_from_file_location("score_calls", HERE / "benches/lab/score_calls.py")
    lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lab)
    scores, found = lab.Scores(), []
    manifests = [m for folder in a.folders for m in sorted(Path(folder).glob("*/manifest.json"))]
    with ThreadPoolExecutor(2) as pool:
        for manifest, told in zip(manifests, pool.map(lambda m: report(a.program, m), manifests)):
            before = {k: len(v) for k, v in scores.align.items()}
            truth = json.loads((manifest.parent / "truth.json").read_text())
            scores.add(truth, json.loads(manifest.read_text()), told)
            fresh = [(k, row) for k, v in scores.align.items() for row in v[before.get(k, 0) :]]
            others = [t["alignment"] for t in told["tracks"][1:]]
            for kind, (error, _, sure) in fresh:
                method = others[0]["method"] if len(others) == 1 else "several"
                found.append((sure, error, kind, method))
    print(f"{len(manifests)} calls, {len(found)} pairs of tracks\n")
    print(
        "| evidence | pairs | median | 95th percentile | within 100 ms | confident and wrong |\n|---|---|---|---|---|---|"
    )
    placed = scores.summary()["alignment"]
    for kind, row in placed.items():
        alone = (
            f" (start times alone {row['timestamps_alone_median_ms']} ms)"
            if "timestamps_alone_median_ms" in row
            else ""
        )
        print(
            f"| {kind} | {row['n']} | {row['median_ms']} ms{alone} | {row['p95_ms']} ms | {row['within_100ms']:.3f} | "
            f"{row['confident_and_wrong']} |"
        )
    print("\n| reported confidence | pairs | mean reported | within 250 ms |\n|---|---|---|---|")
    for low, high in zip(EDGES, EDGES[1:]):
        rows = [row for row in found if low <= row[0] < high]
        if rows:
            mean = sum(row[0] for row in rows) / len(rows)
            within = sum(row[1] <= GOOD_S for row in rows) / len(rows)
            print(f"| {low:.2f} to {min(high, 1):.2f} | {len(rows)} | {mean:.2f} | {within:.2f} |")
    brier = sum((row[0] - (row[1] <= GOOD_S)) ** 2 for row in found) / max(1, len(found))
    print(f"\nBrier score {brier:.3f}")


def cut(source, seconds, target, mp3):
    """The recording without its first seconds."""
    with wave.open(str(source)) as x:
        rate = x.getframerate()
        x.setpos(round(seconds * rate))
        samples = x.readframes(x.getnframes())
    path = target.with_suffix(".wav")
    with wave.open(str(path), "wb") as y:
        y.setnchannels(1), y.setsampwidth(2), y.setframerate(rate)
        y.writeframes(samples)
    if not mp3:
        return path
    subprocess.run(
        ["lame", "--quiet", "-m", "m", "-b", "16", "--resample", "8", path, target.with_suffix(".mp3")], check=True
    )
    return target.with_suffix(".mp3")


def real(a):
    sources = [Path(a.folders[0]) / name for name in ("caller.wav", "agent.wav")]
    if not all(s.exists() for s in sources):
        sys.exit(f"skipped: no {sources[0]} and {sources[1].name}")
    print(
        "| codec | cut from | median error | worst | within 1.5 s | confidence | sure and wrong |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for mp3 in (False, True):
            for who in (0, 1):
                rows = []
                for seconds in CUTS_S:
                    lengths = [seconds if i == who else 0 for i in (0, 1)]
                    files = [cut(s, n, Path(scratch) / f"{i}", mp3) for i, (s, n) in enumerate(zip(sources, lengths))]
                    x, y = (t["alignment"] for t in report(a.program, "--roles", "customer,agent", *files)["tracks"])
                    off = (y["offsetMs"] - x["offsetMs"]) / 1000 - (lengths[1] - lengths[0])
                    rows.append((abs(off), y["confidence"] if y["method"] != "reference" else x["confidence"]))
                errors, sure = sorted(r[0] for r in rows), [r[1] for r in rows]
                wrong = sum(e > GOOD_S and c >= 0.8 for e, c in rows)
                print(
                    f"| {'mp3' if mp3 else 'wav'} | {('caller', 'agent')[who]} | {errors[len(errors) // 2]:.2f} s | {errors[-1]:.2f} s | "
                    f"{sum(e < 1.5 for e in errors)} of {len(errors)} | {min(sure):.2f} to {max(sure):.2f} | {wrong} |"
                )


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("what", choices=("calls", "real"))
    ap.add_argument("folders", nargs="+")
    ap.add_argument("--program", default=HERE / "target/release/callweave")
    a = ap.parse_args()
    (calls if a.what == "calls" else real)(a)


if __name__ == "__main__":
    main()
