"""Hears calls that come as media streams over a WebSocket: JSON messages, base64 mu-law, both
directions (Twilio's format)."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from collections.abc import AsyncIterable, Callable

import websocket

from callweave import LiveCall, LiveEvent, LiveTrack, Report

TRACKS = {"inbound": 0, "outbound": 1}


async def hear(stream: AsyncIterable[str], tell: Callable[[LiveEvent], object]) -> Report | None:
    """Hears the call of one connection; its report, or None where no audio came."""
    # Inbound is the party at the other end of the line.
    call = LiveCall(
        [LiveTrack(8000, "customer", name="inbound"), LiveTrack(8000, "agent", name="outbound")],
        called=0,
        keep="memory",
    )
    begun: set[int] = set()
    async for message in stream:
        said = json.loads(message)
        if said["event"] == "stop":
            break
        if said["event"] != "media":
            continue
        media = said["media"]
        track, at_ms = TRACKS[media["track"]], int(media["timestamp"])
        if track not in begun:
            begun.add(track)
            call.begin(track, at_ms)
        payload = base64.b64decode(media["payload"])
        # Chunks are counted from 1 on each track; the timestamp is of the stream, in milliseconds.
        for event in call.packet(track, int(media["chunk"]) & 0xFFFF, 8 * at_ms, payload, encoding="mulaw"):
            tell(event)
    if not begun:
        return None
    done = await asyncio.to_thread(call.finish)
    for event in call.events():
        tell(event)
    return done.report


async def serve(port: int, tell: Callable[[LiveEvent], object], done: Callable[[Report], object]) -> asyncio.Server:
    """A server whose every connection is a call."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await websocket.accept(reader, writer)
            report = await hear(websocket.messages(reader, writer), tell)
            if report is not None:
                done(report)
        finally:
            writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    server = await serve(
        parser.parse_args().port,
        lambda event: print(json.dumps(event.to_dict()), flush=True),
        lambda report: print(report.to_json(), flush=True),
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
