#!/usr/bin/env python3
"""What the limits of docs/security.md cost: CPU seconds and memory of the program at a part of each
limit.

    tests/hostile/costs.py [--program PATH] [--minutes 60]

Each line is one run; the last column is the cost at the default limit, in proportion. CPU seconds
on a machine that others use are an upper bound."""

import argparse
import struct
import tempfile
import zipfile
from pathlib import Path

import run

ROOT = Path(__file__).parents[2]


def wav(path, minutes, sound):
    length = minutes * 60 * 16000
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + length, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", length
    )
    with open(path, "wb") as file:
        file.write(head)
        while length > 0:
            file.write(sound[:length])
            length -= len(sound)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / "target/release/callweave"))
    parser.add_argument("--minutes", type=int, default=60)
    args = parser.parse_args()
    speech = (ROOT / "fixtures/short/agent.wav").read_bytes()[44:]
    hours = args.minutes / 60

    def told(what, command, factor, limit):
        result = run.run([args.program, *command])
        cpu = result["cpuSeconds"]
        print(
            f"{what:44} status {result['status']} {cpu:8.2f} s {result['megabytes']:6} MB   {limit}: {cpu * factor:.0f} s",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        wav(folder / "speech.wav", args.minutes, speech)
        wav(folder / "silence.wav", args.minutes, bytes(1 << 20))
        size = (folder / "speech.wav").stat().st_size
        told("speech, report alone", ["process", "--json", str(folder / "speech.wav")], 24 / hours, "24 h")
        told("silence, report alone", ["process", "--json", str(folder / "silence.wav")], 24 / hours, "24 h")
        told(
            "speech, tracks kept and mixed",
            ["process", "--no-page", "-o", str(folder / "out"), str(folder / "speech.wav")],
            24 / hours,
            "24 h",
        )
        told("read, hashed and decoded", ["probe", str(folder / "speech.wav")], (4 << 30) / size, "4 GiB")
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(folder / "speech.wav", "speech.wav")
        told("inflated, hashed and decoded", ["probe", str(folder / "a.zip")], (4 << 30) / size, "4 GiB")
        with zipfile.ZipFile(folder / "many.zip", "w") as archive:
            for number in range(1000):
                archive.writestr(f"{number}.wav", b"RIFF")
        told("a directory of 1000 members", ["probe", str(folder / "many.zip")], 1, "1000")


if __name__ == "__main__":
    main()
