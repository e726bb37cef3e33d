from __future__ import annotations

from typing import TYPE_CHECKING

from db import api_keys, users, viewers, workspaces
from graphql_api.declare import connected, over, related
from graphql_api.relay import Connection
from graphql_api.types.scalars import BigInt
from graphql_api.types.workspaces import WorkspaceFilter

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace


@over(viewers.DashboardRow)
class Dashboard:
    """What a person may see, in numbers."""

    total_workspaces: int
    """How many workspaces."""
    total_workflows: int
    """How many workflows."""
    active_workflows: int
    """How many workflows are active."""
    total_executions: BigInt
    """How many executions there have been."""


@over(viewers.ViewerRow)
class Viewer:
    """Who is asking: a person who signed in, or an API key."""

    user: User | None = related(users.BY_ID, id="user_id")
    """The person; null for an API key."""
    api_key: ApiKey | None = related(api_keys.BY_ID, id="api_key_id")
    """The API key; null for a person."""
    workspaces: Connection[Workspace] = connected(
        workspaces.VISIBLE, WorkspaceFilter, workspaces.WorkspaceOrder.NAME
    )
    """The workspaces that you belong to, or the one of the API key."""
    dashboard: Dashboard | None = related(viewers.DASHBOARD)
    """What you may see, in numbers; null for an API key."""
