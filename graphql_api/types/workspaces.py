from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from db import (
    api_keys,
    audit,
    deleted_workflows,
    deployments,
    executions,
    integrations,
    invitations,
    members,
    ownership,
    plans,
    users,
    webhooks,
    workflows,
    workspaces,
)
from db.json import Json
from graphql_api.declare import Node, column, connected, enum, filtering, listed, over, related
from graphql_api.relay import Connection
from graphql_api.types.api_keys import ApiKeyFilter
from graphql_api.types.audit import AuditLogFilter
from graphql_api.types.deployments import DeploymentFilter
from graphql_api.types.executions import ExecutionFilter
from graphql_api.types.integrations import IntegrationFilter
from graphql_api.types.invitations import InvitationFilter
from graphql_api.types.members import MemberFilter
from graphql_api.types.ownership import OwnershipOfferFilter
from graphql_api.types.webhooks import WebhookFilter
from graphql_api.types.workflows import WorkflowFilter

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.audit import AuditLog
    from graphql_api.types.deleted_workflows import DeletedWorkflow
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.executions import Execution
    from graphql_api.types.integrations import Integration
    from graphql_api.types.invitations import WorkspaceInvitation
    from graphql_api.types.members import WorkspaceMember
    from graphql_api.types.ownership import OwnershipOffer
    from graphql_api.types.plans import PlanUsage
    from graphql_api.types.users import User
    from graphql_api.types.webhooks import Webhook
    from graphql_api.types.workflows import Workflow


def by_slug(
    slug: Annotated[str, strawberry.argument(description="The name in addresses.")],
) -> Mapping[str, Any]:
    return {"slug": slug}


enum(workspaces.WorkspaceOrder, "Orders of workspaces.")
enum(workspaces.DefaultRole, "What an invitation offers that names no role.")


@filtering(workspaces.CONDITIONS, members=members.BY_WORKSPACE, workflows=workflows.BY_WORKSPACE)
class WorkspaceFilter:
    """Which workspaces to list."""

    search: str | None
    """The name or the slug contains this, in any case."""
    plan_type: list[str] | None
    """On one of these plans."""
    created_since: datetime | None
    """Made at this time or later."""
    members: MemberFilter | None
    """Has a member that passes."""
    workflows: WorkflowFilter | None
    """Has a workflow that passes."""


@over(workspaces.SettingsRow)
class WorkspaceSettings:
    """What the team chose, or the defaults."""

    default_role: workspaces.DefaultRole
    """The role that an invitation offers where it names none."""
    invitation_days: int
    """How many days an invitation can be accepted."""
    invitation_domains: list[str]
    """Invitations go to addresses of these domains only; to any where there are none."""
    api_key_days: int | None
    """The longest that an API key may live, in days; null for ever."""


@over(workspaces.DeletedWorkspaceRow)
class DeletedWorkspace:
    """A workspace that you deleted, and can restore for a while. Nobody else sees it."""

    database_id: UUID = column("id")
    """Its id in the database: for `restoreWorkspace`."""
    name: str
    """What people saw."""
    slug: str
    """The name in addresses, which is kept for it."""
    deleted_at: datetime
    """When it was deleted."""
    restorable_until: datetime
    """When it is removed for good, with all that is in it."""


@over(workspaces.WorkspaceRow, by_id=workspaces.BY_ID)
class Workspace(Node):
    """What a team owns together."""

    name: str
    """What people see."""
    description: str | None
    """What the workspace is for."""
    slug: str
    """The name in addresses, unique on this platform."""
    plan_type: str
    """The plan that it is on, such as `free`."""
    plan_limits: Json
    """What this workspace is allowed other than its plan allows; `usage` has what is in force."""
    settings: WorkspaceSettings | None = related(workspaces.SETTINGS)
    """What the team chose."""
    usage: list[PlanUsage] = listed(plans.USAGE)
    """How much is in use of what the plan allows."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it last changed."""
    owner: User | None = related(users.BY_ID, id="owner_id")
    """The one person who owns it."""
    members: Connection[WorkspaceMember] = connected(
        members.BY_WORKSPACE, MemberFilter, members.MemberOrder.OLDEST
    )
    """Who belongs to it."""
    invitations: Connection[WorkspaceInvitation] = connected(
        invitations.BY_WORKSPACE, InvitationFilter, invitations.InvitationOrder.NEWEST
    )
    """Who was asked to join. For admins."""
    ownership_offers: Connection[OwnershipOffer] = connected(
        ownership.BY_WORKSPACE, OwnershipOfferFilter, ownership.OwnershipOfferOrder.NEWEST
    )
    """Whom the owner offered the workspace to. For admins, and for whom it is offered to."""
    workflows: Connection[Workflow] = connected(
        workflows.BY_WORKSPACE, WorkflowFilter, workflows.WorkflowOrder.NAME
    )
    """Its workflows."""
    deleted_workflows: list[DeletedWorkflow] = listed(deleted_workflows.BY_WORKSPACE)
    """What was deleted and can be restored, at most the last 500. For admins."""
    integrations: Connection[Integration] = connected(
        integrations.BY_WORKSPACE, IntegrationFilter, integrations.IntegrationOrder.SERVICE
    )
    """Its connections to outside services."""
    deployments: Connection[Deployment] = connected(
        deployments.BY_WORKSPACE, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """The deployments of all its workflows."""
    executions: Connection[Execution] = connected(
        executions.BY_WORKSPACE, ExecutionFilter, executions.ExecutionOrder.NEWEST
    )
    """The executions of all its workflows."""
    api_keys: Connection[ApiKey] = connected(
        api_keys.BY_WORKSPACE, ApiKeyFilter, api_keys.ApiKeyOrder.NEWEST
    )
    """Its API keys. For admins."""
    audit_logs: Connection[AuditLog] = connected(
        audit.BY_WORKSPACE, AuditLogFilter, audit.AuditLogOrder.NEWEST
    )
    """Who did what in it. For admins, and keys that may read it."""
    webhooks: Connection[Webhook] = connected(
        webhooks.BY_WORKSPACE, WebhookFilter, webhooks.WebhookOrder.NEWEST
    )
    """The addresses that are told of what happens in it. For admins."""
