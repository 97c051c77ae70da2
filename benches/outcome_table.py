#!/usr/bin/env python3
"""Outcomes of made calls: how often they are right, and what their confidence is worth
(docs/conversation.md).

    benches/outcome_table.py CALLS_DIR... [--program target/release/callweave]

CALLS_DIR holds calls of make_calls.py. Prints what was taken for what, and for bins of
`outcome.confidence` how many calls are in it, what was said in the mean, and how many are right,
with the 95 % interval of that (Wilson).
"""

import argparse
import json
import math
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
EDGES = [0, 0.6, 0.75, 0.9, 0.95, 0.98, 1.01]


def report(program, manifest):
    run = subprocess.run([program, "process", "--json", manifest], capture_output=True, text=True)
    if run.returncode:
        raise ValueError(f"{manifest}: exit {run.returncode}: {run.stderr.strip()[-300:]}")
    return json.loads(run.stdout)


def interval(right, count):
    """Wilson's interval of 95 %."""
    middle = (right + 1.92) / (count + 3.84)
    half = 1.96 * math.sqrt(right * (count - right) / count + 0.96) / (count + 3.84)
    return middle - half, middle + half


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("folders", nargs="+", type=Path)
    ap.add_argument("--program", default=HERE / "target/release/callweave")
    a = ap.parse_args()
    manifests = [m for folder in a.folders for m in sorted(folder.glob("*/manifest.json"))]
    if not manifests:
        sys.exit("no calls")
    rows, wrong = [], Counter()
    with ThreadPoolExecutor(2) as pool:
        for manifest, told in zip(manifests, pool.map(lambda m: report(a.program, m), manifests)):
            true = json.loads((manifest.parent / "truth.json").read_text())["outcome"]
            said = told["outcome"]
            rows.append((said["confidence"], said["value"] == true))
            wrong[true, said["value"]] += said["value"] != true
    share = sum(right for _, right in rows) / len(rows)
    print(f"{len(rows)} calls, {share:.3f} right\n")
    for (true, said), count in wrong.most_common():
        if count:
            print(f"{true} taken for {said}: {count}")
    print("\n| confidence | calls | mean | right | 95 % interval |\n|---|---|---|---|---|")
    for low, high in zip(EDGES, EDGES[1:]):
        inside = [row for row in rows if low <= row[0] < high]
        if inside:
            count, right = len(inside), sum(right for _, right in inside)
            mean = sum(sure for sure, _ in inside) / count
            least, most = interval(right, count)
            name = f"{low:.2f} to {min(high, 1):.2f}"
            print(f"| {name} | {count} | {mean:.3f} | {right / count:.3f} | {least:.2f} to {most:.2f} |")
    brier = sum((sure - right) ** 2 for sure, right in rows) / len(rows)
    print(f"\nBrier score {brier:.4f}; {share * (1 - share):.4f} for always saying {share:.3f}")


if __name__ == "__main__":
    main()
