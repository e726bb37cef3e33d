"""Strawberry as its guide teaches it: a class a type, a data loader a relation.

One read-only transaction a request, bound to the viewer as ours is. Only what is asked in
``queries/ours`` is here; pages have no cursors and no counts.
"""

import asyncio
import enum
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import SchemaExtension
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from bench.floor import pool
from bench.told import told
from db.session import BIND_VIEWER, Seal
from db.session import Viewer as Asking
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from asyncpg import Pool, Record
    from asyncpg.pool import PoolConnectionProxy

T = TypeVar("T")


class Context:
    """One request: its transaction, begun at the first statement, and its data loaders."""

    def __init__(self, pool: "Pool[Record]", settings: tuple[str, str, str]) -> None:
        self._pool, self._settings = pool, settings
        self._stack, self._lock = AsyncExitStack(), asyncio.Lock()
        self._connection: PoolConnectionProxy[Record] | None = None
        self._loaders: dict[object, DataLoader[Any, Any]] = {}

    async def fetch(self, sql: str, *values: object) -> "list[Record]":
        async with self._lock:
            if self._connection is None:
                connection = await self._stack.enter_async_context(self._pool.acquire())
                await self._stack.enter_async_context(
                    connection.transaction(isolation="repeatable_read", readonly=True)
                )
                await connection.fetchval(BIND_VIEWER, *self._settings)
                self._connection = connection
            return await self._connection.fetch(sql, *values)

    def loader(self, key: object, load: Callable[[list[Any]], Any]) -> DataLoader[Any, Any]:
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load)
        return self._loaders[key]

    async def end(self) -> None:
        await self._stack.aclose()


Info = strawberry.Info[Context, None]


class Ended(SchemaExtension):
    async def on_operation(self) -> AsyncGenerator[None]:  # type: ignore[override]
        yield
        await self.execution_context.context.end()


@strawberry.enum
class WorkflowStatus(enum.Enum):
    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


@strawberry.enum
class ExecutionStatus(enum.Enum):
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


@strawberry.enum
class LogLevel(enum.Enum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@strawberry.enum
class WorkspaceOrder(enum.Enum):
    NAME = "name, id"


@strawberry.enum
class WorkflowOrder(enum.Enum):
    NAME = "name, id"
    RECENTLY_UPDATED = "updated_at DESC, id DESC"


@strawberry.enum
class ExecutionOrder(enum.Enum):
    NEWEST = "id DESC"


@strawberry.enum
class LogOrder(enum.Enum):
    OLDEST = "seq"


@strawberry.input
class WorkflowFilter:
    status: list[WorkflowStatus] | None = None


@strawberry.type
class Connection(Generic[T]):
    nodes: list[T]


@strawberry.type
class ExecutionLog:
    seq: int
    node_id: str | None
    level: LogLevel
    message: str
    metadata: JSON | None
    timestamp: datetime


@strawberry.type
class Execution:
    database_id: UUID
    status: ExecutionStatus
    trigger_type: str
    started_at: datetime
    duration_ms: int | None

    @strawberry.field
    async def logs(self, info: Info, first: int, order_by: LogOrder) -> Connection[ExecutionLog]:
        async def load(keys: list[UUID]) -> list[list[ExecutionLog]]:
            rows = await info.context.fetch(LOGS.format(order_by.value), keys, first)
            return grouped(keys, rows, log)

        return Connection(
            nodes=await info.context.loader(("logs", first, order_by), load).load(self.database_id)
        )


@strawberry.type
class WorkflowStatistics:
    total_executions: int
    successful_executions: int
    failed_executions: int
    success_rate: float | None
    avg_duration_ms: float | None
    last_executed_at: datetime | None


@strawberry.type
class Workflow:
    database_id: UUID
    name: str
    description: str | None
    status: WorkflowStatus
    version: int
    tags: list[str]
    created_at: datetime
    updated_at: datetime

    @strawberry.field
    async def executions(
        self, info: Info, first: int, order_by: ExecutionOrder
    ) -> Connection[Execution]:
        async def load(keys: list[UUID]) -> list[list[Execution]]:
            rows = await info.context.fetch(EXECUTIONS.format(order_by.value), keys, first)
            return grouped(keys, rows, execution)

        loader = info.context.loader(("executions", first, order_by), load)
        return Connection(nodes=await loader.load(self.database_id))

    @strawberry.field
    async def statistics(self, info: Info) -> WorkflowStatistics | None:
        async def load(keys: list[UUID]) -> list[WorkflowStatistics | None]:
            found = {row["id"]: row for row in await info.context.fetch(STATISTICS, keys)}
            return [statistics(found[key]) if key in found else None for key in keys]

        return await info.context.loader("statistics", load).load(self.database_id)


@strawberry.type
class Workspace:
    database_id: UUID
    name: str
    slug: str

    @strawberry.field
    async def workflows(
        self, info: Info, first: int, order_by: WorkflowOrder
    ) -> Connection[Workflow]:
        async def load(keys: list[UUID]) -> list[list[Workflow]]:
            rows = await info.context.fetch(WORKFLOWS.format(order_by.value), keys, first)
            return grouped(keys, rows, workflow)

        loader = info.context.loader(("workflows", first, order_by), load)
        return Connection(nodes=await loader.load(self.database_id))


@strawberry.type
class Dashboard:
    total_workspaces: int
    total_workflows: int
    active_workflows: int
    total_executions: int


@strawberry.type
class Viewer:
    @strawberry.field
    async def dashboard(self, info: Info) -> Dashboard | None:
        rows = await info.context.fetch(DASHBOARD)
        return Dashboard(**dict(rows[0])) if rows else None


@strawberry.type
class Query:
    @strawberry.field
    async def viewer(self) -> Viewer:
        return Viewer()

    @strawberry.field
    async def workspaces(
        self, info: Info, first: int, order_by: WorkspaceOrder
    ) -> Connection[Workspace]:
        rows = await info.context.fetch(WORKSPACES.format(order_by.value), first)
        return Connection(nodes=[workspace(row) for row in rows])

    @strawberry.field
    async def workflow(self, info: Info, id: strawberry.ID) -> Workflow | None:
        rows = await info.context.fetch(WORKFLOW_BY_ID, UUID(id))
        return workflow(rows[0]) if rows else None

    @strawberry.field
    async def workflows(
        self, info: Info, first: int, order_by: WorkflowOrder, filter: WorkflowFilter | None = None
    ) -> Connection[Workflow]:
        among = [each.value for each in filter.status] if filter and filter.status else None
        rows = await info.context.fetch(LISTED.format(order_by.value), among, first)
        return Connection(nodes=[workflow(row) for row in rows])

    @strawberry.field
    async def execution(self, info: Info, id: strawberry.ID) -> Execution | None:
        rows = await info.context.fetch(EXECUTION_BY_ID, UUID(id))
        return execution(rows[0]) if rows else None


WORKFLOW = "SELECT id, name, description, status, version, tags, created_at, updated_at"
EXECUTION = "SELECT id, status, trigger_type, started_at, duration_ms"
WORKSPACES = "SELECT id, name, slug FROM workspaces ORDER BY {} LIMIT $1"
WORKFLOW_BY_ID = f"{WORKFLOW} FROM workflows WHERE id = $1"
EXECUTION_BY_ID = f"{EXECUTION} FROM executions WHERE id = $1"
LISTED = (
    f"{WORKFLOW} FROM workflows WHERE $1::text[] IS NULL OR status = ANY ($1)"
    " ORDER BY {} LIMIT $2"
)
PAGE = (
    "SELECT keys.key, r.* FROM unnest($1::uuid[]) AS keys(key) CROSS JOIN LATERAL ("
    "%s FROM %s = keys.key ORDER BY {} LIMIT $2) r"
)
WORKFLOWS = PAGE % (WORKFLOW, "workflows WHERE workspace_id")
EXECUTIONS = PAGE % (EXECUTION, "executions WHERE workflow_id")
LOGS = PAGE % (
    'SELECT seq, node_id, level, message, metadata, "timestamp"',
    "execution_logs WHERE execution_id",
)
STATISTICS = (
    "SELECT id, total_executions, successful_executions, failed_executions,"
    " success_rate::float8, avg_duration_ms::float8, last_executed_at"
    " FROM workflow_statistics WHERE id = ANY ($1::uuid[])"
)
DASHBOARD = (
    "SELECT total_workspaces, total_workflows, active_workflows, total_executions"
    " FROM user_dashboard"
)


def grouped(
    keys: Sequence[UUID], rows: "list[Record]", read: "Callable[[Record], T]"
) -> list[list[T]]:
    found: dict[UUID, list[T]] = {key: [] for key in keys}
    for row in rows:
        found[row["key"]].append(read(row))
    return [found[key] for key in keys]


def workspace(row: "Record") -> Workspace:
    return Workspace(database_id=row["id"], name=row["name"], slug=row["slug"])


def workflow(row: "Record") -> Workflow:
    return Workflow(
        database_id=row["id"],
        name=row["name"],
        description=row["description"],
        status=WorkflowStatus(row["status"]),
        version=row["version"],
        tags=row["tags"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def execution(row: "Record") -> Execution:
    return Execution(
        database_id=row["id"],
        status=ExecutionStatus(row["status"]),
        trigger_type=row["trigger_type"],
        started_at=row["started_at"],
        duration_ms=row["duration_ms"],
    )


def log(row: "Record") -> ExecutionLog:
    metadata = row["metadata"]
    return ExecutionLog(
        seq=row["seq"],
        node_id=row["node_id"],
        level=LogLevel(row["level"]),
        message=row["message"],
        metadata=JSON(json.loads(metadata)) if metadata else None,
        timestamp=row["timestamp"],
    )


def statistics(row: "Record") -> WorkflowStatistics:
    return WorkflowStatistics(
        total_executions=row["total_executions"],
        successful_executions=row["successful_executions"],
        failed_executions=row["failed_executions"],
        success_rate=row["success_rate"],
        avg_duration_ms=row["avg_duration_ms"],
        last_executed_at=row["last_executed_at"],
    )


class Endpoint(GraphQL[Context, None]):
    """Strawberry's own ASGI application, signed in by the same token as ours."""

    def __init__(self, schema: strawberry.Schema, tokens: Tokens, seal: Seal) -> None:
        super().__init__(schema, graphql_ide=None, allow_queries_via_get=False)
        self._tokens, self._seal = tokens, seal

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        user = self._tokens.read(request.headers["authorization"][7:]).user_id
        return Context(request.app.state.pool, self._seal.settings(Asking(user)))


def application() -> Starlette:
    given = told()
    schema = strawberry.Schema(Query, extensions=[Ended], config=StrawberryConfig())
    endpoint = Endpoint(schema, Tokens(given.secrets), Seal(given.secrets))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with pool(given) as app.state.pool:
            yield

    return Starlette(routes=[Route("/graphql", endpoint)], lifespan=lifespan)
