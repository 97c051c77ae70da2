#!/usr/bin/env python3
"""The whole job on a ten-minute dual-track call, beside what people use today: CPU time in one run,
as ratios.

    cargo build --release -p callweave --all-features
    benches/compare_peers.py [--exe target/release/callweave] [--rounds 5] [--minutes 10]

The call is a fixture's, repeated, as two mp3s of 16 kHz and 32 kbit/s, or the recordings of
`--call`. Every program runs on one thread; rounds go through all of them in turn, so that what else
the machine does strikes all alike; a program's figure is its least CPU time (user and system,
children included). The first run makes a virtual environment beside the build. A program that is
missing is left out. Then callweave beside itself (`--own` for that alone): more threads, longer
recordings, many calls, and the most memory; long recordings are the short ones' bytes over and
over. Walls need a machine that does nothing else; a row says whether it did. Then what calls of 1,
10 and 60 minutes take, and an archive (`--scale` for that alone).
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers"
PACKAGES = ["numpy", "soundfile", "soxr", "onnxruntime", "pydub", "audioop-lts; python_version >= '3.13'"]
# Minutes of the calls of the table of scale, and threads; hours of an archive, and cores of a
# machine that it is told for.
LENGTHS, THREADS, HOURS, CORES = (1, 10, 60), (1, 2), 1_000_000, 32
ONE = {**os.environ, **{name: "1" for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}}

PYTHON_STACK = """
import sys, numpy as np, soundfile, soxr, onnxruntime
from pathlib import Path
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
tracks = []
for path in sys.argv[2:4]:
    samples, rate = soundfile.read(path, dtype="float32")
    narrow = soxr.resample(samples, rate, 8000)
    state, context, sr, speech = np.zeros((2, 1, 128), "f4"), np.zeros((1, 32), "f4"), np.array(8000, "int64"), []
    for k in range(0, len(narrow) - 255, 256):
        frame = np.concatenate([context, narrow[None, k:k + 256]], axis=1)
        p, state = session.run(None, {"input": frame, "state": state, "sr": sr})
        context = frame[:, -32:]
        speech.append(p[0, 0] >= 0.5)
    tracks.append((samples, rate, speech))
n = max(len(t[0]) for t in tracks)
mix = np.stack([np.pad(t[0], (0, n - len(t[0]))) for t in tracks], axis=1)
soundfile.write(sys.argv[4], mix, tracks[0][1], subtype="PCM_16")
"""

PYDUB = """
import sys
from pydub import AudioSegment
a, b = (AudioSegment.from_file(path) for path in sys.argv[1:3])
a, b = (x.apply_gain(-20.0 - x.dBFS) for x in (a, b))
a.overlay(b).export(sys.argv[3], format="wav")
"""


def environment():
    """The Python of the peers' environment."""
    python = HOME / "bin" / "python"
    if not python.exists():
        venv.create(HOME, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, *PACKAGES], check=True)
        subprocess.run([*pip, "--no-deps", "silero-vad==6.2.3"], check=True)
    return str(python)


def call(folder, minutes):
    """Two mp3s: a fixture's call as often as it takes, both tracks by the same amount."""
    paths = []
    for name in ("customer", "agent"):
        source, out = ROOT / "fixtures" / "keypad-hold" / f"{name}.mp3", folder / f"{name}.mp3"
        repeat = f"apad=whole_dur=60,atrim=0:60,aloop=loop=-1:size={60 * 16000},atrim=0:{minutes * 60}"
        subprocess.run(
            [
                "ffmpeg",
                "-v",
                "error",
                "-y",
                "-i",
                source,
                "-af",
                f"aresample=16000,{repeat}",
                "-ac",
                "1",
                "-b:a",
                "32k",
                "-c:a",
                "libmp3lame",
                out,
            ],
            check=True,
        )
        paths.append(str(out))
    return paths


def cpu(command):
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=ONE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(command):
    """Wall and CPU seconds, and the most memory in MB, of a command."""
    start = time.perf_counter()
    with open(os.devnull, "w") as null:
        child = subprocess.Popen([str(part) for part in command], stdout=null, stderr=null)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    unit = 1 if platform.system() == "Darwin" else 1024
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6


def least(commands, rounds, out):
    """The least wall and CPU seconds and memory of each command, run in turn. What they write is
    removed before each: in place of another, a file waits for the disk."""
    best = [(float("inf"),) * 3] * len(commands)
    for _ in range(rounds):
        for i, command in enumerate(commands):
            shutil.rmtree(out, ignore_errors=True)
            best[i] = tuple(map(min, best[i], measured(command)))
    return best


def at_once(commands, outs):
    """Wall seconds of commands that run at the same time. What they write is removed before."""
    for out in outs:
        shutil.rmtree(out, ignore_errors=True)
    start, quiet = time.perf_counter(), subprocess.DEVNULL
    children = [subprocess.Popen([str(part) for part in command], stdout=quiet, stderr=quiet) for command in commands]
    failed = [child.args for child in children if child.wait()]
    if failed:
        raise subprocess.CalledProcessError(1, failed[0])
    return time.perf_counter() - start


def repeated(path, times, out):
    """A recording as often as it takes: mp3 frames follow each other as they are."""
    bytes = Path(path).read_bytes()
    with open(out, "wb") as to:
        for _ in range(times):
            to.write(bytes)
    return out


def calls(folder, count):
    """A list of so many short calls: the fixtures', over and over."""
    documents = sorted(ROOT.glob("fixtures/*/*.json"))
    documents = [
        d for d in documents if d.name in ("manifest.json", "pushes.json", "recording.json", "recordings2.json")
    ]
    path = folder / "calls.txt"
    path.write_text("".join(f"{documents[i % len(documents)]}\n" for i in range(count)))
    return path


def track_bytes(report):
    """The tracks of a report as 16-bit samples, in MB."""
    sources = [track["source"] for track in json.loads(report.read_text())["tracks"]]
    return sum(s["durationMs"] / 1000 * s["sampleRateHz"] * 2 for s in sources) / 1e6


def own(exe, one, two, folder, rounds):
    """Rows of what callweave costs beside itself: what, figure, what was asked for."""
    out, roles = folder / "own", ["--roles", "customer,agent"]

    def process(inputs, threads, *more):
        return [exe, "process", *inputs, "--threads", str(threads), *more]

    def mix(inputs, threads):
        return process(inputs, threads, *roles, "-o", out, "--no-page")

    rows = []

    def threads(what, command, asked, rounds=rounds):
        (alone, cpu, _), (both, cpu_both, _) = least([command(1), command(2)], rounds, out)
        rows.append(
            (
                f"{what}: two threads / one, wall",
                f"{both / alone:.2f} ({both:.2f} s / {alone:.2f} s; CPU {cpu_both:.2f} / {cpu:.2f})",
                asked,
            )
        )
        return alone, cpu

    alone, short = threads("process, mix and report", lambda n: mix([one, two], n), "at most 0.52")
    threads("process, report alone", lambda n: process([one, two], n, *roles, "--json"), "at most 0.52")
    outs = [folder / name for name in ("first", "second")]
    pair = [process([one, two], 1, *roles, "-o", out, "--no-page") for out in outs]
    both = min(at_once(pair, outs) for _ in range(rounds))
    rows.append(
        (
            "two processes at once, one thread each / one, wall: how quiet the machine is",
            f"{both / alone:.2f} ({both:.2f} s)",
            "1.00",
        )
    )
    memory = min(measured(mix([one, two], 2))[2] for _ in range(3))
    tracks = track_bytes(out / "report.json")
    rows.append(
        (
            "process with a mix, most memory",
            f"{memory:.0f} MB, tracks {tracks:.1f} MB",
            f"at most {1.25 * tracks + 24:.0f} MB",
        )
    )
    if not all(str(path).endswith(".mp3") for path in (one, two)):
        return rows
    hours = [repeated(path, 6, folder / f"hour-{name}.mp3") for name, path in (("a", one), ("b", two))]
    threads(
        "one mp3, six times as long", lambda n: process(hours[:1], n, "--json"), "at most 0.55", max(1, rounds // 2)
    )
    long = least([mix(hours, 1)], max(1, rounds // 2), out)[0][1]
    rows.append(("process, six times as long / once, CPU", f"{long / short:.2f}", "5.7 to 6.3"))
    long = repeated(one, 60, folder / "long.mp3")
    rows.append(
        (
            "analysis of one mp3, sixty times as long, most memory",
            f"{measured(process([long], 2, '--json'))[2]:.0f} MB",
            "at most 48 MB",
        )
    )
    long.unlink()
    listed = calls(folder, 200)

    def batch(threads):
        return [exe, "batch", listed, "--threads", str(threads), "--no-page", "-o", out]

    (alone, *_), (both, *_) = least([batch(1), batch(2)], max(1, rounds // 2), out)
    rows.append(
        (
            "200 short calls, one thread / two, wall",
            f"{alone / both:.2f} ({alone:.2f} s / {both:.2f} s)",
            "at least 1.9",
        )
    )
    return rows


def scale(exe, folder, rounds):
    """Rows of what calls of several lengths take with one thread and with two, and what an archive
    of them takes."""
    out, rows, seconds = folder / "scale", [], {}
    for minutes in LENGTHS:
        place = folder / f"minutes-{minutes}"
        place.mkdir()
        inputs = call(place, minutes)
        commands = [
            [exe, "process", *inputs, "--roles", "customer,agent", "--threads", str(n), "-o", out, "--no-page"]
            for n in THREADS
        ]
        for threads, (wall, cpu, memory) in zip(THREADS, least(commands, rounds, out)):
            seconds[minutes, threads] = cpu
            rows.append((minutes, threads, f"{wall:.2f}", f"{cpu:.2f}", f"{memory:.0f}", f"{60 * minutes / wall:.0f}"))
    return rows, [archive(minutes, seconds[minutes, 1]) for minutes in LENGTHS]


def archive(minutes, cpu):
    """The arithmetic of an archive of a million hours in calls of one length: each takes so many
    CPU seconds."""
    calls = HOURS * 60 / minutes
    return (
        minutes,
        f"3600 / {cpu:.3f} = {3600 / cpu:,.0f}",
        f"{calls:,.0f} · {cpu:.3f} / 3600 = {calls * cpu / 3600:,.0f}",
        f"{calls * cpu / 3600 / CORES:,.0f}",
    )


def table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")


def version(command):
    run = subprocess.run(command, capture_output=True, text=True)
    return next((line for line in (run.stdout + run.stderr).splitlines() if line.strip()), "?").strip()


def processor():
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("--exe", default=ROOT / "target/release/callweave", type=Path)
    ap.add_argument("--rounds", default=5, type=int)
    ap.add_argument("--minutes", default=10, type=int)
    ap.add_argument("--call", nargs=2, metavar=("A", "B"), help="two recordings instead")
    ap.add_argument("--own", action="store_true", help="only callweave beside itself")
    ap.add_argument("--scale", action="store_true", help="only calls of several lengths, and an archive")
    a = ap.parse_args()
    if not a.exe.exists():
        sys.exit(f"{a.exe}: not built (cargo build --release -p callweave --all-features)")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if not a.scale:
            beside(a, folder)
        rows, archives = scale(a.exe.resolve(), folder, a.rounds)
    print(f"\ncalls of several lengths, mix and report; least of {a.rounds} rounds\n")
    table(("minutes", "threads", "seconds", "CPU s", "MB", "times real time"), rows)
    print(f"\nan archive of {HOURS:,} hours, one thread for each call\n")
    head = (
        "minutes a call",
        "calls per core-hour",
        "core-hours of the archive",
        f"hours of a machine of {CORES} cores",
    )
    table(head, archives)
    print(f"\n{processor()}, {os.cpu_count()} processors; {version([str(a.exe), '--version'])}")


def beside(a, folder):
    """Prints the call beside the peers and beside itself."""
    one, two = map(os.path.abspath, a.call) if a.call else call(folder, a.minutes)
    what = (
        "the call of " + " and ".join(map(os.path.basename, a.call))
        if a.call
        else f"{a.minutes} minutes, two mp3s of 16 kHz and 32 kbit/s"
    )
    if not a.own:
        peers(a, folder, one, two, what)
    rows = own(a.exe.resolve(), one, two, folder, a.rounds)
    print(f"\ncallweave beside itself: {what}; least of the rounds\n")
    table(("", "", "asked"), rows)


def peers(a, folder, one, two, what):
    ours = [str(a.exe), "process", one, two, "--roles", "customer,agent", "--threads", "1"]
    ffmpeg = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-threads",
        "1",
        "-i",
        one,
        "-threads",
        "1",
        "-i",
        two,
        "-filter_threads",
        "1",
    ]
    mixed = "[0:a][1:a]amerge=inputs=2,silencedetect=noise=-50dB:d=0.5,ebur128"
    wav = str(folder / "mix.wav")
    jobs = {
        "callweave process, mix and report": [*ours, "-o", str(folder / "out"), "--no-page"],
        "callweave process, report alone": [*ours, "--json"],
        "ffmpeg, decode both and drop": [*ffmpeg, "-map", "0:a", "-f", "null", "-", "-map", "1:a", "-f", "null", "-"],
        "ffmpeg, decode, mix, silencedetect, ebur128": [*ffmpeg, "-filter_complex", mixed, wav],
        "ffmpeg, the same with loudnorm": [*ffmpeg, "-filter_complex", f"{mixed},loudnorm", "-ar", "16000", wav],
    }
    if shutil.which("sox"):
        jobs["sox, decode, mix, normalise"] = ["sox", "-M", one, two, wav, "gain", "-n", "-3"]
    python = environment()
    model = next(HOME.glob("lib/*/site-packages/silero_vad/data/silero_vad.onnx"))
    jobs["soundfile, soxr, Silero by onnxruntime"] = [python, "-c", PYTHON_STACK, str(model), one, two, wav]
    jobs["pydub, decode, gain, overlay"] = [python, "-c", PYDUB, one, two, wav]
    cost = {}
    for _ in range(a.rounds):
        for name, command in jobs.items():
            # In place of another, a file waits for the disk.
            shutil.rmtree(folder / "out", ignore_errors=True)
            Path(wav).unlink(missing_ok=True)
            cost[name] = min(cost.get(name, float("inf")), cpu(command))
    whole = cost["callweave process, mix and report"]
    print(f"{what}; least CPU time of {a.rounds} rounds, one thread each\n")
    print("| | CPU s | callweave with mix and report, as a multiple |\n|---|---|---|")
    for name, seconds in cost.items():
        print(f"| {name} | {seconds:.3f} | {whole / seconds:.2f} |")
    packages = version(
        [
            python,
            "-c",
            "import soundfile as f, soxr as s, onnxruntime as o; print('soundfile', f.__version__, "
            "'soxr', s.__version__, 'onnxruntime', o.__version__)",
        ]
    )
    print(
        f"\n{processor()}; {version([str(a.exe), '--version'])}; {version(['ffmpeg', '-version'])}; "
        f"{version(['sox', '--version']) if shutil.which('sox') else 'no sox'}; {packages}; Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
