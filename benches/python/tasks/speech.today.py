import sys

import soundfile
import soxr
import webrtcvad

samples, rate = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
channel = soxr.resample(samples[:, 0], rate, 16_000)
pcm = (channel * 32767).clip(-32768, 32767).astype("<i2").tobytes()
detector = webrtcvad.Vad(2)
frame_ms, frame = 30, 2 * 480
voiced = [detector.is_speech(pcm[at : at + frame], 16_000) for at in range(0, len(pcm) - frame + 1, frame)]
spans, start, quiet = [], None, 0
for index, is_speech in enumerate([*voiced, *[False] * 10]):
    if is_speech:
        start = index if start is None else start
        quiet = 0
    elif start is not None:
        quiet += 1
        if quiet == 7:
            spans.append((start * frame_ms / 1000, (index - 6) * frame_ms / 1000))
            start = None
print([(round(a, 1), round(b, 1)) for a, b in spans if b - a > 0.12])
