"""asyncio: the same answers while the loop goes on, cancellation that reaches Rust, streams and
batches."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import callweave
from callweave import aio
from callweave.errors import Unsupported

SHORT = "fixtures/short/manifest.json"
WAV = "fixtures/stereo/call.wav"


def test_names_and_answers_are_the_same() -> None:
    async def both() -> None:
        assert await aio.analyze(WAV) == callweave.analyze(WAV)
        assert np.array_equal((await aio.load(WAV)).samples, callweave.load(WAV).samples)
        call = await aio.process(SHORT)
        assert np.array_equal((await aio.run(call.mix)).samples, callweave.mix(SHORT).samples)
        chunks = [chunk.start_ms async for chunk in aio.chunks(SHORT)]
        assert chunks == [chunk.start_ms for chunk in callweave.chunks(SHORT)]
        with pytest.raises(Unsupported):
            await aio.process(b"no recording")

    asyncio.run(both())
    for name in set(aio.__all__) - {"run", "chunks", "process_batch"}:
        assert inspect.signature(getattr(aio, name)) == inspect.signature(getattr(callweave, name)), name


def test_the_loop_goes_on(long_call: list[str]) -> None:
    async def ticking() -> float:
        work = asyncio.ensure_future(aio.process(long_call))
        worst = 0.0
        while not work.done():
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, time.perf_counter() - before - 0.005)
        await work
        return worst

    assert asyncio.run(ticking()) < 0.5


async def ended() -> None:
    """Waits until no thread of the package is left."""
    started = time.perf_counter()
    while any(thread.name == "callweave" for thread in threading.enumerate()):
        assert time.perf_counter() - started < 5, "the thread has ended"
        await asyncio.sleep(0.01)


def test_cancelling_a_task_stops_the_work(long_call: list[str]) -> None:
    async def cancelled() -> float:
        work = asyncio.ensure_future(aio.process(long_call * 4, strict=False))
        await asyncio.sleep(0.15)
        assert not work.done()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        before = time.process_time()
        await ended()
        await asyncio.sleep(0.3)
        before = time.process_time()
        await asyncio.sleep(0.5)
        return time.process_time() - before

    assert asyncio.run(cancelled()) < 0.1, "nothing goes on in Rust"


def test_a_timeout_is_a_cancellation(long_call: list[str]) -> None:
    async def timed() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aio.analyze(long_call * 4, strict=False), 0.1)

    started = time.perf_counter()
    asyncio.run(timed())
    assert time.perf_counter() - started < 3


async def parts(path: str, size: int = 10_000, wait: float = 0) -> AsyncIterator[bytes]:
    data = Path(path).read_bytes()
    for at in range(0, len(data), size):
        await asyncio.sleep(wait)
        yield data[at : at + size]


def test_streams_of_asyncio_are_recordings() -> None:
    async def streamed() -> None:
        told = await aio.analyze(callweave.Input(parts(WAV), channel=1, role="agent"))  # type: ignore[arg-type]
        assert told.tracks[0].role == "agent"
        whole: Any = await aio.load(parts(WAV))  # type: ignore[arg-type]
        assert np.array_equal(whole.samples, callweave.load(WAV).samples)

        async def failing() -> AsyncIterator[bytes]:
            yield Path(WAV).read_bytes()[:10_000]
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError, match="gone"):
            await aio.load(failing())  # type: ignore[arg-type]

    asyncio.run(streamed())


def test_a_stream_that_never_comes_can_be_given_up() -> None:
    async def stuck() -> AsyncIterator[bytes]:
        await asyncio.sleep(3600)
        yield b""

    async def given_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aio.load(stuck()), 0.1)  # type: ignore[arg-type]
        await ended()

    asyncio.run(given_up())


def test_a_batch_of_async_calls_is_in_order_and_stops_when_left() -> None:
    asked: list[int] = []

    async def calls() -> AsyncIterator[Any]:
        for n in range(100):
            asked.append(n)
            await asyncio.sleep(0)
            yield [parts(WAV), b"nothing", SHORT][n % 3]

    async def some() -> None:
        seen = []
        batch = aio.process_batch(calls(), threads=2, tracks=False)
        async for done in batch:
            seen.append((done.index, done.error.code if done.error else done.report.outcome.value))
            if len(seen) == 6:
                break
        await batch.aclose()  # type: ignore[attr-defined]
        assert [index for index, _ in seen] == list(range(6))
        assert [said for _, said in seen] == [seen[0][1], "unsupported", "conversation"] * 2
        assert len(asked) < 40, "no more is asked for than is worked on"

    asyncio.run(some())
