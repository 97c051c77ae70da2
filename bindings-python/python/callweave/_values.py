"""Values on their way to the core: NumPy's numbers become plain ones, and what makes no sense is
refused with its place."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callweave.errors import InvalidArgument

U16, U32 = (1 << 16) - 1, (1 << 32) - 1


def refused(what: str, found: object, expected: str, stage: str = "config") -> InvalidArgument:
    """Returns the error for a value."""
    told = str(found)
    return InvalidArgument(f"{what}: found {told}, expected {expected}", stage, what, found=told, expected=expected)


def plain(value: Any) -> Any:
    """Converts a scalar of NumPy, or an array of no dimensions, to Python's own."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def optional(what: str, value: Any, least: int = 0, most: int = U32) -> int | None:
    """Like `whole`, for a number that may be `None`."""
    return None if value is None else whole(what, value, least, most)


def whole(what: str, value: Any, least: int = 0, most: int = U32) -> int:
    """Returns a whole number within its limits."""
    expected = f"a whole number from {least} to {most}"
    if isinstance(value, bool):
        raise refused(what, value, expected)
    try:
        number = operator.index(value)
    except TypeError:
        raise refused(what, repr(value), expected) from None
    if not least <= number <= most:
        raise refused(what, number, expected)
    return number


def to_json(values: Any, where: str = "", **form: Any) -> str:
    """Converts values to JSON for the core, in the form of `json.dumps`. A value that JSON cannot hold
    is an error with its place."""
    return json.dumps(_held(values, where), **form)


def _held(value: Any, where: str) -> Any:
    value = plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise refused(where or "number", value, "a finite number")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {name: _held(item, f"{where}.{name}" if where else str(name)) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_held(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise refused(where, repr(value), "a datetime with its zone")
        return value.isoformat()
    raise refused(where or "value", type(value).__name__, "a number, a text, a list or a mapping")
