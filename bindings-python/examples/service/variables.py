"""Variables of the environment, each checked: what makes no sense is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from moments import MOMENT, unix_ms

__all__ = ["Variables", "wrong"]

KEY = re.compile(r"[!-~]{1,1024}")
BASE = re.compile(r"https?://[!-~]+")
HOST = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*")
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
LONGEST_S = 31_536_000.0
"""A year."""


def wrong(name: str, found: str, expected: str) -> ValueError:
    """What is told of a variable that makes no sense. Keys and the secret are not shown."""
    return ValueError(f"{name}: found {found}, expected {expected}")


class Variables:
    """The variables. An empty one is as one that is not there."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env

    def text(self, name: str) -> str | None:
        return self.env.get(name) or None

    def matching(self, name: str, text: str, pattern: str, expected: str) -> str:
        """The text, if it is as it should be."""
        if re.fullmatch(pattern, text, re.ASCII) is None:
            raise wrong(name, repr(text), expected)
        return text

    def one_of(self, name: str, *known: str) -> str | None:
        text = self.text(name)
        if text is not None and text not in known:
            raise wrong(name, repr(text), " or ".join(known))
        return text

    def seconds(self, name: str, default: float = 0.0, *, least: float = 0.0, most: float = LONGEST_S) -> float:
        text = self.text(name)
        if text is None:
            return default
        if not NUMBER.fullmatch(text) or not least <= float(text) <= most:
            raise wrong(name, repr(text), f"{least:g} to {most:.0f} seconds")
        return float(text)

    def moment(self, name: str) -> int | None:
        text = self.text(name)
        at = None if text is None else unix_ms(text)
        if text is not None and at is None:
            raise wrong(name, repr(text), MOMENT)
        return at

    def hosts(self, name: str, default: str) -> tuple[str, ...]:
        hosts = tuple(host.strip().lower() for host in (self.text(name) or default).split(","))
        for host in hosts:
            if not HOST.fullmatch(host):
                raise wrong(name, repr(host), "hosts such as .myqcloud.com,files.example.com")
        return hosts

    def api(self, base: str, **keys: str) -> dict[str, str]:
        """How a service is asked: its keys by the names that `steps` has for them, and its
        address."""
        found = {part: text for part, name in keys.items() if (text := self.text(name))}
        for part, name in keys.items():
            if part in found and not KEY.fullmatch(found[part]):
                raise wrong(name, f"{len(found[part])} characters", "a key of letters, digits and signs")
        address = self.text(base)
        if address is not None and not BASE.fullmatch(address):
            raise wrong(base, repr(address), "an address such as https://host/path")
        return {**found, **({} if address is None else {"base": address})} if found else {}

    def only_with(self, key: str, given: object, *names: str) -> None:
        """Refuses variables that nothing uses without a key."""
        for name in names:
            if not given and self.text(name) is not None:
                raise wrong(name, "it", f"{key} beside it")
