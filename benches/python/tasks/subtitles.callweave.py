import sys

from callweave import Transcript, Word

words = [Word(500 * n, 500 * n + 400, f"word{n}", ["agent", "customer"][n // 20 % 2]) for n in range(200)]
sys.stdout.write(Transcript(words).to_srt())
