#!/usr/bin/env python3
"""The whole job on a ten-minute dual-track call, beside what people use today: CPU time in one run, as ratios.

    cargo build --release -p callweave
    benches/compare_peers.py [--exe target/release/callweave] [--rounds 5] [--minutes 10]

The call is a fixture's, repeated, as two mp3s of 16 kHz and 32 kbit/s. Every program runs on one thread; rounds go through all
of them in turn, so that what else the machine does strikes all alike; a program's figure is its least CPU time (user and
system, children included). The first run makes a virtual environment beside the build. A program that is missing is left out.
"""
import argparse, os, platform, resource, shutil, subprocess, sys, tempfile, venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers"
PACKAGES = ["numpy", "soundfile", "soxr", "onnxruntime", "pydub", "audioop-lts; python_version >= '3.13'"]
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
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, "-af", f"aresample=16000,{repeat}", "-ac", "1",
                        "-b:a", "32k", "-c:a", "libmp3lame", out], check=True)
        paths.append(str(out))
    return paths


def cpu(command):
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=ONE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--exe", default=ROOT / "target/release/callweave", type=Path)
    ap.add_argument("--rounds", default=5, type=int)
    ap.add_argument("--minutes", default=10, type=int)
    a = ap.parse_args()
    if not a.exe.exists():
        sys.exit(f"{a.exe}: not built (cargo build --release -p callweave)")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        one, two = call(folder, a.minutes)
        ours = [str(a.exe), "process", one, two, "--roles", "customer,agent", "--threads", "1"]
        ffmpeg = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-i", one, "-threads", "1", "-i", two, "-filter_threads", "1"]
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
        least = {}
        for _ in range(a.rounds):
            for name, command in jobs.items():
                least[name] = min(least.get(name, float("inf")), cpu(command))
    whole = least["callweave process, mix and report"]
    print(f"{a.minutes} minutes, two mp3s of 16 kHz and 32 kbit/s; least CPU time of {a.rounds} rounds, one thread each\n")
    print("| | CPU s | callweave with mix and report, as a multiple |\n|---|---|---|")
    for name, seconds in least.items():
        print(f"| {name} | {seconds:.3f} | {whole / seconds:.2f} |")
    packages = version([python, "-c", "import soundfile as f, soxr as s, onnxruntime as o; print('soundfile', f.__version__, "
                                      "'soxr', s.__version__, 'onnxruntime', o.__version__)"])
    print(f"\n{processor()}; {version([str(a.exe), '--version'])}; {version(['ffmpeg', '-version'])}; "
          f"{version(['sox', '--version']) if shutil.which('sox') else 'no sox'}; {packages}; Python {platform.python_version()}")


if __name__ == "__main__":
    main()
