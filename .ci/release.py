#!/usr/bin/env python3
"""Fails where the packages of a release would not be of one version.

    .ci/release.py               the version of every package, held against each other
    .ci/release.py --tag v1.2.3  and against a tag, whose changes CHANGELOG.md must have

The version stands in Cargo.toml (`workspace.package`). The wheel takes it from there; npm's manifest and lock repeat it."""

import argparse
import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def versions() -> dict[str, str]:
    """Where the version is written, and what is written there."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    manifest = json.loads((ROOT / "bindings-node/package.json").read_text())
    lock = json.loads((ROOT / "bindings-node/package-lock.json").read_text())
    crates = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    ours = {f"Cargo.lock: {c['name']}": c["version"] for c in crates if c["name"].startswith("callweave")}
    return {
        "Cargo.toml": cargo["workspace"]["package"]["version"],
        "Cargo.toml: callweave": cargo["workspace"]["dependencies"]["callweave"]["version"],
        "bindings-node/package.json": manifest["version"],
        "bindings-node/package-lock.json": lock["version"],
        **ours,
    }


def problems(tag: str) -> list[str]:
    """What is wrong, a line each."""
    found = versions()
    version = found["Cargo.toml"]
    wrong = [f"{where}: found {what}, expected {version}" for where, what in found.items() if what != version]
    if tag and tag != f"v{version}":
        wrong.append(f"found the tag {tag}, expected v{version}")
    if tag and f"## {version}" not in (ROOT / "CHANGELOG.md").read_text():
        wrong.append(f"CHANGELOG.md: expected a section `## {version}`")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", default="", help="the tag that is released")
    wrong = problems(parser.parse_args().tag)
    print("\n".join(wrong) or "one version everywhere")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
