"""Many calls in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from callweave import _callweave
from callweave._progress import OnCall, counted
from callweave._values import optional
from callweave.config import Config, config_json
from callweave.errors import Error, InvalidArgument, IoError
from callweave.inputs import ONE, DescribedInput, Input, Recording, natives
from callweave.processed import Processed
from callweave.report import Report, TrackError


@dataclass(frozen=True, eq=False)
class BatchResult:
    """The result of one call of a batch: the call, or its error."""

    index: int
    """The call's index."""
    call: Processed | None
    error: Error | None

    def result(self) -> Processed:
        """Returns the call, or raises its error."""
        if self.call is None:
            raise self.error or Error("no call")
        return self.call

    @property
    def report(self) -> Report:
        """The call's report. Raises the call's error."""
        return self.result().report

    @property
    def failures(self) -> tuple[TrackError, ...]:
        """Errors of tracks that could not be read, in a call that was processed; see `strict`."""
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
    """Processes many calls in parallel, and returns an iterator over the results, in order.

    Each call is what `process` accepts. `threads` calls are processed at a time, by default as many
    as the machine has processors. At most two calls per thread are queued or running, and `calls`
    is read lazily; binary files are read when their call begins. A call that fails is a result with
    an error and does not affect the others. Work continues while the loop's body runs, and leaving
    the loop stops it.

    With `tracks=False`, no samples are kept and there are only reports. With `strict=False`, an
    unreadable recording among several fails only its track (`BatchResult.failures`). `progress` is
    called with the number of finished calls and the total. `storage_options` are for the calls that
    are URLs.

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
    batch = _callweave.Batch(config_json(config), optional("threads", threads), tracks, strict)
    total = len(calls) if isinstance(calls, Sized) else None

    def opened(call: Any) -> Any:
        return natives(call, storage_options, mixed=True)

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
    """Queues a call. If it cannot be opened, its exception becomes its result."""
    try:
        batch.push(opened(call))
    except Error as error:
        batch.refuse(error)
    except Exception as error:
        kind = IoError if isinstance(error, OSError) else InvalidArgument
        refused = kind(f"{type(error).__name__}: {error}", "input")
        refused.__cause__ = error
        batch.refuse(refused)
