"""Behind PgBouncer in transaction mode: who shares connections shares nothing else."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect as open_socket
from websockets.typing import Subprotocol

from db.pgbouncer import Pooling
from db.secrets import Secrets
from graphql_api.pooling import configure
from graphql_api.settings import read_settings
from tests.faults.conftest import Measured
from tests.faults.served import Served, bearer, served, until
from tests.faults.servers import SECRET, Postgres
from tests.faults.test_database_away import LOGS, told_at_once

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/bin:/usr/bin")
SECONDS = 6.0
"""How long everybody asks at once."""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

PLANNED = """
{ viewer { workspaces { nodes { name workflows(first: 3) { nodes { name } totalCount } } } } }
"""
LOADED = """
{ __typename viewer { workspaces { nodes { name workflows(first: 3) { nodes { name } } } } } }
"""
TENANTS = ("user 1 owner", "user 1 viewer", "user 2 owner", "user 2 editor")


class Pooled(NamedTuple):
    """What a server is told to go through it."""

    settings: dict[str, str]
    url: str


@pytest.fixture
async def pooled(running: Postgres) -> AsyncGenerator[Pooled]:
    """A PgBouncer with the configuration that our command writes, and three connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    settings = read_settings(database_url=running.url, secret_key=SECRET)
    folder, said = Path(mkdtemp(prefix="pgbouncer-")), list[str]()
    await configure(settings, folder, Pooling(port=port, size=3), said.append)
    if running.account:
        for name in (".", "pgbouncer.ini", "userlist.txt"):
            os.chown(folder / name, running.account.uid, running.account.gid)
    identity = running.account or (None, None)
    process = subprocess.Popen(  # noqa: ASYNC220, S603
        [str(PROGRAM), str(folder / "pgbouncer.ini")],
        stderr=subprocess.DEVNULL,
        user=identity[0],
        group=identity[1],
        extra_groups=[] if running.account else None,
    )
    url = f"postgresql://127.0.0.1:{port}/platform"
    login = url.replace("//", f"//mcp_api:{Secrets(SECRET).password('mcp_api')}@")
    try:
        await until(lambda: _answers(login, process), 20)
        yield Pooled({"DIRECT_DATABASE_URL": running.url, "STATEMENT_CACHE_SIZE": "0"}, url)
    finally:
        process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(process.wait)
        shutil.rmtree(folder)


async def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None
    try:
        connection = await asyncpg.connect(url, statement_cache_size=0)
    except (OSError, asyncpg.PostgresError):
        return False
    set_there = [
        await connection.fetchval("SELECT current_setting($1)", name)
        for name in ("jit", "plan_cache_mode", "statement_timeout", "search_path")
    ]
    await connection.close()
    assert set_there == ["off", "force_generic_plan", "8s", "public"]
    return True


async def seen(client: httpx.AsyncClient, who: str, query: str) -> Any:
    answer = await client.post("/graphql", json={"query": query}, headers=bearer(who))
    assert answer.status_code == 200, answer.text
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


async def test_two_tenants_under_load_see_their_own_and_nothing_else(
    running: Postgres, pooled: Pooled, measured: Measured
) -> None:
    async with served(running.url) as alone:
        right = {
            (who, query): await seen(alone.client, who, query)
            for who in TENANTS
            for query in (PLANNED, LOADED)
        }
    async with served(pooled.url, 2, **pooled.settings) as server:
        over, answers = asyncio.Event(), Counter[str]()

        async def ask(who: str, query: str) -> None:
            async with httpx.AsyncClient(base_url=server.address, timeout=30) as client:
                while not over.is_set():
                    assert await seen(client, who, query) == right[who, query]
                    answers[who] += 1

        async def break_off(who: str) -> None:
            """Leave before the answer comes, again and again."""
            async with httpx.AsyncClient(base_url=server.address) as client:
                while not over.is_set():
                    with suppress(httpx.TimeoutException):
                        body = {"query": LOADED}
                        await client.post("/graphql", json=body, headers=bearer(who), timeout=0.01)
                    answers["broken off"] += 1

        async def write() -> None:
            execution = await server.begin()
            while not over.is_set():
                answer = (await server.append(execution, "line")).json()
                assert answer["data"]["appendExecutionLogs"]["errors"] == []
                answers["written"] += 1

        began = time.monotonic()
        async with asyncio.TaskGroup() as asking:
            for who, query in right:
                asking.create_task(ask(who, query))
            asking.create_task(break_off("user 1 owner"))
            asking.create_task(break_off("user 2 owner"))
            asking.create_task(write())
            await until(lambda: _after(began + SECONDS))
            over.set()
        shared = await running.execute(
            "SELECT FROM pg_stat_activity WHERE usename = 'mcp_api' AND client_addr IS NULL"
        )
    asked = f"{answers.total()} requests of two tenants over {shared} connections"
    measured(f"PgBouncer: {asked}, no leak", SECONDS)
    assert all(answers[who] > 10 for who in (*TENANTS, "broken off", "written")), answers


async def _after(moment: float) -> bool:
    return time.monotonic() >= moment


async def test_lines_come_at_once_past_it(running: Postgres, pooled: Pooled) -> None:
    async with (
        served(pooled.url, **pooled.settings) as writer,
        served(pooled.url, **pooled.settings) as other,
    ):
        await told(writer, other)


async def told(writer: Served, other: Served) -> None:
    execution = await writer.begin()
    protocol = Subprotocol("graphql-transport-ws")
    address = f"ws://127.0.0.1:{other.port}/graphql"
    async with open_socket(address, subprotocols=[protocol]) as stream:
        await stream.send(json.dumps({"type": "connection_init", "payload": bearer()}))
        asked: dict[str, Any] = {"query": LOGS, "variables": {"id": str(execution)}}
        await stream.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
        await told_at_once(writer, execution, stream)
