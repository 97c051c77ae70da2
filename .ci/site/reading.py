#!/usr/bin/env python3
"""Prints how easily the README and the guide read (Flesch reading ease), and their longest sentences; fails where a
page is below 50.

Flesch, R. (1948), "A new readability yardstick": 206.835 - 1.015 words per sentence - 84.6 syllables per word; 50 to 60 is
fairly difficult, 60 to 70 plain English. Syllables are groups of vowels, without a silent e. Code, tables and links' targets are left out; code within a sentence counts as a word."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEAST = 50
LONGEST = 10


def pages() -> list[Path]:
    docs = ROOT / "core/docs"
    return [ROOT / "README.md", docs / "index.md", docs / "gallery.md", *sorted((docs / "start").glob("*.md"))]


def prose(text: str) -> str:
    """The sentences of a page: paragraphs and items of lists, each ended by a full stop."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`", "code", text)
    blocks = [block.strip() for block in re.split(r"\n\s*\n|\n(?=- |\d+\. )", text)]
    blocks = [re.sub(r"^(- |\d+\. )", "", block) for block in blocks if block and block[0] not in "|#"]
    plain = [re.sub(r"[*_]|\s+", lambda m: "" if m[0] in "*_" else " ", block).rstrip(":") for block in blocks]
    return " ".join(block if block.endswith((".", "?", "!")) else f"{block}." for block in plain)


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.?!]) ", text)


def syllables(word: str) -> int:
    """How many a word has: its groups of vowels, but for an e at its end that is not spoken."""
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    silent = re.search(r"[^aeiouyl](e|es|ed)$", word.lower()) and not re.search(r"([td]ed|[sxz]es)$", word.lower())
    return max(1, groups - bool(silent))


def flesch(text: str) -> float:
    """The reading ease of a text."""
    words = re.findall(r"[A-Za-z][A-Za-z'’-]*|\d[\d.,]*", text)
    spoken = sum(syllables(word) for word in words)
    return 206.835 - 1.015 * len(words) / len(sentences_of(text)) - 84.6 * spoken / len(words)


def main() -> int:
    texts = {page: prose(page.read_text()) for page in pages()}
    ease = {page: flesch(text) for page, text in texts.items()}
    for page, value in ease.items():
        print(f"{value:5.1f}  {page.relative_to(ROOT)}")
    sentences = [sentence for text in texts.values() for sentence in sentences_of(text)]
    print(f"the {LONGEST} longest sentences:")
    for sentence in sorted(sentences, key=lambda s: -len(s.split()))[:LONGEST]:
        print(f"{len(sentence.split()):5d}  {sentence}")
    hard = [page for page, value in ease.items() if value < LEAST]
    return 1 if hard else 0


if __name__ == "__main__":
    sys.exit(main())
