"""A platform to report to: a database with the sample, and what runtimes and people say to it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from db import workflows
from db.json import Json
from db.session import Database, Viewer
from tests import sample
from tests.graphql_api.asking import Asking

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Data = dict[str, Any]

WHO = sample.viewers(1)
EDITOR = WHO["editor"]
DEFINITION = Json(
    '{"nodes": [{"id": "fetch", "type": "http", "name": "Fetch"},'
    ' {"id": "send", "type": "mail", "name": "Send"}], "edges": []}'
)

OPERATIONS = {
    "startExecution": "StartExecutionInput",
    "appendExecutionLogs": "AppendExecutionLogsInput",
    "heartbeatExecution": "HeartbeatExecutionInput",
    "finishExecution": "FinishExecutionInput",
    "triggerExecution": "TriggerExecutionInput",
    "claimExecution": "ClaimExecutionInput",
}
MORE = {
    "appendExecutionLogs": (
        "firstSeq lastSeq appended duplicates truncated masked cancelRequested"
        " warnings { line code message }"
    ),
    "heartbeatExecution": "cancelRequested",
    "claimExecution": "attempt",
    "cancelExecution": "ended",
}
EXECUTION = """
execution {
  id databaseId status triggerType triggerData inputData outputData errorMessage errorStack
  durationMs memoryUsageMb startedAt completedAt
  workflow { databaseId } deployment { databaseId }
}
"""


def document(name: str) -> str:
    fields = f"errors {{ code message path }} {MORE.get(name, '')} {EXECUTION}"
    if name == "cancelExecution":
        return f"mutation ($id: ID!) {{ {name}(id: $id) {{ {fields} }} }}"
    if name == "retryExecution":
        given = "$id: ID!, $latest: Boolean = false, $newId: UUID"
        return (
            f"mutation ({given}) {{ {name}(id: $id, latest: $latest, newId: $newId)"
            f" {{ {fields} }} }}"
        )
    return f"mutation ($input: {OPERATIONS[name]}!) {{ {name}(input: $input) {{ {fields} }} }}"


def uuid7(moment: datetime | None = None) -> str:
    milliseconds = int((moment or datetime.now(UTC)).timestamp() * 1000)
    number = milliseconds << 80 | uuid4().int & ((1 << 80) - 1)
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 0x2 << 62))


@dataclass
class Platform:
    """A database to write to, and a workflow with two nodes in it."""

    ask: Asking
    database: Database
    superuser: "Connection[Record]"
    url: str

    async def __call__(self, name: str, viewer: Viewer = EDITOR, **given: Any) -> Data:
        """The payload of a mutation."""
        variables = given if name in ("cancelExecution", "retryExecution") else {"input": given}
        return (await self.ask(document(name), viewer, **variables))[name]

    async def done(self, name: str, viewer: Viewer = EDITOR, **given: Any) -> Data:
        """The payload of a mutation that succeeds."""
        payload = await self(name, viewer, **given)
        assert payload["errors"] == []
        return payload

    async def refused(self, name: str, viewer: Viewer = EDITOR, **given: Any) -> Data:
        """The one error of a mutation."""
        (error,) = (await self(name, viewer, **given))["errors"]
        return error

    async def workflow(self) -> str:
        """A new workflow of team 1."""
        async with self.database.writing(EDITOR) as transaction:
            id = await workflows.create(
                transaction,
                sample.of("workspace 1"),
                name="Flow",
                description=None,
                tags=[],
                definition=DEFINITION,
                changelog=None,
            )
        return str(id)

    async def running(self, **given: Any) -> str:
        """A new execution."""
        flow = given.pop("workflowId", None) or await self.workflow()
        payload = await self.done("startExecution", workflowId=flow, **given)
        return payload["execution"]["databaseId"]

    async def queued(self, **given: Any) -> str:
        flow = given.pop("workflowId", None) or await self.workflow()
        payload = await self.done("triggerExecution", workflowId=flow, **given)
        return payload["execution"]["databaseId"]

    async def deployment(
        self,
        flow: str,
        version: int = 1,
        status: str = "deploying",
        environment: str = "production",
    ) -> str:
        return str(
            await self.superuser.fetchval(
                "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, created_by,"
                " status, environment) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                sample.of("workspace 1"),
                UUID(flow),
                version,
                EDITOR.user_id,
                status,
                environment,
            )
        )

    async def lines(self, execution: str) -> "list[Record]":
        return await self.superuser.fetch(
            "SELECT * FROM execution_logs WHERE execution_id = $1 ORDER BY seq", UUID(execution)
        )

    async def silent_for(self, execution: str, seconds: int) -> None:
        await self.superuser.execute(
            "UPDATE execution_streams SET heard_at = heard_at - make_interval(secs => $2)"
            " WHERE execution_id = $1",
            UUID(execution),
            seconds,
        )
