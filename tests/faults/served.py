"""The program as it runs in production: ``serve`` with its workers, and somebody who asks it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from db.secrets import Secrets
from resolvers.tokens import Tokens
from tests import sample
from tests.faults.hosts import Host
from tests.faults.servers import ROOT, SECRET

THIS_HOST = Host("127.0.0.1")

WORKSPACES = {"query": "{ viewer { workspaces { nodes { name } } } }"}
LOOK = 0.02
"""Seconds between two looks at what tells of nothing by itself."""
APPEND = """
mutation ($id: ID!, $lines: [LogLineInput!]!) {
  appendExecutionLogs(input: {executionId: $id, lines: $lines}) { lastSeq errors { code } }
}
"""
START = """
mutation ($workflow: ID!) {
  startExecution(input: {workflowId: $workflow}) {
    execution { databaseId } errors { code message }
  }
}
"""


def bearer(name: str = "user 1 owner") -> dict[str, str]:
    token = Tokens(Secrets(SECRET), minutes=120).issue(sample.of(name))[0]
    return {"authorization": f"Bearer {token}"}


class Served:
    """``graphql-api serve``, and a client with connections that stay open."""

    def __init__(
        self, url: str, workers: int = 1, host: Host = THIS_HOST, /, **settings: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.environment = {
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET,
            "LOG_LEVEL": "error",
            "HOST": host.address,
            "PORT": str(self.port),
            "WORKERS": str(workers),
            "MIGRATE_ON_START": "false",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            **settings,
        }
        self.address = f"http://{host.address}:{self.port}"
        self.client = httpx.AsyncClient(base_url=self.address, headers=bearer(), timeout=30)
        self.process: subprocess.Popen[bytes] | None = None
        self._host = host

    async def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: ASYNC220, S603
            [*self._host.words, sys.executable, "-m", "graphql_api", "serve"],
            cwd=ROOT,
            env=self.environment,
            stderr=subprocess.PIPE,
        )
        await asyncio.to_thread(self._wait)

    def _wait(self) -> None:
        """Until it says that it is ready. Raises RuntimeError if it ends before."""
        assert self.process
        assert self.process.stderr
        said: list[str] = []
        for line in self.process.stderr:
            said.append(line.decode())
            if line.startswith(b"Ready"):
                os.set_blocking(self.process.stderr.fileno(), False)
                return
        raise RuntimeError("".join(said))

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    async def ended(self, seconds: float = 20) -> int:
        assert self.process
        return await asyncio.to_thread(self.process.wait, seconds)

    def workers(self) -> list[int]:
        """The processes that answer, where there are several."""
        assert self.process
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in _command(child)]

    async def ask(self, body: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.client.post("/graphql", json=body, **options)

    async def begin(self) -> UUID:
        """A new execution."""
        variables = {"workflow": str(sample.of("workflow 1 1"))}
        answer = (await self.ask({"query": START, "variables": variables})).json()
        return UUID(answer["data"]["startExecution"]["execution"]["databaseId"])

    async def append(self, execution: UUID, *messages: str) -> httpx.Response:
        lines = [{"level": "INFO", "message": message} for message in messages]
        variables = {"id": str(execution), "lines": lines}
        return await self.ask({"query": APPEND, "variables": variables})

    async def ready(self, status: int = 200) -> None:
        """Until ``/health/ready`` answers so. Raises TimeoutError."""
        await until(lambda: self._is(status))

    async def _is(self, status: int) -> bool:
        return (await self.client.get("/health/ready")).status_code == status

    async def close(self) -> None:
        await self.client.aclose()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                await self.ended(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                await self.ended()
        if self.process and self.process.stderr:
            self.process.stderr.close()


async def until(there: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """Ask again and again until it is so. Raises TimeoutError."""
    never = asyncio.Event()
    async with asyncio.timeout(seconds):
        while not await there():
            with suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), LOOK)


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


@asynccontextmanager
async def served(
    url: str, workers: int = 1, host: Host = THIS_HOST, /, **settings: str
) -> AsyncGenerator[Served]:
    running = Served(url, workers, host, **settings)
    try:
        await running.start()
        yield running
    finally:
        await running.close()
