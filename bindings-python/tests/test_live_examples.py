"""The examples of media streams and RTP, each with a peer that plays a call: in real time, and
twenty times as fast."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
import sys
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

import callweave
from callweave import Report

sys.path[:0] = [str(ROOT / "bindings-python/examples/live")]

import media_streams  # noqa: E402
import rtp  # noqa: E402

FRAME_MS = 20


def lines(seconds: float) -> list[Any]:
    """The two parties of a call."""
    call = callweave.decode("fixtures/stereo/call.wav", dtype="int16")
    return [channel[: int(seconds * call.sample_rate_hz)] for channel in call.samples]


def mulaw(line: Any) -> bytes:
    """G.711 of 16-bit samples."""
    magnitude = np.minimum(np.abs(line.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    return bytes((~(np.where(line < 0, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))


def frame_of(text: str) -> bytes:
    """A masked frame of text (RFC 6455)."""
    data, mask = text.encode(), b"\x01\x02\x03\x04"
    length = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
    return b"\x81" + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


async def media_peer(port: int, tracks: list[bytes], speed: float) -> None:
    """Plays a call as a media stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    writer.write(frame_of(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})))
    writer.write(frame_of(json.dumps({"event": "start", "start": {"tracks": ["inbound", "outbound"]}})))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for n in range(len(tracks[0]) // 160):
        await asyncio.sleep(begun + n * FRAME_MS / 1000 / speed - loop.time())
        for name, line in zip(("inbound", "outbound"), tracks, strict=True):
            payload = base64.b64encode(line[160 * n : 160 * (n + 1)]).decode()
            media = {"track": name, "chunk": str(n + 1), "timestamp": str(n * FRAME_MS), "payload": payload}
            writer.write(frame_of(json.dumps({"event": "media", "media": media})))
        await writer.drain()
    writer.write(frame_of(json.dumps({"event": "stop"})))
    await writer.drain()
    await reader.read()
    writer.close()


def expected(tracks: list[Any], rate: int) -> Report:
    """What `process` says of the same samples."""
    names = ("customer", "agent")
    inputs = [
        callweave.Input(callweave.Audio(line, rate), role=role, offset_ms=0)  # type: ignore[arg-type]
        for line, role in zip(tracks, names, strict=True)
    ]
    return callweave.analyze(inputs)


def check(report: Report, events: list[Any], tracks: list[Any], rate: int) -> None:
    same = expected(tracks, rate)
    assert [track.speech for track in report.tracks] == [track.speech for track in same.tracks]
    assert report.metrics == same.metrics and report.turns == same.turns
    assert all(track.source is not None and not track.source.warnings for track in report.tracks)
    assert {"speech", "turn"} <= {event.kind for event in events}
    # Who was called says nothing in the first seconds.
    assert any(event.kind == "answer" for event in events) or not report.tracks[0].speech


def expanded(codes: bytes) -> Any:
    """16-bit samples of G.711."""
    bits = ~np.frombuffer(codes, np.uint8)
    magnitude = ((((bits & 15).astype(np.int32) << 3) + 132) << ((bits >> 4) & 7)) - 132
    return np.where(bits & 0x80, -magnitude, magnitude).astype(np.int16)


@pytest.mark.parametrize(("speed", "seconds"), [(1, 4), (20, 20)])
def test_a_media_stream_is_heard_as_it_comes(speed: float, seconds: float) -> None:
    tracks = [mulaw(line) for line in lines(seconds)]
    events: list[Any] = []
    reports: list[Report] = []

    async def play() -> None:
        server = await media_streams.serve(0, events.append, reports.append)
        async with server:
            await media_peer(server.sockets[0].getsockname()[1], tracks, speed)

    asyncio.run(play())
    check(reports[0], events, [expanded(line) for line in tracks], 8000)


@pytest.mark.parametrize(("form", "speed", "seconds"), [("ulaw", 1, 4), ("ulaw", 20, 20), ("slin16", 20, 12)])
def test_rtp_of_both_directions_is_heard_as_it_comes(form: str, speed: float, seconds: float) -> None:
    events: list[Any] = []
    sound = lines(seconds)
    if form == "slin16":
        # Every sample twice: 16 kHz enough for a test.
        sound = [np.repeat(line, 2) for line in sound]
        payloads, width, kind = [line.astype(">i2").tobytes() for line in sound], 640, 118
    else:
        payloads, width, kind = [mulaw(line) for line in sound], 160, 0

    async def play() -> Report:
        call = rtp.RtpCall(form, events.append)
        ports = await call.listen([0, 0])
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            begun = loop.time()
            # Both directions begin with the call: the order of two datagrams says nothing.
            call.begun = {0: begun, 1: begun}
            for n in range(len(payloads[0]) // width):
                await asyncio.sleep(begun + n * FRAME_MS / 1000 / speed - loop.time())
                for port, line in zip(ports, payloads, strict=True):
                    samples = 160 if form == "ulaw" else 320
                    head = struct.pack(
                        "!BBHII", 0x80, kind, (n + 65_000) & 0xFFFF, (n * samples + 4_294_960_000) & 0xFFFFFFFF, 7
                    )
                    peer.sendto(head + line[n * width : (n + 1) * width], ("127.0.0.1", port))
            await asyncio.sleep(0.2)
        return await call.finish()

    report = asyncio.run(play())
    heard = [expanded(line) for line in payloads] if form == "ulaw" else sound
    check(report, events, heard, 8000 if form == "ulaw" else 16000)
