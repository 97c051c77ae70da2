"""Calls as Arrow tables: one object for whatever moves tables about (Ray Data, Spark's
`mapInArrow`, Dask, multiprocessing).

Needs pyarrow: `pip install callweave[arrow]`. The job on Ray is in `callweave.batch.ray` (`pip
install callweave[ray]`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

try:
    import pyarrow as pa  # type: ignore[import-untyped]
except ModuleNotFoundError:
    raise ModuleNotFoundError("callweave.batch needs pyarrow: pip install callweave[arrow]") from None

from callweave import __version__
from callweave._storage import is_url
from callweave.calls import analyze, process
from callweave.config import Config
from callweave.errors import Error
from callweave.inputs import Input
from callweave.report import Report

__all__ = ["BINARY_CALLS", "CALLS", "SCHEMA", "CallProcessor"]

CALLS: Any = pa.schema(
    [
        pa.field("call_id", pa.string(), nullable=False),
        pa.field("inputs", pa.list_(pa.string()), nullable=False),
        pa.field("roles", pa.list_(pa.string())),
    ]
)
"""What a table of calls holds: an id, the paths or URLs of its recordings (or of one manifest or
provider's JSON), and who is heard on the tracks; `roles` may be null or missing."""

BINARY_CALLS: Any = pa.schema(
    [
        pa.field("call_id", pa.string(), nullable=False),
        pa.field("inputs", pa.list_(pa.binary()), nullable=False),
        pa.field("names", pa.list_(pa.string())),
        pa.field("roles", pa.list_(pa.string())),
    ]
)
"""The same with the recordings themselves in the table; `names` is what reports call them, and may
be null or missing."""

SCHEMA: Any = pa.schema(
    [
        pa.field("call_id", pa.string(), nullable=False),
        pa.field("ok", pa.bool_(), nullable=False),
        pa.field("error_code", pa.string()),
        pa.field("error", pa.string()),
        pa.field("lib_version", pa.string(), nullable=False),
        pa.field("config_hash", pa.string(), nullable=False),
        pa.field("duration_ms", pa.float64()),
        pa.field("tag", pa.string()),
        pa.field("report", pa.string()),
        pa.field("mix_uri", pa.string()),
    ]
)
"""What comes of each call: a report (JSON), or `ok` false with the error's code and message. Audio
goes to storage; the table holds its address."""


@dataclass(frozen=True)
class CallProcessor:
    """Takes tables of calls (`CALLS`) and returns tables of what came of them (`SCHEMA`), row by
    row.

    It holds its configuration and nothing else, so it pickles and may work anywhere. With
    `mix_folder`, a path or a URL, each call's mix is written to a folder of the call's name there.
    What a call throws becomes its row.

    >>> import pyarrow
    >>> calls = pyarrow.table({"call_id": ["a", "b"], "inputs": [["fixtures/short/manifest.json"], ["no such file"]]})
    >>> done = CallProcessor()(calls)
    >>> done["ok"].to_pylist(), done["tag"].to_pylist(), done["error_code"].to_pylist()
    ([True, False], ['short', None], [None, 'io'])
    """

    config: Config = field(default_factory=Config)
    mix_folder: str | None = None
    threads: int | None = 1
    """How many threads work on one call; calls side by side are the caller's business."""
    storage_options: Mapping[str, Any] | None = None
    """What fsspec is told of the storage of URLs, those of recordings and that of `mix_folder`."""

    def __call__(self, calls: Any) -> Any:
        """The rows of a table or of a record batch."""
        rows = [self.row(call) for call in calls.to_pylist()]
        return pa.Table.from_pylist(rows, schema=SCHEMA)

    def map_in_arrow(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Record batches in, record batches out: what Spark's `mapInArrow` takes."""
        for batch in batches:
            yield from self(batch).to_batches()

    def row(self, call: dict[str, Any]) -> dict[str, Any]:
        """What comes of one call."""
        call_id = str(call["call_id"])
        try:
            report, mix = self._process(call_id, call)
        except Error as error:
            return self.failed(call_id, error.code, str(error))
        except Exception as error:  # A row that makes no sense is that row's error, not the table's.
            return self.failed(call_id, "invalid_argument", f"{type(error).__name__}: {error}")
        told = {
            "duration_ms": report.call.duration_ms,
            "tag": report.tag.value,
            "report": report.to_json(),
            "mix_uri": mix,
        }
        return {**self._base(call_id), "ok": True, **told}

    def failed(self, call_id: str, code: str, message: str) -> dict[str, Any]:
        """The row of a call that failed."""
        return {**self._base(call_id), "ok": False, "error_code": code, "error": message}

    def _base(self, call_id: str) -> dict[str, Any]:
        return {"call_id": call_id, "lib_version": __version__, "config_hash": self.config.config_hash()}

    def _process(self, call_id: str, call: dict[str, Any]) -> tuple[Report, str | None]:
        items = call["inputs"] or []
        names = call.get("names") or [None] * len(items)
        recordings = [
            Input(item, name=name) if isinstance(item, bytes) else str(item) for item, name in zip(items, names)
        ]
        inputs: Any = recordings[0] if len(recordings) == 1 else recordings
        roles: Any = call.get("roles") or ()
        stored = self.storage_options if any(is_url(item) for item in items) else None
        options: dict[str, Any] = {"roles": roles, "threads": self.threads, "storage_options": stored}
        if self.mix_folder is None:
            return analyze(inputs, self.config, **options), None
        processed = process(inputs, self.config, **options)
        name = folder_name(call_id)
        root = self.mix_folder
        folder = f"{root.rstrip('/')}/{name}" if is_url(root) else os.fspath(Path(root) / name)
        report = processed.write(folder, page=False, storage_options=self.storage_options if is_url(root) else None)
        mix = next(output.path for output in report.outputs if output.kind == "mix")
        return report, f"{folder}/{mix}" if is_url(root) else os.path.join(folder, mix)


def folder_name(call_id: str) -> str:
    """A folder's name for any id: what no file system takes is written as in URLs.

    >>> folder_name("rec:1/2"), folder_name("..")
    ('rec%3A1%2F2', '%2E%2E')
    """
    name = quote(call_id, safe="")
    return name.replace(".", "%2E") if not name.strip(".") else name
