"""The stand-in of MCloud against its documents, sample by sample."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from http_server import Server
from mcloud import Mcloud
from mcloud_rules import B1, B2, B3, ERRORS, USER

SAMPLE = """{
"dataId": "rec_2026_05_20_001",
"callAt": "2026-05-20T08:14:00+07:00",
"direction": "in",
"customerPhone": "+66812345678",
"audioPresignedUploadUrl": true
}"""
"""The body in the documents, word for word."""


class Api:
    """A client that does nothing of itself."""

    def __init__(self, server: Server, token: str | None = "crk_full", business: str | None = None) -> None:
        self.server = server
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if business is not None:
            self.headers["X-Business-Id"] = business

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        return send(self.server.url, method, f"/api/v1{path}", data, self.headers)


def send(url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.getheader("Content-Type") == "application/json" or answer.status in (200, 204, 403, 411)
        return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else text
    finally:
        connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Mcloud()) as running:
        yield running


def code(answer: tuple[int, Any]) -> str:
    status, body = answer
    assert ERRORS[body["error"]["code"]] == status
    return str(body["error"]["code"])


def test_the_way_of_the_quickstart(server: Server) -> None:
    api = Api(server)
    assert api("GET", "/meta/whoami")[1]["level"] == "business"
    status, made = api("POST", "/recordings", SAMPLE)
    assert status == 201 and set(made) == {"id", "dataId", "uploadUrl"}
    url = urlsplit(made["uploadUrl"])
    assert send(server.url, "PUT", f"{url.path}?{url.query}", b"RIFF....", {"Content-Type": "audio/wav"})[0] == 200
    assert server.app.recordings[made["id"]].audio == b"RIFF...."
    assert api("POST", f"/recordings/{made['id']}/reextract") == (
        202,
        {"id": made["id"], "processingStatus": "processing"},
    )
    status, item = api("GET", f"/recordings/{made['id']}")
    assert (status, item["dataId"], item["processingStatus"]) == (200, "rec_2026_05_20_001", "processing")
    documented = {
        "id",
        "dataId",
        "callAt",
        "direction",
        "customerPhone",
        "processingStatus",
        "audioUrl",
        "transcriptUrl",
    }
    assert documented | {"summaryUrl"} <= set(item)


def test_a_data_id_is_one_recording(server: Server) -> None:
    api = Api(server)
    first = api("POST", "/recordings", SAMPLE)
    again = api("POST", "/recordings", SAMPLE)
    assert (first[0], again[0]) == (201, 200) and first[1] == again[1]
    assert api("GET", "/recordings")[1]["total"] == 1
    assert Api(server, "crk_other")("POST", "/recordings", SAMPLE)[1]["id"] != first[1]["id"]


def test_tokens(server: Server) -> None:
    path = "/api/v1/recordings"
    assert send(server.url, "GET", path) == (401, {"error": {"code": "missing_token"}})
    for header in ("Bearer crk_nobody", "crk_full", "Basic crk_full"):
        assert code(send(server.url, "GET", path, headers={"Authorization": header})) == "invalid_token"
    assert code(Api(server, "crk_revoked")("GET", "/recordings")) == "token_disabled"


@pytest.mark.parametrize(
    ("token", "method", "path", "body", "lacking"),
    [
        ("crk_ingest", "GET", "/recordings", None, "view_recording_all"),
        ("crk_review", "GET", "/recordings", None, "view_recording_all"),
        ("crk_view", "POST", "/recordings", SAMPLE, "manage_call_recording"),
        ("crk_ingest", "PATCH", "/recordings/{id}", {"note": "n"}, "manage_recording_review"),
        ("crk_link", "PATCH", "/recordings/{id}", {"note": "n"}, "manage_recording_review"),
        ("crk_review", "PATCH", "/recordings/{id}", {"linkedUserId": USER}, "manage_recording_link"),
        ("crk_review", "DELETE", "/recordings/{id}", None, "manage_call_recording"),
        ("crk_view", "POST", "/recordings/{id}/reextract", None, "manage_call_recording"),
    ],
)
def test_scopes(server: Server, token: str, method: str, path: str, body: Any, lacking: str) -> None:
    made = Api(server)("POST", "/recordings", SAMPLE)[1]
    status, answer = Api(server, token)(method, path.format(**made), body)
    expected = {"error": {"code": "insufficient_scope", "message": f"Token lacks '{lacking}'"}}
    assert (status, answer) == (403, expected)


def test_who_sees_only_his_own(server: Server) -> None:
    made = Api(server)("POST", "/recordings", SAMPLE)[1]
    own = Api(server, "crk_self")
    assert own("GET", "/recordings")[1]["total"] == 0
    assert code(own("GET", f"/recordings/{made['id']}")) == "not_found"
    assert Api(server, "crk_link")("PATCH", f"/recordings/{made['id']}", {"linkedUserId": USER})[0] == 200
    assert own("GET", "/recordings")[1]["total"] == 1
    assert Api(server)("PATCH", f"/recordings/{made['id']}", {"linkedUserId": None})[0] == 200
    assert own("GET", "/recordings")[1]["total"] == 0


def test_account_keys_name_their_business(server: Server) -> None:
    status, answer = Api(server, "crk_account")("GET", "/meta/whoami")
    assert (status, answer["level"], answer["scopes"]) == (200, "account", ["manage_all"])
    assert [set(business) for business in answer["businesses"]] == [{"id", "name", "slug"}] * 2
    for missing in (None, "", " "):
        assert code(Api(server, "crk_account", missing)("GET", "/recordings")) == "business_required"
    for wrong in (B3, "b1...", "x"):
        assert code(Api(server, "crk_account", wrong)("GET", "/recordings")) == "forbidden_business"
    assert Api(server, "crk_account", B2)("POST", "/recordings", SAMPLE)[0] == 201
    assert Api(server, "crk_account", B1)("GET", "/recordings")[1]["total"] == 0
    assert Api(server, "crk_full", B2)("GET", "/recordings")[1]["total"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"dataId": None}, {"dataId": ""}, {"dataId": 7}, {"callAt": "yesterday"}, {"callAt": 5}, {"direction": "internal"},
        {"tag": "odd"}, {"score": 101}, {"score": True}, {"score": "86"}, {"customerPhone": 66}, {"contentType": "wav"},
        {"audioPresignedUploadUrl": "yes"}, {"new": 1},
    ],
)  # fmt: skip
def test_bodies_with_mistakes(server: Server, change: dict[str, Any]) -> None:
    assert code(Api(server)("POST", "/recordings", {**json.loads(SAMPLE), **change})) == "validation_failed"


def test_bodies_that_are_none(server: Server) -> None:
    for body in ("", "[]", "{", '{"dataId": "a"}'):
        assert code(Api(server)("POST", "/recordings", body)) == "validation_failed"
    made = Api(server)("POST", "/recordings", SAMPLE)[1]
    for review in ({"score": -1}, {"tag": "x"}, {"linkedUserId": "anna"}, {"dataId": "b"}):
        assert code(Api(server)("PATCH", f"/recordings/{made['id']}", review)) == "validation_failed"


def test_what_is_not_there(server: Server) -> None:
    api = Api(server)
    made = api("POST", "/recordings", SAMPLE)[1]
    for method, path in (
        ("GET", "/nothing"),
        ("GET", "/recordings/x"),
        ("PUT", "/recordings"),
        ("POST", "/recordings/x/y"),
    ):
        assert code(api(method, path)) == "not_found"
    assert code(Api(server, "crk_other")("GET", f"/recordings/{made['id']}")) == "not_found"
    assert api("DELETE", f"/recordings/{made['id']}")[0] == 204
    assert code(api("GET", f"/recordings/{made['id']}")) == "not_found"
    assert api("GET", "/recordings")[1]["total"] == 0


def test_the_list_is_filtered_and_paged(server: Server) -> None:
    api = Api(server)
    for n in range(25):
        body = {
            "dataId": f"Rec_{n:02}",
            "callAt": f"2026-05-{n + 1:02}T08:14:00+07:00",
            "direction": ("in", "out")[n % 2],
        }
        assert api("POST", "/recordings", {**body, "customerPhone": f"+6681234567{n % 3}"})[0] == 201
    page = api("GET", "/recordings")[1]
    assert (page["total"], page["limit"], page["offset"], len(page["items"])) == (25, 20, 0, 20)
    assert page["items"][0]["dataId"] == "Rec_24"
    assert [item["dataId"] for item in api("GET", "/recordings?limit=2&offset=24")[1]["items"]] == ["Rec_00"]

    def total(query: str) -> int:
        return int(api("GET", f"/recordings?{query}")[1]["total"])

    since, until = quote("2026-05-03T08:14:00+07:00"), quote("2026-05-04T01:14:00Z")
    assert (total("direction=in"), total("sourceProvider=upload"), total("sourceProvider=dtac")) == (13, 25, 0)
    assert total(f"callDateFrom={since}&callDateTo={until}") == 2
    assert (total(f"customerPhone={quote('+66812345670')}"), total("customerPhone=66812345670")) == (9, 0)
    assert (total("search=rec_1"), total("search=nothing")) == (10, 0)
    for wrong in (
        "limit=0",
        "limit=201",
        "limit=x",
        "offset=-1",
        "direction=internal",
        "callDateFrom=now",
        "sourceProvider=x",
    ):
        assert code(api("GET", f"/recordings?{wrong}")) == "validation_failed"


def test_six_hundred_requests_a_minute_for_each_key() -> None:
    now = [0.0]
    with Server(Mcloud(clock=lambda: now[0])) as server:
        api = Api(server)
        assert {api("GET", "/meta/whoami")[0] for _ in range(600)} == {200}
        assert code(api("GET", "/meta/whoami")) == "rate_limited"
        assert Api(server, "crk_view")("GET", "/meta/whoami")[0] == 200
        now[0] = 59.9
        assert code(api("GET", "/meta/whoami")) == "rate_limited"
        now[0] = 60.0
        assert api("GET", "/meta/whoami")[0] == 200


def test_faults_come_as_asked_for(server: Server) -> None:
    api = Api(server)
    fault = {"at": "POST /recordings", "code": "internal_error", "times": 2}
    assert send(server.url, "POST", "/_test/fault", json.dumps(fault))[0] == 200
    assert [api("POST", "/recordings", SAMPLE)[0] for _ in range(3)] == [500, 500, 201]


def test_addresses_expire_and_repeated_posts_may_give_none(server: Server) -> None:
    api = Api(server)
    nasty = {"stingy": 1.0, "expired": 1.0}
    assert send(server.url, "POST", "/_test/nasty", json.dumps(nasty))[0] == 200
    made = api("POST", "/recordings", SAMPLE)[1]
    path, query = urlsplit(made["uploadUrl"])[2:4]
    assert send(server.url, "PUT", f"{path}?{query}", b"x")[0] == 403
    assert "uploadUrl" not in api("POST", "/recordings", SAMPLE)[1]
    review = {"dataId": "rec_2026_05_20_001", "fields": {"tag": "other"}}
    send(server.url, "POST", "/_test/review", json.dumps(review))
    assert api("GET", f"/recordings/{made['id']}")[1]["tag"] == "other"


def test_an_upload_needs_its_signature_and_all_of_its_bytes(server: Server) -> None:
    made = Api(server)("POST", "/recordings", SAMPLE)[1]
    path, query = urlsplit(made["uploadUrl"])[2:4]
    assert send(server.url, "PUT", path, b"x")[0] == 403
    assert send(server.url, "GET", f"{path}?{query}")[0] == 403
    send(server.url, "POST", "/_test/fault", json.dumps({"at": "PUT /storage", "after": 10}))
    with pytest.raises((http.client.HTTPException, OSError)):
        send(server.url, "PUT", f"{path}?{query}", bytes(1 << 20))
    assert server.app.recordings[made["id"]].audio is None
    assert send(server.url, "PUT", f"{path}?{query}", bytes(1 << 20))[0] == 200
    assert send(server.url, "GET", "/_test/state")[1]["recordings"][0]["audioBytes"] == 1 << 20
    plain = {name: value for name, value in json.loads(SAMPLE).items() if name != "audioPresignedUploadUrl"}
    assert "uploadUrl" not in Api(server)("POST", "/recordings", {**plain, "dataId": "other"})[1]


def test_it_starts_by_itself_and_prints_its_port() -> None:
    command = [sys.executable, str(Path(__file__).parent / "mcloud.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        answer = send(f"http://127.0.0.1:{port}", "GET", "/api/v1/meta/whoami")
        child.terminate()
    assert answer[0] == 401
