"""What the service is told, by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from callweave.client import Guard

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Every choice of the service."""

    folder: Path
    secret: str
    mcloud: dict[str, Any]
    wellcloud: dict[str, Any] | None = None
    voipbin: dict[str, Any] | None = None
    hosts: tuple[str, ...] | None = (".myqcloud.com",)
    allow_private: bool = False
    directions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Who called, by provider, where a document does not say it. Without it such a call is listed, not posted."""
    country_code: str = "66"
    trunk_prefix: str = "0"
    utc_offset: str = "+07:00"
    patience: Mapping[str, Any] = field(default_factory=dict[str, Any])
    policy: dict[str, Any] | None = None
    give_up_s: float = 86_400.0
    """For how long a recording that cannot be had for now is asked for."""
    poll_s: float = 30.0
    voipbin_since_ms: int | None = None
    """The recordings of VoIPBin that were made from this moment on are taken. None: from the first start on."""

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("PUSH_SECRET: at least 16 characters")
        if self.voipbin and "token" in self.voipbin and "accessKey" in self.voipbin:
            raise ValueError("VOIPBIN_TOKEN and VOIPBIN_ACCESS_KEY: found both, expected one of them")

    @property
    def tracks(self) -> Guard:
        """What recordings may be fetched from."""
        return Guard(self.hosts, allow_private=self.allow_private)

    @property
    def anywhere(self) -> Guard:
        """What the answers of a provider that we asked may lead to."""
        return Guard(allow_private=self.allow_private)

    @staticmethod
    def of(env: Mapping[str, str]) -> Settings:
        """The settings of the environment; README.md names the variables."""
        names = ("tencent", "wellcloud", "voipbin")
        directions = {name: env[f"{name.upper()}_DIRECTION"] for name in names if f"{name.upper()}_DIRECTION" in env}
        voipbin = _api(token=env.get("VOIPBIN_TOKEN"), accessKey=env.get("VOIPBIN_ACCESS_KEY"))
        patience: dict[str, Any] = {"expectsCdr": env.get("EXPECT_CDR", "1") == "1"}
        for name, variable in (("settleMs", "SETTLE_S"), ("deadlineMs", "DEADLINE_S")):
            if variable in env:
                patience[name] = float(env[variable]) * 1000
        policy = (
            {"budgetMs": float(env["RETRY_S"]) * 1000, "restMs": float(env["RETRY_S"]) * 1000}
            if "RETRY_S" in env
            else None
        )
        return Settings(
            folder=Path(env.get("DATA", "data")),
            secret=env.get("PUSH_SECRET", ""),
            mcloud=_api(token=env.get("MCLOUD_TOKEN"), base=env.get("MCLOUD_URL"), business=env.get("MCLOUD_BUSINESS")),
            wellcloud=_api(token=env["WELLCLOUD_TOKEN"], base=env.get("WELLCLOUD_URL"))
            if "WELLCLOUD_TOKEN" in env
            else None,
            voipbin={**voipbin, **_api(base=env.get("VOIPBIN_URL"))} if voipbin else None,
            hosts=tuple(env.get("TRACK_HOSTS", ".myqcloud.com").split(",")),
            allow_private="ALLOW_PRIVATE_ADDRESSES" in env,
            directions=directions,
            country_code=env.get("COUNTRY_CODE", "66"),
            trunk_prefix=env.get("TRUNK_PREFIX", "0"),
            utc_offset=env.get("UTC_OFFSET", "+07:00"),
            patience=patience,
            policy=policy,
            give_up_s=float(env.get("GIVE_UP_S", "86400")),
            poll_s=float(env.get("POLL_S", "30")),
            voipbin_since_ms=_moment("VOIPBIN_SINCE", env["VOIPBIN_SINCE"]) if "VOIPBIN_SINCE" in env else None,
        )


def _api(**parts: str | None) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part}


def _moment(name: str, text: str) -> int:
    """A moment with its offset, in Unix milliseconds."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{name}: found {text!r}, expected a moment such as 2026-05-20T00:00:00+07:00")
    return int(at.timestamp() * 1000)
