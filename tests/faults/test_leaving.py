"""A server that is told to stop: it says so, answers meanwhile, finishes what runs, and ends."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.faults.conftest import Measured
from tests.faults.served import WORKSPACES, Served, bearer, served, until
from tests.faults.servers import Postgres


@asynccontextmanager
async def held_up(postgres: Postgres, execution: UUID) -> AsyncGenerator[None]:
    """Whoever appends to the log of the execution waits, until the block ends."""
    holder = await asyncpg.connect(postgres.url)
    try:
        async with holder.transaction():
            await holder.execute(
                "SELECT FROM execution_streams WHERE execution_id = $1 FOR UPDATE", execution
            )
            yield
    finally:
        await holder.close()


async def waits_for_a_lock(postgres: Postgres) -> None:
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    await until(lambda: postgres.execute(waiting))


async def appended(postgres: Postgres, execution: UUID) -> int:
    return await postgres.execute(
        "SELECT FROM execution_logs WHERE execution_id = $1 AND message = 'held up'", execution
    )


async def test_it_is_not_ready_first_and_answers_the_last_request_of_each_connection(
    running: Postgres, measured: Measured
) -> None:
    async with served(running.url, DRAIN_SECONDS="1") as server:
        ready = await server.client.get("/health/ready")
        assert ready.status_code == 200
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        while ready.status_code == 200:
            ready = await server.client.get("/health/ready")
        measured("SIGTERM: not ready any more", time.monotonic() - began)
        assert ready.json() == {"status": "leaving"}
        last = await server.ask(WORKSPACES)
        live = await server.client.get("/health/live")
        assert await server.ended() == 0
        measured("SIGTERM: has ended, DRAIN_SECONDS=1", time.monotonic() - began)
    assert (last.status_code, last.headers["connection"]) == (200, "close")
    assert "errors" not in last.json()
    assert live.status_code == 200
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient().get(f"{server.address}/health/live")


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_request_that_runs_is_finished(running: Postgres, workers: int) -> None:
    async with served(running.url, workers) as server:
        execution = await server.begin()
        async with held_up(running, execution):
            asking = asyncio.create_task(server.append(execution, "held up"))
            await waits_for_a_lock(running)
            server.signal(signal.SIGTERM)
            await refuses(server)
        answer = await asking
        assert await server.ended() == 0
    assert answer.json()["data"]["appendExecutionLogs"]["errors"] == []
    assert await appended(running, execution) == 1


async def refuses(server: Served) -> None:
    """Until it takes no more connections."""
    async with asyncio.timeout(10):
        while True:
            try:
                async with httpx.AsyncClient() as client:
                    await client.get(f"{server.address}/health/live")
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                continue  # it was in the queue when the port was closed


async def test_a_request_that_does_not_end_is_broken_off_and_leaves_nothing(
    running: Postgres, measured: Measured
) -> None:
    async with served(running.url, SHUTDOWN_SECONDS="1") as server:
        execution = await server.begin()
        async with held_up(running, execution):
            asking = asyncio.create_task(server.append(execution, "held up"))
            await waits_for_a_lock(running)
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            assert await server.ended() == 0
            measured(
                "SIGTERM: has ended, a request held up, SHUTDOWN_SECONDS=1",
                time.monotonic() - began,
            )
        [answer] = await asyncio.gather(asking, return_exceptions=True)
    assert isinstance(answer, httpx.TransportError) or answer.status_code >= 500  # type: ignore[union-attr]
    assert await appended(running, execution) == 0


FOLLOW = "subscription ($id: ID!) { executionLogs(executionId: $id) { lines { message } } }"


async def test_streams_are_ended_at_once_and_hold_nothing_up(
    running: Postgres, measured: Measured
) -> None:
    """Over server-sent events and over a WebSocket, of an execution that goes on."""
    async with served(running.url, SHUTDOWN_SECONDS="20", DRAIN_SECONDS="0.2") as server:
        execution = await server.begin()
        await server.append(execution, "one")
        asked = {"query": FOLLOW, "variables": {"id": str(execution)}}
        async with (
            server.client.stream("POST", "/graphql/stream", json=asked) as events,
            open_socket(
                f"{server.address.replace('http', 'ws')}/graphql",
                subprotocols=[Subprotocol("graphql-transport-ws")],
            ) as socket,
        ):
            heard = events.aiter_text()
            while '"one"' not in await anext(heard):
                pass
            await socket.send(json.dumps({"type": "connection_init", "payload": bearer()}))
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
            while b'"one"' not in await socket.recv(decode=False):
                pass
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                await listen(heard)
            measured("SIGTERM: streams have ended", time.monotonic() - began)
            assert await server.ended() == 0
        measured("SIGTERM: has ended, with streams, DRAIN_SECONDS=0.2", time.monotonic() - began)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1012
    assert time.monotonic() - began < 10


async def listen(heard: AsyncIterator[str]) -> None:
    async for _ in heard:
        continue


async def test_workers_are_replaced_one_after_the_other_and_no_request_is_refused(
    running: Postgres, measured: Measured
) -> None:
    async with served(running.url, 2, DRAIN_SECONDS="0.5") as server:
        before, over, answers = set(server.workers()), asyncio.Event(), list[int]()

        async def replaced() -> bool:
            return len(server.workers()) > 1 and before.isdisjoint(server.workers())

        async def keep_asking() -> None:
            async with httpx.AsyncClient(base_url=server.address, headers=bearer()) as client:
                while not over.is_set():
                    answer = await client.post("/graphql", json=WORKSPACES, timeout=30)
                    answers.append(answer.status_code)

        async with asyncio.TaskGroup() as asking:
            for _ in range(2):
                asking.create_task(keep_asking())
            began = time.monotonic()
            server.signal(signal.SIGHUP)
            await until(replaced, 90)
            measured("SIGHUP: two workers replaced under load", time.monotonic() - began)
            over.set()
    assert set(answers) == {200}
