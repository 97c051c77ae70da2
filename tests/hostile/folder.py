#!/usr/bin/env python3
"""Batches, processes and kills meet in one folder, round after round.

    tests/hostile/folder.py [--program PATH] [--rounds 100]

Two batches and two processes write to one folder at once while others are killed at a random
moment. After each round every output that is there is whole: a report names a mix of the same hash,
a line says what is in its folder, and nothing half written is left once a batch has ended by
itself."""

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def check(folder):
    """What is wrong with a folder of outputs."""
    report = folder / "report.json"
    if not report.exists():
        return []
    try:
        outputs = json.loads(report.read_text())["outputs"]
    except ValueError as error:
        return [f"{report}: {error}"]
    faults = []
    for output in outputs:
        path = folder / output["path"]
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != output["sha256"]:
            faults.append(f"{path}: not the file that the report names")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / "target/release/callweave")
    parser.add_argument("--rounds", type=int, default=100)
    args = parser.parse_args()
    dice, faults, killed, refused = random.Random(1), [], 0, 0
    with tempfile.TemporaryDirectory() as place:
        out, shared = Path(place) / "out", Path(place) / "shared"
        calls = ["short/manifest.json", "unclosed/call.wav", "keypad-hold/manifest.json"]
        listed = Path(place) / "list.txt"
        listed.write_text("".join(f"{ROOT}/fixtures/{call}\n" for call in calls))
        batch = [str(args.program), "batch", str(listed), "-o", str(out), "--threads", "1", "--no-page"]
        layouts = (["--layout", "mono"], ["--layout", "split"], ["--rate", "8000"], ["--rate", "16000"])
        for round_ in range(args.rounds):
            commands = [batch, batch]
            for layout in layouts:
                call = f"{ROOT}/fixtures/{calls[round_ % 3]}"
                commands.append([str(args.program), "process", call, "-o", str(shared), "--no-page", *layout])
            children = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for c in commands]
            time.sleep(dice.random() * 0.3)
            for child in dice.sample(children, 2):
                child.send_signal(dice.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
                killed += 1
            for child, command in zip(children, commands):
                said = child.communicate()[1].decode()
                if child.returncode not in (0, 1, 130, -9, -2, -15) or "panicked" in said:
                    faults.append(f"round {round_}: {command[1]}: {child.returncode} {said}")
                refused += "in use" in said
            for folder in [shared, *(p for p in out.glob("*") if p.is_dir())]:
                faults.extend(check(folder))
            if round_ % 10 == 9:
                # Killed by hand, not by the call: what they left says nothing of it.
                for mark in (out / ".work").glob("*"):
                    mark.unlink()
                ended = subprocess.run(batch, capture_output=True, text=True)
                lines = [json.loads(line) for line in (out / "calls.jsonl").read_text().splitlines()]
                if ended.returncode != 0 or len(lines) != 3 or not all(line["ok"] for line in lines):
                    faults.append(f"round {round_}: {ended.stderr}")
                faults.extend(f"{part}: left behind" for part in out.rglob("*.part"))
                for mark in out.glob("*/call.json"):
                    mark.unlink()
            for fault in faults:
                print(fault)
            if faults:
                break
    print(f"{args.rounds} rounds, {killed} kills, {refused} batches told who holds the folder, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
