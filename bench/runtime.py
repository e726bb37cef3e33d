"""How many lines a second a log takes, by the size of a batch and as the log grows.

    DATABASE_URL=postgresql://postgres@127.0.0.1:5432/postgres python -m bench.runtime [seconds]

Makes a database of its own on that server and drops it. Every batch goes through the GraphQL
executor as over HTTP, without HTTP itself: parsed, checked, masked, appended and answered.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg

from bench.say import say
from db.migrate import migrate
from db.secrets import Secrets
from db.session import Viewer, connect
from graphql_api.execute import Executor
from graphql_api.limits import Limits
from graphql_api.messages import Body
from graphql_api.schema import schema
from resolvers.context import Asker, Resources
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from asyncpg import Connection, Record

BATCHES = (1, 100, 1_000)
EXECUTIONS = (1, 16)
GROWN = (0, 100_000, 300_000, 1_000_000)

APPEND = """
mutation ($input: AppendExecutionLogsInput!) {
  appendExecutionLogs(input: $input) { errors { code message } appended }
}
"""
NODES = ("fetch", "transform", "send")
DEFINITION = json.dumps(
    {"nodes": [{"id": each, "type": "step", "name": each} for each in NODES], "edges": []}
)

FILL = """
INSERT INTO execution_logs (execution_id, seq, workspace_id, node_id, message)
SELECT $1, n, $2, 'fetch', 'Fetched 23 rows from orders in 134 ms'
  FROM generate_series($3::bigint + 1, $4::bigint) n
"""
FILLED = "UPDATE execution_streams SET last_seq = $2 WHERE execution_id = $1"


class World:
    """A workspace and its workflow, and somebody who appends."""

    def __init__(self, executor: Executor, superuser: "Connection[Record]", ids: Any) -> None:
        self._executor, self.superuser = executor, superuser
        self.person, self.workspace, self.workflow = ids

    async def execution(self) -> UUID:
        return await self.superuser.fetchval(
            "INSERT INTO executions (workspace_id, workflow_id, workflow_version, trigger_type)"
            " VALUES ($1, $2, 1, 'manual') RETURNING id",
            self.workspace,
            self.workflow,
        )

    async def append(self, execution: UUID, size: int) -> None:
        lines = [
            {
                "id": str(uuid4()),
                "nodeId": NODES[n % 3],
                "message": f"Fetched {n} rows from orders in 134 ms (page 2 of 7)",
                "metadata": {"rows": n, "ms": 134},
            }
            for n in range(size)
        ]
        body = Body(APPEND, {"input": {"executionId": str(execution), "lines": lines}})
        answer = await self._executor.answer(body, Asker(Viewer(self.person)))
        payload = json.loads(answer.body)["data"]["appendExecutionLogs"]
        if payload["appended"] != size:
            raise RuntimeError(str(payload))


@asynccontextmanager
async def world(server: str) -> AsyncGenerator[World]:
    name = f"bench_runtime_{os.getpid()}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    secrets = Secrets("the secret of a benchmark, which guards nothing")
    on_server: Connection[Record] = await asyncpg.connect(server)
    await on_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        await migrate(url, secrets, say)
        superuser: Connection[Record] = await asyncpg.connect(url)
        ids = await _people(superuser)
        async with connect(url, secrets, size=16) as database:
            passwords = Passwords()
            resources = Resources(database, passwords, Tokens(secrets))
            yield World(Executor(schema, resources, Limits()), superuser, ids)
            passwords.close()
        await superuser.close()
    finally:
        await on_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await on_server.close()


async def _people(superuser: "Connection[Record]") -> tuple[UUID, UUID, UUID]:
    person: UUID = await superuser.fetchval(
        "INSERT INTO users (email, name) VALUES ('a@example.org', 'A') RETURNING id"
    )
    async with superuser.transaction():
        await superuser.execute("SELECT app.become($1)", person)
        workspace: UUID = await superuser.fetchval("SELECT app.create_workspace('W', 'w')")
        workflow: UUID = await superuser.fetchval(
            "SELECT app.create_workflow($1, 'Flow', NULL, NULL, $2::jsonb, NULL)",
            workspace,
            DEFINITION,
        )
    return person, workspace, workflow


class Rate(NamedTuple):
    lines: float
    """A second."""
    cpu: float
    """Milliseconds of this process's processor for 1,000 lines; PostgreSQL's is not in it."""


async def measure(here: World, executions: list[UUID], size: int, seconds: float) -> Rate:
    """With one appender for each execution."""
    for each in executions:
        await here.append(each, size)
    count, end = 0, time.perf_counter() + seconds

    async def appender(execution: UUID) -> int:
        appended = 0
        while time.perf_counter() < end:
            await here.append(execution, size)
            appended += size
        return appended

    began, used = time.perf_counter(), time.process_time()
    count = sum(await asyncio.gather(*map(appender, executions)))
    passed, used = time.perf_counter() - began, time.process_time() - used
    return Rate(count / passed, used / count * 1e6)


async def grow(here: World, execution: UUID, to: int) -> None:
    last = await here.superuser.fetchval(
        "SELECT last_seq FROM execution_streams WHERE execution_id = $1", execution
    )
    if last < to:
        await here.superuser.execute(FILL, execution, here.workspace, last, to)
        await here.superuser.execute(FILLED, execution, to)
        await here.superuser.execute("ANALYZE execution_logs")


async def main(server: str, seconds: float) -> None:
    async with world(server) as here:
        say("executions  batch   lines/s  processor ms for 1,000 lines")
        for many in EXECUTIONS:
            executions = [await here.execution() for _ in range(many)]
            for size in BATCHES:
                rate = await measure(here, executions, size, seconds)
                say(f"{many:10} {size:6} {rate.lines:9.0f}  {rate.cpu:8.1f}")
        say("lines already there  lines/s in batches of 100")
        grown = await here.execution()
        for there in GROWN:
            await grow(here, grown, there)
            rate = await measure(here, [grown], 100, seconds)
            say(f"{there:19} {rate.lines:10.0f}")


if __name__ == "__main__":
    asyncio.run(main(os.environ["DATABASE_URL"], float(sys.argv[1]) if len(sys.argv) > 1 else 5))
