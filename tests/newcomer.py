#!/usr/bin/env python3
"""Walks a newcomer's path in each language, step by step: install, first call, first own file,
first batch. Prints how long each step takes, as a table of Markdown, and ends at the first step
that fails.

    tests/newcomer.py             from nothing: builds and installs in a scratch folder (some minutes)
    tests/newcomer.py --built     with what tests/run has built and installed already

Every step is what docs/index.md and docs/start tell people to run."""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CALL = ["fixtures/keypad-hold/customer.mp3", "fixtures/keypad-hold/agent.mp3"]
PYTHON = {
    "first call": "import callweave; callweave.process({call}, roles=['customer', 'agent']).write({out})",
    "first own file": "import callweave; print(callweave.analyze({own}).tag.value)",
    "first batch": "import callweave; assert all(done.report for done in callweave.process_batch([{own}, {call}]))",
}
NODE = {
    "first call": "import {{ processCall }} from 'callweave'\n"
    "await (await processCall({call}, {{ roles: ['customer', 'agent'] }})).write({out})",
    "first own file": "import {{ analyze }} from 'callweave'\nconsole.log((await analyze({own})).tag.value)",
    "first batch": "import {{ processBatch }} from 'callweave'\n"
    "for await (const {{ error }} of processBatch([{own}, {call}])) if (error) throw error",
}


class Walk:
    """The steps so far, and where they are walked."""

    def __init__(self, folder: Path, built: bool) -> None:
        self.folder = folder
        self.built = built
        self.own = folder / "my call.wav"
        shutil.copy(ROOT / "fixtures/stereo/call.wav", self.own)
        self.times: dict[tuple[str, str], float] = {}

    def step(self, language: str, name: str, *command: str | Path, cwd: Path = ROOT) -> None:
        """Runs a step and takes its time; a step that fails ends the walk."""
        begun = time.monotonic()
        run = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
        self.times[language, name] = time.monotonic() - begun
        if run.returncode:
            sys.exit(f"{language}, {name}: {run.stdout}{run.stderr}")

    def written(self, language: str, name: str, *files: Path) -> None:
        """Ends the walk where a step did not leave its files."""
        missing = [str(path) for path in files if not path.is_file() or not path.stat().st_size]
        if missing:
            sys.exit(f"{language}, {name}: left no {', '.join(missing)}")

    def call_written(self, language: str, folder: Path) -> None:
        """The files of the first call."""
        self.written(language, "first call", *(folder / name for name in ("mix.wav", "report.json", "report.html")))

    def out(self, language: str, name: str) -> Path:
        """Where a step writes."""
        return self.folder / f"{language} {name}"

    def filled(self, text: str, language: str, name: str) -> str:
        """A snippet with the recordings and the folder of this walk."""
        call = [str(ROOT / path) for path in CALL]
        return text.format(call=call, own=repr(str(self.own)), out=repr(str(self.out(language, name))))

    def readme(self) -> None:
        """The README's main command, word for word; with --built, of the program that is there."""
        lines = (ROOT / "README.md").read_text().splitlines()
        line = next(line for line in lines if line.startswith("cargo callweave "))
        words = shlex.split(line, comments=True)
        out = self.out("README", "main command")
        words[words.index("-o") + 1] = str(out)
        if self.built:
            words[:2] = [str(TARGET / "debug/callweave")]
        self.step("README", "main command", *words)
        self.written("README", "main command", *(out / name for name in ("mix.wav", "report.json", "report.html")))

    def command_line(self) -> None:
        program = TARGET / "debug/callweave"
        if not self.built:
            install = ["cargo", "install", "--quiet", "--locked", "--path", "core", "--features", "cli,opus"]
            self.step("command line", "install", *install, "--root", self.folder / "program")
            program = self.folder / "program/bin/callweave"
        out, batch = self.out("command line", "first call"), self.out("command line", "first batch")
        self.step("command line", "first call", program, "process", *CALL, "--roles", "customer,agent", "-o", out)
        self.call_written("command line", out)
        self.step("command line", "first own file", program, "process", self.own, "--json")
        self.step("command line", "first batch", program, "batch", "fixtures/calls.txt", "-o", batch)
        self.written("command line", "first batch", batch / "calls.jsonl")

    def python(self) -> None:
        python = TARGET / "venv/bin/python"
        if not self.built:
            subprocess.run([sys.executable, "-m", "venv", self.folder / "venv"], check=True)
            python = self.folder / "venv/bin/python"
            self.step("Python", "install", python, "-m", "pip", "install", "--quiet", "./bindings-python")
        for name, snippet in PYTHON.items():
            self.step("Python", name, python, "-c", self.filled(snippet, "Python", name))
        self.call_written("Python", self.out("Python", "first call"))

    def node(self) -> None:
        home = ROOT / "bindings-node"
        if not self.built:
            home = self.folder / "node"
            home.mkdir()
            (home / "package.json").write_text('{ "private": true }\n')
            self.step("Node", "install", "npm", "install", "--no-audit", "--no-fund", ROOT / "bindings-node", cwd=home)
        for name, snippet in NODE.items():
            program = home / f".newcomer-{os.getpid()}.mjs"
            program.write_text(self.filled(snippet, "Node", name) + "\n")
            try:
                self.step("Node", name, "node", program, cwd=home)
            finally:
                program.unlink()
        self.call_written("Node", self.out("Node", "first call"))

    def table(self) -> str:
        """The times, a row per step."""
        languages = ("command line", "Python", "Node")
        lines = [f"| step | {' | '.join(languages)} |", "|---" * 4 + "|"]
        for name in ("install", *PYTHON):
            times = [self.times.get((language, name)) for language in languages]
            cells = ["–" if took is None else f"{took:.0f} s" if took >= 10 else f"{took:.1f} s" for took in times]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append(f"\nREADME's main command: {self.times['README', 'main command']:.1f} s")
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--built", action="store_true", help="with what tests/run has built")
    built = parser.parse_args().built
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder), built)
        walk.readme()
        walk.command_line()
        walk.python()
        walk.node()
        print(walk.table())


if __name__ == "__main__":
    main()
