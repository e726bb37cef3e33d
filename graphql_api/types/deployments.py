from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import (
    api_keys,
    deployment_events,
    deployment_tools,
    deployments,
    executions,
    users,
    versions,
    workflows,
    workspaces,
)
from db.json import Json
from graphql_api.declare import Node, connected, enum, filtering, listed, over, related
from graphql_api.relay import Connection
from graphql_api.types.deployment_events import DeploymentEventFilter
from graphql_api.types.executions import ExecutionFilter

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.deployment_events import DeploymentEvent
    from graphql_api.types.deployment_tools import DeploymentTool, ToolChange
    from graphql_api.types.executions import Execution
    from graphql_api.types.users import User
    from graphql_api.types.versions import WorkflowVersion
    from graphql_api.types.workflows import Workflow
    from graphql_api.types.workspaces import Workspace

enum(deployments.DeploymentOrigin, "How a deployment came to be.")
enum(deployments.Environment, "What a deployment is for.")
enum(deployments.DeploymentOrder, "Orders of deployments.")


@filtering(deployments.CONDITIONS, executions=executions.BY_DEPLOYMENT)
class DeploymentFilter:
    """Which deployments to list."""

    status: list[deployments.DeploymentStatus] | None
    """In one of these states."""
    environment: list[deployments.Environment] | None
    """In one of these environments."""
    health_status: list[str] | None
    """With one of these results of the last health check."""
    workflow_version: int | None
    """Of this version of the workflow."""
    search: str | None
    """The address or the version's name contains this, in any case."""
    created_since: datetime | None
    """Made at this time or later."""
    executions: ExecutionFilter | None
    """Has an execution that passes."""


@over(deployments.DeploymentRow, by_id=deployments.BY_ID)
class Deployment(Node):
    """A workflow version that runs as an MCP server."""

    environment: deployments.Environment
    """What it is for."""
    mcp_server_url: str | None
    """Where MCP clients reach it; null until the runtime reports it."""
    status: deployments.DeploymentStatus
    """How far it is."""
    status_reason: str | None
    """Why it is in this state, as far as there is something to say."""
    origin: deployments.DeploymentOrigin
    """How it came to be."""
    claimed_at: datetime | None
    """When a runtime took it; null while it waits for one."""
    config: Json
    """Settings of this deployment."""
    deployed_at: datetime | None
    """When it was up."""
    health_check_url: str | None
    """Where its health is asked."""
    last_health_check: datetime | None
    """When its health was last asked."""
    health_status: str | None
    """What the last health check found."""
    workflow_version: int
    """The number of the version that it runs."""
    deployment_version: str | None
    """A name of its own for this deployment, such as `1.4.0`."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it last changed."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it belongs to."""
    workflow: Workflow | None = related(workflows.BY_ID, id="workflow_id")
    """The workflow that it runs."""
    version: WorkflowVersion | None = related(
        versions.BY_NUMBER, workflow_id="workflow_id", version="workflow_version"
    )
    """The version that it runs."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
    source: Deployment | None = related(deployments.BY_ID, id="source_id")
    """The deployment that it was promoted from, goes back to, or is once more."""
    derived: Connection[Deployment] = connected(
        deployments.BY_SOURCE, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """The deployments whose source it is."""
    runtime_key: ApiKey | None = related(api_keys.BY_ID, id="runtime_key_id")
    """The API key of the runtime that took it. For admins."""
    tools: list[DeploymentTool] = listed(deployment_tools.OF_DEPLOYMENT)
    """The tools that its runtime reported."""
    tool_changes: list[ToolChange] = listed(deployment_tools.CHANGES)
    """How its tools differ from those that were up in its place before."""
    events: Connection[DeploymentEvent] = connected(
        deployment_events.BY_DEPLOYMENT,
        DeploymentEventFilter,
        deployment_events.DeploymentEventOrder.NEWEST,
    )
    """The states that it was in."""
    executions: Connection[Execution] = connected(
        executions.BY_DEPLOYMENT, ExecutionFilter, executions.ExecutionOrder.NEWEST
    )
    """What it has executed."""
