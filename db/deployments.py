"""Deployments: workflow versions that run as MCP servers."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One


class DeploymentStatus(StrEnum):
    DEPLOYING = "deploying"
    """Waiting for a runtime to report it up."""
    DEPLOYED = "deployed"
    """Up."""
    FAILED = "failed"
    """Did not come up."""
    STOPPED = "stopped"
    """Taken down."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    """For its authors."""
    STAGING = "staging"
    """For a last look."""
    PRODUCTION = "production"
    """For its users."""


class DeploymentRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    workflow_id: UUID
    environment: Environment
    mcp_server_url: str | None
    status: DeploymentStatus
    config: Json
    deployed_at: datetime | None
    health_check_url: str | None
    last_health_check: datetime | None
    health_status: str | None
    workflow_version: int
    deployment_version: str | None
    created_by: UUID
    created_at: datetime
    updated_at: datetime


class DeploymentOrder(Order):
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""
    RECENTLY_DEPLOYED = "deployed_at DESC"
    """Up last first."""
    ENVIRONMENT = "environment ASC, created_at DESC"
    """By environment, and in each made last first."""


CONDITIONS: Conditions = {
    "status": "status = ANY({}::text[])",
    "environment": "environment = ANY({}::text[])",
    "health_status": "health_status = ANY({}::text[])",
    "workflow_version": "workflow_version = {}::int",
    "search": (
        "strpos(lower(concat_ws(' ', mcp_server_url, deployment_version)), lower({}::text)) > 0"
    ),
    "created_since": "created_at >= {}::timestamptz",
}

BY_ID = One(DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.id = {id}")

VISIBLE = Many(DeploymentRow, "SELECT {d.*} FROM deployments d")

BY_WORKSPACE = Many(
    DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.workspace_id = {workspace.id}"
)

BY_WORKFLOW = Many(
    DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.workflow_id = {workflow.id}"
)

BY_VERSION = Many(
    DeploymentRow,
    """
    SELECT {d.*}
      FROM deployments d
     WHERE d.workflow_id = {version.workflow_id} AND d.workflow_version = {version.version: int}
    """,
)

BY_AUTHOR = Many(DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.created_by = {user.id}")
