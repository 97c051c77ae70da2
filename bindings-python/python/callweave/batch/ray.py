"""Archives larger than one machine: a job on Ray Data over a table of calls.

Needs Ray: `pip install callweave[ray]`. From the command line: `python -m callweave.batch.ray
calls.parquet reports --mixes mixes`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]

from callweave._storage import filesystem, is_url, put
from callweave.batch import SCHEMA, CallProcessor

__all__ = ["Job", "read_calls"]

WORKER_DIED = "internal"
"""The code of a call that no worker survived."""


@dataclass(frozen=True)
class Job:
    """Processes a table of calls in shards, each to one Parquet file of `SCHEMA`.

    A shard's file appears whole or not at all, and a shard whose file is there, of the same calls
    and configuration, is not done again: a job that was killed goes on where it stopped. A worker
    that dies loses its shard, not the job: shards that are missing in the end are done call by
    call, each in a process of its own, and a call that kills that too is a row with `error_code`
    `internal`.
    """

    processor: CallProcessor
    output: str
    """The folder of the reports: a path, or a URL under the processor's `storage_options`."""
    shard_calls: int = 64
    workers: int | None = None
    """How many actors work at most; as many as Ray has CPUs."""

    def run(self, calls: Any) -> int:
        """Does what is missing; returns how many shards that were. Ray is started if it is not."""
        ray = _ray()
        self._storage()[0].makedirs(self._storage()[1], exist_ok=True)
        if not ray.is_initialized():
            ray.init(include_dashboard=False)
        shards = [calls.slice(at, self.shard_calls) for at in range(0, calls.num_rows, self.shard_calls)]
        todo = [n for n, shard in enumerate(shards) if not self.is_done(n, shard)]
        if todo:
            self._in_actors(todo, shards)
        for n in todo:
            if not self.is_done(n, shards[n]):
                self._one_by_one(n, shards[n])
        return len(todo)

    def path(self, shard: int) -> str:
        """The file of a shard."""
        return f"{self.output.rstrip('/')}/part-{shard:06d}.parquet"

    def is_done(self, shard: int, calls: Any) -> bool:
        """Whether a shard's file holds these calls under this configuration."""
        fs, folder = self._storage()
        path = f"{folder}/part-{shard:06d}.parquet"
        fs.invalidate_cache()
        if not fs.exists(path):
            return False
        with fs.open(path, "rb") as file:
            done = parquet.read_table(file, columns=["call_id", "config_hash"]).to_pydict()
        same = set(done["config_hash"]) <= {self.processor.config.config_hash()}
        return same and done["call_id"] == calls["call_id"].to_pylist()

    def write(self, shard: int, table: Any) -> None:
        """Writes a shard's file, whole or not at all."""
        if is_url(self.output):
            sink = pa.BufferOutputStream()
            parquet.write_table(table, sink)
            put(self.path(shard), sink.getvalue().to_pybytes(), self.processor.storage_options)
            return
        part = f"{self.path(shard)}.{os.getpid()}.part"
        parquet.write_table(table, part)
        os.replace(part, self.path(shard))

    def _storage(self) -> tuple[Any, str]:
        """Where the shards lie, and the path there."""
        if is_url(self.output):
            return filesystem(self.output.rstrip("/"), self.processor.storage_options)
        return _LocalFiles(), self.output.rstrip("/")

    def _in_actors(self, todo: list[int], shards: list[Any]) -> None:
        ray = _ray()
        cpus = int(ray.cluster_resources().get("CPU", 1))
        most = max(1, min(self.workers or cpus, len(todo)))
        context = ray.data.DataContext.get_current()
        context.max_errored_blocks = -1
        items = [{"shard": n, "calls": _to_bytes(shards[n])} for n in todo]
        dataset = ray.data.from_items(items, override_num_blocks=len(items))
        mapped = dataset.map_batches(
            _Shards,
            fn_constructor_args=(self,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
            ray_remote_args_fn=_bounds,
        )
        try:
            mapped.materialize()
        except ray.exceptions.RayError:
            pass  # What is missing is seen by its file, and done call by call.

    def _one_by_one(self, shard: int, calls: Any) -> None:
        ray = _ray()
        work = ray.remote(max_retries=0, max_calls=1)(_row)
        rows = []
        for call in calls.to_pylist():
            try:
                rows.append(ray.get(work.remote(self.processor, call)))
            except ray.exceptions.RayError as error:
                message = f"the process that worked on this call ended: {type(error).__name__}"
                rows.append(self.processor.failed(str(call["call_id"]), WORKER_DIED, message))
        self.write(shard, pa.Table.from_pylist(rows, schema=SCHEMA))


class _LocalFiles:
    """What is asked of storage, of a folder of this machine."""

    def makedirs(self, path: str, exist_ok: bool) -> None:
        os.makedirs(path, exist_ok=exist_ok)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def open(self, path: str, mode: str) -> Any:
        return open(path, mode)

    def invalidate_cache(self) -> None:
        pass


def _ray() -> Any:
    """Ray, which takes seconds to import, where it is needed."""
    import ray.data

    return ray


def _bounds() -> dict[str, int]:
    """An actor that dies starts again twice, and what it did is not tried again: Ray would go on
    for ever."""
    return {"max_restarts": 2, "max_task_retries": 0}


class _Shards:
    """What an actor does: shards, one after the other."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        for shard, calls in zip(batch["shard"], batch["calls"], strict=True):
            self.job.write(int(shard), self.job.processor(_from_bytes(calls)))
        return {"shard": batch["shard"]}


def _row(processor: CallProcessor, call: dict[str, Any]) -> dict[str, Any]:
    return processor.row(call)


def _to_bytes(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    buffer: bytes = sink.getvalue().to_pybytes()
    return buffer


def _from_bytes(data: bytes) -> Any:
    return pa.ipc.open_stream(data).read_all()


def read_calls(path: str, storage_options: Mapping[str, Any] | None = None) -> Any:
    """A table of calls from Parquet or from JSON lines, a path or a URL: `call_id`, `inputs`, and
    `roles` where they are known."""
    if is_url(path):
        fs, at = filesystem(path, storage_options)
        with fs.open(at, "rb") as file:
            return _read(path, pa.BufferReader(file.read()))
    return _read(path, path)


def _read(path: str, source: Any) -> Any:
    if path.endswith((".jsonl", ".ndjson", ".json")):
        import pyarrow.json as json_lines  # type: ignore[import-untyped]

        return json_lines.read_json(source)
    return parquet.read_table(source)


def main() -> None:
    """`python -m callweave.batch.ray`."""
    ap = argparse.ArgumentParser(description="Processes a table of calls on Ray; goes on where it stopped.")
    ap.add_argument("calls", help="Parquet or JSON lines with call_id, inputs and, where known, roles")
    ap.add_argument("output", help="the folder for the reports, Parquet files; paths may be URLs")
    ap.add_argument("--mixes", help="a folder for the mixes")
    ap.add_argument("--shard-calls", type=int, default=64, help="calls in one file (64)")
    ap.add_argument("--workers", type=int, help="how many actors work at most")
    ap.add_argument("--storage-options", type=json.loads, help="what fsspec is told of the storage of URLs, as JSON")
    a = ap.parse_args()
    job = Job(CallProcessor(mix_folder=a.mixes, storage_options=a.storage_options), a.output, a.shard_calls, a.workers)
    print(f"{job.run(read_calls(a.calls, a.storage_options))} shards done")


if __name__ == "__main__":
    main()
