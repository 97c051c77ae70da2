"""Which addresses may be connected to: they come from outside, in pushes and answers."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import httpx

__all__ = ["Guard", "Refused"]


HOST = re.compile(rb"[0-9A-Za-z._:-]+")


class Refused(Exception):
    """An address that the guard does not let pass."""


@dataclass(frozen=True)
class Guard:
    """What may be fetched. Checked behind the resolution of the name, and again for each
    redirect."""

    allowed_hosts: Collection[str] | None = None
    """Host names, or domains with a dot in front: `.myqcloud.com` is every host below it. None:
    every public host."""
    allow_private: bool = False
    """For tests and networks of one's own: lets private addresses and other ports pass."""
    max_bytes: int = 512 << 20
    max_redirects: int = 5

    def address(self, url: httpx.URL) -> str:
        """The address to connect to, so that a name cannot change its mind behind the check."""
        self._check_text(url)
        try:
            found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise Refused(f"{url.host}: no name of a host") from error
        except OSError as error:
            raise httpx.ConnectError(f"{url.host}: {error}") from error
        return self._checked(url.host, (str(entry[4][0]) for entry in found))

    async def address_async(self, url: httpx.URL) -> str:
        """The same without blocking."""
        self._check_text(url)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise Refused(f"{url.host}: no name of a host") from error
        except OSError as error:
            raise httpx.ConnectError(f"{url.host}: {error}") from error
        return self._checked(url.host, (str(entry[4][0]) for entry in found))

    def _check_text(self, url: httpx.URL) -> None:
        host = url.host
        if url.scheme not in ("http", "https") or url.userinfo or not host:
            raise Refused(f"{url.scheme}: only http and https, without a user")
        if not HOST.fullmatch(url.raw_host):
            raise Refused(f"{host}: no name of a host")
        allowed = self.allowed_hosts
        if allowed is not None and not any(
            host == known or (known.startswith(".") and host.endswith(known)) for known in allowed
        ):
            raise Refused(f"{host}: not an allowed host")
        if url.port is not None and not self.allow_private:
            raise Refused(f"{host}:{url.port}: only the usual ports")

    def _checked(self, host: str, addresses: Iterable[str]) -> str:
        found = list(addresses)
        if not self.allow_private and not all(_is_public(address) for address in found):
            raise Refused(f"{host}: a private address")
        return found[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Of IPv6 only 2000::/3 is handed out; 6to4 and Teredo in it lead to addresses of IPv4.
        handed_out = ip in ipaddress.ip_network("2000::/3")
        return handed_out and ip.is_global and ip.sixtofour is None and ip.teredo is None
    return ip.is_global and not ip.is_multicast


def parsed(url: str) -> httpx.URL:
    """The URL of a text that comes from outside."""
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Refused("no address") from error


def pinned(url: httpx.URL, address: str) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
    """A URL at the very address that was checked, and the header and extension that still name the
    host. The certificate is checked against the name."""
    return url.copy_with(host=address), {"Host": url.netloc.decode("ascii")}, {"sni_hostname": url.host}
