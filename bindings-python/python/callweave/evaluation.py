"""Accuracy on your own calls, differences between reports, and calibrated profiles."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from callweave import _callweave
from callweave._record import camel
from callweave._values import optional, to_json
from callweave.config import Config, config_json
from callweave.inputs import Role

__all__ = ["Comparison", "Disturbance", "Evaluation", "calibrate", "compare", "evaluate"]

Disturbance: TypeAlias = Literal[
    "split", "shifted", "start_times", "cut", "silence_shrunk", "packets_dropped", "transcoded", "summed"
]
"""A disturbance applied to a two-channel call."""

_SHARE = {"count", "of", "share", "low", "high"}


class _Told:
    """Counts of the core, as JSON and as text."""

    def __init__(self, text: str, table: str) -> None:
        self._json, self._table = text, table
        self._values: dict[str, Any] = json.loads(text)

    def to_dict(self) -> dict[str, Any]:
        """Returns all counts with their JSON names."""
        return dict(self._values)

    def to_json(self) -> str:
        """Returns the same bytes as the program prints with `--json`."""
        return self._json

    def __str__(self) -> str:
        return self._table

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Returns one of its lists, one dictionary per row. A share has the columns `…_count`,
        `…_of`, `…_share`, `…_low` and `…_high`.
        """
        rows = self._values.get(camel(table))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            from callweave.errors import InvalidArgument

            lists = [_snake(name) for name, value in self._values.items() if isinstance(value, list)]
            raise InvalidArgument(f"table: found {table!r}, expected {', '.join(lists)}", "config")
        return [_flat(row) for row in rows]

    def to_pandas(self, table: str) -> Any:
        """Returns one of its lists as a `pandas.DataFrame`."""
        import pandas as pd

        return pd.DataFrame(self.rows(table))


class Evaluation(_Told):
    """Accuracy on calls whose truth is known: the tables `placement`, `confidence`,
    `confidence_fine`, `speech` and `tags`, and everything as `to_dict()`. It contains only counts,
    nothing about any single call.
    """


class Comparison(_Told):
    """The changes between two sets of reports: the tables `calls` (those that differ, most
    important first), `tags`, `outcomes`, `stages`, `unreadable_old` and `unreadable_new`, and
    everything as `to_dict()`. The shares `moved` and `speech` are of the calls of which that is
    known.
    """


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and set(value) == _SHARE:
            flat |= {f"{_snake(name)}_{part}": told for part, told in value.items()}
        elif isinstance(value, dict):
            flat |= {f"{_snake(name)}_{_snake(part)}": told for part, told in value.items()}
        else:
            flat[_snake(name)] = value
    return flat


def evaluate(
    folder: str | os.PathLike[str],
    config: Config | None = None,
    *,
    seed: int = 1,
    kinds: Sequence[Disturbance] = (),
    roles: Sequence[Role] = (),
    labels: str | os.PathLike[str] | None = None,
    threads: int | None = None,
) -> Evaluation:
    """Measures accuracy on the two-channel recordings of a folder and its subfolders. They are
    split, shifted, cut, thinned, transcoded and summed (`kinds`; all by default), drawn from
    `seed`, and the results are compared with what is known about them.

    `roles` are the roles on the first and the second channel. `labels` is a file of known tags,
    with lines of `file,tag` or `file,tag,outcome`, one per call.

    >>> found = evaluate("fixtures/stereo", kinds=["split"])
    >>> found.rows("placement")[0]["within250_ms_share"]
    1.0
    """
    spec = {
        "seed": seed,
        "kinds": list(kinds),
        "roles": list(roles),
        "labels": None if labels is None else os.fspath(labels),
    }
    threads = optional("threads", threads)
    return Evaluation(*_callweave.evaluate(os.fspath(folder), to_json(spec), config_json(config), threads))


def calibrate(
    evaluation: Evaluation | str | None = None,
    name: str = "calibrated",
    *,
    reports: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
) -> dict[str, Any]:
    """Returns a profile for `Config(profile=...)` that is fitted to your own calls.

    To an evaluation, or to its JSON, it fits placement confidence. An evaluation with a confidence
    map is rejected, because the map would be applied twice. On `reports`, folders of reports of
    separate recordings, it measures how far apart the recorders of the customer and the agent start
    (`align.offset_prior`).
    """
    text = evaluation.to_json() if isinstance(evaluation, Evaluation) else evaluation
    folders = [reports] if isinstance(reports, (str, os.PathLike)) else reports
    profile: dict[str, Any] = json.loads(_callweave.calibrate(text, name, [os.fspath(folder) for folder in folders]))
    return profile


def compare(old: str | os.PathLike[str], new: str | os.PathLike[str] | None = None) -> Comparison:
    """Compares two folders of reports. With one folder, returns which stages of its reports have
    other revisions than this version's, and in which calls. Links are not followed. Unreadable
    reports are listed with the reasons: in `unreadable_old` and `unreadable_new`, or in
    `unreadable` with one folder.
    """
    return Comparison(*_callweave.compare(os.fspath(old), None if new is None else os.fspath(new)))
