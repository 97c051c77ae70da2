"""The work: every kind of input, errors, progress, interruption, threads."""

import io
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
import requests
from conftest import LONG, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

import callweave
from callweave import AlignOptions, Audio, Config, DecodeOptions, Input, MixConfig, errors

CALL = "fixtures/stereo/call.wav"


class Drip:
    """A file that gives a few bytes at a time, as a connection may."""

    def __init__(self, data: bytes, step: int) -> None:
        self.inner, self.step = io.BytesIO(data), step

    def read(self, size: int, /) -> bytes:
        return self.inner.read(min(size, self.step))


def heard(recording: object) -> object:
    """What does not depend on the recording's name."""
    report = callweave.analyze([recording])  # type: ignore[list-item]
    return report.turns, report.metrics, [(t.level, t.speech) for t in report.tracks], report.tracks[0].source.sha256  # type: ignore[union-attr]


def test_every_kind_of_input_is_heard_alike() -> None:
    data = (ROOT / CALL).read_bytes()
    expected = heard(CALL)
    for recording in (Path(CALL), data, bytearray(data), memoryview(data), io.BytesIO(data), Drip(data, 1000)):
        assert heard(recording) == expected, type(recording)
    with open(CALL, "rb") as file:
        assert heard(file) == expected
    view = memoryview(bytes(2 * len(data)))[::2]
    assert not view.contiguous
    strided = bytearray(2 * len(data))
    strided[::2] = data
    assert heard(memoryview(strided)[::2]) == expected


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An address under which a folder's files are."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_streamed_responses_are_read_as_they_come() -> None:
    expected = heard(CALL)
    with served(ROOT) as address:
        url = f"{address}/{CALL}"
        with urllib.request.urlopen(url) as response:
            assert heard(response) == expected
        with httpx.stream("GET", url) as streamed:
            assert heard(streamed) == expected
        with requests.get(url, stream=True, timeout=10) as answer:
            assert heard(answer) == expected
        with requests.get(url, stream=True, timeout=10) as answer:
            assert heard(answer.raw) == expected
        with httpx.stream("GET", url) as streamed, requests.get(url, stream=True, timeout=10) as answer:
            assert callweave.probe(streamed) == callweave.probe(Input(answer, name="input-0"))
        with httpx.stream("GET", url) as streamed:
            assert callweave.probe(streamed, quick=True).head
        with httpx.stream("GET", url) as streamed, requests.get(url, stream=True, timeout=10) as answer:
            [one, two] = [done.report for done in callweave.process_batch([streamed, [answer]])]
            assert one == two
        with httpx.stream("GET", f"{address}/nothing") as streamed, pytest.raises(errors.Unsupported, match="HTML"):
            callweave.process(streamed)


def test_samples_go_out_and_come_in_as_they_are() -> None:
    for dtype in ("int16", "float32"):
        audio = callweave.decode(CALL, dtype=dtype)  # type: ignore[arg-type]
        assert audio.samples.dtype == dtype and audio.samples.shape == (2, 208480) and audio.sample_rate_hz == 8000
        again = callweave.decode(audio, dtype=dtype)  # type: ignore[arg-type]
        assert np.array_equal(again.samples, audio.samples)
        one = callweave.decode(Audio(audio.samples[1], 8000), dtype=dtype)  # type: ignore[arg-type]
        assert np.array_equal(one.samples[0], audio.samples[1])
        assert np.array_equal(callweave.decode(Input(CALL, channel=1), dtype=dtype).samples[0], audio.samples[1])  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 500), st.sampled_from([8000, 16000, 44100]), st.randoms(use_true_random=False))
def test_any_samples_survive(channels: int, frames: int, rate: int, random: object) -> None:
    seed = random.randrange(1 << 30)  # type: ignore[attr-defined]
    samples = np.random.default_rng(seed).integers(-32768, 32767, (channels, frames), dtype=np.int16)
    out = callweave.decode(Audio(samples, rate), dtype="int16")
    assert np.array_equal(out.samples, samples) and out.sample_rate_hz == rate
    fortran = callweave.decode(Audio(np.asfortranarray(samples), rate), dtype="int16")
    assert np.array_equal(fortran.samples, samples)


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"ID3", b"\xff\xf3\x48\xc4", b"PK\3\4"]),
)
def test_no_bytes_do_more_than_raise_an_error(data: bytes, head: bytes) -> None:
    try:
        callweave.process(head + data)
    except callweave.Error as error:
        assert error.code != "internal" and str(error)


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("gone.mp3", errors.IoError, "gone.mp3"),
        (b"", errors.NoAudio, "input-0"),
        (b'{"error": "expired"}', errors.Unsupported, "JSON"),
        (b"<html></html>", errors.Unsupported, "HTML"),
        (b"PK\3\4" + bytes(100), errors.Error, "input-0"),
    ],
)
def test_bad_recordings_say_what_and_where(source: str | bytes, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        callweave.process([source])
    assert isinstance(caught.value, callweave.Error) and caught.value.input


def test_what_is_no_input_is_a_type_error() -> None:
    for wrong in (5, None, object(), 1.5):
        with pytest.raises(TypeError):
            callweave.process([wrong])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="expected a recording or several"):
            callweave.process(wrong)  # type: ignore[arg-type]
    for process in (callweave.process, callweave.decode, callweave.probe, lambda one: callweave.analyze([one])):
        with pytest.raises(TypeError, match="int16 has no rate"):
            process(np.zeros((2, 80), np.int16))  # type: ignore[operator]
    with pytest.raises(TypeError, match="found list"):
        Audio([0.0, 0.5], 8000)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="binary mode"), open(CALL) as file:
        callweave.process(file)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected several"):
        callweave.process_batch(CALL)
    with pytest.raises(TypeError, match="found dict, expected callweave.Config"):
        callweave.process(CALL, {"mix": {"rate": 8000}})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="binary mode"):
        callweave.process([io.StringIO("text")])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="int64"):
        callweave.process(Audio(np.zeros((1, 100), np.int64), 8000))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="shape"):
        callweave.process(Audio(np.zeros((1, 2, 3), np.float32), 8000))


def test_a_probe_gives_the_programs_answer(tmp_path: Path) -> None:
    page, archive = tmp_path / "page.mp3", tmp_path / "call.zip"
    page.write_text("<html>")
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write("fixtures/short/customer.wav", "customer.wav")
        packed.write("fixtures/keypad-hold/agent.mp3", "agent.mp3")
    program = Path(sys.executable).parent / "callweave"
    for quick in (False, True):
        for path in (CALL, "fixtures/keypad-hold/agent.mp3", str(page), str(archive)):
            command = [program, "probe", "--json", *["--quick"] * quick, path]
            printed = json.loads(subprocess.run(command, stdout=subprocess.PIPE).stdout)
            told = callweave.probe(path, quick=quick)
            assert told == callweave.Probe.from_dict(printed)
            assert told.head is None or told.head.to_dict() == printed["head"]
    head = callweave.probe(CALL, quick=True).head
    assert head and (head.codec, head.channels, head.declared_duration_ms) == ("pcm_s16", 2, 26060)
    assert callweave.probe(page, quick=True).problem and [m.path for m in callweave.probe(archive).members]


def test_a_quick_probe_reads_no_more_than_the_head() -> None:
    class Counted:
        taken = 0

        def read(self, size: int, /) -> bytes:
            self.taken += size
            return next(self.parts, b"")

        parts = iter([(ROOT / CALL).read_bytes()[:300_000], *[bytes(1 << 18)] * 100])

    file = Counted()
    head = callweave.probe(file, quick=True).head
    assert head and head.channels == 2 and head.bytes is None and file.taken <= 1 << 20


def test_wrong_arguments_are_the_cores_to_refuse() -> None:
    with pytest.raises(errors.InvalidArgument, match="boss"):
        callweave.process([CALL], roles=["boss"])  # type: ignore[list-item]
    with pytest.raises(errors.InvalidArgument, match="roles"):
        callweave.process([CALL], roles=["customer"])
    with pytest.raises(errors.InvalidArgument, match="no recording"):
        callweave.process([])
    for rate in (-1, 8000.0, "8000"):
        with pytest.raises(errors.InvalidArgument, match=f"sample_rate_hz: found {rate!r}"):
            callweave.decode(Audio(np.zeros(80, np.int16), rate))  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgument, match="channel: found -1"):
        callweave.decode(Input(CALL, channel=-1))
    with pytest.raises(errors.InvalidArgument, match="its zone"):
        callweave.process(Input(CALL, started_at=datetime(2026, 5, 20)))
    with pytest.raises(errors.InvalidArgument, match="float64, expected float32 or int16"):
        callweave.decode(CALL, dtype="float64")  # type: ignore[arg-type]
    with pytest.raises(errors.LimitExceeded, match="maxBytes|bytes"):
        callweave.process(Drip(bytes(1 << 20), 4096), Config(decode=DecodeOptions(max_bytes=1000)))


def test_what_is_known_of_an_input_is_in_the_report() -> None:
    moment = datetime(2026, 5, 20, 7, 11, 46, 500_000, UTC)
    one = Input("fixtures/short/customer.wav", role="customer", party="+44", started_at=moment)
    two = Input(
        (ROOT / "fixtures/short/agent.wav").read_bytes(), role="agent", started_at=moment.timestamp() + 2, name="b"
    )
    report = callweave.analyze([one, two])
    assert [track.role for track in report.tracks] == ["customer", "agent"]
    assert report.tracks[0].party == "+44" and report.call.started_at == "2026-05-20T07:11:46.5Z"
    assert report.tracks[1].source and report.tracks[1].source.path == "b"
    assert report.tracks[1].alignment and report.tracks[1].alignment.offset_ms == 2000


def test_offsets_that_are_given_are_not_overruled() -> None:
    one = Input("fixtures/short/customer.wav")
    two = Input("fixtures/short/agent.wav", offset_ms=1234.5, offset_uncertainty_ms=0)
    report = callweave.analyze([Input("fixtures/short/customer.wav", offset_ms=0), two])
    found = report.tracks[1].alignment
    assert found and (found.offset_ms, found.method, found.uncertainty_ms) == (1234.5, "given", 0)
    aligned = callweave.analyze([one, "fixtures/short/agent.wav"], Config(align=AlignOptions(aligned=True)))
    found = aligned.tracks[1].alignment
    assert found and (found.offset_ms, found.method) == (0, "given")
    with pytest.raises(errors.InvalidArgument, match="offset"):
        callweave.analyze([Input("fixtures/short/customer.wav", offset_uncertainty_ms=5)])


def test_a_dead_track_is_listed() -> None:
    report = callweave.analyze(["fixtures/short/agent.wav", b"<html>"], roles=["agent", "customer"], strict=False)
    assert report.tracks[0].error is None and report.tracks[1].error is not None
    assert report.tracks[1].error.code == "unsupported" and report.tracks[1].source is None


def test_a_call_is_mixed_and_written(tmp_path: Path) -> None:
    call = callweave.process("fixtures/short/manifest.json", Config(mix=MixConfig(rate=16000)))
    audio = call.mix()
    assert audio.samples.dtype == np.int16 and audio.samples.shape[0] == 2 and audio.sample_rate_hz == 16000
    assert call.mix(MixConfig(layout="mono", rate=8000)).samples.shape[0] == 1
    report = call.write(tmp_path / "out")
    assert report == call.report and report.outputs[0].kind == "mix"
    assert (tmp_path / "out/report.json").read_text() == report.to_json() + "\n"
    written = callweave.decode(tmp_path / "out" / report.outputs[0].path, dtype="int16")
    assert np.array_equal(written.samples, audio.samples)


def test_normalize_brings_rate_and_level(tmp_path: Path) -> None:
    done = callweave.normalize(CALL, rate=16000, level="-26dbov")
    assert done.audio is not None and done.audio.sample_rate_hz == 16000 and done.audio.samples.shape[0] == 2
    filed = callweave.normalize(CALL, tmp_path / "out.wav", rate=16000, level="-26dbov")
    assert filed.audio is None and filed.gain_db == done.gain_db
    assert np.array_equal(callweave.decode(tmp_path / "out.wav", dtype="int16").samples, done.audio.samples)
    with pytest.raises(errors.InvalidArgument, match="level"):
        callweave.normalize(CALL, level="loud")


def test_progress_is_told_and_its_exceptions_stop_the_work(long_call: list[str]) -> None:
    told: list[tuple[str, int, int | None]] = []
    callweave.analyze(long_call, progress=lambda *news: told.append(news))
    total = sum(os.path.getsize(path) for path in long_call)
    assert told and told[-1][0] == "decode" and all(news[1] <= total == news[2] for news in told)
    assert [news[1] for news in told] == sorted(news[1] for news in told)

    def stop(*_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        callweave.analyze(long_call, progress=stop)


def test_exceptions_of_a_file_come_through() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        callweave.process([Broken()])
    with pytest.raises(ConnectionResetError, match="gone"):
        callweave.process([CALL, Broken(), Broken()])


def test_the_interpreter_is_free_while_rust_works(long_call: list[str]) -> None:
    counted = 0
    done = threading.Event()

    def work() -> None:
        callweave.analyze(long_call)
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.is_set():
        counted += 1
        time.sleep(0.001)
    worker.join()
    assert counted > 20


def test_many_threads_give_the_same_reports() -> None:
    from concurrent.futures import ThreadPoolExecutor

    expected = callweave.analyze("fixtures/short/manifest.json").to_json()
    with ThreadPoolExecutor(8) as pool:
        reports = pool.map(lambda _: callweave.analyze("fixtures/short/manifest.json").to_json(), range(32))
    assert set(reports) == {expected}


def test_reports_come_back_from_other_processes() -> None:
    import multiprocessing

    calls = ["fixtures/short/manifest.json", "fixtures/stereo/manifest.json"]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        reports = pool.map(callweave.analyze, calls)
    assert reports == [callweave.analyze(call) for call in calls]


def test_memory_stays_flat() -> None:
    def resident_kb() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    data = (ROOT / "fixtures/short/agent.wav").read_bytes()
    rounds = 2000 if LONG else 150

    def loop(count: int) -> None:
        for _ in range(count):
            callweave.process([data, io.BytesIO(data)], threads=1).mix()
            with pytest.raises(callweave.Error):
                callweave.analyze(b"nothing")

    loop(rounds // 5)
    before = resident_kb()
    loop(rounds)
    grown = resident_kb() - before
    print(f"{rounds} calls grew {grown} kB")
    assert grown < 8_000
