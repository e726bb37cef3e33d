"""The database goes and comes back; nobody starts the server anew."""

import asyncio
import json
import signal
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.typing import Subprotocol

from tests.faults.conftest import Measured
from tests.faults.served import WORKSPACES, Served, bearer, served
from tests.faults.servers import Postgres

LOGS = """
subscription ($id: ID!) { executionLogs(executionId: $id) { lines { message } } }
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_the_first_request_after_it_is_back_is_answered(
    running: Postgres, measured: Measured, how: signal.Signals
) -> None:
    async with served(running.url) as server:
        execution = await server.begin()
        await running.stop(how)
        began = time.monotonic()
        away = await server.ask(WORKSPACES)
        written = await server.append(execution, "while it was away")
        measured(f"database stopped by {how.name}: refused with 503", time.monotonic() - began)
        assert (away.status_code, away.headers["retry-after"]) == (503, "1")
        assert written.status_code == 503
        assert (await server.client.get("/health/live")).status_code == 200
        await server.ready(503)
        measured(f"database stopped by {how.name}: not ready any more", time.monotonic() - began)
        await running.start()
        began = time.monotonic()
        answer = await server.append(execution, "when it was back")
        assert answer.json()["data"]["appendExecutionLogs"]["errors"] == []
        measured(f"database back after {how.name}: first request", time.monotonic() - began)
        await server.ready()
        measured(f"database back after {how.name}: ready", time.monotonic() - began)


async def test_lines_come_at_once_again_when_the_database_is_back(
    running: Postgres, measured: Measured
) -> None:
    """Through another server, so by LISTEN; the look of once a second would be slower."""
    async with served(running.url) as writer, served(running.url) as other:
        execution = await writer.begin()
        protocol = Subprotocol("graphql-transport-ws")
        address = f"ws://127.0.0.1:{other.port}/graphql"
        async with open_socket(address, subprotocols=[protocol]) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": bearer()}))
            asked: dict[str, Any] = {"query": LOGS, "variables": {"id": str(execution)}}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
            await told_at_once(writer, execution, socket)
            await running.stop(signal.SIGINT)
            await running.start()
            began = time.monotonic()
            await told_at_once(writer, execution, socket)
            measured("database back: lines come at once again", time.monotonic() - began)


async def told_at_once(writer: Served, execution: Any, socket: ClientConnection) -> None:
    """Write until three lines in a row came sooner than by looking."""
    quick = number = 0
    async with asyncio.timeout(20):
        while quick < 3:
            number += 1
            message = f"line {time.monotonic()}"
            assert (await writer.append(execution, message)).status_code == 200
            began = time.monotonic()
            while message not in str(await socket.recv()):
                continue
            quick = quick + 1 if time.monotonic() - began < 0.3 else 0
