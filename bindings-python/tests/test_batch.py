"""Calls as Arrow tables, and the job on Ray: resumed after a kill, not stopped by a poisoned file
nor by a worker that dies."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from conftest import ROOT

import callweave
from callweave.batch import BINARY_CALLS, CALLS, SCHEMA, CallProcessor, folder_name
from callweave.config import Config

SHORT = "fixtures/short/manifest.json"
POISON = "fixtures/README.md"
AUDIO = ["fixtures/short/customer.wav", "fixtures/short/agent.wav"]


def calls(*inputs: str) -> Any:
    rows = [{"call_id": f"call-{n}", "inputs": [path]} for n, path in enumerate(inputs)]
    return pa.Table.from_pylist(rows, schema=CALLS)


def test_a_row_is_what_process_says() -> None:
    roles = ["customer", "agent"]
    rows = [{"call_id": "x", "inputs": ["fixtures/short/customer.wav", "fixtures/short/agent.wav"], "roles": roles}]
    done = CallProcessor()(pa.Table.from_pylist(rows, schema=CALLS))
    assert done.schema == SCHEMA
    [row] = done.to_pylist()
    report = callweave.analyze(rows[0]["inputs"], roles=roles)  # type: ignore[arg-type]
    assert (row["ok"], row["report"], row["tag"]) == (True, report.to_json(), report.tag.value)
    assert (row["config_hash"], row["lib_version"]) == (report.config_hash, callweave.__version__)


def test_what_fails_is_a_row_and_the_rest_goes_on() -> None:
    done = CallProcessor()(calls(SHORT, POISON, "missing.wav", SHORT)).to_pylist()
    assert [row["ok"] for row in done] == [True, False, False, True]
    assert [row["error_code"] for row in done] == [None, "unsupported", "io", None]
    assert done[1]["report"] is None and done[1]["error"]
    odd = pa.table({"call_id": ["a", "b"], "inputs": pa.array([[], ["x", None]], pa.list_(pa.string()))})
    assert [row["ok"] for row in CallProcessor()(odd).to_pylist()] == [False, False]


def test_mixes_go_to_storage_and_their_address_to_the_table(tmp_path: Path) -> None:
    table = calls(SHORT).set_column(0, "call_id", pa.array(["../a:b"]))
    [row] = CallProcessor(mix_folder=str(tmp_path))(table).to_pylist()
    assert Path(row["mix_uri"]).is_file() and Path(row["mix_uri"]).parent.parent == tmp_path
    assert [folder_name(name) for name in (".", "..", "a/b")] == ["%2E", "%2E%2E", "a%2Fb"]


def test_the_processor_pickles_and_works_in_other_processes() -> None:
    processor = CallProcessor(Config(dtmf_digits=True))
    assert pickle.loads(pickle.dumps(processor)) == processor
    tables = [calls(SHORT), calls("fixtures/stereo/manifest.json")]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(processor, tables) == [processor(table) for table in tables]


def test_the_example_on_one_machine_gives_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "core/docs/batch.md").read_text(), re.DOTALL | re.MULTILINE)
    [example] = [block for block in blocks if "imap" in block]
    monkeypatch.chdir(tmp_path)
    kept: list[Any] = []
    shards = [absolute(calls(SHORT)), absolute(calls(POISON, SHORT))]
    names = {
        "multiprocessing": multiprocessing,
        "CallProcessor": CallProcessor,
        "shards": iter(shards),
        "keep": kept.append,
    }
    exec(compile(example, "batch.md", "exec"), names)
    assert [[row["ok"] for row in table.to_pylist()] for table in kept] == [[True], [False, True]]
    assert all(Path(row["mix_uri"]).is_file() for table in kept for row in table.to_pylist() if row["ok"])


def test_sparks_map_in_arrow_takes_batches() -> None:
    batches = list(CallProcessor().map_in_arrow(calls(SHORT, POISON).to_batches(max_chunksize=1)))
    assert [batch.schema for batch in batches] == [SCHEMA, SCHEMA]
    assert [row["ok"] for batch in batches for row in batch.to_pylist()] == [True, False]


class Deadly(CallProcessor):
    """Ends the process it works in where a call is named so."""

    def row(self, call: dict[str, Any]) -> dict[str, Any]:
        if call["call_id"] == "call-2":
            os._exit(7)
        return super().row(call)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    paths = os.pathsep.join([str(ROOT / "bindings-python/tests"), *sys.path])
    ray.init(
        num_cpus=4,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    yield ray
    ray.shutdown()


def absolute(table: Any) -> Any:
    """The same calls by absolute paths: workers have folders of their own."""
    inputs = [[str(ROOT / path) for path in paths] for paths in table["inputs"].to_pylist()]
    return table.set_column(1, CALLS.field("inputs"), pa.array(inputs, pa.list_(pa.string())))


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]


def test_the_job_survives_a_poisoned_file_and_a_worker_that_dies(ray_cluster: Any, tmp_path: Path) -> None:
    from callweave.batch.ray import Job

    table = absolute(calls(SHORT, POISON, SHORT, SHORT, SHORT))
    job = Job(Deadly(mix_folder=str(tmp_path / "mixes")), str(tmp_path / "out"), shard_calls=2, workers=1)
    assert job.run(table) == 3
    rows = rows_of(tmp_path / "out")
    assert [row["call_id"] for row in rows] == [f"call-{n}" for n in range(5)]
    assert [row["error_code"] for row in rows] == [None, "unsupported", "internal", None, None]
    assert all(Path(row["mix_uri"]).is_file() for row in rows if row["ok"])
    assert job.run(table) == 0, "everything is there"
    other = Job(CallProcessor(Config(dtmf_digits=True)), str(tmp_path / "out"), shard_calls=2, workers=1)
    assert [other.is_done(n, table.slice(2 * n, 2)) for n in range(3)] == [False] * 3, "another configuration"


def test_the_job_takes_recordings_as_binary_columns(ray_cluster: Any, tmp_path: Path) -> None:
    from callweave.batch.ray import Job

    recordings = [Path(path).read_bytes() for path in AUDIO]
    rows: list[dict[str, Any]] = [
        {"call_id": "whole", "inputs": recordings, "names": AUDIO, "roles": None},
        {"call_id": "broken", "inputs": [b"no recording"], "names": None, "roles": None},
    ]
    job = Job(CallProcessor(), str(tmp_path / "out"), shard_calls=1, workers=1)
    assert job.run(pa.Table.from_pylist(rows, schema=BINARY_CALLS)) == 2
    whole, broken = rows_of(tmp_path / "out")
    assert whole["ok"] and broken["error_code"] == "unsupported"
    told, local = callweave.Report.from_json(whole["report"]), callweave.analyze(AUDIO)
    assert told.turns == local.turns and told.tracks[0].source == local.tracks[0].source


def test_a_job_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    table = absolute(calls(*[SHORT] * 12))
    lines = "\n".join(json.dumps({"call_id": row["call_id"], "inputs": row["inputs"]}) for row in table.to_pylist())
    (tmp_path / "calls.jsonl").write_text(lines + "\n")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "callweave.batch.ray",
        "calls.jsonl",
        str(out),
        "--shard-calls",
        "1",
        "--workers",
        "1",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while not list(out.glob("*.parquet")) and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert before, "some shards were done"
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    # A worker may outlive its driver by a shard or two.
    assert int(run.stdout.split()[0]) <= 12 - len(before), run.stdout
    assert all((out / name).stat().st_mtime_ns == at for name, at in before.items()), "what was done is not done again"
    assert [row["ok"] for row in rows_of(out)] == [True] * 12
