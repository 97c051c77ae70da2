"""What a provider's document says, with a type for every part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from callweave._record import Record
from callweave.inputs import Role
from callweave.report import Warning

__all__ = ["CallFacts", "Described", "Leg", "Missing", "Part", "RecordingFacts", "Refusal"]


@dataclass(frozen=True)
class CallFacts(Record):
    """What is known of a call besides its audio."""

    id: str | None
    """The call's id at its provider."""
    provider: str | None
    direction: Literal["in", "out", "internal"] | None
    """Who called whom, seen from the service."""
    started_at: str | None
    """When the call began, RFC 3339."""
    facts: tuple[Mapping[str, Any], ...] = ()
    """What the phone system knows of it: `kind`, `party`, `time`, `reason` and `key`."""


@dataclass(frozen=True)
class Leg(Record):
    """Who is heard, and since when."""

    role: Role
    party: str | None
    started_at: str | None
    channel: int | None
    """The channel that holds this leg; `None`: all of them."""
    recording_id: str | None


@dataclass(frozen=True)
class Part(Record):
    """One party of a recording that may hold several apart."""

    leg: Leg
    name_ends: str | None
    """How the name of the party's own file ends, without its extension, where it is a file."""


@dataclass(frozen=True)
class RecordingFacts(Record):
    """One recording as its document describes it."""

    leg: Leg
    parts: tuple[Part, ...]
    start_basis: Literal["field", "file_name"] | None
    """Where the start comes from."""
    over_by: str | None
    """A moment by which the recording was over."""
    path: str | None
    urls: tuple[str, ...]
    aliases: tuple[str, ...]
    bytes: int | None
    duration_ms: float | None
    """What the document claims: a hint."""
    state: Literal["ready", "pending", "failed", "unknown"]
    extra: Mapping[str, Any]
    """What the document says beyond these fields, under its own names."""
    content_hash: tuple[str, ...] = ()
    """Hashes that the audio must have, as the document says them."""


@dataclass(frozen=True)
class Missing(Record):
    """A recording without audio among that in hand."""

    recording: int
    """Which of the recordings it is."""
    label: str
    code: str
    message: str


@dataclass(frozen=True)
class Described(Record):
    """A call as its document describes it."""

    kind: Literal["manifest", "tencent", "wellcloud", "voipbin", "mcloud", "vcon", "siprec", "threecx"]
    call: CallFacts
    recordings: tuple[RecordingFacts, ...]
    customer: str | None
    agent: str | None
    extra: Mapping[str, Any]
    """What the document says beyond these fields, under its own names."""
    warnings: tuple[Warning, ...]
    """What is doubtful, and what was not understood."""
    missing: tuple[Missing, ...]
    unused: tuple[str, ...]
    """Names of audio that no recording asks for."""


@dataclass(frozen=True)
class Refusal(Record):
    """What Wellcloud answers instead of a list or a recording."""

    code: int
    """448: no such file. 425: no such record, perhaps not yet."""
    message: str
    retryable: bool
    """Whether asking again can help."""
