"""Fetches what a push names, and nothing else: a push comes from outside, and so do the addresses in it."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass

import httpx

__all__ = ["Guard", "Refused", "fetch"]


class Refused(Exception):
    """An address or an answer that the guard does not let pass."""


@dataclass(frozen=True)
class Guard:
    """What may be fetched."""

    allowed_hosts: Collection[str]
    """Host names, or domains with a dot in front: `.myqcloud.com` is every host below it."""
    max_bytes: int = 256 << 20
    max_seconds: float = 120.0
    allow_private: bool = False
    """For tests against this machine only: lets private addresses and other ports pass."""

    def check(self, url: httpx.URL) -> str:
        """Refuses an address by its text; the host's address that is to be connected to."""
        host = url.host
        if url.scheme not in ("http", "https") or url.userinfo:
            raise Refused(f"{url.scheme}: only http and https, without a user")
        if not any(host == known or (known.startswith(".") and host.endswith(known)) for known in self.allowed_hosts):
            raise Refused(f"{host}: not an allowed host")
        if url.port is not None and not self.allow_private:
            raise Refused(f"{host}:{url.port}: only the usual ports")
        try:
            found = socket.getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Refused(f"{host}: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self.allow_private and not all(_is_public(address) for address in addresses):
            raise Refused(f"{host}: a private address")
        return addresses[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Of IPv6 only 2000::/3 is handed out; 6to4 and Teredo in it lead to addresses of IPv4.
        handed_out = ip in ipaddress.ip_network("2000::/3")
        return handed_out and ip.is_global and ip.sixtofour is None and ip.teredo is None
    return ip.is_global and not ip.is_multicast


def fetch(client: httpx.Client, address: str, guard: Guard) -> bytes:
    """The bytes at an address.

    Connects to the very address that was checked, so a name that changes its mind between the two is no way in. The
    certificate is still checked against the name.
    """
    url = httpx.URL(address)
    pinned = url.copy_with(host=guard.check(url))
    headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"}
    deadline = time.monotonic() + guard.max_seconds
    data = bytearray()
    extensions = {"sni_hostname": url.host}
    with client.stream("GET", pinned, headers=headers, extensions=extensions, follow_redirects=False) as answer:
        if answer.status_code != 200:
            raise Refused(f"{url.host}: answered {answer.status_code}")
        for chunk in answer.iter_raw():
            data += chunk
            if len(data) > guard.max_bytes:
                raise Refused(f"{url.host}: more than {guard.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise Refused(f"{url.host}: not done after {guard.max_seconds} s")
    return bytes(data)
