"""Every example is run: the modules' own and those of the READMEs."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

import callweave

MODULES = [
    info.name for info in pkgutil.walk_packages(callweave.__path__, "callweave.") if info.name != "callweave._callweave"
]


def test_examples_of_the_modules_do_what_they_say() -> None:
    attempted = 0
    for name in MODULES:
        result = doctest.testmod(importlib.import_module(name), extraglobs={"callweave": callweave})
        assert result.failed == 0, name
        attempted += result.attempted
    assert attempted >= 8


PAGES = [
    "README.md",
    "bindings-python/README.md",
    "core/docs/live.md",
    "core/docs/python.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "core/docs/start").glob("*.md")),
]


@pytest.mark.parametrize("readme", PAGES)
def test_examples_of_the_readme_run(readme: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / readme).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, "no example in Python"
    (tmp_path / "call").mkdir()
    for block in blocks:
        code = block.replace('"out/', f'"{tmp_path}/')
        exec(compile(code, readme, "exec"), {"__name__": "__main__"})


def test_the_reference_is_that_of_the_package() -> None:
    run = subprocess.run([sys.executable, "bindings-python/reference.py"], capture_output=True, text=True, check=True)
    assert run.stdout == (ROOT / "core/docs/python-api.md").read_text(), (
        "bindings-python/reference.py > core/docs/python-api.md"
    )


def test_the_transcription_example_puts_words_on_the_calls_timeline() -> None:
    spec = importlib.util.spec_from_file_location("transcribe", ROOT / "bindings-python/examples/transcribe.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    sys.modules["transcribe"] = example
    spec.loader.exec_module(example)
    heard: list[int] = []

    def transcriber(samples: Any, rate: int) -> list[tuple[float, float, str]]:
        heard.append(len(samples))
        return [(200.0, 1000 * len(samples) / rate, f"words {len(heard)}")]

    words = list(example.transcript("fixtures/short/manifest.json", transcriber))
    report = callweave.analyze("fixtures/short/manifest.json")
    assert [word.role for word in words] == ["agent", "agent", "customer"]
    starts = sorted(span.start_ms for track in report.tracks for span in track.speech)
    # A chunk begins 200 ms before its speech, or in the middle of a shorter pause: a word 200 ms
    # into it is where speech begins.
    late = [word.start_ms - start for word, start in zip(words, starts, strict=True)]
    assert (late[0], late[2]) == (0, 0) and 0 < late[1] <= 200
    assert min(heard) > 16_000 // 4
