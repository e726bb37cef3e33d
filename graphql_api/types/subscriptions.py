"""What can be watched.

A subscription may break off at any time; with the last cursor it goes on without a gap.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db import deployments, executions, logs, workflows
from db.relation import One
from db.streams import LEVELS, Wanted
from graphql_api.declare import described, read_id
from graphql_api.sharing import Anew
from graphql_api.types.deployments import Deployment
from graphql_api.types.executions import Execution, ExecutionFilter
from graphql_api.types.logs import ExecutionLog
from graphql_api.types.workflows import Workflow
from graphql_api.ways import Connected, page_of
from resolvers.context import Info
from resolvers.errors import NotFound
from resolvers.kept_logs import Page
from resolvers.places import read_change, read_line
from resolvers.streams import Changed


@described
@strawberry.type(description="Lines of a log in their order, and where to read on.")
class ExecutionLogBatch:
    lines: list[ExecutionLog]
    """The next lines that pass; none where many lines did not pass."""
    cursor: str
    """With this as `after`, a new subscription sends exactly what follows."""
    ended: executions.ExecutionStatus | None
    """How the execution ended; null while it runs. What says so is the last batch."""


@described
@strawberry.type(description="Executions of a workspace that began or changed.")
class ExecutionChanges:
    executions: list[Execution]
    """Those that pass the filter, as they are now."""
    others: list[UUID]
    """The database ids of those that do not pass (any more)."""
    cursor: str
    """With this as `after`, a new subscription misses no later change."""


FROM_THERE = "Go on behind this cursor; without it, begin at the first line."
FROM_THEN = "Go on from this cursor; without it, from now on."
Id = Annotated[strawberry.ID, strawberry.argument(description="Its global id, or its database id.")]


@described
@strawberry.type(
    description="Everything that can be watched. Who may no longer see it, is told so and sent"
    " nothing more."
)
class Subscription:
    @strawberry.subscription(
        description="The lines of an execution: those written so far, then each as it comes, to the"
        " end. Every line is sent once, in order. The batch with `ended` is the last."
    )
    async def execution_logs(
        self,
        info: Info,
        execution_id: Id,
        after: Annotated[
            str | None, strawberry.argument(description=FROM_THERE)
        ] = strawberry.UNSET,
        min_level: Annotated[
            logs.LogLevel | None,
            strawberry.argument(description="Only lines that matter as much, or more."),
        ] = strawberry.UNSET,
        node_id: Annotated[
            str | None, strawberry.argument(description="Only lines of this node.")
        ] = strawberry.UNSET,
    ) -> AsyncGenerator[ExecutionLogBatch]:
        execution = _named("Execution", execution_id)
        seq = read_line(execution, after) if after else 0
        levels = LEVELS[LEVELS.index(min_level) :] if min_level else LEVELS
        wanted = Wanted(levels if levels != LEVELS else None, node_id or None)
        streams = info.context.resources.streams
        viewer = info.context.asker.viewer
        async with aclosing(streams.follow_log(viewer, execution, seq, wanted)) as pages:
            async for page in pages:
                yield _as_batch(page)

    @strawberry.subscription(
        description="An execution as it is, and again after every change, up to its end."
    )
    async def execution_updated(self, info: Info, execution_id: Id) -> AsyncGenerator[Execution]:
        async for event in _row(info, "executions", executions.BY_ID, execution_id):
            yield event

    @strawberry.subscription(description="A deployment as it is, and again after every change.")
    async def deployment_updated(self, info: Info, deployment_id: Id) -> AsyncGenerator[Deployment]:
        async for event in _row(info, "deployments", deployments.BY_ID, deployment_id):
            yield event

    @strawberry.subscription(
        description="A workflow as it is, and again after every change and every new version."
    )
    async def workflow_changed(self, info: Info, workflow_id: Id) -> AsyncGenerator[Workflow]:
        async for event in _row(info, "workflows", workflows.BY_ID, workflow_id):
            yield event

    @strawberry.subscription(
        description="The executions of a workspace that begin, change or end, each as it is then."
        " The first result comes at once and may be empty: what is read after it and what is sent"
        " after it leave no gap. A change may be sent twice; none is missed."
    )
    async def workspace_executions(
        self,
        info: Info,
        workspace_id: Id,
        filter: Annotated[
            ExecutionFilter | None,
            strawberry.argument(description="Which executions to send; of others, only ids."),
        ] = strawberry.UNSET,
        after: Annotated[str | None, strawberry.argument(description=FROM_THEN)] = strawberry.UNSET,
    ) -> AsyncGenerator[ExecutionChanges]:
        workspace = _named("Workspace", workspace_id)
        since = read_change(workspace, after) if after else None
        page = page_of(
            Connected(executions.BY_WORKSPACE, ("id",)),
            filter=filter or None,
            order_by=executions.ExecutionOrder.NEWEST,
        )
        streams, viewer = info.context.resources.streams, info.context.asker.viewer
        follow = streams.follow_changes(viewer, workspace, page.where, since)
        async with aclosing(follow) as changes:
            async for change in changes:
                yield _as_changes(change)


async def _row(info: Info, kind: str, relation: One[Any], id: str) -> AsyncGenerator[Any]:
    name = {"executions": "Execution", "deployments": "Deployment", "workflows": "Workflow"}[kind]
    key = _named(name, id)
    streams, viewer = info.context.resources.streams, info.context.asker.viewer
    async with aclosing(streams.follow_row(viewer, kind, key)) as versions:
        async for version in versions:
            yield Anew(relation, (key,), version.mark)


def _named(type_name: str, id: str) -> UUID:
    found = read_id(type_name, id)
    if found is None:
        raise NotFound("There is no such thing, or you may not see it.")
    return found


def _as_batch(page: Page) -> Any:
    """The type is a declaration over the page."""
    return page


def _as_changes(changed: Changed) -> Any:
    """The type is a declaration over what changed."""
    return changed
