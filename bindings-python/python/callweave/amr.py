"""Converts AMR packets from RTP to a recording."""

from __future__ import annotations

from callweave import _callweave
from callweave._values import whole

__all__ = ["AmrPackets"]


class AmrPackets:
    """Collects the packets of an AMR stream (RFC 4867) into a recording that every function
    accepts.

    `wideband` is AMR-WB instead of AMR-NB. `octet_aligned` and `crc` are SDP's `octet-align=1` and
    `crc=1`; payloads with checksums are octet-aligned. Interleaving and robust sorting are not
    supported.

    >>> packets = AmrPackets()
    >>> payload = bytes([0xF3, 0xC0]) + bytes(30)  # 12.2 kbit/s, a good frame
    >>> packets.push(160, payload)
    >>> packets.push(480, payload)  # one packet is missing between
    >>> callweave.decode(packets.finish()).samples.shape
    (1, 480)
    """

    def __init__(self, *, wideband: bool = False, octet_aligned: bool = False, crc: bool = False) -> None:
        self._native = _callweave.AmrPackets(wideband, octet_aligned, crc)

    def push(self, timestamp: int, payload: bytes) -> None:
        """Adds a packet by its RTP timestamp.

        Duplicates are dropped. The decoder conceals missing packets, whether lost or not sent
        during silence. An invalid payload, and a timestamp more than ten minutes ahead, raise
        `Malformed`; nothing is added then.
        """
        self._native.push(whole("timestamp", timestamp), payload)

    def finish(self) -> bytes:
        """Returns the recording so far as an `.amr` or `.awb` file."""
        return self._native.finish()
