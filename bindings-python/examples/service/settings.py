"""What the service is told, by the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from variables import Variables, wrong

from callweave.client import Guard

__all__ = ["Settings"]

SECRET = re.compile(r"[A-Za-z0-9._~-]{16,}")
OFFSET = r"[+-](0[0-9]|1[0-7]):[0-5][0-9]|[+-]18:00"


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
    """Who called, by provider, where a document does not say it. Without it such a call is listed,
    not posted."""
    country_code: str = "66"
    trunk_prefix: str = "0"
    utc_offset: str = "+07:00"
    patience: Mapping[str, Any] = field(default_factory=dict[str, Any])
    policy: dict[str, Any] | None = None
    give_up_s: float = 86_400.0
    """For how long a recording or a list that cannot be had for now is asked for."""
    poll_s: float = 30.0
    voipbin_since_ms: int | None = None
    """The recordings of VoIPBin that were made from this moment on are taken. None: from the first
    start on."""

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
        """The settings of the environment; README.md names the variables.

        Raises `ValueError` with the variable, what was found and what is expected. Keys and the
        secret are not told.
        """
        read = Variables(env)
        secret = env.get("PUSH_SECRET", "")
        if not SECRET.fullmatch(secret):
            raise wrong("PUSH_SECRET", f"{len(secret)} characters", "16 or more of A-Z a-z 0-9 . _ ~ -")
        mcloud = read.api("MCLOUD_URL", token="MCLOUD_TOKEN", business="MCLOUD_BUSINESS")
        if "token" not in mcloud:
            raise wrong("MCLOUD_TOKEN", "nothing", "a key")
        wellcloud = read.api("WELLCLOUD_URL", token="WELLCLOUD_TOKEN")
        voipbin = read.api("VOIPBIN_URL", token="VOIPBIN_TOKEN", accessKey="VOIPBIN_ACCESS_KEY")
        if "token" in voipbin and "accessKey" in voipbin:
            raise wrong("VOIPBIN_TOKEN and VOIPBIN_ACCESS_KEY", "both", "one of them")
        read.only_with("WELLCLOUD_TOKEN", wellcloud, "WELLCLOUD_URL")
        read.only_with("VOIPBIN_TOKEN or VOIPBIN_ACCESS_KEY", voipbin, "VOIPBIN_URL", "VOIPBIN_SINCE", "POLL_S")
        names = ("tencent", "wellcloud", "voipbin")
        directions = {name: read.one_of(f"{name.upper()}_DIRECTION", "in", "out") for name in names}
        waits = {"settleMs": "SETTLE_S", "deadlineMs": "DEADLINE_S"}
        patience = {part: read.seconds(name) * 1000 for part, name in waits.items() if read.text(name)}
        retry_ms = read.seconds("RETRY_S", least=0.1, most=86_400.0) * 1000
        code, prefix, offset = (
            read.text("COUNTRY_CODE") or "66",
            env.get("TRUNK_PREFIX", "0"),
            read.text("UTC_OFFSET") or "+07:00",
        )
        return Settings(
            folder=Path(read.text("DATA") or "data"),
            secret=secret,
            mcloud=mcloud,
            wellcloud=wellcloud or None,
            voipbin=voipbin or None,
            hosts=read.hosts("TRACK_HOSTS", ".myqcloud.com"),
            allow_private=read.one_of("ALLOW_PRIVATE_ADDRESSES", "0", "1") == "1",
            directions={name: direction for name, direction in directions.items() if direction is not None},
            country_code=read.matching("COUNTRY_CODE", code, r"[1-9][0-9]{0,2}", "1 to 3 digits, such as 66"),
            trunk_prefix=read.matching("TRUNK_PREFIX", prefix, r"[0-9]{0,2}", "at most 2 digits, such as 0"),
            utc_offset=read.matching("UTC_OFFSET", offset, OFFSET, "an offset such as +07:00"),
            patience={"expectsCdr": read.one_of("EXPECT_CDR", "0", "1") != "0", **patience},
            policy={"budgetMs": retry_ms, "restMs": retry_ms} if retry_ms else None,
            give_up_s=read.seconds("GIVE_UP_S", 86_400.0),
            poll_s=read.seconds("POLL_S", 30.0, least=0.01, most=86_400.0),
            voipbin_since_ms=read.moment("VOIPBIN_SINCE"),
        )
