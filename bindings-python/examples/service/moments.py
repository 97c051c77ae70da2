"""Moments as they are written in settings and requests."""

from __future__ import annotations

import re
from datetime import datetime

__all__ = ["MOMENT", "unix_ms"]

MOMENT = "a moment such as 2026-05-20T00:00:00+07:00"
WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def unix_ms(text: str) -> int | None:
    """A moment with its offset in Unix milliseconds; None where it is none."""
    if not WRITTEN.fullmatch(text):
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
