"""Deployments: workflow versions that run as MCP servers."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One, columns_from_table
from db.session import Writing


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


class DeploymentOrigin(StrEnum):
    DEPLOY = "deploy"
    """A version was deployed."""
    PROMOTE = "promote"
    """It was taken over from another environment."""
    ROLLBACK = "rollback"
    """It is an earlier one, gone back to."""
    REDEPLOY = "redeploy"
    """It is the same once more."""


class DeploymentRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    workflow_id: UUID
    environment: Environment
    mcp_server_url: str | None
    status: DeploymentStatus
    status_reason: str | None
    origin: DeploymentOrigin
    source_id: UUID | None
    runtime_key_id: UUID | None
    claimed_at: datetime | None
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

USING_INTEGRATION = f"""
SELECT {columns_from_table(DeploymentRow, "d")}
  FROM integrations i
  JOIN deployments d ON d.workspace_id = i.workspace_id AND d.status IN ('deploying', 'deployed')
  JOIN workflow_versions v ON v.workflow_id = d.workflow_id AND v.version = d.workflow_version
 WHERE i.id = $1
   AND (jsonb_path_exists(v.definition, '$.nodes[*].config.** ? (@ == $id)',
                          jsonb_build_object('id', i.id))
        OR jsonb_path_exists(v.definition,
                             '$.nodes[*].config.integration ? (@ == $any || @ == $account)',
                             jsonb_build_object('any', i.service_name, 'account',
                                                i.service_name || '/' || i.account_name)))
 ORDER BY d.created_at, d.id
"""  # noqa: S608 # the columns are the row's


async def using_integration(transaction: Writing, integration_id: UUID) -> list[DeploymentRow]:
    """Those that are live, and of whose nodes one names the integration in its config."""
    rows = await transaction.fetch(USING_INTEGRATION, integration_id)
    return [DeploymentRow(*row) for row in rows]

BY_SOURCE = Many(
    DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.source_id = {deployment.id}"
)

BY_RUNTIME_KEY = Many(
    DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.runtime_key_id = {api_key.id}"
)

BY_USAGE = Many(
    DeploymentRow,
    """
    SELECT {d.*}
      FROM deployments d
     WHERE d.id = ANY ((SELECT app.deployments_using({usage.workspace_id},
                                                 {usage.nodes: jsonb}))::uuid[])
    """,
)
