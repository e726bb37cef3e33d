from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import deployments, executions, logs, timeline, versions, workflows, workspaces
from db.json import Json
from graphql_api.declare import Node, connected, enum, filtering, listed, over, related
from graphql_api.relay import Connection
from graphql_api.types.logs import LogFilter

if TYPE_CHECKING:
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.logs import ExecutionLog
    from graphql_api.types.timeline import NodeTimeline
    from graphql_api.types.versions import WorkflowVersion
    from graphql_api.types.workflows import Workflow
    from graphql_api.types.workspaces import Workspace

enum(executions.ExecutionStatus, "How an execution goes or went.")
enum(executions.ExecutionOrder, "Orders of executions.")


@filtering(executions.CONDITIONS, logs=logs.BY_EXECUTION)
class ExecutionFilter:
    """Which executions to list."""

    status: list[executions.ExecutionStatus] | None
    """In one of these states."""
    trigger_type: list[str] | None
    """Started in one of these ways."""
    started_since: datetime | None
    """Started at this time or later."""
    started_before: datetime | None
    """Started before this time."""
    slower_than_ms: int | None
    """Took longer than this many milliseconds."""
    search: str | None
    """The error message contains this, in any case."""
    logs: LogFilter | None
    """Wrote a line that passes."""


@over(executions.ExecutionRow, by_id=executions.BY_ID)
class Execution(Node):
    """A run of a workflow."""

    status: executions.ExecutionStatus
    """How it goes or went."""
    trigger_type: str
    """What started it, such as `webhook`, `schedule` or `manual`."""
    trigger_data: Json | None
    """What came with the start."""
    input_data: Json | None
    """What it was given."""
    output_data: Json | None
    """What it made."""
    error_message: str | None
    """Why it failed."""
    error_stack: str | None
    """Where it failed."""
    duration_ms: int | None
    """How long it took, in milliseconds; null while it runs."""
    memory_usage_mb: int | None
    """How much memory it took, in megabytes."""
    started_at: datetime
    """When it started."""
    completed_at: datetime | None
    """When it ended; null while it runs."""
    cancel_requested_at: datetime | None
    """When somebody asked it to stop; null if nobody did."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it belongs to."""
    workflow: Workflow | None = related(workflows.BY_ID, id="workflow_id")
    """The workflow that was run."""
    version: WorkflowVersion | None = related(
        versions.BY_NUMBER, workflow_id="workflow_id", version="workflow_version"
    )
    """The version of it that was run; null if that was not reported."""
    deployment: Deployment | None = related(deployments.BY_ID, id="deployment_id")
    """The deployment that ran it; null for a trial run."""
    timeline: list[NodeTimeline] = listed(timeline.OF_EXECUTION)
    """What each of its nodes did, in the order in which they first said something."""
    logs: Connection[ExecutionLog] = connected(
        logs.BY_EXECUTION, LogFilter, logs.LogOrder.OLDEST, first=100
    )
    """What it said, line by line."""
