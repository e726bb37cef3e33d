"""Live logs, measured: ``python bench/streams.py [--database URL] [--full]``.

Appending: lines a second, by size of batch and number of executions. Latency: from the commit to
the subscriber, in the same process and across processes. Fan-out: what a delivery costs the server,
ours and Strawberry's own way of answering each subscriber by itself, over the same streams, on the
same machine, in the same run. Memory: what subscribers that read nothing cost.

``--database`` is a superuser's URL of a server on which a database is made and dropped; without it
the embedded PostgreSQL is started. A superuser's database of tests has no durability: appending is
bound by the processor then, not by the disk.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.routing import WebSocketRoute  # noqa: E402
from strawberry.asgi import GraphQL  # noqa: E402
from websockets.asyncio.client import ClientConnection  # noqa: E402
from websockets.asyncio.client import connect as open_socket  # noqa: E402
from websockets.typing import Subprotocol  # noqa: E402

from db.embedded import embedded  # noqa: E402
from db.migrate import migrate  # noqa: E402
from db.secrets import Secrets  # noqa: E402
from db.session import Database, connect  # noqa: E402
from db.streams import reading_streams  # noqa: E402
from graphql_api.app import create_app, resources  # noqa: E402
from graphql_api.schema import schema  # noqa: E402
from graphql_api.settings import read_settings  # noqa: E402
from resolvers.context import Asker, Context  # noqa: E402
from resolvers.streams import Limits, Streams  # noqa: E402
from resolvers.tokens import Tokens  # noqa: E402
from tests import sample  # noqa: E402

SECRET = "the secret of the servers that are measured"  # noqa: S105
OWNER, EDITOR = sample.viewers(1)["owner"], sample.viewers(1)["editor"]
BEGIN = """
INSERT INTO executions (id, workspace_id, workflow_id, status, trigger_type)
VALUES (app.uuid7(), $1, $2, 'running', 'bench') RETURNING id
"""
APPEND = "SELECT last_seq FROM app.append_logs($1, $2)"
LOGS = """
subscription ($id: ID!) {
  executionLogs(executionId: $id) {
    lines { id seq nodeId level message metadata timestamp } cursor ended
  }
}
"""
TICKS = os.sysconf("SC_CLK_TCK")
A_MESSAGE = 10


def ours() -> Starlette:
    """The application as it is."""
    return create_app(read_settings())


def strawberrys() -> Starlette:
    """Strawberry's own wires over the same schema and the same streams."""
    settings = read_settings()

    class Plain(GraphQL[Context, None]):
        async def get_context(self, request: Any, response: Any) -> Context:
            return Context(request.app.state.resources, Asker(OWNER))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with resources(settings) as app.state.resources:
            yield

    return Starlette(routes=[WebSocketRoute("/graphql", Plain(schema))], lifespan=lifespan)


class Server:
    """A process that serves one of the two."""

    def __init__(self, url: str, factory: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        words = f"streams:{factory} --factory --app-dir bench --loop uvloop --log-level error"
        words += " --ws websockets-sansio --ws-per-message-deflate false --port"
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "uvicorn", *words.split(), str(self.port)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            env=os.environ
            | {
                "DATABASE_URL": url,
                "SECRET_KEY": SECRET,
                "LOG_LEVEL": "error",
                "MAX_SUBSCRIPTIONS_PER_VIEWER": "100000",
                "PYTHONPATH": str(ROOT),
            },
        )

    async def ready(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return

    def seconds(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self) -> float:
        """Memory that it holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


@asynccontextmanager
async def serving(url: str, factory: str) -> AsyncGenerator[Server]:
    server = Server(url, factory)
    try:
        await server.ready()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@asynccontextmanager
async def a_database(given: str | None) -> AsyncGenerator[str]:
    async with AsyncExitStack() as stack:
        if given is None:
            folder = stack.enter_context(TemporaryDirectory())
            Path(folder).chmod(0o755)  # noqa: ASYNC240
            url = await stack.enter_async_context(embedded(Path(folder), print, durable=False))
            await fill(url)
            yield url
            return
        name = f"bench_streams_{os.getpid()}"
        connection = await asyncpg.connect(given)
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            url = urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
            await fill(url)
            yield url
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await connection.close()


async def fill(url: str) -> None:
    await migrate(url, Secrets(SECRET), lambda _: None)
    connection = await asyncpg.connect(url)
    await sample.fill(connection)
    await connection.close()


class Bench:
    def __init__(self, url: str, database: Database, streams: Streams) -> None:
        self.url, self.database, self.streams = url, database, streams
        self.token = Tokens(Secrets(SECRET), 600).issue(sample.of("user 1 owner"))[0]

    async def begin(self) -> UUID:
        async with self.database.writing(EDITOR) as transaction:
            return await transaction.value(
                BEGIN, sample.of("workspace 1"), sample.of("workflow 1 1")
            )

    async def append(self, execution: UUID, count: int, message: str = "x" * 100) -> int:
        lines = [{"id": str(uuid4()), "message": message, "node_id": "n1"} for _ in range(count)]
        async with self.database.writing(EDITOR) as transaction:
            last = await transaction.value(APPEND, execution, json.dumps(lines))
        self.streams.wake(execution, last)
        return last

    async def appending(self, batch: int, executions: int, seconds: float = 3.0) -> None:
        ids = [await self.begin() for _ in range(executions)]
        until, written = time.monotonic() + seconds, 0

        async def write(id: UUID) -> None:
            nonlocal written
            while time.monotonic() < until:
                await self.append(id, batch)
                written += batch

        began = time.monotonic()
        await asyncio.gather(*(write(id) for id in ids))
        rate = written / (time.monotonic() - began)
        say(f"append  batches of {batch:>5}, {executions:>2} executions: {rate:>9,.0f} lines/s")

    async def growing(self, lines: int) -> None:
        """Whether appending slows down as the log grows."""
        execution = await self.begin()
        for _ in range(10):
            began = time.monotonic()
            last = 0
            for _ in range(lines // 10_000):
                last = await self.append(execution, 1_000)
            rate = lines / 10 / (time.monotonic() - began)
            say(f"append  to a log of {last:>9,} lines: {rate:>9,.0f} lines/s")

    async def latency_here(self, rounds: int = 300) -> None:
        execution, taken = await self.begin(), list[float]()
        follow = self.streams.follow_log(OWNER, execution, 0)
        for _ in range(rounds):
            coming = asyncio.ensure_future(anext(follow))
            await asyncio.sleep(0.005)
            await self.append(execution, 1)
            committed = time.perf_counter()
            await coming
            taken.append(time.perf_counter() - committed)
        await follow.aclose()
        tell("latency same process", taken)

    async def latency_across(self, rounds: int = 300) -> None:
        execution, taken = await self.begin(), list[float]()
        async with serving(self.url, "ours") as server:
            [watcher] = await self.watch(server, execution, 1)
            await self.append(execution, 1)
            await watcher.recv()
            for _ in range(rounds):
                await asyncio.sleep(0.01)
                await self.append(execution, 1)
                committed = time.perf_counter()
                await watcher.recv()
                taken.append(time.perf_counter() - committed)
            await watcher.close()
        tell("latency across, to the socket", taken)

    async def watch(self, server: Server, execution: UUID, count: int) -> list[ClientConnection]:
        found: list[ClientConnection] = []
        for _ in range(count):
            watcher = await open_socket(
                f"ws://127.0.0.1:{server.port}/graphql",
                subprotocols=[Subprotocol("graphql-transport-ws")],
                compression=None,
                ping_interval=None,
                close_timeout=0.01,
            )
            hello = {"authorization": f"Bearer {self.token}"}
            await watcher.send(json.dumps({"type": "connection_init", "payload": hello}))
            await watcher.recv()
            asked = {"query": LOGS, "variables": {"id": str(execution)}}
            await watcher.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
            found.append(watcher)
        return found

    async def fan_out(self, factory: str, count: int, rounds: int) -> float:
        """Processor time of the server for a delivery, in microseconds."""
        execution = await self.begin()
        async with serving(self.url, factory) as server:
            watchers = await self.watch(server, execution, count)

            async def one_round() -> None:
                await self.append(execution, A_MESSAGE)
                await asyncio.gather(*(watcher.recv() for watcher in watchers))

            await one_round()
            used, began = server.seconds(), time.monotonic()
            for _ in range(rounds):
                await one_round()
            used, passed = server.seconds() - used, time.monotonic() - began
            for watcher in watchers:
                watcher.transport.abort()
        each, rate = used / rounds / count * 1e6, rounds * count / passed
        say(
            f"fan-out {factory:>12}, {count:>5} subscribers: {each:>7.1f} µs of processor a"
            f" delivery of {A_MESSAGE} lines, {rate:>7,.0f} deliveries/s"
        )
        return each

    async def stalled(self, count: int, megabytes: int = 20) -> None:
        """Subscribers that read nothing, while much is written."""
        execution = await self.begin()
        async with serving(self.url, "ours") as server:
            watchers = await self.watch(server, execution, 1)
            await self.append(execution, 1)
            await watchers[0].recv()
            before = server.megabytes()
            stalled = [await self.stall(server, execution) for _ in range(count)]
            open_ones = server.megabytes()
            for _ in range(megabytes):
                await self.append(execution, 1_000, "x" * 1_000)
            await asyncio.sleep(5)
            full = server.megabytes()
            for each in stalled:
                each.close()
            watchers[0].transport.abort()
        say(
            f"memory  {count} stalled subscribers: {before:.0f} MB before, {open_ones:.0f} MB when"
            f" connected, {full:.0f} MB after {megabytes} MB of lines"
        )

    async def stall(self, server: Server, execution: UUID) -> socket.socket:
        """A socket that subscribes and then reads no more, its buffer as small as may be."""
        loop, raw = asyncio.get_running_loop(), socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await loop.sock_connect(raw, ("127.0.0.1", server.port))
        head = "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        head += "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        await loop.sock_sendall(raw, head.encode())
        await loop.sock_recv(raw, 1000)
        hello = {"authorization": f"Bearer {self.token}"}
        asked = {"query": LOGS, "variables": {"id": str(execution)}}
        for message in (
            {"type": "connection_init", "payload": hello},
            {"id": "1", "type": "subscribe", "payload": asked},
        ):
            await loop.sock_sendall(raw, frame(json.dumps(message).encode()))
        return raw


def frame(text: bytes) -> bytes:
    """A masked text frame, with a mask of zeros."""
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


def tell(what: str, taken: list[float]) -> None:
    ordered = sorted(taken)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    say(f"{what}: p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(given: str | None, *, full: bool) -> None:
    say(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    secrets = Secrets(SECRET)
    async with (
        a_database(given) as url,
        connect(url, secrets, size=16) as database,
        reading_streams(url, secrets) as reader,
        Streams(Limits(per_viewer=100_000)).running(database, reader) as streams,
    ):
        bench = Bench(url, database, streams)
        for batch in (1, 100, 1_000):
            for executions in (1, 16):
                await bench.appending(batch, executions)
        if full:
            await bench.growing(1_000_000)
        await bench.latency_here()
        await bench.latency_across()
        for count, rounds in ((1, 500), (200, 50), (1_000, 15)):
            mine = await bench.fan_out("ours", count, rounds)
            theirs = await bench.fan_out("strawberrys", count, rounds)
            say(f"        {theirs / mine:.1f} times less")
        await bench.stalled(1_000)
    say(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--full", action="store_true")
    asked = parser.parse_args()
    asyncio.run(main(asked.database, full=asked.full))
