import sys

import numpy as np
import pyloudnorm
import soundfile

samples, rate = soundfile.read(sys.argv[1], always_2d=True)
meter = pyloudnorm.Meter(rate)
for channel in samples.T:
    peak = 20 * np.log10(np.abs(channel).max())
    print(round(meter.integrated_loudness(channel), 1), round(peak, 1))
