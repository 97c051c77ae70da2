"""Moments as they are written in settings and requests."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["MOMENT", "unix_ms"]

MOMENT = "a moment such as 2026-05-20T00:00:00+07:00"
WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:[0-5]\d)", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MS = timedelta(milliseconds=1)


def unix_ms(text: str) -> int | None:
    """A moment with its offset in whole Unix milliseconds, cut towards 0; None where it is none."""
    if not WRITTEN.fullmatch(text):
        return None
    try:
        since = datetime.fromisoformat(text) - EPOCH
    except (ValueError, OverflowError):
        return None
    return since // MS if since.days >= 0 else -(-since // MS)
