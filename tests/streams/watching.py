"""What tests of streams do: append, watch as a subscriber does, and end an execution."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg

from db.session import Database, Viewer
from db.streams import Reader
from graphql_api.execute import Executor
from graphql_api.limits import Limits
from graphql_api.messages import Body
from graphql_api.schema import schema
from resolvers import streams
from resolvers.context import Asker, Resources
from resolvers.hints import Hints
from resolvers.passwords import Passwords
from resolvers.streams import Streams
from resolvers.tokens import Tokens
from tests import sample

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from db.secrets import Secrets

OWNER = sample.viewers(1)["owner"]
EDITOR = sample.viewers(1)["editor"]
SOON = 5.0
"""Seconds after which what has not come is taken not to come."""

LOGS = """
subscription ($id: ID!, $after: String, $level: LogLevel, $node: String) {
  executionLogs(executionId: $id, after: $after, minLevel: $level, nodeId: $node) {
    lines { seq message } cursor ended
  }
}
"""

BEGIN = """
INSERT INTO executions (id, workspace_id, workflow_id, status, trigger_type)
VALUES (app.uuid7(), $1, $2, 'running', 'manual') RETURNING id
"""
END = "UPDATE executions SET status = $2 WHERE id = $1"
APPEND = "SELECT last_seq FROM app.append_logs($1, $2)"


@dataclass
class Process:
    """What one process of the server has: subscribers of its own, and a hub."""

    database: Database
    streams: Streams
    executor: Executor

    @asynccontextmanager
    async def watch(
        self, query: str = LOGS, viewer: Viewer = OWNER, **variables: Any
    ) -> AsyncGenerator["Watcher"]:
        given = {name: str(value) for name, value in variables.items()}
        results = self.executor.subscribe(Body(query, given), Asker(viewer))
        try:
            yield Watcher(results)
        finally:
            await results.aclose()

    async def append(
        self, execution: UUID, *messages: str, said: bool = True, **more: object
    ) -> int:
        """Append lines; the number of the last one. Whoever watches is told, or not."""
        lines = [{"id": str(uuid4()), "message": message, **more} for message in messages]
        async with self.database.writing(EDITOR) as transaction:
            last = await transaction.value(APPEND, execution, json.dumps(lines))
        if said:
            self.streams.wake(execution, last)
        return last

    async def end(self, execution: UUID, status: str = "success", *, said: bool = True) -> None:
        async with self.database.writing(EDITOR) as transaction:
            await transaction.fetch(END, execution, status)
        if said:
            self.streams.wake(execution, 0, closed=True)
            self.streams.touch(execution, sample.of("workspace 1"))


class Watcher:
    """A subscriber: what it was sent."""

    def __init__(self, results: AsyncGenerator[bytes]) -> None:
        self._results = results

    async def next(self) -> dict[str, Any]:
        """The data of the next result."""
        async with asyncio.timeout(SOON):
            response = json.loads(await anext(self._results))
        assert "errors" not in response, response
        [data] = response["data"].values()
        return data

    async def lines(self, count: int) -> list[tuple[int, str]]:
        """The next lines, as many, and whatever comes in the same batch."""
        found: list[tuple[int, str]] = []
        while len(found) < count:
            batch = await self.next()
            found += [(line["seq"], line["message"]) for line in batch["lines"]]
        return found

    async def to_the_end(self) -> tuple[list[int], str | None]:
        """The numbers of all lines that come, and how the execution ended."""
        found: list[int] = []
        ended = None
        async with asyncio.timeout(SOON):
            async for result in self._results:
                [batch] = json.loads(result)["data"].values()
                found += [line["seq"] for line in batch["lines"]]
                ended = batch["ended"]
        return found, ended


@asynccontextmanager
async def process(
    database: Database,
    reader: Reader,
    secrets: "Secrets",
    limits: streams.Limits | None = None,
    bus: Hints | None = None,
) -> AsyncGenerator[Process]:
    """A process of the server, without its wires."""
    async with Streams(limits).running(database, reader, bus) as running:
        resources = Resources(database, Passwords(), Tokens(secrets), running)
        yield Process(database, running, Executor(schema, resources, Limits()))


async def begin(superuser: "Connection[Record]") -> UUID:
    """A new execution."""
    return await superuser.fetchval(BEGIN, sample.of("workspace 1"), sample.of("workflow 1 1"))


async def superuser_of(url: str) -> "Connection[Record]":
    return await asyncpg.connect(url)
