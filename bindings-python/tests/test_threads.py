"""Each call works on threads of its own: in forked processes too, and whatever another call waits
for."""

import io
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import callweave
from callweave import errors

SHORT = "fixtures/short/manifest.json"

FORKED = f"""
import multiprocessing, callweave

def work(path):
    call = callweave.process(path)
    return call.report.to_json(), call.mix().duration_ms

here = work({SHORT!r})
assert callweave.analyze({SHORT!r}).to_json() == here[0]
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(work, [{SHORT!r}]).get(timeout=60) == here
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not forked by default")
def test_a_forked_process_works_as_its_parent_did() -> None:
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


class Held:
    """A file that stops halfway until it is released, as a connection may."""

    def __init__(self, data: bytes, waits: threading.Event, released: threading.Event) -> None:
        self.inner, self.waits, self.released = io.BytesIO(data[: len(data) // 2]), waits, released

    def read(self, size: int, /) -> bytes:
        part = self.inner.read(size)
        if not part:
            self.waits.set()
            self.released.wait()
        return part


def test_files_that_keep_their_reader_waiting_hold_up_no_other_call(tmp_path: Path) -> None:
    data = Path("fixtures/stereo/call.wav").read_bytes()
    # More than there are threads, were they shared.
    waits, released, done = (threading.Event() for _ in range(3))
    files = [Held(data, waits, released) for _ in range(2 * (os.cpu_count() or 1))]

    def wait() -> None:
        with suppress(callweave.Error):
            callweave.analyze(files)

    def work() -> None:
        callweave.process(SHORT).write(tmp_path)
        done.set()

    waiting = threading.Thread(target=wait, daemon=True)
    try:
        waiting.start()
        assert waits.wait(60)
        threading.Thread(target=work, daemon=True).start()
        assert done.wait(60), "the call waits for another's files"
        assert waiting.is_alive()
    finally:
        released.set()
        waiting.join(60)


def test_a_million_threads_are_refused() -> None:
    with pytest.raises(errors.InvalidArgument, match="threads: found 1000000, expected at most 1024"):
        callweave.analyze("fixtures/unclosed/call.wav", threads=10**6)
    with pytest.raises(errors.InvalidArgument, match="at most 1024"):
        list(callweave.process_batch(["fixtures/unclosed/call.wav"], threads=10**6))
