"""Progress by a callable, or by a tqdm bar."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

OnProgress: TypeAlias = Callable[[str, int, int | None], object]
"""Called on the calling thread with the stage, the bytes done, and the bytes in all where they are known."""

Progress: TypeAlias = OnProgress | Literal["tqdm"]
"""A callable, or a bar of tqdm, which must be installed."""

OnCall: TypeAlias = Callable[[int, int | None], object]
"""Called with the calls done, and the calls in all where they are known."""


def _bar(**options: Any) -> Any:
    return importlib.import_module("tqdm.auto").tqdm(**options)


@contextmanager
def watched(progress: Progress | None) -> Iterator[OnProgress | None]:
    """The callable that hears of the bytes; a bar goes when the work ends."""
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
    """The callable that hears of the calls."""
    if progress != "tqdm":
        yield progress or (lambda done, total: None)
        return
    with _bar(unit="call") as bar:

        def hear(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield hear
