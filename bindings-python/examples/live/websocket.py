"""The least of a WebSocket server (RFC 6455): text messages in, without TLS. In production, use a
library."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

ACCEPTED = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 1 << 20
"""Bytes of the longest message that is taken."""


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a client's handshake."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    key = next((value for name, value in fields.items() if name.lower() == "sec-websocket-key"), "")
    answer = base64.b64encode(hashlib.sha1((key + ACCEPTED).encode()).digest()).decode()
    upgrade = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {answer}\r\n\r\n"
    writer.write(upgrade.encode())
    await writer.drain()


async def messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[str]:
    """The client's messages, until it closes."""
    whole = b""
    while True:
        try:
            first, second = await reader.readexactly(2)
            length = second & 127
            if length >= 126:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            if length + len(whole) > LONGEST:
                return
            mask = await reader.readexactly(4) if second & 128 else bytes(4)
            data = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        kind = first & 15
        if kind == CLOSE:
            return
        if kind == PING:
            writer.write(bytes([128 | PONG, len(data)]) + data)
        elif kind in (0, TEXT):
            whole += data
            if first & 128:
                yield whole.decode()
                whole = b""
