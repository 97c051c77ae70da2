#!/usr/bin/env python3
"""Runs the program on hostile files, each in a process of its own that the system would end well
above its bound.

    tests/hostile/run.py [--program PATH] [--json FILE] [NAME...]

Every run must end with status 0, 1 or 2, without a panic, within the bound of memory, and before
the system ends it. Seconds depend on the machine: a run beyond its bound is told as `slow` and
fails nothing. The table is what each cost; with --json it is written for a bench."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import files

FIXTURES = Path(__file__).parents[2] / "fixtures/hostile"

# The bound of a run: what docs/security.md promises for files under 2 MB.
SECONDS, BYTES = 5.0, 600 << 20
# Where the system ends it, so that a run that fails cannot take the machine with it.
STOP_SECONDS, STOP_BYTES = 30, 8 << 30

# Beyond the bound of seconds on this machine.
SLOW = "slow"

COMMANDS = {
    "probe": ["probe", "--json"],
    "quick": ["probe", "--quick", "--json"],
    "process": ["process", "--json"],
}


def limited():
    resource.setrlimit(resource.RLIMIT_CPU, (STOP_SECONDS, STOP_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (STOP_BYTES, STOP_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command):
    """Status, CPU seconds, most bytes in memory, and standard error of a run."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, preexec_fn=limited
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        said = err.read().decode(errors="replace")
    return {
        "status": child.returncode,
        "cpuSeconds": round(usage.ru_utime + usage.ru_stime, 2),
        "megabytes": usage.ru_maxrss // 1024,
        "seconds": round(time.monotonic() - begun, 2),
        "said": said,
    }


def verdict(result):
    faults = []
    if result["status"] not in (0, 1, 2):
        faults.append("status")
    if "panicked" in result["said"]:
        faults.append("panic")
    if result["cpuSeconds"] > SECONDS:
        faults.append(SLOW)
    if result["megabytes"] > BYTES >> 20:
        faults.append("memory")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=Path(__file__).parents[2] / "target/release/callweave")
    parser.add_argument("--json")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    rows, failed, slow = [], 0, 0
    # What is made here, and what mutation found.
    found = {path.name: path.read_bytes for path in sorted(FIXTURES.iterdir())}
    makers = {**found, **files.MAKERS}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or makers:
            path = Path(folder) / name
            path.write_bytes(makers[name]())
            for what, command in COMMANDS.items():
                result = run([str(args.program), *command, str(path)])
                faults = verdict(result)
                failed += any(fault != SLOW for fault in faults)
                slow += SLOW in faults
                size = path.stat().st_size
                said = (result.pop("said").strip().splitlines() or [""])[0].replace(folder + "/", "")[:110]
                rows.append({"file": name, "bytes": size, "command": what, **result, "faults": faults})
                print(
                    f"{name:22}{size:9} {what:8}{result['status']:4} {result['cpuSeconds']:7.2f} s "
                    f"{result['megabytes']:6} MB  {','.join(faults) or 'ok':12} {said}",
                    flush=True,
                )
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(rows)} runs, {failed} beyond their bounds, {slow} slow")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
