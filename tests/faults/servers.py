"""A PostgreSQL and servers of their own, to be stopped in every way there is."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from urllib.request import urlopen

import asyncpg

from db import cluster
from db.embedded import DATABASE, embedded, url_of
from db.migrate import migrate
from db.secrets import Secrets
from tests import sample
from tests.streams.bus import INSTALLED, Bus

ROOT = Path(__file__).parents[2]
SECRET = "the secret of the servers that are killed"

OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "fsync": "off",  # what a killed server wrote is with the system, and stays
    "synchronous_commit": "on",
    "timezone": "UTC",
}


class Postgres:
    """The server of one cluster."""

    def __init__(self, data: Path, sockets: Path) -> None:
        self.url = url_of(DATABASE, sockets)
        self._sockets = sockets
        self.account = cluster.account_of(data)
        self.programs = cluster.programs(self.account)
        self.files = cluster.provide(data, self.account, self.programs, durable=False)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        identity = self.account or (None, None)
        options = [word for each in OPTIONS.items() for word in ("-c", "=".join(each))]
        place = cluster.path_for(self.account, self.files)
        with (self.files.parent / "log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                [self.programs / "postgres", "-D", place, "-k", self._sockets, *options],
                stdout=output,
                stderr=output,
                env=cluster.ENVIRONMENT,
                cwd=self.files,
                user=identity[0],
                group=identity[1],
                extra_groups=[] if self.account else None,
            )
        while True:
            try:
                connection = await asyncpg.connect(self.url, timeout=5)
            except (OSError, asyncpg.PostgresError):
                await asyncio.to_thread(_still_runs, self._process)
            else:
                await connection.close()
                return

    async def stop(self, how: signal.Signals) -> None:
        """SIGINT breaks off what runs; SIGQUIT is a crash, after which it recovers."""
        if self._process is not None:
            self._process.send_signal(how)
            await asyncio.to_thread(self._process.wait)

    async def execute(self, sql: str, *values: object) -> int:
        """Run a statement as superuser; the number of its rows."""
        connection = await asyncpg.connect(self.url, timeout=5)
        try:
            return len(await connection.fetch(sql, *values))
        finally:
            await connection.close()


@asynccontextmanager
async def postgres(folder: Path) -> AsyncGenerator[Postgres]:
    """A server with the sample in its database."""
    folder.chmod(0o755)  # noqa: ASYNC240 # the server may run as another user
    data = folder / "data"
    async with embedded(data, _silent, durable=False) as url:
        await migrate(url, Secrets(SECRET), _silent)
        connection = await asyncpg.connect(url)
        await sample.fill(connection)
        await connection.close()
    sockets = Path(mkdtemp(prefix="faults-"))
    account = cluster.account_of(data)
    if account:
        os.chown(sockets, account.uid, account.gid)
    running = Postgres(data, sockets)
    await running.start()
    try:
        yield running
    finally:
        await running.stop(signal.SIGINT)
        shutil.rmtree(sockets)


def _silent(_: str) -> None:
    """What migrations report."""


def _still_runs(process: "subprocess.Popen[bytes] | None") -> None:
    """Give a process that starts a moment. Raises RuntimeError if it has ended."""
    try:
        code = process.wait(0.05) if process else 1
    except subprocess.TimeoutExpired:
        return
    raise RuntimeError(f"ended with {code} while it started")


class Server:
    """One process of the application, on a port of its own."""

    def __init__(self, url: str, hints_url: str | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._environment = {
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET,
            "LOG_LEVEL": "error",
            "MAX_SUBSCRIPTIONS_PER_VIEWER": "100000",
            "POOL_SIZE": "4",
            "PATH": "/usr/bin:/bin",
            **({"HINTS_URL": hints_url} if hints_url else {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        words = "--factory --loop uvloop --http httptools --ws websockets-sansio --log-level error"
        self._process = subprocess.Popen(  # noqa: ASYNC220, S603
            [
                sys.executable,
                *("-m", "uvicorn", "graphql_api.serving:application", *words.split()),
                *("--port", str(self.port)),
            ],
            cwd=ROOT,
            env=self._environment,
        )
        await asyncio.to_thread(self._wait)

    def _wait(self) -> None:
        while not self._ready():
            _still_runs(self._process)

    def _ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health/live", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def carried_by_nats() -> Generator[Bus | None]:
    """A bus for hints, where NATS is installed; else PostgreSQL carries them."""
    bus = Bus() if INSTALLED else None
    if bus is None:
        yield None
        return
    bus.start()
    try:
        yield bus
    finally:
        bus.kill()


@asynccontextmanager
async def servers(
    count: int, url: str, hints_url: str | None = None
) -> AsyncGenerator[list[Server]]:
    running = [Server(url, hints_url) for _ in range(count)]
    try:
        await asyncio.gather(*(each.start() for each in running))
        yield running
    finally:
        for each in running:
            each.kill()
