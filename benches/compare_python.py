#!/usr/bin/env python3
"""The Python package beside soundfile, soxr and Silero by onnxruntime: one job on one call, each
program a file in python/.

    tests/run python                                        # installs the package into target/venv
    benches/compare_python.py [--python target/venv/bin/python] [--rounds 5] [--minutes 10]
    benches/compare_python.py --threads 8 [--calls 64]      # one thread against eight, and how long the interpreter is held

The job: where both parties of compare_peers.py's call speak, and a mix of two channels at 16 kHz.
Every program runs on one thread; rounds go through all of them in turn, and a figure is the least
of the rounds. Prints Markdown.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare_peers import HOME, ONE, ROOT, call, environment, processor

PROGRAMS = ROOT / "benches" / "python"

INSTALLED = """
import importlib.metadata as m, json, re, sys
from pip._vendor.packaging.requirements import Requirement
def walk(name, seen):
    name = re.sub("[-_.]+", "-", name).lower()
    if name in seen: return
    d = seen[name] = m.distribution(name)
    for r in map(Requirement, d.requires or []):
        if not r.marker or r.marker.evaluate({"extra": ""}): walk(r.name, seen)
seen = {}
for name in sys.argv[1:]: walk(name, seen)
print(json.dumps([(n, d.version, sum(f.locate().stat().st_size for f in d.files if f.locate().exists())) for n, d in seen.items()]))
"""

PLACES = """
import callweave, json, sys
print(json.dumps([a.offset_ms for a in callweave.align(sys.argv[1:])]))
"""

LOOP = """
import callweave, json, sys, time
from concurrent.futures import ThreadPoolExecutor
threads, calls, *paths = sys.argv[1:]
held = []
def one(_):
    at = time.thread_time()
    call = callweave.process(paths, roles=["customer", "agent"], threads=1)
    call.mix(), call.report
    held.append(time.thread_time() - at)
one(0)
held.clear()
at, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(one, range(int(calls))))
print(json.dumps([time.perf_counter() - at, time.process_time() - cpu, sum(held)]))
"""


def lines(program):
    """Lines of code, without blanks and comments."""
    text = map(str.strip, program.read_text().splitlines())
    return sum(1 for line in text if line and not line.startswith("#"))


def ask(python, code, *arguments):
    """What a piece of Python prints."""
    run = subprocess.run([python, "-c", code, *map(str, arguments)], check=True, env=ONE, stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def run(command):
    """What a program prints, and what it took: wall and CPU seconds, most memory in bytes."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, env=ONE, stdout=subprocess.PIPE)
    printed = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command}: exit status {child.returncode}")
    each = 1 if sys.platform == "darwin" else 1024
    return json.loads(printed), (time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * each)


def frames(spans, moved, length_ms):
    """Each 10 ms of a track: whether somebody speaks."""
    marked = bytearray(int(length_ms / 10))
    for start, end in spans:
        first, last = (max(0, round((ms - moved) / 10)) for ms in (start, end))
        marked[first:last] = b"\1" * (min(last, len(marked)) - min(first, len(marked)))
    return marked


def spoken(minutes):
    """What was spoken on each track, by the fixture's truth: as often as the call repeats it, after
    the delay of the fixture's mp3."""
    for track in json.loads((ROOT / "fixtures" / "keypad-hold" / "truth.json").read_text())["tracks"]:
        late = 1000 * track["codecDelaySamples"] / track["sampleRateHz"] - track["offsetMs"]
        yield (
            [
                (span["startMs"] + late + 60_000 * n, span["endMs"] + late + 60_000 * n)
                for n in range(minutes)
                for span in track["speech"]
            ],
            0,
        )


def found(heard, truth, length_ms):
    """Of the speech that was heard the share that was spoken, and of what was spoken the share that
    was heard."""
    pairs = [
        pair for one, other in zip(heard, truth) for pair in zip(frames(*one, length_ms), frames(*other, length_ms))
    ]
    both = sum(a and b for a, b in pairs)
    return both / sum(a for a, _ in pairs), both / sum(b for _, b in pairs)


def agreement(ours, theirs, length_ms):
    """Share of the time with the same verdict, and of the time either hears speech the share that
    both do."""
    pairs = [
        pair for one, other in zip(ours, theirs) for pair in zip(frames(*one, length_ms), frames(*other, length_ms))
    ]
    either = sum(a or b for a, b in pairs)
    return sum(a == b for a, b in pairs) / len(pairs), sum(a and b for a, b in pairs) / either


def table(python, rounds, minutes):
    peer = environment()
    models = next(HOME.glob("lib/*/site-packages/silero_vad/data"))
    peers = ["soundfile", "soxr", "onnxruntime"]
    with tempfile.TemporaryDirectory() as scratch:
        paths = call(Path(scratch), minutes)
        jobs = {
            "callweave": (python, ["callweave"], "with_callweave.py", []),
            "frame by frame": (peer, peers, "with_silero.py", [models / "silero_vad.onnx"]),
            "whole sequences": (peer, peers, "with_silero_sequence.py", [models / "silero_vad_16k_sequence.onnx"]),
        }
        spans, least = {}, {}
        for _ in range(rounds):
            for name, (exe, _, program, more) in jobs.items():
                spans[name], used = run(
                    [str(part) for part in (exe, PROGRAMS / program, *paths, f"{scratch}/out", *more)]
                )
                least[name] = tuple(map(min, least.get(name, used), used))
        moved = ask(python, PLACES, *paths)
    installed = {name: ask(exe, INSTALLED, *roots) for name, (exe, roots, _, _) in jobs.items()}
    for name, (_, _, _, more) in jobs.items():
        installed[name] += [(model.name, "of silero-vad 6.2.3", model.stat().st_size) for model in more]
    rows = {
        "lines of code": [lines(PROGRAMS / program) for _, _, program, _ in jobs.values()],
        "packages installed": [len(installed[name]) - len(more) for name, (_, _, _, more) in jobs.items()],
        "their size, and the network's": [
            f"{sum(size for _, _, size in found) / 1e6:.0f} MB" for found in installed.values()
        ],
        "wall time": [f"{wall:.2f} s" for wall, _, _ in least.values()],
        "CPU time": [f"{cpu:.2f} s" for _, cpu, _ in least.values()],
        "CPU time, callweave's as 1": [f"{cpu / least['callweave'][1]:.1f}" for _, cpu, _ in least.values()],
        "most memory": [f"{memory / 1e6:.0f} MB" for _, _, memory in least.values()],
    }
    print(
        "| | callweave | soundfile, soxr, Silero by onnxruntime, frame by frame | the same, by Silero's network for sequences |"
    )
    print("|---|---|---|---|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(map(str, cells))} |")
    heard = {name: list(zip(tracks, moved if name == "callweave" else (0, 0))) for name, tracks in spans.items()}
    for name in jobs:
        precision, recall = found(heard[name], spoken(minutes), minutes * 60_000)
        print(
            f"\n{name}: of what it takes for speech {precision:.1%} was spoken; of what was spoken it hears {recall:.1%}."
        )
    for name in ("frame by frame", "whole sequences"):
        same, both = agreement(heard["callweave"], heard[name], minutes * 60_000)
        print(
            f"\nAgainst {name}: the same verdict for {same:.1%} of both tracks' time; of the time that either takes for speech "
            f"both do for {both:.1%}."
        )
    for name in jobs:
        each = ", ".join(f"{package} {version} ({size / 1e6:.1f} MB)" for package, version, size in installed[name])
        print(f"\n{each}.")
    print(
        f"\n{minutes} minutes, two mp3s of 16 kHz and 32 kbit/s; least of {rounds} rounds, one thread each; {processor()}, "
        f"Python {platform.python_version()}."
    )


def in_threads(python, threads, calls, rounds):
    keypad = [ROOT / "fixtures" / "keypad-hold" / f"{name}.mp3" for name in ("customer", "agent")]
    one, many = [], []
    for _ in range(rounds):
        one.append(ask(python, LOOP, 1, calls, *keypad))
        many.append(ask(python, LOOP, threads, calls, *keypad))
    (wall, cpu, held), (wall_many, cpu_many, _) = min(one), min(many)
    print("| | wall s | CPU s |\n|---|---|---|")
    print(
        f"| {calls} calls, one thread | {wall:.2f} | {cpu:.2f} |\n| {calls} calls, {threads} threads | {wall_many:.2f} | {cpu_many:.2f} |"
    )
    print(
        f"\n{threads} threads are {wall / wall_many:.2f} times faster than one, on {os.cpu_count()} cores; "
        f"with one, the interpreter is held for at most {held / wall:.2%} of the time. "
        f"Each call is a minute of two parties: process, report and mix. {processor()}, Python {platform.python_version()}."
    )


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("--python", default=ROOT / "target/venv/bin/python", type=Path, help="one that has callweave")
    ap.add_argument("--rounds", default=5, type=int)
    ap.add_argument("--minutes", default=10, type=int)
    ap.add_argument("--threads", type=int, help="measure so many threads against one in place of the table")
    ap.add_argument("--calls", default=64, type=int)
    a = ap.parse_args()
    if a.threads:
        in_threads(a.python, a.threads, a.calls, a.rounds)
    else:
        table(a.python, a.rounds, a.minutes)


if __name__ == "__main__":
    main()
