#!/usr/bin/env python3
"""A service of `examples/service` against nasty stand-ins, killed on the way: is every call at
MCloud exactly once, as it is?

    target/venv/bin/python tests/soak/soak.py --service python --sessions 60 --kills 4

Prints what was met and what came of it as JSON, and ends with 1 where a call is wrong, lost or
double. Kinds of sessions: see `KINDS`. The pushes of a session come in any order, from several
senders, each until it is acknowledged.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import wave
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/servers"))

from files import Files  # noqa: E402
from http_server import Nasty, Server  # noqa: E402
from mcloud import Mcloud  # noqa: E402

import callweave  # noqa: E402
from callweave import provider  # noqa: E402
from callweave.provider import mcloud  # noqa: E402

SECRET = "5eCret5eCret5eCret"
START_S = 1_790_000_000
FAILED_HERE = ("mix_unreadable", "address_refused", "posting_")
"""How the reasons of steps begin that failed at the service itself."""
KINDS = {
    "dual": 5,  # customer and agent
    "transferred": 2,  # a third leg that the CDR names
    "late": 2,  # a third leg that comes once the record stands
    "reviewed": 1,  # the same, and somebody changed the tag meanwhile
    "repeated": 2,  # pushes again and again, and one of an unknown action
    "withheld": 1,  # the customer's number is not shown
    "missing": 1,  # a leg of which no push ever comes
    "gone": 1,  # a leg whose file is gone
    "broken": 1,  # a leg that is no audio
    "silent": 1,  # no leg is audio: listed
    "undirected": 1,  # no CDR: listed
    "wellcloud": 1,  # two mixed pieces of a list
    "voipbin": 1,  # one mixed recording of a poll
}


@dataclass
class Session:
    """A call, what is pushed of it, and what shall come of it."""

    id: str
    kind: str
    direction: str
    number: str
    pushes: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list[tuple[str, str, dict[str, Any]]])
    """Action, UUID, body."""
    later: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list[tuple[str, str, dict[str, Any]]])
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    data_id: str = ""


def audio(folder: Path) -> None:
    """Recordings of a second and a half, cut from the fixture; and one that is none."""
    for name in ("customer", "agent"):
        heard = callweave.load(str(ROOT / f"fixtures/short/{name}.wav"), duration_ms=2500, dtype="int16")
        samples, rate = heard.samples, heard.sample_rate_hz
        data = samples.reshape(-1).tobytes()
        for target, half in ((name, slice(None)), (f"{name}2", slice(0, len(data) // 4 * 2))):
            with wave.open(str(folder / f"{target}.wav"), "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(rate)
                out.writeframes(data[half])
    (folder / "broken.wav").write_text("<html>log in</html>")


class Soak:
    """The stand-ins, the service, the sessions."""

    def __init__(
        self, service: str, sessions: int, kills: int, seed: int, share: float, folder: Path, node: str
    ) -> None:
        self.service, self.kills, self.folder, self.node, self.seed = service, kills, folder, node, seed
        self.random = random.Random(seed)
        (folder / "audio").mkdir()
        audio(folder / "audio")
        self.files, self.cloud = Files(folder / "audio"), Mcloud()
        self.files.rows = []
        self.file_server, self.cloud_server = Server(self.files), Server(self.cloud)
        self.files.nasty = Nasty(share, seed)
        self.cloud.nasty, self.cloud.stingy, self.cloud.expired = Nasty(share, seed + 1), 0.5, 0.1
        self.polled = 0
        self.sessions = [self.session(n) for n in range(sessions)]
        self.port, self.child = 0, None
        self.left = threading.Semaphore(0)
        self.restarts = 0
        self.log = (folder / "service.log").open("ab")

    def session(self, n: int) -> Session:
        kinds = list(KINDS)
        kind = kinds[n] if n < len(kinds) else self.random.choices(kinds, list(KINDS.values()))[0]
        made = Session(
            str(uuid.UUID(int=self.random.getrandbits(128))), kind, self.random.choice(["in", "out"]), f"08{n:08}"
        )
        if kind in ("wellcloud", "voipbin"):
            self.pieces(made)
            return made
        legs = {
            "customer": self.leg(made, "customer", made.number, 0),
            "agent": self.leg(made, "agent", "anna@x.example", 1),
        }
        third = self.leg(made, "agent2", "ben@x.example", 2)
        if kind == "withheld":
            legs["customer"]["EndpointUser"] = "anonymous"
        if kind == "gone":
            legs["agent"]["RecordURL"] = legs["agent"]["RecordURL"].replace("/files/", "/none/")
        for name in {"broken": ["agent"], "silent": ["agent", "customer"]}.get(kind, []):
            legs[name]["RecordURL"] = self.url("broken", START_S)
        agents = ["anna@x.example"] + (["ben@x.example"] if kind == "transferred" else [])
        bodies = [("record", leg) for name, leg in legs.items() if not (kind == "missing" and name == "agent")]
        if kind == "transferred":
            bodies.append(("record", third))
        if kind != "undirected":
            bodies.append(("cdr", self.cdr(made, agents)))
        made.pushes = [(action, str(uuid.UUID(int=self.random.getrandbits(128))), body) for action, body in bodies]
        if kind == "repeated":
            mail = {"SessionId": made.id, "RecordId": "9", "RecordURL": self.url("agent", START_S)}
            made.pushes += [*made.pushes, made.pushes[0], ("voicemail", str(uuid.uuid4()), mail)]
        if kind in ("late", "reviewed"):
            made.later = [("record", str(uuid.uuid4()), third)]
        self.random.shuffle(made.pushes)
        made.data_id = mcloud.data_id(call=provider.tencent([legs["customer"]]))
        return made

    def url(self, name: str, start: int) -> str:
        return f"{self.file_server.url}/files/{name}.wav?sign={start}"

    def leg(self, session: Session, name: str, user: str, start: int) -> dict[str, Any]:
        """The push of a recording; the time in its name is what tells where it begins."""
        link = self.folder / "audio" / f"{name}-{START_S + start}.wav"
        if not link.exists():
            link.symlink_to(f"{name}.wav")
        url = f"{self.file_server.url}/files/{link.name}"
        return {
            "SdkAppId": 1, "RecordId": f"{START_S + start + 9}", "SessionId": session.id, "Timestamp": START_S + start + 9,
            "EndpointUser": user, "RecordURL": url,
        }  # fmt: skip

    def cdr(self, session: Session, agents: list[str]) -> dict[str, Any]:
        number = "anonymous" if session.kind == "withheld" else session.number
        caller, callee = (number, "021234567") if session.direction == "in" else ("021234567", number)
        listed = [{"Mail": mail, "Sequence": n, "AcceptTimestamp": START_S + n} for n, mail in enumerate(agents)]
        return {
            "SdkAppId": 1, "SessionId": session.id, "Caller": caller, "Callee": callee, "AcceptTimestamp": START_S,
            "Direction": 0 if session.direction == "in" else 1, "ServeParticipants": listed,
        }  # fmt: skip

    def pieces(self, session: Session) -> None:
        ids = [str(uuid.UUID(int=self.random.getrandbits(128))) for _ in range(2)]
        names = ("customer", "agent2")
        for id, name in zip(ids, names, strict=True):
            (self.folder / "audio" / f"{id}.wav").symlink_to(f"{name}.wav")
        if session.kind == "voipbin":
            # Pages are by this time: no two records have the same.
            self.polled += 1
            at = f"2026-05-20 07:31:{self.polled % 60:02}.{self.polled:06}"
            session.direction = "in"
            session.rows = [{
                "id": ids[0], "reference_type": "call", "reference_id": session.id, "status": "ended", "format": "wav",
                "tm_start": at, "tm_end": "2026-05-20 07:33:00.000000", "tm_create": at,
            }]  # fmt: skip
            session.data_id = mcloud.data_id(call=provider.voipbin(session.rows))
            return
        inbound = session.direction == "in"
        number, extension = f"{session.number}@x.example", "8010@x.example"
        session.rows = [
            {
                "id": id, "ani": number if inbound else extension, "dnis": extension if inbound else number,
                "callDirection": "Inbound" if inbound else "Outbound", "startTime": f"2026.05.20 16:08:2{at}",
                "endTime": f"2026.05.20 16:08:3{at}", "deviceId": extension, "callId": session.id, "state": "Success",
            }
            for at, id in enumerate(ids)
        ]  # fmt: skip
        session.data_id = mcloud.data_id(call=provider.wellcloud(session.rows))

    def start(self) -> None:
        """Starts the service and waits for its port."""
        env = {
            **os.environ, "DATA": str(self.folder / "data"), "PUSH_SECRET": SECRET, "MCLOUD_TOKEN": "crk_full",
            "MCLOUD_URL": f"{self.cloud_server.url}/api/v1", "TRACK_HOSTS": "127.0.0.1", "ALLOW_PRIVATE_ADDRESSES": "1",
            "SETTLE_S": "0.3", "DEADLINE_S": "4", "RETRY_S": "3", "GIVE_UP_S": "600", "POLL_S": "1",
            "WELLCLOUD_TOKEN": self.files.token, "WELLCLOUD_URL": self.file_server.url,
            "VOIPBIN_TOKEN": self.files.token, "VOIPBIN_URL": f"{self.file_server.url}/v1.0", "VOIPBIN_DIRECTION": "in",
            "VOIPBIN_SINCE": "2026-05-01T00:00:00Z",
        }  # fmt: skip
        command = {
            "python": [sys.executable, str(ROOT / "bindings-python/examples/service/service.py")],
            "node": [self.node, str(ROOT / "bindings-node/examples/service/service.mjs")],
        }[self.service]
        pipe = subprocess.PIPE
        self.child = subprocess.Popen([*command, "--port", str(self.port)], env=env, stdout=pipe, stderr=self.log)
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line, "the service did not start: see service.log"
        self.port = int(line)

    def kill(self) -> None:
        """kill -9, whatever it is doing, and another one in its place."""
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.start()
        self.restarts += 1

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def push(self, action: str, id: str, body: dict[str, Any]) -> None:
        """Pushes until it is acknowledged."""
        path = f"/push/{SECRET}?action={action}&version=1"
        while True:
            try:
                if self.ask("POST", path, body, {"X-TCCC-PUSH-UUID": id}) == (200, {"ErrCode": 0, "ErrMsg": ""}):
                    return
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.05)

    def ended(self, session: Session) -> None:
        """Wellcloud's call ended: the service is told, and the list has it a second later, piece by
        piece."""
        while True:
            try:
                if self.ask("POST", f"/ended/wellcloud/{SECRET}", {"callId": session.id})[0] == 202:
                    break
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.05)
        assert self.files.rows is not None
        for row in session.rows:
            self.files.rows.append(row)

    def send(self, sessions: list[Session]) -> None:
        for session in sessions:
            if session.kind == "wellcloud":
                self.ended(session)
            elif session.kind == "voipbin":
                self.files.records += session.rows
            for push in session.pushes:
                self.push(*push)
        for session in sessions:
            if session.later:
                self.afterwards(session)
        self.left.release()

    def afterwards(self, session: Session) -> None:
        """The leg that comes later, once the record stands with its audio."""
        while not ((made := self.made(session)) and made.audio and made.extractions):
            time.sleep(0.05)
        if session.kind == "reviewed":
            made.fields["tag"] = "wrong_or_spam"
        for push in session.later:
            self.push(*push)

    def made(self, session: Session) -> Any:
        found = [
            r for r in list(self.cloud.recordings.values()) if not r.deleted and r.fields["dataId"] == session.data_id
        ]
        assert len(found) <= 1, f"{session.kind} twice"
        return found[0] if found else None

    def run(self, limit_s: float) -> dict[str, Any]:
        started, senders = time.monotonic(), 4
        with self.file_server, self.cloud_server:
            self.start()
            for n in range(senders):
                threading.Thread(target=self.send, args=(self.sessions[n::senders],), daemon=True).start()
            done = 0
            due = [started + 2 + n * max(2.0, min(20.0, len(self.sessions) / 12)) for n in range(self.kills)]
            while True:
                time.sleep(0.1)
                if due and time.monotonic() > due[0]:
                    due.pop(0)
                    time.sleep(self.random.random())
                    self.kill()
                while done < senders and self.left.acquire(blocking=False):
                    done += 1
                if done == senders and not due and self.rests():
                    break
                assert time.monotonic() - started < limit_s, (
                    f"not done after {limit_s} s: {self.ask('GET', '/health')[1]}"
                )
            listed = self.ask("GET", f"/listed/{SECRET}")[1]
            assert self.child is not None
            self.child.terminate()
            assert self.child.wait(30) == 0, "it does not stop gracefully"
        return self.judged(listed, time.monotonic() - started)

    def rests(self) -> bool:
        """Whether nothing is left to do but looks at old calls. What failed at the service itself
        is tried again."""
        try:
            health = self.ask("GET", "/health")[1]
            known = sum(health["sessions"].values()) >= len(self.sessions)
            if not known or health["sessions"].get("waiting") or health["postings"].get("waiting"):
                return False
            listed = self.ask("GET", f"/listed/{SECRET}")[1]
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return not any(row["status"] == "failed" and row["reason"].startswith(FAILED_HERE) for row in listed)

    def expected(self, session: Session) -> tuple[str, str]:
        """Tag and SHA-256 of the mix of a call, processed here."""
        kind = session.kind
        if kind in ("wellcloud", "voipbin"):
            call = getattr(provider, kind)(session.rows)
            keys = {row["id"]: f"{row['id']}.wav" for row in session.rows}
        else:
            bodies = [body for action, _, body in session.pushes + session.later if action in ("record", "cdr")]
            call = provider.tencent(bodies)
            keys = {b["RecordURL"]: b["RecordURL"].split("?")[0].rsplit("/", 1)[1] for b in bodies if "RecordURL" in b}
            keys = {url: name for url, name in keys.items() if "/none/" not in url}
        call = call.with_audio({key: str(self.folder / "audio" / name) for key, name in keys.items()})
        with tempfile.TemporaryDirectory() as folder:
            report = callweave.process(call, strict=False).write(folder)
        return report.tag.value, report.outputs[0].sha256

    def judged(self, listed: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """What came of the sessions, and everything that is wrong."""
        import hashlib

        reasons: dict[str, str] = {}
        failed = {row["key"]: row["reason"] for row in listed if row["status"] == "failed"}
        for row in listed:
            reasons[row["key"]] = ";".join(filter(None, [reasons.get(row["key"]), row["reason"]]))
        wrong: list[str] = []
        truths: dict[tuple[str, str], tuple[str, str]] = {}
        found: Counter[str] = Counter()
        for session in self.sessions:
            name = session.kind if session.kind in ("wellcloud", "voipbin") else "tencent"
            reason, made = reasons.get(f"{name}:{session.id}", ""), self.made(session)
            if session.kind in ("silent", "undirected"):
                good = made is None and reason != "" and (session.kind == "silent" or reason == "direction_unknown")
                found["listed" if good else "wrong"] += 1
                if not good:
                    wrong.append(f"{session.kind}: {reason or 'not listed'}")
                continue
            if made is None:
                wrong.append(f"{session.kind} lost: {reason or 'not listed'}")
                found["wrong"] += 1
                continue
            kind = (session.kind, session.direction)
            if kind not in truths:
                truths[kind] = self.expected(session)
            tag, sha256 = truths[kind]
            tag = "wrong_or_spam" if session.kind == "reviewed" else tag
            # Where no other address was to be had, what somebody reviewed keeps its first audio,
            # and is listed.
            kept = session.kind == "reviewed" and reason == "no_upload_address"
            found["first audio kept"] += kept
            facts = {
                "direction": (made.fields["direction"], session.direction),
                "tag": (made.fields.get("tag"), tag),
                "audio": (sha256 if kept else hashlib.sha256(made.audio or b"").hexdigest(), sha256),
                "type": (made.audio_type, "audio/wav"),
                "reason": (
                    reason,
                    {"gone": "incomplete: file_gone", "broken": reason, "reviewed": reason}.get(session.kind, ""),
                ),
                "extracted": (made.extractions > 0, True),
                "failed": (failed.get(f"{name}:{session.id}"), "no_upload_address" if kept else None),
            }
            if session.kind in ("gone", "broken"):
                facts["incomplete"] = (reason.startswith("incomplete"), True)
            differs = [
                f"{session.kind} {what}: {is_} not {shall}" for what, (is_, shall) in facts.items() if is_ != shall
            ]
            wrong += differs
            found["wrong" if differs else "right"] += 1
        most = max(self.cloud.most_of_a_data_id.values(), default=0)
        if most > 1:
            wrong.append(f"{most} recordings of one dataId at once")
        stray = len([r for r in self.cloud.recordings.values() if not r.deleted]) - sum(
            self.made(s) is not None for s in self.sessions
        )
        if stray:
            wrong.append(f"{stray} recordings of nobody's")
        return {
            "service": self.service, "commit": commit(), "seed": self.seed, "sessions": len(self.sessions), "kinds": dict(Counter(s.kind for s in self.sessions)),
            "kills": self.restarts, "seconds": round(seconds, 1), "right": found["right"], "listed": found["listed"],
            "firstAudioKept": found["first audio kept"], "failed": dict(Counter(failed.values())),
            "requests": len(self.cloud.requests), "met": {"mcloud": self.cloud.nasty.met, "files": self.files.nasty.met},
            "remade": sum(r.deleted for r in self.cloud.recordings.values()), "wrong": wrong[:40],
        }  # fmt: skip


def commit() -> str:
    """The commit that is measured; `-dirty` with changes, nothing outside a clone."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="A service against nasty stand-ins, killed on the way.")
    parser.add_argument("--service", choices=["python", "node"], default="python")
    parser.add_argument("--node", default="node", help="the Node that runs the service")
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.15, help="of requests that fail")
    parser.add_argument("--limit", type=float, default=1800, help="seconds")
    parser.add_argument("--keep", help="a folder for the service's data and log, instead of one that goes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(given.keep or folder)
        kept.mkdir(exist_ok=True)
        soak = Soak(given.service, given.sessions, given.kills, given.seed, given.share, kept, given.node)
        try:
            result = soak.run(given.limit)
        finally:
            if soak.child is not None and soak.child.poll() is None:
                soak.child.kill()
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["wrong"]))


if __name__ == "__main__":
    main()
