"""A worker is killed: the others answer, and it is replaced, also while the database is away."""

import asyncio
import os
import signal
import time

import httpx

from tests.faults.conftest import Measured
from tests.faults.served import WORKSPACES, Served, bearer, served, until
from tests.faults.servers import Postgres


async def replaced(server: Served, killed: int) -> None:
    async def two_others() -> bool:
        return len(server.workers()) > 1 and killed not in server.workers()

    await until(two_others)


async def test_the_others_answer_and_it_is_replaced(running: Postgres, measured: Measured) -> None:
    async with served(running.url, 2) as server:
        victim, other = server.workers()
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            async with httpx.AsyncClient(base_url=server.address, headers=bearer()) as client:
                answer = await client.post("/graphql", json=WORKSPACES, timeout=30)
            assert answer.status_code == 200
        measured("worker killed: 20 requests on new connections answered", time.monotonic() - began)
        await replaced(server, victim)
        measured("worker killed: another is started", time.monotonic() - began)
        # The new one answers when the other does not.
        os.kill(other, signal.SIGSTOP)
        try:
            await answered_by_the_new_one(server)
        finally:
            os.kill(other, signal.SIGCONT)
        measured("worker killed: the other answers", time.monotonic() - began)


async def answered_by_the_new_one(server: Served) -> None:
    """A connection that the stopped one has taken waits; others are the new one's."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with httpx.AsyncClient(base_url=server.address, timeout=1) as client:
                    await client.get("/health/live")
            except httpx.TransportError:
                continue
            return


async def test_it_is_replaced_while_the_database_is_away(
    running: Postgres, measured: Measured
) -> None:
    async with served(running.url, 2) as server:
        await running.stop(signal.SIGINT)
        for victim in server.workers():
            os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(60):
            while True:
                try:
                    live = await server.client.get("/health/live")
                    ready = await server.client.get("/health/ready")
                except httpx.TransportError:
                    continue
                break
        assert (live.status_code, ready.status_code) == (200, 503)
        assert server.process
        assert server.process.poll() is None
        await running.start()
        began = time.monotonic()
        await server.ready()
        assert (await server.ask(WORKSPACES)).status_code == 200
        measured("all workers killed while the database was away: ready", time.monotonic() - began)
