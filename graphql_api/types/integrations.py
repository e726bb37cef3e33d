from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import integrations, users, workspaces
from db.json import Json
from graphql_api.declare import Node, enum, filtering, over, related

if TYPE_CHECKING:
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(integrations.IntegrationStatus, "Whether an integration works.")
enum(integrations.IntegrationOrder, "Orders of integrations.")


@filtering(integrations.CONDITIONS)
class IntegrationFilter:
    """Which integrations to list."""

    service_name: list[str] | None
    """With one of these services."""
    service_type: list[str] | None
    """Signing in in one of these ways."""
    status: list[integrations.IntegrationStatus] | None
    """In one of these states."""
    search: str | None
    """The service or the account contains this, in any case."""


@over(integrations.IntegrationRow, by_id=integrations.BY_ID)
class Integration(Node):
    """A connection to an outside service. Its credentials can be written, never read."""

    service_name: str
    """The service, such as `slack`."""
    service_type: str
    """How to sign in there, such as `oauth2` or `api_key`."""
    account_name: str
    """Which account there, where there are several; empty for the only one."""
    scopes: list[str]
    """What the service allows with these credentials."""
    test_method: str
    """How a test calls it, such as `GET`."""
    test_url: str | None
    """The address that a test calls; null where what is known of the service is called."""
    status: integrations.IntegrationStatus
    """Whether it works."""
    last_tested_at: datetime | None
    """When it was last tested."""
    test_result: Json | None
    """What the last test found: `ok`; `statusCode` and `latencyMs` of the answer; or `error`, in
    capitals, and a `message` where there was none."""
    rotated_at: datetime
    """When its credentials were entered, or replaced by others."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it last changed."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it belongs to."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
