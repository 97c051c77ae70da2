"""What the suites share. Every test runs in the folder of the workspace, as the golden reports
did."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import callweave

ROOT = Path(__file__).parents[2]
LONG = "CALLWEAVE_LONG_TESTS" in os.environ
sys.path[:0] = [str(ROOT / "tests/servers"), str(ROOT / "bindings-python/examples/service")]

CALLS = {
    path.parent.name: next(
        f"fixtures/{path.parent.name}/{name}"
        for name in ("pushes.json", "recordings2.json", "recording.json", "manifest.json")
        if (path.parent / name).exists()
    )
    for path in sorted(ROOT.glob("fixtures/*/report.json"))
}
"""The fixture calls that have a golden report, and the documents that describe them."""


@pytest.fixture(autouse=True)
def _in_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def cloud() -> Iterator[Any]:
    """A stand-in for MCloud that runs."""
    from http_server import Server
    from mcloud import Mcloud

    with Server(Mcloud()) as running:
        yield running


@pytest.fixture(scope="session")
def long_call(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Ten minutes of two parties as wav files: long enough to be interrupted."""
    import numpy as np

    folder = tmp_path_factory.mktemp("long")
    paths = []
    for party in ("customer", "agent"):
        track = callweave.decode(str(ROOT / f"fixtures/short/{party}.wav"), dtype="int16")
        repeats = 600 * track.sample_rate_hz // track.samples.shape[1] + 1
        path = folder / f"{party}.wav"
        callweave.normalize(callweave.Audio(np.tile(track.samples, repeats), track.sample_rate_hz), path)
        paths.append(str(path))
    return paths
