import sys

import callweave

made = callweave.load(sys.argv[1], start_ms=1000, duration_ms=10_000, rate=16_000, mono=True)
print(made.samples.shape[1])
