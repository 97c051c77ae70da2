"""The example service as the tests run it, and what they ask it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from http_door import listen
from http_server import Server
from service import Service
from settings import Settings

SECRET = "c0ffee00c0ffee00"


def settings_of(folder: Path, cloud: Server, **more: Any) -> Settings:
    """Settings with which nothing waits for long."""
    mcloud = {"token": more.pop("token", "crk_full"), "base": f"{cloud.url}/api/v1"}
    mcloud |= {"business": more.pop("business")} if "business" in more else {}
    patience = {"settleMs": 100, "deadlineMs": more.pop("deadline_ms", 60_000), "expectsCdr": False}
    policy = {"firstMs": 5, "longestMs": 50, "budgetMs": 1500, "restMs": 200}
    given = {"country_code": "44", "directions": {"tencent": "in"}, "policy": policy, "patience": patience, **more}
    return Settings(folder, SECRET, mcloud, hosts=("127.0.0.1",), allow_private=True, **given)


class Running:
    """A service that runs, and its door."""

    def __init__(self, folder: Path, cloud: Server, **more: Any) -> None:
        self.service = Service(settings_of(folder, cloud, **more))
        self.server = listen(self.service, "127.0.0.1", 0)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.service.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.service.stop()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=10)
        data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        try:
            connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def push(self, body: Any, action: str = "record", uuid: str | None = None) -> tuple[int, Any]:
        headers = {} if uuid is None else {"X_TCCC_PUSH_UUID": uuid}
        return self.ask("POST", f"/push/{SECRET}?action={action}&version=1", body, **headers)

    def listed(self) -> dict[str, str]:
        return {row["key"]: row["reason"] for row in self.ask("GET", f"/listed/{SECRET}")[1]}

    def rests(self) -> bool:
        health = self.ask("GET", "/health")[1]
        return not health["sessions"].get("waiting") and not health["postings"].get("waiting")


def wait(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def stands(cloud: Server) -> list[Any]:
    return [recording for recording in cloud.app.recordings.values() if not recording.deleted]
