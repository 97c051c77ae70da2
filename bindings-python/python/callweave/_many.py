"""Many calls, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from callweave import _callweave
from callweave._progress import OnCall, counted
from callweave.config import Config, config_json
from callweave.errors import Error, InvalidArgument, IoError
from callweave.inputs import ONE, DescribedInput, Input, Recording, natives
from callweave.processed import Processed
from callweave.report import Report, TrackError


@dataclass(frozen=True, eq=False)
class BatchResult:
    """What came of one call of a batch: the call, or why there is none."""

    index: int
    """Its place among the calls."""
    call: Processed | None
    error: Error | None

    def result(self) -> Processed:
        """The call; raises its error where there is none."""
        if self.call is None:
            raise self.error or Error("no call")
        return self.call

    @property
    def report(self) -> Report:
        """The call's report; raises its error where there is none."""
        return self.result().report

    @property
    def failures(self) -> tuple[TrackError, ...]:
        """Why tracks of a call that was processed could not be read; see `strict`."""
        tracks = self.call.report.tracks if self.call else ()
        return tuple(track.error for track in tracks if track.error)


def process_batch(
    calls: Iterable[Recording | Input | DescribedInput | Iterable[Recording | Input]],
    config: Config | None = None,
    *,
    threads: int | None = None,
    progress: OnCall | Literal["tqdm"] | None = None,
    tracks: bool = True,
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> Iterator[BatchResult]:
    """Processes many calls, several at a time: an iterator over what came of each, in their order.

    Each call is what `process` takes, and is worked on by one of the `threads` (as many as the machine has). At most two calls
    for each of them are in memory, whatever their number, and `calls` is asked for no more than that; binary files are read when their call begins. A call
    that fails, or that makes no sense, is a result with an error and holds up no other. Work goes on while the loop's body runs; leaving the loop
    stops it. `tracks=False` keeps no samples: for reports alone. With `strict=False` a recording among several that cannot be
    read fails its track alone (`BatchResult.failures`), not its call. `progress` hears of calls done and calls in all.

    >>> import callweave
    >>> calls = ["fixtures/short/manifest.json", b"no recording", "fixtures/stereo/manifest.json"]
    >>> for done in callweave.process_batch(calls):
    ...     print(done.index, done.error.code if done.error else done.report.outcome.value)
    0 conversation
    1 unsupported
    2 conversation
    """
    if isinstance(calls, (*ONE, Input, DescribedInput)):
        raise TypeError(f"found one call ({type(calls).__name__}), expected several")
    batch = _callweave.Batch(config_json(config), threads, tracks, strict)
    total = len(calls) if isinstance(calls, Sized) else None

    def opened(call: Any) -> Any:
        return natives(call, storage_options)

    return _results(batch, iter(calls), opened, config, progress, total)


def _results(
    batch: _callweave.Batch,
    calls: Iterator[Recording | Input | DescribedInput | Iterable[Recording | Input]],
    opened: Callable[[Any], Any],
    config: Config | None,
    progress: OnCall | Literal["tqdm"] | None,
    total: int | None,
) -> Iterator[BatchResult]:
    end = object()
    try:
        with counted(progress) as hear:
            for index in count():
                while not batch.is_full() and (call := next(calls, end)) is not end:
                    _begin(batch, opened, call)
                taken = batch.take()
                if taken is None:
                    return
                hear(index + 1, total)
                if isinstance(taken, _callweave.Processed):
                    yield BatchResult(index, Processed(taken, config), None)
                else:
                    yield BatchResult(index, None, taken)
    finally:
        batch.cancel()


def _begin(batch: _callweave.Batch, opened: Callable[[Any], Any], call: Any) -> None:
    """Begins a call; the exception of one that cannot be opened comes out in its place."""
    try:
        batch.push(opened(call))
    except Error as error:
        batch.refuse(error)
    except Exception as error:
        kind = IoError if isinstance(error, OSError) else InvalidArgument
        refused = kind(f"{type(error).__name__}: {error}", "input")
        refused.__cause__ = error
        batch.refuse(refused)
