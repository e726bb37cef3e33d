from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import deployments, executions, statistics, users, versions, workflows, workspaces
from db.json import Json
from graphql_api.declare import Node, connected, enum, filtering, listed, over, related
from graphql_api.relay import Connection
from graphql_api.types.deployments import DeploymentFilter
from graphql_api.types.executions import ExecutionFilter
from graphql_api.types.scalars import BigInt
from graphql_api.types.statistics import buckets, in_range
from graphql_api.types.versions import VersionFilter

if TYPE_CHECKING:
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.executions import Execution
    from graphql_api.types.statistics import (
        NodePerformance,
        WorkflowPerformance,
        WorkflowStatistics,
        WorkflowStatisticsBucket,
    )
    from graphql_api.types.users import User
    from graphql_api.types.versions import WorkflowVersion
    from graphql_api.types.workspaces import Workspace

enum(workflows.WorkflowStatus, "Where a workflow is in its life.")
enum(workflows.WorkflowOrder, "Orders of workflows.")


@filtering(
    workflows.CONDITIONS, deployments=deployments.BY_WORKFLOW, executions=executions.BY_WORKFLOW
)
class WorkflowFilter:
    """Which workflows to list."""

    status: list[workflows.WorkflowStatus] | None
    """In one of these states."""
    tags: list[str] | None
    """Has at least one of these tags."""
    node_type: str | None
    """Has a node of this type."""
    search: str | None
    """The name, the description or a tag contains this, in any case."""
    created_since: datetime | None
    """Made at this time or later."""
    updated_since: datetime | None
    """Changed at this time or later."""
    deployments: DeploymentFilter | None
    """Has a deployment that passes."""
    executions: ExecutionFilter | None
    """Has an execution that passes."""


@over(workflows.WorkflowRow, by_id=workflows.BY_ID)
class Workflow(Node):
    """A graph of steps that can be deployed as an MCP server."""

    name: str
    """What people see."""
    description: str | None
    """What the workflow does."""
    tags: list[str]
    """Words to find it by."""
    definition: Json
    """The graph of its current version: `nodes` and `edges`."""
    status: workflows.WorkflowStatus
    """Where it is in its life."""
    version: int
    """The number of its current version, from 1."""
    timeout_seconds: int
    """How long an execution may be silent before it is given up."""
    total_executions: BigInt
    """How many executions there have been, running ones included."""
    successful_executions: BigInt
    """How many executions ended well."""
    last_executed_at: datetime | None
    """When the last execution began."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it last changed."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it belongs to."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
    current_version: WorkflowVersion | None = related(
        versions.BY_NUMBER, workflow_id="id", version="version"
    )
    """Its current version."""
    versions: Connection[WorkflowVersion] = connected(
        versions.BY_WORKFLOW, VersionFilter, versions.VersionOrder.NEWEST
    )
    """Every version that it has had."""
    deployments: Connection[Deployment] = connected(
        deployments.BY_WORKFLOW, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """Its deployments."""
    executions: Connection[Execution] = connected(
        executions.BY_WORKFLOW, ExecutionFilter, executions.ExecutionOrder.NEWEST
    )
    """Its executions."""
    statistics_by_time: list[WorkflowStatisticsBucket] = listed(statistics.BY_TIME, given=buckets)
    """Its executions by hour, day or month of UTC, oldest first, empty ones included."""
    performance: WorkflowPerformance | None = related(statistics.IN_RANGE, given=in_range)
    """How long its executions took in a stretch of time, and how many failed."""
    performance_by_version: list[WorkflowPerformance] = listed(
        statistics.IN_RANGE_BY_VERSION, given=in_range
    )
    """The same for each version that was executed, the oldest first."""
    performance_by_node: list[NodePerformance] = listed(
        statistics.IN_RANGE_BY_NODE, given=in_range
    )
    """How long each node took, and how often it failed, as far as the logs tell: of the 200 newest
    executions that have ended, and of each the first 2,000 lines."""
    statistics: WorkflowStatistics | None = related(statistics.OF_WORKFLOW)
    """Its executions of all time, in numbers."""
