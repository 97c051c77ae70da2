#!/usr/bin/env python3
"""Gives mutants of the fixtures to the Python module or the npm package, many in one process that
the system would end.

    tests/hostile/languages.py python [--program PYTHON] [--count 1000] [--seed 1]
    tests/hostile/languages.py node [--program NODE] [--count 1000] [--seed 1]

Each mutant is probed, or analyzed as a call. Whatever is wrong with it is an error of the library's
own; no process ends by a signal, says a word of a panic, or takes more than 600 MB. A process takes
a hundred mutants."""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import mutants

ROOT = Path(__file__).parents[2]
EACH = 100
PYTHON = """
import pathlib, sys, callweave
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    work = callweave.analyze if path.name[0] == 'a' else callweave.probe
    try:
        work(path.read_bytes())
    except callweave.Error:
        pass
"""
NODE = """
const { readFileSync, readdirSync } = require('node:fs')
const { CallweaveError, analyze, probe } = require(process.argv[2])
const all = async () => {
  for (const name of readdirSync(process.argv[1]).sort()) {
    const work = name[0] === 'a' ? analyze : probe
    await work(readFileSync(`${process.argv[1]}/${name}`)).catch((error) => {
      if (!(error instanceof CallweaveError)) throw error
    })
  }
}
all()
"""


def limited():
    resource.setrlimit(resource.RLIMIT_CPU, (600, 600))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", choices=["python", "node"])
    parser.add_argument("--program")
    parser.add_argument("--package", default=str(ROOT / "bindings-node"), help="where the npm package lies")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    command = [args.program or sys.executable, "-c", PYTHON]
    if args.language == "node":
        command = [args.program or "node", "-e", NODE]
    seeds, dice, failed = mutants.corpus(), random.Random(args.seed), 0
    for batch in range(0, args.count, EACH):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(min(EACH, args.count - batch)):
                suffix, data = dice.choice(seeds)
                name = f"{dice.choice('ap')}{number:03}{suffix}"
                (Path(folder) / name).write_bytes(mutants.mutant(data, dice.choice(seeds)[1], dice))
            tail = [folder, args.package] if args.language == "node" else [folder]
            ran = subprocess.run([*command, *tail], capture_output=True, text=True, preexec_fn=limited, cwd="/")
            if ran.returncode != 0 or "panicked" in ran.stderr:
                failed += 1
                kept = ROOT / "target/fuzz" / f"{args.language}-{args.seed}-{batch}"
                kept.mkdir(parents=True, exist_ok=True)
                for path in Path(folder).iterdir():
                    (kept / path.name).write_bytes(path.read_bytes())
                print(kept, ran.returncode, ran.stderr[-400:], flush=True)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    failed += largest > 600
    print(f"{args.language}: {args.count} mutants, {failed} processes failed, at most {largest} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
