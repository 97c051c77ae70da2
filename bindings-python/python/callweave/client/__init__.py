"""Between providers and MCloud over http: guarded downloads, streamed uploads, an outbox that
survives.

Needs `httpx` (`pip install callweave[client]`). What is sent, what is tried again and when, and how
a session stands is the core's (`callweave.client.steps`); here are the sockets, files and the
database. Each has an `async` twin.

| to | call |
|---|---|
| fetch a recording to a file | `download`, `download_async` |
| send one request of the core's | `send`, `send_async` |
| keep pushes, sessions and postings where no crash loses them | `Outbox` |
| bring what the outbox holds to MCloud | `Poster` |
"""

from __future__ import annotations

from callweave.client import steps
from callweave.client.download import Gone, Later, download, download_async
from callweave.client.guard import Guard, Refused
from callweave.client.outbox import Outbox, PostingRow, SessionRow
from callweave.client.poster import Poster
from callweave.client.send import Answered, send, send_async

__all__ = [
    "Answered",
    "Gone",
    "Guard",
    "Later",
    "Outbox",
    "Poster",
    "PostingRow",
    "Refused",
    "SessionRow",
    "download",
    "download_async",
    "send",
    "send_async",
    "steps",
]
