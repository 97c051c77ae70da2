"""Many calls: one that makes no sense is a result in its place and holds up no other."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import pytest

import callweave
from callweave import Input, errors

SHORT = "fixtures/short/manifest.json"
WAV = "fixtures/short/agent.wav"


class Gone:
    """An answer whose body cannot be had."""

    def iter_content(self, chunk_size: int, /) -> Iterator[bytes]:
        raise ConnectionResetError("gone")


BAD: list[tuple[Any, type[Exception], str]] = [
    (Input(WAV, started_at="yesterday"), errors.InvalidArgument, "RFC 3339"),
    (Input(WAV, role="caller"), errors.InvalidArgument, "unknown role.*caller"),  # type: ignore[arg-type]
    (Input(WAV, started_at=datetime(2026, 5, 20, 7)), errors.InvalidArgument, "a datetime with its zone"),
    (None, errors.InvalidArgument, "TypeError: found NoneType, expected a recording or several"),
    ([WAV, 5], errors.InvalidArgument, "TypeError: input 1: found int, expected a path"),
    (Gone(), errors.IoError, "ConnectionResetError: gone"),
]


def test_a_call_that_makes_no_sense_is_a_result_in_its_place() -> None:
    calls = [SHORT, *(call for call, _, _ in BAD), SHORT]
    told: list[tuple[int, int | None]] = []
    first, *bad, last = callweave.process_batch(
        calls, threads=2, progress=lambda *news: told.append(news), tracks=False
    )
    assert first.report == last.report == callweave.analyze(SHORT)
    assert [done.index for done in bad] == [*range(1, 1 + len(BAD))] and last.index == len(BAD) + 1
    for done, (_, kind, words) in zip(bad, BAD, strict=True):
        with pytest.raises(kind, match=words) as raised:
            done.result()
        assert done.call is None and raised.value is done.error
    assert told == [(n + 1, len(calls)) for n in range(len(calls))]
    assert isinstance(bad[3].error, errors.Error) and isinstance(bad[3].error.__cause__, TypeError)


def test_calls_without_sense_are_asked_for_no_faster_than_others() -> None:
    pulled = 0

    def calls() -> Iterator[Any]:
        nonlocal pulled
        while True:
            pulled += 1
            yield None

    results = list(islice(callweave.process_batch(calls(), threads=2), 5))
    assert [type(done.error) for done in results] == [errors.InvalidArgument] * 5
    assert pulled <= 5 + 2 * 2


def test_what_the_calls_themselves_raise_comes_through() -> None:
    def calls() -> Iterator[str]:
        yield SHORT
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(callweave.process_batch(calls(), tracks=False))
