"""Makes a record's body and mix of a session that is complete."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from asks import Refusal
from settings import Settings

import callweave
from callweave import provider
from callweave.client import Gone, Later, Refused, SessionRow, download, steps
from callweave.errors import IoError
from callweave.provider import mcloud

__all__ = ["Call", "Unpostable", "made", "tracks_of"]


class Unpostable(Exception):
    """A call that no record can be made of: `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Call:
    """What goes to MCloud."""

    body: dict[str, Any]
    audio: dict[str, Any]
    mix: Path
    """Where its mix was written, on disk."""
    file: Path
    """Where its mix is for the upload, once it is put there."""
    missing: list[str] = field(default_factory=list[str])
    """Why some of its recordings are not in it."""

    def put(self) -> None:
        """Puts the mix in its place. Until the call is enqueued nobody knows that it is needed."""
        os.replace(self.mix, self.file)


def tracks_of(settings: Settings, key: str) -> Path:
    """Where the recordings of a session are kept while it waits or is worked on."""
    return settings.folder / "tracks" / hashlib.sha256(key.encode()).hexdigest()[:32]


def made(settings: Settings, client: httpx.Client, row: SessionRow, document: Any) -> Call:
    """Fetches the recordings, processes the call, writes its mix.

    Raises `Unpostable`; `Later` where a recording cannot be had for now: half a call is not posted
    as a whole one; `Refusal` of a provider's key; and what fails here, such as a full disk.
    """
    described = provider.DescribedCall({"kind": row.provider, "text": json.dumps(document)})
    direction = described.described.call.direction or settings.directions.get(row.provider)
    if direction not in ("in", "out"):
        raise Unpostable("internal_call" if direction == "internal" else "direction_unknown")
    audio, missing = _fetched(settings, client, row, described)
    if not audio:
        raise Unpostable(missing[0] if missing else "no_recording")
    processed, broken = _processed(described.with_audio(audio))
    missing += broken
    folder = tracks_of(settings, row.key) / "out"
    shutil.rmtree(folder, ignore_errors=True)
    report = processed.write(folder)
    body = mcloud.create_body(
        report,
        described,
        direction="in" if direction == "in" else "out",
        utc_offset=settings.utc_offset,
        country_code=settings.country_code,
        trunk_prefix=settings.trunk_prefix,
        note=_note(report, missing),
    )
    mix = folder / report.outputs[0].path
    file, audio_of_mix = _kept(settings, mix, body["dataId"])
    return Call(dict(body), audio_of_mix, mix, file, missing)


def _processed(call: provider.DescribedCall) -> tuple[callweave.Processed, list[str]]:
    """The call, and why recordings that are here could not be read.

    A file that the system does not read is no fault of the call's: that is raised, as a full disk
    is.
    """
    try:
        processed = callweave.process(call, strict=False)
    except IoError:
        raise
    except callweave.Error as error:
        raise Unpostable(error.code) from error
    broken = Counter(track.error.code for track in processed.report.tracks if track.error is not None)
    # A recording without audio is a track with an error too, and has its own reason already.
    broken -= Counter(absent.code for absent in call.described.missing)
    if broken[IoError.code]:
        raise IoError("a recording cannot be read")
    return processed, list(broken.elements())


def _note(report: callweave.Report, missing: list[str]) -> str:
    parts = [f"outcome: {report.outcome.value}"]
    voices = sum(len(track.voices or ()) for track in report.tracks)
    if voices:
        parts.append(f"voices: {voices}")
    if missing:
        parts.append(f"recordings missing: {len(missing)}")
    return "; ".join(parts)


def _fetched(
    settings: Settings, client: httpx.Client, row: SessionRow, call: provider.DescribedCall
) -> tuple[dict[str, str], list[str]]:
    """The recordings on disk, and why others are missing."""
    folder = tracks_of(settings, row.key)
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    missing: list[str] = []
    for recording in call.described.recordings:
        reason, later = "no_address", None
        for key, request, judged, guard in _addresses(settings, row, recording):
            path = folder / hashlib.sha256(key.encode()).hexdigest()[:32]
            try:
                if not path.is_file():
                    headers = dict(request["headers"])
                    policy = settings.policy or {"budgetMs": 20_000}
                    download(request["url"], path, guard=guard, client=client, headers=headers, policy=policy, **judged)
                found[key] = str(path)
                break
            except Later as unreachable:
                later = unreachable
            except Gone as gone:
                if steps.needs_another_key(gone.reason):
                    raise Refusal(gone.reason) from gone
                reason = gone.reason
            except Refused:
                reason = "address_refused"
        else:
            if later is not None:
                raise later
            missing.append(reason)
    return found, missing


def _addresses(settings: Settings, row: SessionRow, recording: Any) -> list[Any]:
    """Under which key the audio is known, the request for it, how its answer is judged, and what
    guards it."""
    id = recording.leg.recording_id
    if recording.state == "failed":
        return []
    since = {"since_ms": row.seen_ms}
    try:
        if row.provider == "wellcloud" and id and settings.wellcloud:
            request = steps.wellcloud_request("audio", id, settings.wellcloud)
            return [(id, request, {"of": "wellcloud", **since}, settings.anywhere)]
        if row.provider == "voipbin" and id and settings.voipbin:
            request = steps.voipbin_request("recordingFile", settings.voipbin, id=id)
            return [(id, request, {"of": "voipbin"}, settings.anywhere)]
    except callweave.errors.InvalidArgument:
        # An id that no path can hold.
        return []
    return [(url, {"url": url, "headers": []}, {"of": "audio", **since}, settings.tracks) for url in recording.urls]


def _kept(settings: Settings, mix: Path, data_id: str) -> tuple[Path, dict[str, Any]]:
    """The place of the mix for the upload, and what is uploaded; the mix is on disk then."""
    with mix.open("rb+") as whole:
        head = whole.read(4096)
        whole.seek(0)
        sha256 = hashlib.file_digest(whole, "sha256").hexdigest()
        os.fsync(whole.fileno())
    folder = settings.folder / "mixes"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{data_id}-{sha256[:16]}{mix.suffix}"
    return file, {"sha256": sha256, "bytes": mix.stat().st_size, "contentType": steps.content_type(head)}
