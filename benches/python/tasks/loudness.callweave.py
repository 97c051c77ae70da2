import sys

import callweave

for level in callweave.levels(sys.argv[1]):
    print(round(level.loudness_lufs, 1), round(level.true_peak_dbtp, 1))
