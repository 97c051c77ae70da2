#!/usr/bin/env python3
"""Everyday tasks with today's libraries and with callweave: lines of code and time. Prints the
table of core/docs/python.md.

    tests/run python                                              # installs the package into target/venv
    target/venv/bin/pip install -r benches/python/tasks/requirements.txt
    benches/tasks_table.py [--python target/venv/bin/python] [--rounds 3] [--minutes 10]

Each program is a file in python/tasks. Lines are counted without blanks and comments. Time is the
CPU time of the whole program, imports included, and of what is left without them (the imports alone
are run too); the least of the rounds, which go through all in turn.
"""

import argparse
import ast
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TASKS = ROOT / "benches/python/tasks"
NAMES = {
    "load": "ten seconds of a file, mono at 16 kHz",
    "speech": "where somebody speaks",
    "loudness": "loudness and peak of each channel",
    "flac": "brought to -23 LUFS, as FLAC",
    "subtitles": "200 words of two speakers as SRT",
    "storage": "read by a URL of fsspec",
}


def lines(path: Path) -> int:
    return sum(1 for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith("#"))


def libraries(path: Path) -> list[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found |= {name.split(".")[0] for name in names}
    return sorted(found - set(sys.stdlib_module_names))


def cpu(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if run.returncode != 0:
        raise SystemExit(f"{command}: {run.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def imports(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if re.match(r"(import|from) ", line))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--python", default=str(ROOT / "target/venv/bin/python"))
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--minutes", type=float, default=10, help="length of the call, a fixture repeated")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        call = f"{folder}/call.wav"
        repeat = "import callweave, numpy, sys; a = callweave.load(sys.argv[1], dtype='int16')\n"
        repeat += "callweave.Audio(numpy.tile(a.samples, int(float(sys.argv[3]) * 60_000 / a.duration_ms)), a.sample_rate_hz).save(sys.argv[2])"
        subprocess.run([a.python, "-c", repeat, ROOT / "fixtures/stereo/call.wav", call, str(a.minutes)], check=True)
        programs = {(task, kind): TASKS / f"{task}.{kind}.py" for task in NAMES for kind in ("today", "callweave")}
        whole: dict[tuple[str, str], list[float]] = {key: [] for key in programs}
        bare: dict[tuple[str, str], list[float]] = {key: [] for key in programs}
        for _ in range(a.rounds):
            for key, path in programs.items():
                whole[key].append(cpu([a.python, str(path), call, f"{folder}/out.flac"]))
                bare[key].append(cpu([a.python, "-c", imports(path)]))
    print("| task | today's stack | lines | CPU | callweave's lines | CPU |\n|---|---|---|---|---|---|")
    for task, name in NAMES.items():
        told = []
        for kind in ("today", "callweave"):
            key = (task, kind)
            work = max(0.0, min(whole[key]) - min(bare[key]))
            told.append((lines(programs[key]), f"{min(whole[key]):.2f} s ({work:.2f})"))
        stack = ", ".join(libraries(programs[task, "today"]))
        print(f"| {name} | {stack} | {told[0][0]} | {told[0][1]} | {told[1][0]} | {told[1][1]} |")


if __name__ == "__main__":
    main()
