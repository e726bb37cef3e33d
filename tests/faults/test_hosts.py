"""Two hosts share the load, and NATS between them dies: lines come later, and none is missed."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.typing import Subprotocol

from tests.faults.conftest import Measured
from tests.faults.hosts import Host, hosts
from tests.faults.served import Served, bearer, served, until
from tests.faults.servers import Postgres
from tests.faults.test_database_away import LOGS, told_at_once

PROGRAM = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin")
BEHIND = 1.5
"""Seconds after which a line is there also without a hint."""

pytestmark = pytest.mark.skipif(
    PROGRAM is None or find_spec("nats") is None, reason="nats-server or nats-py is not installed"
)


class Bus:
    """A NATS server that both hosts reach."""

    def __init__(self, host: Host) -> None:
        with socket.create_server((host.address, 0)) as listener:
            self._port: int = listener.getsockname()[1]
        self._address = host.address
        self.url = f"nats://{host.address}:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        words = [str(PROGRAM), "-a", self._address, "-p", str(self._port)]
        self._process = subprocess.Popen(words, stderr=subprocess.DEVNULL)  # noqa: ASYNC220, S603
        await until(self._answers, 20)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self._address, self._port)
        except OSError:
            return False
        writer.close()
        return True

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def network() -> Generator[tuple[Host, list[Host]]]:
    with hosts(2) as found:
        yield found


@pytest.fixture
async def bus(network: tuple[Host, list[Host]]) -> AsyncGenerator[Bus]:
    bus = Bus(network[0])
    await bus.start()
    yield bus
    bus.kill()


@pytest.fixture
async def pair(
    running: Postgres, network: tuple[Host, list[Host]], bus: Bus
) -> AsyncGenerator[tuple[Served, Served]]:
    """A server on each host."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(served(running.url, 1, host, HINTS_URL=bus.url))
            for host in network[1]
        ]
        yield one, other


async def slowest(writer: Served, execution: UUID, stream: ClientConnection) -> float:
    """Of ten lines through one host, how late the last to come was at the other."""
    found = 0.0
    for number in range(10):
        began = time.monotonic()
        assert (await writer.append(execution, f"line {number} at {began}")).status_code == 200
        while f"line {number} at {began}" not in str(await stream.recv()):
            continue
        found = max(found, time.monotonic() - began)
    return found


async def test_lines_come_whatever_nats_does_and_at_once_when_it_is_back(
    pair: tuple[Served, Served],
    bus: Bus,
    network: tuple[Host, list[Host]],
    measured: Measured,
) -> None:
    writer, other = pair
    where = "two network namespaces" if network[1][0].words else "two processes"
    execution = await writer.begin()
    address = other.address.replace("http", "ws") + "/graphql"
    async with open_socket(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as stream:
        await stream.send(json.dumps({"type": "connection_init", "payload": bearer()}))
        asked: dict[str, Any] = {"query": LOGS, "variables": {"id": str(execution)}}
        await stream.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
        await told_at_once(writer, execution, stream)
        measured(f"{where}, NATS: slowest of 10", await slowest(writer, execution, stream))
        bus.kill()
        late = await slowest(writer, execution, stream)
        measured(f"{where}, NATS killed: slowest of 10", late)
        assert late < BEHIND
        await bus.start()
        began = time.monotonic()
        await told_at_once(writer, execution, stream)
        measured(f"{where}, NATS back: lines come at once", time.monotonic() - began)
