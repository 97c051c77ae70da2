#!/usr/bin/env python3
"""Counts the instructions that each decoder takes for a second of audio, beside ffmpeg's (callgrind
on both).

    benches/codec_costs.py [--program target/release/callweave] [--seconds 8] [NAME...]

`callweave probe FILE` and `ffmpeg -threads 1 -i FILE -f null -` decode a file of so many seconds
and one of twice as many; the difference is what the seconds cost: reading, decoding, and here the
hash of the file too. Both are told by callgrind, which knows AVX2 and no instructions for hashes.
Prints the table of docs/codecs.md."""

import argparse
import struct
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODECS = ROOT / "fixtures/codecs"
# Name, rate, how ffmpeg makes it.
MADE = [
    ("s16.wav", 8000, []),
    ("ulaw.wav", 8000, ["-c:a", "pcm_mulaw"]),
    ("ima.wav", 8000, ["-c:a", "adpcm_ima_wav"]),
    ("ms.wav", 8000, ["-c:a", "adpcm_ms"]),
    ("gsm.wav", 8000, ["-c:a", "libgsm_ms"]),
    ("g722.wav", 16000, ["-c:a", "g722"]),
    ("g726.wav", 8000, ["-c:a", "g726", "-b:a", "32k"]),
    ("a.flac", 16000, []),
    ("alac.m4a", 16000, ["-c:a", "alac"]),
    ("a.mp3", 16000, ["-b:a", "32k"]),
    ("a.mp2", 16000, ["-c:a", "mp2", "-b:a", "32k"]),
    ("aac.m4a", 16000, ["-c:a", "aac", "-aac_pns", "0", "-b:a", "32k"]),
    ("adts.aac", 16000, ["-c:a", "aac", "-aac_pns", "0", "-b:a", "32k"]),
    ("vorbis.ogg", 16000, ["-c:a", "libvorbis"]),
    ("opus.ogg", 16000, ["-c:a", "libopus", "-b:a", "24k"]),
]
# Samples of a second or so of encoders that ffmpeg lacks: their frames again and again.
REPEATED = ["oki.wav", "g729.wav", "g7231.wav", "modes.amr", "modes.awb"]


def instructions(command):
    ran = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stderr.split("Collected : ")[1].split()[0])


def repeated(data, suffix, times):
    if suffix == ".wav":
        at = data.index(b"data")
        length = struct.unpack("<I", data[at + 4 : at + 8])[0]
        body = data[at + 8 : at + 8 + length] * times
        made = data[: at + 4] + struct.pack("<I", len(body)) + body
        return made[:4] + struct.pack("<I", len(made) - 8) + made[8:]
    head = len(b"#!AMR-WB\n" if suffix == ".awb" else b"#!AMR\n")
    return data[:head] + data[head:] * times


def seconds_of(path):
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(shown.stdout)


def files(folder, name, seconds):
    """A file of so many seconds and one of twice as many, and by how much the second is longer."""
    for made, rate, options in MADE:
        if made == name:
            paths = [folder / f"{times}-{name}" for times in (1, 2)]
            for times, path in enumerate(paths, 1):
                subprocess.run(
                    [
                        "ffmpeg",
                        "-v",
                        "error",
                        "-y",
                        "-stream_loop",
                        "-1",
                        "-i",
                        ROOT / "fixtures/short/agent.wav",
                        "-t",
                        str(times * seconds),
                        "-ar",
                        str(rate),
                        *options,
                        path,
                    ],
                    check=True,
                )
            return paths, seconds
    data, suffix = (CODECS / name).read_bytes(), Path(name).suffix
    one = folder / name
    one.write_bytes(data)
    # ffprobe does not know how long bare frames are: 20 ms each of what both decode to.
    each = len(
        subprocess.run(["ffmpeg", "-v", "error", "-i", one, "-f", "s16le", "-"], capture_output=True, check=True).stdout
    )
    each /= 2 * (16000 if suffix == ".awb" else 8000)
    times = max(1, round(seconds / each))
    paths = [folder / f"{count}-{name}" for count in (1, 2)]
    for count, path in enumerate(paths, 1):
        path.write_bytes(repeated(data, suffix, count * times))
    return paths, times * each


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / "target/release/callweave"))
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    print("| recording | callweave | ffmpeg | ratio |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or [made[0] for made in MADE] + REPEATED:
            paths, seconds = files(Path(folder), name, args.seconds)
            commands = ([args.program, "probe"], ["ffmpeg", "-v", "error", "-threads", "1", "-i"])
            costs = []
            for command in commands:
                ends = ["-threads", "1", "-f", "null", "-"] if command[0] == "ffmpeg" else []
                short, long = (instructions([*command, str(path), *ends]) for path in paths)
                costs.append((long - short) / seconds / 1e6)
            ours, theirs = costs
            print(f"| {name} | {ours:.2f} M | {theirs:.2f} M | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
