from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import (
    api_keys,
    audit,
    deployments,
    integrations,
    members,
    users,
    versions,
    webhooks,
    workflows,
    workspaces,
)
from graphql_api.declare import Node, connected, over
from graphql_api.relay import Connection
from graphql_api.types.api_keys import ApiKeyFilter
from graphql_api.types.audit import AuditLogFilter
from graphql_api.types.deployments import DeploymentFilter
from graphql_api.types.integrations import IntegrationFilter
from graphql_api.types.members import MemberFilter
from graphql_api.types.versions import VersionFilter
from graphql_api.types.webhooks import WebhookFilter
from graphql_api.types.workflows import WorkflowFilter
from graphql_api.types.workspaces import WorkspaceFilter

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.audit import AuditLog
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.integrations import Integration
    from graphql_api.types.members import WorkspaceMember
    from graphql_api.types.versions import WorkflowVersion
    from graphql_api.types.webhooks import Webhook
    from graphql_api.types.workflows import Workflow
    from graphql_api.types.workspaces import Workspace


@over(users.UserRow, by_id=users.BY_ID)
class User(Node):
    """A person who signs in. You see yourself and those you share a workspace with."""

    email: str
    """The address that the person signs in with."""
    name: str
    """What others see."""
    avatar_url: str | None
    """A picture."""
    email_verified: bool
    """Whether the address was shown to be the person's own."""
    mfa_enabled: bool
    """Whether signing in takes a second factor."""
    timezone: str
    """An IANA time zone, such as `Europe/Berlin`."""
    locale: str
    """A language, such as `en` or `pt-BR`."""
    last_login_at: datetime | None
    """When the person last signed in."""
    created_at: datetime
    """When the account was made."""
    updated_at: datetime
    """When the account last changed."""
    memberships: Connection[WorkspaceMember] = connected(
        members.BY_USER, MemberFilter, members.MemberOrder.OLDEST
    )
    """The workspaces that the person belongs to, and as what."""
    invited_members: Connection[WorkspaceMember] = connected(
        members.INVITED_BY, MemberFilter, members.MemberOrder.NEWEST
    )
    """The members that the person invited."""
    owned_workspaces: Connection[Workspace] = connected(
        workspaces.BY_OWNER, WorkspaceFilter, workspaces.WorkspaceOrder.NAME
    )
    """The workspaces that the person owns."""
    created_workflows: Connection[Workflow] = connected(
        workflows.BY_AUTHOR, WorkflowFilter, workflows.WorkflowOrder.NEWEST
    )
    """The workflows that the person made."""
    created_versions: Connection[WorkflowVersion] = connected(
        versions.BY_AUTHOR, VersionFilter, versions.VersionOrder.NEWEST
    )
    """The versions of workflows that the person made."""
    created_integrations: Connection[Integration] = connected(
        integrations.BY_AUTHOR, IntegrationFilter, integrations.IntegrationOrder.NEWEST
    )
    """The integrations that the person made."""
    created_deployments: Connection[Deployment] = connected(
        deployments.BY_AUTHOR, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """The deployments that the person made."""
    created_api_keys: Connection[ApiKey] = connected(
        api_keys.BY_AUTHOR, ApiKeyFilter, api_keys.ApiKeyOrder.NEWEST
    )
    """The API keys that the person made."""
    created_webhooks: Connection[Webhook] = connected(
        webhooks.BY_AUTHOR, WebhookFilter, webhooks.WebhookOrder.NEWEST
    )
    """The webhooks that the person made, in workspaces where you are an admin."""
    audit_logs: Connection[AuditLog] = connected(
        audit.BY_USER, AuditLogFilter, audit.AuditLogOrder.NEWEST
    )
    """What the person did, in workspaces whose audit log you may read."""
