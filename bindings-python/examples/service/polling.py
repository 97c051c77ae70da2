"""Walks through VoIPBin's list of recordings, page by page, newest first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from asks import Asks, NoList
from settings import Settings

from callweave.client import Outbox, steps

__all__ = ["Poll"]

OVERLAP_MS = 600_000
"""So far behind what was seen a walk goes on: a record may be listed later than its time says."""
PAGE = 100
LARGEST_PAGE = 1600
LIST = "voipbin:list"
NOBODY = "00000000-0000-0000-0000-000000000000"


class Poll:
    """A walk is kept in the outbox behind each page: `since` (nothing older is taken), `seen` (up
    to where a whole walk has come), `token` and `size` (the page that is next), `newest` (of this
    walk). Times in Unix milliseconds."""

    def __init__(self, settings: Settings, outbox: Outbox, asks: Asks, log: Callable[..., None]) -> None:
        self.settings, self.outbox, self.asks, self.log = settings, outbox, asks, log
        self.walk = self._begun()

    def _begun(self) -> dict[str, Any]:
        """The walk as it was left. The first one begins at `VOIPBIN_SINCE` or else now; another
        value begins anew."""
        start = self.settings.voipbin_since_ms
        noted = self.outbox.note("voipbin_walk")
        walk: dict[str, Any] = {} if noted is None else json.loads(noted)
        if walk and start in (None, walk["since"]):
            return walk
        since = int(time.time() * 1000) if start is None else start
        return self._kept({"since": since, "seen": since, "token": None, "size": PAGE, "newest": since})

    def _kept(self, walk: dict[str, Any]) -> dict[str, Any]:
        self.outbox.note("voipbin_walk", json.dumps(walk))
        self.walk = walk
        return walk

    def page(self) -> float:
        """Takes one page; the seconds until the next. Raises `NoList` and `Refusal`."""
        walk = self.walk
        more = {"pageToken": walk["token"]} if walk["token"] else {}
        request = steps.voipbin_request("recordings", self.settings.voipbin or {}, pageSize=walk["size"], **more)
        page = self.asks.ask("voipbin", LIST, request, steps.voipbin_page)
        if page is None:
            raise NoList(self.asks.wait_ms(LIST), "list_unreachable")
        for record, created_ms in zip(page["records"], page["createdMs"], strict=True):
            if created_ms is None or created_ms >= walk["since"]:
                self._take(record)
        self.asks.forget(LIST)
        times = [at for at in page["createdMs"] if at is not None]
        # A record of a time to come, by a wrong clock, must not end the walks to come at their
        # first page.
        newest = max([walk["newest"], *(min(at, int(time.time() * 1000)) for at in times)])
        over = min(times, default=walk["since"]) < max(walk["since"], walk["seen"] - OVERLAP_MS)
        if page["nextPageToken"] is None or over:
            self._kept(
                {**walk, "seen": max(walk["seen"], newest), "token": None, "size": PAGE, "newest": walk["since"]}
            )
            return self.settings.poll_s
        self._kept({**walk, **self._following(page), "newest": newest})
        return 0.0

    def _following(self, page: dict[str, Any]) -> dict[str, Any]:
        """The next page begins with the time at which this one ends. A full one that is all of one
        time is asked for in larger pages."""
        token, size = page["overlappingToken"], self.walk["size"]
        if token != self.walk["token"]:
            return {"token": token, "size": PAGE}
        many = len(page["records"])
        if size <= many < LARGEST_PAGE:
            return {"token": token, "size": size * 2}
        if many >= PAGE:
            self.log("voipbin_page_of_one_time", many=many)
        return {"token": page["nextPageToken"], "size": PAGE}

    def _take(self, record: dict[str, Any]) -> None:
        reference = record.get("reference_id")
        call = reference if reference and reference != NOBODY else record.get("id")
        if not isinstance(call, str) or not call.strip():
            self.log("voipbin_record_without_id")
            return
        self.outbox.take_rows("voipbin", call, [record], int(time.time() * 1000))
