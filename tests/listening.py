"""Servers on this machine that answer what a test wants, and keep what they were asked."""

import asyncio
import ipaddress
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Listening:
    """A server on this machine, and what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: ([0-9]+)", head.lower())
            self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
            self.requests.append(head)
            await self._answer(reader, writer)  # until the caller has enough, and leaves


@asynccontextmanager
async def listening(
    answer: Answer,
    host: str = "127.0.0.1",
    port: int = 0,
    trust: ssl.SSLContext | None = None,
) -> AsyncGenerator[Listening]:
    made = Listening(answer)
    server = await asyncio.start_server(made.serve, host, port, ssl=trust)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def saying(head: str, body: bytes = b"") -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n".encode())
        writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer
