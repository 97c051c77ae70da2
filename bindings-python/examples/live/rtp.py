"""Hears a call that comes as RTP over UDP, a stream for each direction, as Asterisk's ARI sends
external media."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from callweave import Error, LiveCall, LiveEvent, LiveTrack, Report
from callweave.live import Encoding

FORMATS: dict[str, tuple[Encoding, int]] = {
    "ulaw": ("mulaw", 8000),
    "alaw": ("alaw", 8000),
    "slin": ("s16be", 8000),
    "slin16": ("s16be", 16000),
}
"""Asterisk's names of formats: how RTP writes their samples, and their rate."""


class Direction(asyncio.DatagramProtocol):
    """One direction of a call."""

    def __init__(self, call: RtpCall, track: int) -> None:
        self.call, self.track = call, track

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.call.heard(self.track, data)


class RtpCall:
    """A call of two directions. It begins with the first packet of either."""

    def __init__(self, form: str, tell: Callable[[LiveEvent], object]) -> None:
        self.encoding: Encoding = FORMATS[form][0]
        rate = FORMATS[form][1]
        self.call = LiveCall([LiveTrack(rate, "customer"), LiveTrack(rate, "agent")], keep="memory", called=0)
        self.tell = tell
        self.begun: dict[int, float] = {}
        self.transports: list[asyncio.DatagramTransport] = []

    async def listen(self, ports: Sequence[int], host: str = "127.0.0.1") -> list[int]:
        """Opens a port for each direction; 0: any."""
        loop = asyncio.get_running_loop()
        for track, port in enumerate(ports):
            transport, _ = await loop.create_datagram_endpoint(partial(Direction, self, track), (host, port))
            self.transports.append(transport)
        return [transport.get_extra_info("sockname")[1] for transport in self.transports]

    def heard(self, track: int, datagram: bytes) -> None:
        """Takes a packet; what is none is left out."""
        if track not in self.begun:
            now = asyncio.get_running_loop().time()
            self.begun[track] = now
            self.call.begin(track, 1000 * (now - min(self.begun.values())))
        try:
            events = self.call.rtp(track, datagram, encoding=self.encoding)
        except Error:
            return
        for event in events:
            self.tell(event)

    async def finish(self) -> Report:
        """Ends the call."""
        for transport in self.transports:
            transport.close()
        done = await asyncio.to_thread(self.call.finish)
        for event in self.call.events():
            self.tell(event)
        return done.report


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ports", type=int, nargs=2, default=[4000, 4002], help="of the called party, and of the other"
    )
    parser.add_argument("--format", choices=FORMATS, default="ulaw")
    said = parser.parse_args()
    call = RtpCall(said.format, lambda event: print(json.dumps(event.to_dict()), flush=True))
    await call.listen(said.ports)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    print((await call.finish()).to_json())


if __name__ == "__main__":
    asyncio.run(main())
