"""AMR out of RTP: the packets of a stream become a recording."""

from __future__ import annotations

from callweave import _callweave

__all__ = ["AmrPackets"]


class AmrPackets:
    """Gathers the packets of a stream of AMR (RFC 4867) into a recording, which every function takes.

    `wideband` is AMR-WB instead of AMR-NB. `octet_aligned` and `crc` are SDP's `octet-align=1` and `crc=1`; payloads with
    checksums are octet-aligned. Interleaving and robust sorting are not read.

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

        What came already is left out. Where packets are missing, lost or never sent in silence, the decoder makes up for them.
        A payload that is none, and a timestamp more than ten minutes ahead, are errors (`Malformed`); nothing is added then.
        """
        self._native.push(timestamp, payload)

    def finish(self) -> bytes:
        """The recording so far, a file `.amr` or `.awb`."""
        return self._native.finish()
