"""Recordings and results in storage: S3 (moto's server), HTTP with ranges and faults, fsspec's
memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import storage_server
from conftest import ROOT

import callweave
from callweave.errors import Error, InvalidArgument, IoError

WAV = "fixtures/stereo/call.wav"
SHORT = ["fixtures/short/customer.wav", "fixtures/short/agent.wav"]


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[Any, dict[str, Any]]]:
    with storage_server.s3() as server:
        yield server


@pytest.fixture(scope="module")
def http() -> Iterator[str]:
    with storage_server.http() as address:
        yield address


def upload(client: Any, *paths: str) -> None:
    for path in paths:
        client.put_object(Bucket="calls", Key=path, Body=(ROOT / path).read_bytes())


def keys(client: Any, prefix: str) -> list[str]:
    listed = client.list_objects_v2(Bucket="calls", Prefix=prefix).get("Contents", [])
    return sorted(item["Key"].removeprefix(prefix) for item in listed)


def test_s3_is_read_and_written_as_files_are(s3: tuple[Any, dict[str, Any]], tmp_path: Path) -> None:
    client, options = s3
    upload(client, *SHORT, "fixtures/short/manifest.json")
    local = callweave.process(SHORT, roles=["customer", "agent"])
    urls = [f"s3://calls/{path}" for path in SHORT]
    call = callweave.process(urls, roles=["customer", "agent"], storage_options=options)
    assert [track.speech for track in call.report.tracks] == [track.speech for track in local.report.tracks]
    assert call.report.tracks[0].source is not None and call.report.tracks[0].source.path == urls[0]
    assert np.array_equal(call.mix().samples, local.mix().samples)
    report = call.write("s3://calls/out/1", labels=["vtt"], storage_options=options)
    local.write(tmp_path / "1", labels=["vtt"])
    assert keys(client, "out/1/") == sorted(path.name for path in (tmp_path / "1").iterdir())
    assert {output.path for output in report.outputs} <= set(keys(client, "out/1/"))
    mix = client.get_object(Bucket="calls", Key="out/1/mix.wav")["Body"].read()
    assert mix == (tmp_path / "1/mix.wav").read_bytes()
    assert not Path("s3:").exists()


def test_a_manifest_in_storage_finds_its_audio_beside_it(s3: tuple[Any, dict[str, Any]]) -> None:
    client, options = s3
    upload(client, *SHORT, "fixtures/short/manifest.json")
    told = callweave.analyze("s3://calls/fixtures/short/manifest.json", storage_options=options)
    local = callweave.analyze("fixtures/short/manifest.json")
    assert told.call == local.call and told.turns == local.turns


def test_every_function_takes_urls(s3: tuple[Any, dict[str, Any]]) -> None:
    client, options = s3
    upload(client, WAV)
    url = f"s3://calls/{WAV}"
    given: Any = {"storage_options": options}
    probed, local = callweave.probe(url, **given), callweave.probe(WAV)
    assert probed.path == url and probed.source is not None and local.source is not None
    assert probed.source.sha256 == local.source.sha256
    assert np.array_equal(callweave.load(url, **given).samples, callweave.load(WAV).samples)
    assert np.array_equal(callweave.decode(url, **given).samples, callweave.decode(WAV).samples)
    assert (
        callweave.speech(url, channel=0, **given).to_numpy().tolist()
        == callweave.speech(WAV, channel=0).to_numpy().tolist()
    )
    assert callweave.levels(url, **given) == callweave.levels(WAV)
    assert callweave.peaks(url, **given).to_json() == callweave.peaks(WAV).to_json()
    assert callweave.detect_speech(url, **given) == callweave.detect_speech(WAV)
    given_input = callweave.Input(url, storage_options=options)
    assert callweave.analyze([given_input]).turns == callweave.analyze([WAV]).turns
    made = callweave.normalize(url, "s3://calls/out/n.flac", **given)
    assert made.audio is None and client.get_object(Bucket="calls", Key="out/n.flac")["Body"].read(4) == b"fLaC"
    callweave.load(WAV).save("s3://calls/out/s.wav", storage_options=options)
    assert keys(client, "out/s") == [".wav"]
    done = list(callweave.process_batch([url, "s3://calls/nothing.wav", [url]], storage_options=options))
    assert [result.error.code if result.error else None for result in done] == [None, "io", None]


def test_memory_and_file_urls(tmp_path: Path) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/calls/a.wav", Path(WAV).read_bytes())
    told = [callweave.analyze(url).turns for url in ("memory://calls/a.wav", f"file://{ROOT / WAV}", WAV)]
    assert told[0] == told[1] == told[2] != ()
    callweave.process(WAV).write("memory://out/x", page=False)
    assert sorted(Path(path).name for path in fsspec.filesystem("memory").ls("/out/x", detail=False)) == [
        "mix.wav",
        "report.json",
    ]


@pytest.mark.parametrize("fault", ["plain", "once", "stream"])
def test_http_is_read_with_and_without_ranges(http: str, fault: str) -> None:
    told = callweave.analyze(f"{http}/{fault}/{WAV}")
    assert told.turns == callweave.analyze(WAV).turns
    if fault == "plain":
        assert storage_server.Faults.ranges, "ranges were asked for"


@pytest.mark.parametrize(
    ("fault", "said"), [("broken", "failed|early"), ("late", "failed|early"), ("denied", "403"), ("plain/no", "no/")]
)
def test_a_fault_is_an_error_never_a_shorter_recording(http: str, fault: str, said: str) -> None:
    url = f"{http}/{fault}/{WAV}"
    for work in (callweave.analyze, callweave.load):
        with pytest.raises(IoError, match=said) as caught:
            work(url)
        assert caught.value.input == url
    [done] = callweave.process_batch([url])
    assert done.error is not None and done.error.code == "io"


def test_what_stands_in_the_way_is_said() -> None:
    with pytest.raises(InvalidArgument, match="nosuch"):
        callweave.analyze("nosuch://bucket/a.wav")
    with pytest.raises(Error):
        callweave.process(WAV).write("nosuch://bucket/a")


def test_tables_of_urls_and_of_recordings(s3: tuple[Any, dict[str, Any]]) -> None:
    import pyarrow as pa

    from callweave.batch import BINARY_CALLS, CallProcessor

    client, options = s3
    upload(client, *SHORT)
    processor = CallProcessor(mix_folder="s3://calls/mixes", storage_options=options)
    urls = pa.table({"call_id": ["a/b"], "inputs": [[f"s3://calls/{path}" for path in SHORT]]})
    [row] = processor(urls).to_pylist()
    assert row["ok"], row["error"]
    assert row["mix_uri"] == "s3://calls/mixes/a%2Fb/mix.wav"
    assert client.get_object(Bucket="calls", Key="mixes/a%2Fb/mix.wav")["Body"].read(4) == b"RIFF"
    data = [{"call_id": "x", "inputs": [Path(path).read_bytes() for path in SHORT], "names": SHORT, "roles": None}]
    [binary] = CallProcessor()(pa.Table.from_pylist(data, schema=BINARY_CALLS)).to_pylist()
    told, local = callweave.Report.from_json(binary["report"]), callweave.analyze(SHORT)
    assert told.turns == local.turns and told.tracks[0].source == local.tracks[0].source


def test_the_ray_job_works_in_s3_and_survives_a_worker_that_is_killed(s3: tuple[Any, dict[str, Any]]) -> None:
    ray = pytest.importorskip("ray")
    import os
    import sys

    import pyarrow as pa
    import pyarrow.parquet as parquet
    from test_batch import Deadly

    from callweave.batch.ray import Job, read_calls

    client, options = s3
    upload(client, *SHORT)
    rows = [{"call_id": f"call-{n}", "inputs": [f"s3://calls/{path}" for path in SHORT]} for n in range(4)]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    client.put_object(Bucket="calls", Key="table.parquet", Body=sink.getvalue().to_pybytes())
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    paths = os.pathsep.join([str(ROOT / "bindings-python/tests"), *sys.path])
    if not ray.is_initialized():
        environment = {"env_vars": {"PYTHONPATH": paths}}
        ray.init(
            num_cpus=2,
            object_store_memory=200_000_000,
            include_dashboard=False,
            log_to_driver=False,
            runtime_env=environment,
        )
    try:
        job = Job(
            Deadly(mix_folder="s3://calls/mixed", storage_options=options),
            "s3://calls/reports",
            shard_calls=2,
            workers=1,
        )
        table = read_calls("s3://calls/table.parquet", options)
        assert job.run(table) == 2
        done: list[dict[str, Any]] = []
        for key in keys(client, "reports/"):
            body = client.get_object(Bucket="calls", Key=f"reports/{key}")["Body"].read()
            done += parquet.read_table(pa.BufferReader(body)).to_pylist()
        assert [row["error_code"] for row in done] == [None, None, "internal", None], (
            "the killed worker's call, and no other"
        )
        assert keys(client, "mixed/call-3/") == ["mix.wav", "report.json"]
        assert job.run(table) == 0, "everything is there"
    finally:
        ray.shutdown()
