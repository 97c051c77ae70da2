"""Progress reporting by a callable or a tqdm bar."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

OnProgress: TypeAlias = Callable[[str, int, int | None], object]
"""Called on the calling thread with the stage, the bytes done, and the total bytes if known."""

Progress: TypeAlias = OnProgress | Literal["tqdm"]
"""A callable, or a tqdm bar, which requires tqdm."""

OnCall: TypeAlias = Callable[[int, int | None], object]
"""Called with the number of finished calls, and the total if known."""


def _bar(**options: Any) -> Any:
    return importlib.import_module("tqdm.auto").tqdm(**options)


@contextmanager
def watched(progress: Progress | None) -> Iterator[OnProgress | None]:
    """Returns the callable for bytes. A bar disappears when the work ends."""
    if progress != "tqdm":
        yield progress
        return
    with _bar(unit="B", unit_scale=True) as bar:

        def hear(stage: str, done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield hear


@contextmanager
def counted(progress: OnCall | Literal["tqdm"] | None) -> Iterator[OnCall]:
    """Returns the callable for calls."""
    if progress != "tqdm":
        yield progress or (lambda done, total: None)
        return
    with _bar(unit="call") as bar:

        def hear(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield hear
