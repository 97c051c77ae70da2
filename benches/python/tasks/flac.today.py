import sys

import numpy as np
import pyloudnorm
import soundfile

samples, rate = soundfile.read(sys.argv[1], always_2d=True)
loudness = pyloudnorm.Meter(rate).integrated_loudness(samples)
level = pyloudnorm.normalize.loudness(samples, loudness, -23.0)
peak = np.abs(level).max()
level = level / max(1.0, peak / 0.891)
soundfile.write(sys.argv[2], level, rate, format="FLAC", subtype="PCM_16")
