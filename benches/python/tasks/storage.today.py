import io
import sys

import fsspec
import soundfile

with fsspec.open("file://" + sys.argv[1], "rb") as file:
    samples, rate = soundfile.read(io.BytesIO(file.read()), dtype="float32", always_2d=True)
print(samples.shape[0])
