"""The functions of callweave for asyncio, with the same names: each that does work. Each works on a separate thread while the event loop continues.

Cancelling a task stops its work in Rust. Async streams (async iterators of bytes, such as
`response.aiter_bytes()` of httpx or `response.content.iter_chunked(n)` of aiohttp) are recordings
too.

    report = await callweave.aio.analyze("call.wav")
    async for done in callweave.aio.process_batch(calls):
        ...
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, ParamSpec, TypeVar

from callweave import _callweave, _many, _peaks, _speech
from callweave import audio as _audio
from callweave import calls as _calls
from callweave import evaluation as _evaluation
from callweave._many import BatchResult
from callweave._progress import OnCall
from callweave.config import Config
from callweave.errors import Cancelled
from callweave.inputs import Input
from callweave.processed import Chunk

__all__ = [
    "align",
    "analyze",
    "calibrate",
    "chunks",
    "compare",
    "decode",
    "detect_speech",
    "evaluate",
    "get_speech_timestamps",
    "levels",
    "load",
    "mix",
    "normalize",
    "peaks",
    "probe",
    "process",
    "process_batch",
    "redact",
    "run",
    "speech",
]

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")

LOOK_UP = 0.05
"""Seconds after which a thread that waits for the loop checks whether it is still needed."""


async def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs any function of callweave on a thread: `await run(call.write, "out")`. Cancelling the
    task stops its work."""
    return await _Runner().run(function, *args, **kwargs)


class _Runner:
    """The threads that work for one task, and how to stop them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.switch = _callweave.Switch()
        self.stopped = threading.Event()

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        done: asyncio.Future[T] = self.loop.create_future()
        given = tuple(self.bridged(item) for item in args)
        named = {name: self.bridged(item) for name, item in kwargs.items()}

        def tell(result: Any, error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        def work() -> None:
            result, error = None, None
            try:
                result = _callweave.cancellable(self.switch, function, given, named)
            except BaseException as raised:
                error = raised
            try:
                self.loop.call_soon_threadsafe(tell, result, error)
            except RuntimeError:
                pass  # The loop has ended: nobody waits.

        threading.Thread(target=work, name="callweave", daemon=True).start()
        try:
            return await done
        except asyncio.CancelledError:
            self.stop()
            raise

    def stop(self) -> None:
        self.stopped.set()
        self.switch.cancel()

    def bridged(self, item: Any) -> Any:
        """Converts async streams, alone, in an `Input` or in a list, to files that a thread can
        read."""
        if isinstance(item, AsyncIterable):
            return _AsyncFile(item, self)
        if isinstance(item, Input) and isinstance(item.source, AsyncIterable):
            return replace(item, source=_AsyncFile(item.source, self))
        if type(item) in (list, tuple):
            return type(item)(self.bridged(part) for part in item)
        return item

    def from_loop(self, parts: AsyncIterator[T], end: U) -> T | U:
        """Returns the next part of an async iterator, for a thread other than the loop's."""
        future = asyncio.run_coroutine_threadsafe(_next(parts, end), self.loop)
        while not self.stopped.is_set():
            try:
                return future.result(LOOK_UP)
            except concurrent.futures.TimeoutError:
                if future.done():
                    raise
        future.cancel()
        raise Cancelled("cancelled", "input")


class _AsyncFile:
    """A file over an async iterator of bytes, read from a thread other than the loop's."""

    def __init__(self, parts: AsyncIterable[bytes], runner: _Runner) -> None:
        self._parts = parts.__aiter__()
        self._runner = runner

    def read(self, size: int, /) -> bytes:
        while True:
            part = self._runner.from_loop(self._parts, None)
            if part is None or len(part) > 0:
                return b"" if part is None else bytes(part)


async def _next(parts: AsyncIterator[T], end: U) -> T | U:
    try:
        return await parts.__anext__()
    except StopAsyncIteration:
        return end


def _async(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    @functools.wraps(function)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        return await run(function, *args, **kwargs)

    return wrapped


align = _async(_calls.align)
analyze = _async(_calls.analyze)
calibrate = _async(_evaluation.calibrate)
compare = _async(_evaluation.compare)
decode = _async(_calls.decode)
detect_speech = _async(_calls.detect_speech)
evaluate = _async(_evaluation.evaluate)
get_speech_timestamps = _async(_speech.get_speech_timestamps)
levels = _async(_audio.levels)
load = _async(_audio.load)
mix = _async(_calls.mix)
normalize = _async(_calls.normalize)
peaks = _async(_peaks.peaks)
probe = _async(_calls.probe)
process = _async(_calls.process)
redact = _async(_calls.redact)
speech = _async(_speech.speech)


async def chunks(inputs: Any, config: Config | None = None, **options: Any) -> AsyncIterator[Chunk]:
    """Like `callweave.chunks`: yields each party's own speech in chunks for a transcriber, in the
    order of the call."""
    runner = _Runner()
    found: Iterator[Chunk] = await runner.run(_calls.chunks, inputs, config, **options)
    while (chunk := await runner.run(next, found, None)) is not None:
        yield chunk


async def process_batch(
    calls: Iterable[Any] | AsyncIterable[Any],
    config: Config | None = None,
    *,
    threads: int | None = None,
    progress: OnCall | Literal["tqdm"] | None = None,
    tracks: bool = True,
    strict: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> AsyncIterator[BatchResult]:
    """Like `callweave.process_batch`, for an async loop. `calls` may be an async iterator. Leaving
    the loop, or cancelling the task, stops the work. `calls` and `progress` are called on another
    thread.
    """
    runner = _Runner()
    end: Any = object()

    def given() -> Iterator[Any]:
        if not isinstance(calls, AsyncIterable):
            yield from (runner.bridged(call) for call in calls)
            return
        several = calls.__aiter__()
        while (call := runner.from_loop(several, end)) is not end:
            yield runner.bridged(call)

    options: dict[str, Any] = {"threads": threads, "progress": progress, "tracks": tracks, "strict": strict}
    options["storage_options"] = storage_options
    results: Any = await runner.run(_many.process_batch, given(), config, **options)
    try:
        while (done := await runner.run(next, results, end)) is not end:
            yield done
    finally:
        runner.stop()
        try:
            results.close()
        except ValueError:
            pass  # Its thread is at it still, and hears of the switch.
