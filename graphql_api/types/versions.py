from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import deployments, executions, users, versions, workflows
from db.json import Json
from graphql_api.declare import Node, connected, enum, filtering, over, related
from graphql_api.relay import Connection
from graphql_api.types.deployments import DeploymentFilter
from graphql_api.types.executions import ExecutionFilter

if TYPE_CHECKING:
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.executions import Execution
    from graphql_api.types.users import User
    from graphql_api.types.workflows import Workflow

enum(versions.VersionOrder, "Orders of a workflow's versions.")


@filtering(versions.CONDITIONS)
class VersionFilter:
    """Which versions to list."""

    version: list[int] | None
    """With one of these numbers."""
    search: str | None
    """The changelog contains this, in any case."""
    created_since: datetime | None
    """Made at this time or later."""


@over(versions.VersionRow, by_id=versions.BY_ID)
class WorkflowVersion(Node):
    """A definition that a workflow has had. It never changes."""

    version: int
    """Its number, from 1."""
    definition: Json
    """The graph: `nodes` and `edges`."""
    changelog: str | None
    """What changed, in the author's words."""
    created_at: datetime
    """When it was made."""
    workflow: Workflow | None = related(workflows.BY_ID, id="workflow_id")
    """The workflow."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
    deployments: Connection[Deployment] = connected(
        deployments.BY_VERSION, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """The deployments of this version."""
    executions: Connection[Execution] = connected(
        executions.BY_VERSION, ExecutionFilter, executions.ExecutionOrder.NEWEST
    )
    """The executions of this version."""
