"""More is asked than the database answers: some are refused in time, health is told, it passes."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import httpx
import pytest

from tests.faults.conftest import Measured
from tests.faults.served import WORKSPACES, Served, bearer, served
from tests.faults.servers import Postgres

BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE usename = 'mcp_api' AND query LIKE '%app.viewer_proof%'
"""
MOST_SECONDS = 5.0
"""Who waits for a connection must have been told by then."""


@pytest.fixture
async def server(running: Postgres) -> AsyncGenerator[Served]:
    async with served(
        running.url, POOL_SIZE="2", REQUEST_TIMEOUT_SECONDS="60", STATEMENT_TIMEOUT_SECONDS="60"
    ) as server:
        yield server


async def lines_of(running: Postgres, message: str) -> int:
    return await running.execute("SELECT FROM execution_logs WHERE message = $1", message)


@asynccontextmanager
async def all_in_use(
    running: Postgres, server: Served
) -> AsyncGenerator[list[asyncio.Task[httpx.Response]]]:
    """Two requests have both connections, whose backends stand still until the block ends."""
    backends: list[int] = []
    connection = await asyncpg.connect(running.url)
    async with asyncio.timeout(10):
        while len(backends) < 2:  # the second is opened when two come at once
            await asyncio.gather(*(server.ask(WORKSPACES) for _ in range(10)))
            backends = [row["pid"] for row in await connection.fetch(BACKENDS)]
    await connection.close()
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        having = [asyncio.create_task(server.ask(WORKSPACES)) for _ in backends]
        answered, _ = await asyncio.wait(having, timeout=0.2)
        assert not answered
        yield having
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)


async def test_who_gets_no_connection_is_told_within_five_seconds_while_health_answers(
    running: Postgres, server: Served, measured: Measured
) -> None:
    execution = await server.begin()
    async with all_in_use(running, server) as having:
        began = time.monotonic()
        waiting = [asyncio.create_task(server.append(execution, "had none")) for _ in range(5)]
        waiting += [asyncio.create_task(server.ask(WORKSPACES)) for _ in range(5)]
        for path in ("/health/live", "/health/ready"):
            asked = time.monotonic()
            assert (await server.client.get(path)).status_code == 200, path
            assert time.monotonic() - asked < 1, path
        refused = await asyncio.gather(*waiting)
        took = time.monotonic() - began
    ended = time.monotonic()
    assert (await server.ask(WORKSPACES)).status_code == 200
    measured("no connection free: refused with 503", took)
    measured("connections free again: first request", time.monotonic() - ended)
    assert {(each.status_code, each.headers.get("retry-after")) for each in refused} == {
        (503, "1")
    }
    assert took < MOST_SECONDS
    assert [(await each).status_code for each in having] == [200, 200]
    assert await lines_of(running, "had none") == 0


SEARCH = "query ($text: String) { workspaces(filter: {search: $text}) { nodes { id } } }"


async def test_of_many_that_come_at_once_each_is_refused_in_time(
    running: Postgres, server: Served, measured: Measured
) -> None:
    token = bearer()["authorization"]

    def request(number: int) -> bytes:
        """Another one each time: identical reads that wait are one."""
        body = json.dumps({"query": SEARCH, "variables": {"text": str(number)}}).encode()
        return (
            f"POST /graphql HTTP/1.1\r\nHost: server\r\nAuthorization: {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    async with AsyncExitStack() as stack:
        sockets = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(1_200)]
        for _, writer in sockets:
            stack.callback(writer.close)
        having = await stack.enter_async_context(all_in_use(running, server))

        async def ask(
            number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> float:
            began = time.monotonic()
            writer.write(request(number))
            assert b" 503 " in await reader.readline()
            return time.monotonic() - began

        took = await asyncio.gather(*(ask(n, *each) for n, each in enumerate(sockets)))
        # The last 200 came when 1,000 waited already, and need not wait for any of those.
        measured("1,200 at once: the first is refused with 503", min(took))
        measured("1,200 at once: the last is refused with 503", max(took))
    assert min(took) < MOST_SECONDS - 2
    assert [(await each).status_code for each in having] == [200, 200]
    assert (await server.ask(WORKSPACES)).status_code == 200


async def test_a_statement_that_takes_too_long_is_given_up_and_leaves_nothing(
    running: Postgres, measured: Measured
) -> None:
    async with served(running.url, STATEMENT_TIMEOUT_SECONDS="0.5") as server:
        execution = await server.begin()
        holder = await asyncpg.connect(running.url)
        async with holder.transaction():
            await holder.execute("LOCK TABLE execution_streams")
            began = time.monotonic()
            answer = await server.append(execution, "too late")
            measured("statement timeout of 0.5 s: told", time.monotonic() - began)
        await holder.close()
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "TIMEOUT"
        assert await lines_of(running, "too late") == 0
        again = (await server.append(execution, "too late")).json()
        assert again["data"]["appendExecutionLogs"]["errors"] == []


async def test_who_waits_too_long_for_a_lock_is_told_to_try_again(
    running: Postgres, measured: Measured
) -> None:
    async with served(running.url) as server:
        holder = await asyncpg.connect(running.url)
        async with holder.transaction():
            await holder.execute("LOCK TABLE workspaces")
            began = time.monotonic()
            answer = await server.ask(WORKSPACES)
            measured("a table is locked, by a migration say: 503", time.monotonic() - began)
        await holder.close()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await server.ask(WORKSPACES)).status_code == 200
