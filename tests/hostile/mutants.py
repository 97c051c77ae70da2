#!/usr/bin/env python3
"""Runs the program on mutants of the fixtures, each in a process that the system would end.

    tests/hostile/mutants.py [--program PATH] [--count 1000] [--seed 1]

Status 0, 1 or 2, no panic, at most 5 CPU seconds and 600 MB: what docs/security.md promises for
files under 2 MB."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

import run

ROOT = Path(__file__).parents[2]
NUMBERS = [b"\0", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\xff" * 8, b"\0" * 4, b"\x7f\xff\xff\xff"]


def mutant(data, other, dice):
    data = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(data) or 1) if dice.random() < 0.5 else dice.randrange(min(len(data), 256) or 1)
        way = dice.randrange(5)
        if way == 0 and data:
            data[at] = dice.randrange(256)
        elif way == 1:
            number = dice.choice(NUMBERS)
            data[at : at + len(number)] = number
        elif way == 2:
            del data[at : at + dice.randint(1, 64)]
        elif way == 3:
            start = dice.randrange(len(other) or 1)
            data[at:at] = other[start : start + dice.randint(1, 256)]
        elif dice.random() < 0.1:
            del data[at:]
    return bytes(data)


def corpus():
    """What mutants are made of: endings of names, and bytes."""
    folders = [
        ROOT / "fixtures/codecs",
        ROOT / "fixtures/hostile",
        ROOT / "core/fuzz/corpus/decode",
        ROOT / "core/fuzz/corpus/provider",
    ]
    paths = sorted(p for f in folders for p in f.glob("*") if p.is_file() and ".reference." not in p.name)
    return [(p.suffix, p.read_bytes()) for p in paths if p.stat().st_size < 2_000_000]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / "target/release/callweave")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    seeds = corpus()
    dice, failed, slowest, largest = random.Random(args.seed), 0, 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.count):
            suffix, data = dice.choice(seeds)
            path = Path(folder) / f"mutant{suffix}"
            path.write_bytes(mutant(data, dice.choice(seeds)[1], dice))
            result = run.run([str(args.program), *dice.choice(list(run.COMMANDS.values())), str(path)])
            slowest, largest = max(slowest, result["cpuSeconds"]), max(largest, result["megabytes"])
            faults = run.verdict(result)
            if faults:
                failed += 1
                kept = ROOT / "target/fuzz" / f"mutant-{args.seed}-{number}{suffix}"
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(path.read_bytes())
                print(kept, faults, result["status"], result["cpuSeconds"], result["megabytes"], result["said"][:300])
    print(f"{args.count} mutants: {failed} beyond their bounds; at most {slowest} CPU seconds and {largest} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
