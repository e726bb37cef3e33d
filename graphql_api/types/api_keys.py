from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import api_keys, audit, deployments, users, workspaces
from graphql_api.declare import Node, connected, enum, filtering, over, related
from graphql_api.relay import Connection
from graphql_api.types.audit import AuditLogFilter
from graphql_api.types.deployments import DeploymentFilter

if TYPE_CHECKING:
    from graphql_api.types.audit import AuditLog
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(api_keys.ApiKeyStatus, "Whether an API key is good.")
enum(api_keys.ApiKeyOrder, "Orders of API keys.")


@filtering(api_keys.CONDITIONS)
class ApiKeyFilter:
    """Which API keys to list."""

    status: list[api_keys.ApiKeyStatus] | None
    """In one of these states."""
    scopes: list[str] | None
    """Has at least one of these scopes."""
    expires_before: datetime | None
    """Expires before this time."""
    search: str | None
    """The name or the prefix contains this, in any case."""


@over(api_keys.RateLimitRow)
class RateLimit:
    """How many requests an API key may make in an hour, and has made."""

    limit: int
    """How many it may make."""
    used: int
    """How many it has made in this hour."""
    remaining: int
    """How many are left."""
    resets_at: datetime
    """When counting begins anew."""


@over(api_keys.ApiKeyRow, by_id=api_keys.BY_ID)
class ApiKey(Node):
    """How a runtime or a script signs in. The key itself was shown once, when it was made."""

    name: str
    """What people see."""
    key_prefix: str
    """How the key begins, to tell it from others."""
    scopes: list[str]
    """What it may do."""
    rate_limit: int
    """How many requests an hour it may make."""
    status: api_keys.ApiKeyStatus
    """Whether it is good."""
    last_used_at: datetime | None
    """When it was last used, to the minute."""
    expires_at: datetime | None
    """Until when it is good; null for ever."""
    created_at: datetime
    """When it was made."""
    usage: RateLimit | None = related(api_keys.RATE)
    """Its requests of this hour."""
    replaces: ApiKey | None = related(api_keys.BY_ID, id="replaces")
    """The key that it was made for by `rotateApiKey`."""
    replaced_by: ApiKey | None = related(api_keys.REPLACED_BY)
    """The key that `rotateApiKey` made for it."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it is for."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
    deployments: Connection[Deployment] = connected(
        deployments.BY_RUNTIME_KEY, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """The deployments that a runtime took with it."""
    audit_logs: Connection[AuditLog] = connected(
        audit.BY_API_KEY, AuditLogFilter, audit.AuditLogOrder.NEWEST
    )
    """What was done with it."""
