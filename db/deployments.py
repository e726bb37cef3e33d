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
    DEPLOYED = "deployed"
    FAILED = "failed"
    STOPPED = "stopped"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


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
    OLDEST = "created_at ASC"
    RECENTLY_DEPLOYED = "deployed_at DESC"
    ENVIRONMENT = "environment ASC, created_at DESC"


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
