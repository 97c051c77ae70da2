"""Typed records for the core's JSON: frozen dataclasses with snake_case fields for the camelCase
names of the JSON."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Self

from callweave._values import plain


def camel(name: str) -> str:
    """Converts `start_ms` to `startMs`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclasses.dataclass(frozen=True)
class Record:
    """A part of a report or of a configuration."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads the core's JSON. Names unknown to this version are ignored."""
        return cls._of(values)

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> Self:
        readers = _readers(cls)
        known = ((name, read, values[key]) for key, (name, read) in readers.items() if key in values)
        return cls(**{name: read(value) for name, read, value in known})

    def to_dict(self) -> dict[str, Any]:
        """Returns the record with its JSON names."""
        told = ((f, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {camel(f.name): _plain(value) for f, value in told if not (_left_out(f) and _is_empty(value))}


def _left_out(field: dataclasses.Field[Any]) -> bool:
    """Returns whether the core omits a field that has no value."""
    return field.default in (None, ()) and not field.kw_only


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, tuple) and not value)


def _plain(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


_Readers = dict[str, tuple[str, Callable[[Any], Any]]]
_READERS: dict[type[Record], _Readers] = {}


def _readers(cls: type[Record]) -> _Readers:
    """For each JSON name of a record, the field's name and how its value is read."""
    if cls not in _READERS:
        hints = typing.get_type_hints(cls)
        _READERS[cls] = {camel(f.name): (f.name, _reader(hints[f.name])) for f in dataclasses.fields(cls)}
    return _READERS[cls]


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Returns how a JSON value is converted to the hinted type."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint._of
    if origin in (typing.Union, types.UnionType) and len(args) == 2 and types.NoneType in args:
        inner = _reader(next(arg for arg in args if arg is not types.NoneType))
        return lambda value: None if value is None else inner(value)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        inner = _reader(args[0])
        return lambda values: tuple(inner(value) for value in values)
    if origin is tuple:
        inners = [_reader(arg) for arg in args]
        return lambda values: tuple(inner(value) for inner, value in zip(inners, values, strict=True))
    return float if hint is float else lambda value: value
