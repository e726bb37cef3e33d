"""Writers, subscribers and faults, and a verdict over every line that was sent."""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from db.errors import NotNow, Unavailable
from db.secrets import Secrets
from db.session import Database, connect
from db.streams import reading_streams
from resolvers.nats_hints import NatsHints
from resolvers.streams import Streams
from resolvers.tokens import Tokens
from tests import sample
from tests.faults.servers import (
    SECRET,
    Postgres,
    Server,
    carried_by_nats,
    postgres,
    servers,
)
from tests.streams.bus import Bus

BEGIN = """
INSERT INTO executions (id, workspace_id, workflow_id, status, trigger_type)
VALUES (app.uuid7(), $1, $2, 'running', 'storm') RETURNING id
"""
APPEND = "SELECT last_seq FROM app.append_logs($1, $2)"
END = "UPDATE executions SET status = 'success' WHERE id = $1 AND status = 'running'"
LOGS = """
subscription ($id: ID!, $after: String) {
  executionLogs(executionId: $id, after: $after) { lines { seq message } cursor ended }
}
"""
EDITOR = sample.viewers(1)["editor"]
LONGEST_BATCH = 12
CUT_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
CUT_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class Plan(NamedTuple):
    """How much of everything. ``pause`` is the time between faults, in seconds."""

    executions: int = 4
    lines: int = 200
    writers: int = 2
    subscribers: int = 50
    servers: int = 3
    seconds: float = 10.0
    pause: float = 0.6
    seed: int = 1


@dataclass
class Verdict:
    """What was sent, and what was wrong with it."""

    deliveries: int = 0
    reconnects: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def __str__(self) -> str:
        done = ", ".join(f"{count} x {name}" for name, count in sorted(self.faults.items()))
        wrong = "; ".join(self.wrong[:5]) or "none lost, doubled or out of order"
        return (
            f"{self.deliveries:,} lines delivered in {self.seconds:.0f} s over"
            f" {self.reconnects:,} connections; {done}. {wrong}"
        )


class Storm:
    def __init__(
        self,
        plan: Plan,
        database: Database,
        streams: Streams,
        nodes: list[Server],
        bus: Bus | None,
    ) -> None:
        self.bus = bus
        self.plan, self.database, self.streams, self.nodes = plan, database, streams, nodes
        self.verdict, self.random = Verdict(), Random(plan.seed)  # noqa: S311
        self.token = Tokens(Secrets(SECRET), minutes=120).issue(sample.of("user 1 owner"))[0]
        self.over = asyncio.Event()

    async def rest(self, seconds: float) -> None:
        """Let time pass, up to the end of the storm."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    async def begin(self) -> list[UUID]:
        async with self.database.writing(EDITOR) as transaction:
            team, workflow = sample.of("workspace 1"), sample.of("workflow 1 1")
            return [
                await transaction.value(BEGIN, team, workflow) for _ in range(self.plan.executions)
            ]

    # Writers

    async def write_all(self, execution: UUID) -> None:
        """Every writer's lines, and then the end."""
        writers = range(self.plan.writers)
        await asyncio.gather(*(self.write(execution, writer) for writer in writers))
        await self.until_done(lambda: self.end(execution))

    async def write(self, execution: UUID, writer: int) -> None:
        random = Random(f"{self.plan.seed} {execution} {writer}")  # noqa: S311
        left = self.plan.lines // self.plan.writers
        a_batch = self.plan.seconds * (LONGEST_BATCH + 1) / 2 / left
        number = 0
        while number < left:
            size = min(random.randint(1, LONGEST_BATCH), left - number)
            lines = [
                {
                    "id": str(UUID(int=random.getrandbits(128), version=4)),
                    "message": f"{writer} {n}",
                }
                for n in range(number, number + size)
            ]
            await self.until_done(lambda lines=lines: self.append(execution, lines))
            if random.random() < 0.1:
                await self.until_done(lambda lines=lines: self.append(execution, lines))
            number += size
            await self.rest(random.uniform(0, 2 * a_batch))

    async def append(self, execution: UUID, lines: list[dict[str, str]]) -> None:
        async with self.database.writing(EDITOR) as transaction:
            last = await transaction.value(APPEND, execution, json.dumps(lines))
        self.streams.wake(execution, last)

    async def end(self, execution: UUID) -> None:
        async with self.database.writing(EDITOR) as transaction:
            await transaction.fetch(END, execution)
        self.streams.wake(execution, 0, closed=True)

    async def until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try again until the answer says that it is done, as a writer must who hears none."""
        while True:
            try:
                async with asyncio.timeout(5):
                    await work()
            except (Unavailable, TimeoutError) as error:
                self.verdict.faults[f"write broken off: {type(error).__name__}"] += 1
                await self.rest(0.05)
            except NotNow:
                return
            else:
                return

    # Subscribers

    async def follow(self, number: int, execution: UUID) -> None:
        """Follow to the end, over many connections, and judge every line."""
        random = Random(f"{self.plan.seed} subscriber {number}")  # noqa: S311
        reached = Reached(execution)
        while not reached.ended:
            node = random.choice(self.nodes)
            # 0 leaves while the history is being sent
            patience = random.choice((0.0, 0.1, 0.5, 2.0, 8.0)) * random.random()
            self.verdict.reconnects += 1
            try:
                async with asyncio.timeout(patience + 0.2):
                    await self.listen(node, reached)
            except (OSError, TimeoutError, WebSocketException):
                await self.rest(random.uniform(0, 0.2))
            if reached.wrong:
                self.verdict.wrong.append(f"subscriber {number}: {reached.wrong}")
                return
        expected = self.plan.lines // self.plan.writers * self.plan.writers
        if reached.seq != expected:
            self.verdict.wrong.append(f"subscriber {number}: {reached.seq} lines of {expected}")
        if sorted(reached.messages) != sorted(set(reached.messages)):
            self.verdict.wrong.append(f"subscriber {number}: a message twice")

    async def listen(self, node: Server, reached: "Reached") -> None:
        address = f"ws://127.0.0.1:{node.port}/graphql"
        protocol = Subprotocol("graphql-transport-ws")
        async with open_socket(address, subprotocols=[protocol], close_timeout=0.1) as socket:
            hello = {"authorization": f"Bearer {self.token}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": hello}))
            variables = {"id": str(reached.execution), "after": reached.cursor}
            asked = {"query": LOGS, "variables": variables}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "next":
                    self.verdict.deliveries += reached.take(message["payload"])
                elif message["type"] in ("error", "complete"):
                    reached.finish(message)
                    return
                if reached.wrong:
                    return

    # Faults

    async def break_things(self, server: Postgres) -> None:
        """One fault after another, each kind as often as the others, until the end."""
        faults: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("server killed", self.kill_one),
            ("backends terminated", lambda: self.cut(server, CUT_ALL)),
            ("PostgreSQL stopped fast", lambda: self.restart(server, signal.SIGINT)),
            ("listeners cut", lambda: self.cut(server, CUT_LISTENERS)),
            ("PostgreSQL stopped immediately", lambda: self.restart(server, signal.SIGQUIT)),
        ]
        if bus := self.bus:
            faults.insert(2, ("bus killed", lambda: self.kill_bus(bus)))
        for name, fault in cycle(faults):
            await self.rest(self.plan.pause * self.random.uniform(0.5, 1.5))
            if self.over.is_set():
                return
            await fault()
            self.verdict.faults[name] += 1

    async def kill_one(self) -> None:
        node = self.random.choice(self.nodes)
        node.kill()
        await self.rest(self.random.uniform(0, 0.5))
        await node.start()

    async def restart(self, server: Postgres, how: signal.Signals) -> None:
        await server.stop(how)
        await self.rest(self.random.uniform(0, 0.5))
        await server.start()

    async def kill_bus(self, bus: Bus) -> None:
        bus.kill()
        await self.rest(self.random.uniform(0, 2))
        bus.start()

    async def cut(self, server: Postgres, sql: str) -> None:
        await server.execute(sql)


@dataclass
class Reached:
    """What one subscriber has got of one log."""

    execution: UUID
    cursor: str | None = None
    seq: int = 0
    messages: list[str] = field(default_factory=list[str])
    ended: str | None = None
    wrong: str = ""

    def take(self, response: dict[str, Any]) -> int:
        """How many lines a result has."""
        if "errors" in response:
            self.wrong = f"refused: {response['errors']}"
            return 0
        batch = response["data"]["executionLogs"]
        for line in batch["lines"]:
            if line["seq"] != self.seq + 1:
                self.wrong = f"line {line['seq']} behind {self.seq}"
            self.seq = line["seq"]
            self.messages.append(line["message"])
        self.cursor, self.ended = batch["cursor"], batch["ended"]
        return len(batch["lines"])

    def finish(self, message: dict[str, Any]) -> None:
        codes = [each["extensions"]["code"] for each in message.get("payload", ())]
        if message["type"] == "complete" and not self.ended:
            self.wrong = "complete without an end"
        elif codes and codes != ["UNAVAILABLE"]:
            self.wrong = f"refused: {message['payload']}"


async def weather(plan: Plan) -> Verdict:
    """Set everything up, let it storm, and judge."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = await stack.enter_async_context(postgres(folder))
        bus = stack.enter_context(carried_by_nats())
        address = bus.url if bus else None
        nodes = await stack.enter_async_context(servers(plan.servers, server.url, address))
        secrets = Secrets(SECRET)
        database = await stack.enter_async_context(connect(server.url, secrets, size=8))
        reader = await stack.enter_async_context(reading_streams(server.url, secrets))
        hints = NatsHints(address) if address else None
        streams = await stack.enter_async_context(Streams().running(database, reader, hints))
        storm = Storm(plan, database, streams, nodes, bus)
        executions = await storm.begin()
        began = time.monotonic()
        breaking = asyncio.create_task(storm.break_things(server))
        writing = [asyncio.create_task(storm.write_all(each)) for each in executions]
        following = [
            asyncio.create_task(storm.follow(number, executions[number % len(executions)]))
            for number in range(plan.subscribers)
        ]
        try:
            await asyncio.gather(*writing)
            storm.over.set()
            await breaking
            async with asyncio.timeout(30 + plan.seconds):
                await asyncio.gather(*following)
        finally:
            for task in (breaking, *writing, *following):
                task.cancel()
            await asyncio.gather(breaking, *writing, *following, return_exceptions=True)
        storm.verdict.seconds = time.monotonic() - began
        return storm.verdict
