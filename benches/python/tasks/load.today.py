import sys

import soundfile
import soxr

samples, rate = soundfile.read(sys.argv[1], start=8000, frames=80_000, dtype="float32", always_2d=True)
mono = samples.mean(axis=1)
made = soxr.resample(mono, rate, 16_000)
print(len(made))
