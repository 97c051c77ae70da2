"""Archives larger than one machine: a job on Ray Data over a table of calls.

Needs Ray: `pip install callweave[ray]`. From the command line: `python -m callweave.batch.ray calls.parquet reports --mixes mixes`.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]

from callweave.batch import SCHEMA, CallProcessor

__all__ = ["Job", "read_calls"]

WORKER_DIED = "internal"
"""The code of a call that no worker survived."""


@dataclass(frozen=True)
class Job:
    """Processes a table of calls in shards, each to one Parquet file of `SCHEMA`.

    A shard's file appears whole or not at all, and a shard whose file is there, of the same calls and configuration, is not done
    again: a job that was killed goes on where it stopped. A worker that dies loses its shard, not the job: shards that are
    missing in the end are done call by call, each in a process of its own, and a call that kills that too is a row with
    `error_code` `internal`.
    """

    processor: CallProcessor
    output: str
    """The folder of the reports."""
    shard_calls: int = 64
    workers: int | None = None
    """How many actors work at most; as many as Ray has CPUs."""

    def run(self, calls: Any) -> int:
        """Does what is missing; returns how many shards that were. Ray is started if it is not."""
        ray = _ray()
        Path(self.output).mkdir(parents=True, exist_ok=True)
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

    def path(self, shard: int) -> Path:
        """The file of a shard."""
        return Path(self.output) / f"part-{shard:06d}.parquet"

    def is_done(self, shard: int, calls: Any) -> bool:
        """Whether a shard's file holds these calls under this configuration."""
        if not self.path(shard).exists():
            return False
        done = parquet.read_table(self.path(shard), columns=["call_id", "config_hash"]).to_pydict()
        same = set(done["config_hash"]) <= {self.processor.config.config_hash()}
        return same and done["call_id"] == calls["call_id"].to_pylist()

    def write(self, shard: int, table: Any) -> None:
        """Writes a shard's file, whole or not at all."""
        part = self.path(shard).with_suffix(f".{os.getpid()}.part")
        parquet.write_table(table, part)
        os.replace(part, self.path(shard))

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


def _ray() -> Any:
    """Ray, which takes seconds to import, where it is needed."""
    import ray.data

    return ray


def _bounds() -> dict[str, int]:
    """An actor that dies starts again twice, and what it did is not tried again: Ray would go on for ever."""
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


def read_calls(path: str) -> Any:
    """A table of calls from Parquet or from JSON lines: `call_id`, `inputs`, and `roles` where they are known."""
    if path.endswith((".jsonl", ".ndjson", ".json")):
        import pyarrow.json as json_lines  # type: ignore[import-untyped]

        return json_lines.read_json(path)
    return parquet.read_table(path)


def main() -> None:
    """`python -m callweave.batch.ray`."""
    ap = argparse.ArgumentParser(description="Processes a table of calls on Ray; goes on where it stopped.")
    ap.add_argument("calls", help="Parquet or JSON lines with call_id, inputs and, where known, roles")
    ap.add_argument("output", help="the folder for the reports, Parquet files")
    ap.add_argument("--mixes", help="a folder for the mixes")
    ap.add_argument("--shard-calls", type=int, default=64, help="calls in one file (64)")
    ap.add_argument("--workers", type=int, help="how many actors work at most")
    a = ap.parse_args()
    job = Job(CallProcessor(mix_folder=a.mixes), a.output, a.shard_calls, a.workers)
    print(f"{job.run(read_calls(a.calls))} shards done")


if __name__ == "__main__":
    main()
