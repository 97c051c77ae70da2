# Where two parties speak, as JSON, and a mix of two channels at 16 kHz: CUSTOMER AGENT OUT MODEL.
# Silero's network by onnxruntime, frame by frame, and the rules of its get_speech_timestamps
# without torch.
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr

RATE = 16_000
FRAME_MS, MIN_SPEECH_MS, MIN_SILENCE_MS, PAD_MS = 32, 250, 100, 30


def read(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate, RATE)


def probabilities(session, samples):
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32)
    rate = np.array(RATE, np.int64)
    for frame in np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 1, 512):
        heard = np.concatenate([context, frame], axis=1)
        context = heard[:, -64:]
        found, state = session.run(None, {"input": heard, "state": state, "sr": rate})
        yield found[0, 0]


def stretches(speech, length_ms):
    found, start, end = [], None, None
    for at, p in enumerate(speech):
        if p >= 0.5:
            start, end = at if start is None else start, None
        elif p < 0.35 and start is not None:
            end = at if end is None else end
            if (at - end) * FRAME_MS >= MIN_SILENCE_MS:
                found.append([start * FRAME_MS, end * FRAME_MS])
                start = end = None
    if start is not None:
        found.append([start * FRAME_MS, length_ms])
    return [span for span in found if span[1] - span[0] > MIN_SPEECH_MS]


def padded(found, length_ms):
    for before, after in zip([None, *found], [*found, None]):
        room = after[0] - before[1] if before and after else np.inf
        pad = min(PAD_MS, room / 2)
        if before:
            before[1] = min(length_ms, before[1] + pad)
        if after:
            after[0] = max(0, after[0] - pad)
    return found


customer, agent, out, model = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
tracks, speech = [read(path) for path in (customer, agent)], []
for samples in tracks:
    length_ms = 1000 * len(samples) / RATE
    speech.append(padded(stretches(probabilities(session, samples), length_ms), length_ms))
longest = max(map(len, tracks))
mix = np.stack([np.pad(samples, (0, longest - len(samples))) for samples in tracks], axis=1)
Path(out).mkdir(parents=True, exist_ok=True)
soundfile.write(Path(out) / "mix.wav", mix, RATE, subtype="PCM_16")
print(json.dumps(speech))
