"""The graph as it is meant to be, written by hand: what the tests hold the schema against.

Nothing in here comes from the product. Rows are read as superuser, table by table, and every
question about them is answered in Python.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from json import loads
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from db.session import Viewer

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Row = Mapping[str, Any]

TABLES = {
    "User": "users",
    "Workspace": "workspaces",
    "WorkspaceMember": "workspace_users",
    "WorkspaceInvitation": "workspace_invitations",
    "Workflow": "workflows",
    "WorkflowVersion": "workflow_versions",
    "Integration": "integrations",
    "Deployment": "deployments",
    "DeploymentEvent": "deployment_events",
    "Execution": "executions",
    "ExecutionLog": "execution_logs",
    "OwnershipOffer": "ownership_offers",
    "ApiKey": "api_keys",
    "AuditLog": "audit_logs",
    "Webhook": "webhooks",
    "WebhookDelivery": "webhook_deliveries",
}
"""The table whose rows each type shows."""

TYPES = {table: type_ for type_, table in TABLES.items()}


class Bond(NamedTuple):
    """What a field finds: the rows of a type whose columns equal those of the parent's row."""

    target: str
    columns: tuple[tuple[str, str], ...]


def bond(target: str, **columns: str) -> Bond:
    """``bond("User", owner_id="id")``: the users whose id is the parent's owner_id."""
    return Bond(target, tuple(columns.items()))


BONDS = {
    "User.memberships": bond("WorkspaceMember", id="user_id"),
    "User.invitedMembers": bond("WorkspaceMember", id="invited_by"),
    "User.ownedWorkspaces": bond("Workspace", id="owner_id"),
    "User.createdWorkflows": bond("Workflow", id="created_by"),
    "User.createdVersions": bond("WorkflowVersion", id="created_by"),
    "User.createdIntegrations": bond("Integration", id="created_by"),
    "User.createdDeployments": bond("Deployment", id="created_by"),
    "User.createdApiKeys": bond("ApiKey", id="created_by"),
    "User.createdWebhooks": bond("Webhook", id="created_by"),
    "User.auditLogs": bond("AuditLog", id="user_id"),
    "WorkspaceMember.workspace": bond("Workspace", workspace_id="id"),
    "WorkspaceMember.user": bond("User", user_id="id"),
    "WorkspaceMember.invitedBy": bond("User", invited_by="id"),
    "Workspace.owner": bond("User", owner_id="id"),
    "Workspace.members": bond("WorkspaceMember", id="workspace_id"),
    "Workspace.invitations": bond("WorkspaceInvitation", id="workspace_id"),
    "Workspace.workflows": bond("Workflow", id="workspace_id"),
    "Workspace.integrations": bond("Integration", id="workspace_id"),
    "Workspace.deployments": bond("Deployment", id="workspace_id"),
    "Workspace.executions": bond("Execution", id="workspace_id"),
    "Workspace.apiKeys": bond("ApiKey", id="workspace_id"),
    "Workspace.auditLogs": bond("AuditLog", id="workspace_id"),
    "Workspace.ownershipOffers": bond("OwnershipOffer", id="workspace_id"),
    "OwnershipOffer.workspace": bond("Workspace", workspace_id="id"),
    "OwnershipOffer.offeredBy": bond("User", offered_by="id"),
    "OwnershipOffer.offeredTo": bond("User", offered_to="id"),
    "Workspace.webhooks": bond("Webhook", id="workspace_id"),
    "Webhook.workspace": bond("Workspace", workspace_id="id"),
    "Webhook.createdBy": bond("User", created_by="id"),
    "Webhook.deliveries": bond("WebhookDelivery", id="webhook_id"),
    "WebhookDelivery.workspace": bond("Workspace", workspace_id="id"),
    "WebhookDelivery.webhook": bond("Webhook", webhook_id="id"),
    "WorkspaceInvitation.workspace": bond("Workspace", workspace_id="id"),
    "WorkspaceInvitation.invitedBy": bond("User", invited_by="id"),
    "Workflow.workspace": bond("Workspace", workspace_id="id"),
    "Workflow.createdBy": bond("User", created_by="id"),
    "Workflow.currentVersion": bond("WorkflowVersion", id="workflow_id", version="version"),
    "Workflow.versions": bond("WorkflowVersion", id="workflow_id"),
    "Workflow.deployments": bond("Deployment", id="workflow_id"),
    "Workflow.executions": bond("Execution", id="workflow_id"),
    "WorkflowVersion.workflow": bond("Workflow", workflow_id="id"),
    "WorkflowVersion.createdBy": bond("User", created_by="id"),
    "WorkflowVersion.executions": bond(
        "Execution", workflow_id="workflow_id", version="workflow_version"
    ),
    "WorkflowVersion.deployments": bond(
        "Deployment", workflow_id="workflow_id", version="workflow_version"
    ),
    "Integration.workspace": bond("Workspace", workspace_id="id"),
    "Integration.createdBy": bond("User", created_by="id"),
    "Deployment.workspace": bond("Workspace", workspace_id="id"),
    "Deployment.workflow": bond("Workflow", workflow_id="id"),
    "Deployment.version": bond(
        "WorkflowVersion", workflow_id="workflow_id", workflow_version="version"
    ),
    "Deployment.createdBy": bond("User", created_by="id"),
    "Deployment.executions": bond("Execution", id="deployment_id"),
    "Deployment.source": bond("Deployment", source_id="id"),
    "Deployment.derived": bond("Deployment", id="source_id"),
    "Deployment.runtimeKey": bond("ApiKey", runtime_key_id="id"),
    "Deployment.events": bond("DeploymentEvent", id="deployment_id"),
    "DeploymentEvent.deployment": bond("Deployment", deployment_id="id"),
    "DeploymentEvent.user": bond("User", user_id="id"),
    "DeploymentEvent.apiKey": bond("ApiKey", api_key_id="id"),
    "Execution.workspace": bond("Workspace", workspace_id="id"),
    "Execution.version": bond(
        "WorkflowVersion", workflow_id="workflow_id", workflow_version="version"
    ),
    "Execution.workflow": bond("Workflow", workflow_id="id"),
    "Execution.deployment": bond("Deployment", deployment_id="id"),
    "Execution.logs": bond("ExecutionLog", id="execution_id"),
    "ExecutionLog.execution": bond("Execution", execution_id="id"),
    "ApiKey.workspace": bond("Workspace", workspace_id="id"),
    "ApiKey.createdBy": bond("User", created_by="id"),
    "ApiKey.replaces": bond("ApiKey", replaces="id"),
    "ApiKey.replacedBy": bond("ApiKey", id="replaces"),
    "ApiKey.deployments": bond("Deployment", id="runtime_key_id"),
    "ApiKey.auditLogs": bond("AuditLog", id="api_key_id"),
    "AuditLog.workspace": bond("Workspace", workspace_id="id"),
    "AuditLog.user": bond("User", user_id="id"),
    "AuditLog.apiKey": bond("ApiKey", api_key_id="id"),
}
"""Every field that leads from a row to rows."""

ROOT_LISTS = {
    "Query.workspaces": "Workspace",
    "Query.workflows": "Workflow",
    "Query.deployments": "Deployment",
    "Query.executions": "Execution",
    "Viewer.workspaces": "Workspace",
}
"""Every list of all that the viewer may see of a type."""

RANKS = {"owner": 40, "admin": 30, "editor": 20, "viewer": 10}

RIGHTS = {
    "Workspace": (10, "workspace:read"),
    "WorkspaceMember": (10, "workspace:read"),
    "WorkspaceInvitation": (30, None),
    "OwnershipOffer": (30, None),
    "Workflow": (10, "workflows:read"),
    "WorkflowVersion": (10, "workflows:read"),
    "Integration": (10, "integrations:read"),
    "Deployment": (10, "deployments:read"),
    "DeploymentEvent": (10, "deployments:read"),
    "Execution": (10, "executions:read"),
    "ExecutionLog": (10, "logs:read"),
    "ApiKey": (30, None),
    "AuditLog": (30, "audit:read"),
    "Webhook": (30, None),
    "WebhookDelivery": (30, None),
}
"""Who sees a row: a member of its workspace with this rank, or whoever holds this scope there."""


class Rows:
    """Every row of every type, as it stands in its table."""

    def __init__(self, tables: Mapping[str, Iterable[Row]]) -> None:
        self._rows = {type_: list(tables[table]) for type_, table in TABLES.items()}
        self._found = cache(self._index)

    def of(self, type_: str) -> list[Row]:
        return self._rows[type_]

    def behind(self, field: str, parent: Row) -> list[Row]:
        """The rows that a field finds for a parent's row, whoever may see them."""
        target, columns = BONDS[field]
        key = tuple(parent[here] for here, _ in columns)
        return self._found(target, tuple(there for _, there in columns))[key]

    def _index(self, type_: str, columns: tuple[str, ...]) -> dict[tuple[object, ...], list[Row]]:
        found: dict[tuple[object, ...], list[Row]] = defaultdict(list)
        for row in self.of(type_):
            key = tuple(row[column] for column in columns)
            if None not in key:
                found[key].append(row)
        return found

    def seen_by(self, viewer: Viewer) -> dict[str, list[Row]]:
        """The rows of each type that the viewer may see."""
        seen = {
            type_: [row for row in self.of(type_) if row.get(column) in within]
            for type_, right in RIGHTS.items()
            for column in ["id" if type_ == "Workspace" else "workspace_id"]
            for within in [set(self._where(viewer, *right))]
        }
        seen["ApiKey"] += [
            key
            for key in self.of("ApiKey")
            if key["id"] == viewer.api_key_id and _is_good(key) and key not in seen["ApiKey"]
        ]
        own = set(self._where(viewer, 10, None))
        seen["OwnershipOffer"] += [
            offer
            for offer in self.of("OwnershipOffer")
            if viewer.user_id and offer["offered_to"] == viewer.user_id
            if offer["workspace_id"] in own and offer not in seen["OwnershipOffer"]
        ]
        people = {member["user_id"] for member in seen["WorkspaceMember"]} | {viewer.user_id}
        seen["Workflow"] = [row for row in seen["Workflow"] if row["deleted_at"] is None]
        return {**seen, "User": [row for row in self.of("User") if row["id"] in people]}

    def _where(self, viewer: Viewer, rank: int, scope: str | None) -> Iterator[UUID]:
        """The workspaces in which the viewer has this rank or this scope.

        A key has what its scopes say and its maker has, too.
        """
        for key in self.of("ApiKey"):
            if key["id"] == viewer.api_key_id and _is_good(key) and scope in key["scopes"]:
                maker = self._where(Viewer(key["created_by"]), rank, scope)
                yield from {key["workspace_id"]} & set(maker)
        if viewer.user_id is None:
            return
        deleted = {row["id"] for row in self.of("Workspace") if row["deleted_at"]}
        for member in self.of("WorkspaceMember"):
            if (
                member["user_id"] == viewer.user_id
                and member["workspace_id"] not in deleted
                and (RANKS[member["role"]] >= rank or scope in member["permissions"])
            ):
                yield member["workspace_id"]


def _is_good(key: Row) -> bool:
    expiry = key["expires_at"]
    return key["status"] == "active" and (expiry is None or expiry > datetime.now(UTC))


def global_id(type_: str, row: Row) -> str:
    key = ("execution_id", "seq") if type_ == "ExecutionLog" else ("id",)
    return base64.b64encode(":".join([type_, *(str(row[name]) for name in key)]).encode()).decode()


async def read_rows(superuser: "Connection[Record]") -> Rows:
    await superuser.set_type_codec("jsonb", encoder=str, decoder=loads, schema="pg_catalog")
    return Rows(
        {
            table: [dict(row) for row in await superuser.fetch(f'SELECT t.* FROM "{table}" t')]
            for table in TABLES.values()
        }
    )
