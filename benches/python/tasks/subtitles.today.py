import sys
from datetime import timedelta

import srt

words = [(0.5 * n, 0.5 * n + 0.4, f"word{n}", ["agent", "customer"][n // 20 % 2]) for n in range(200)]
cues, current = [], []


def close():
    if current:
        start, end = timedelta(seconds=current[0][0]), timedelta(seconds=current[-1][1])
        text = " ".join(word[2] for word in current)
        cues.append(srt.Subtitle(len(cues) + 1, start, end, f"{current[0][3]}: {text}"))
        current.clear()


for word in words:
    text = sum(len(said[2]) + 1 for said in current) + len(word[2])
    if current and (
        word[3] != current[0][3] or word[0] - current[-1][1] > 1 or word[1] - current[0][0] > 7 or text > 84
    ):
        close()
    current.append(word)
close()
sys.stdout.write(srt.compose(cues))
