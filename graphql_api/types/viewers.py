from __future__ import annotations

from typing import TYPE_CHECKING

from db import (
    api_keys,
    identities,
    invitations,
    ownership,
    sessions,
    users,
    viewers,
    workspaces,
)
from db.workspaces import DELETED as DELETED_WORKSPACES
from graphql_api.declare import connected, listed, over, related
from graphql_api.relay import Connection
from graphql_api.types.scalars import BigInt
from graphql_api.types.workspaces import WorkspaceFilter

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey, RateLimit
    from graphql_api.types.invitations import ReceivedInvitation
    from graphql_api.types.ownership import OwnershipOffer
    from graphql_api.types.sessions import Identity, Session
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import DeletedWorkspace, Workspace


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
    invitations: list[ReceivedInvitation] = listed(invitations.RECEIVED)
    """What you are invited to, at the address of your account once it is verified."""
    ownership_offers: list[OwnershipOffer] = listed(ownership.RECEIVED)
    """The workspaces that are offered to you."""
    deleted_workspaces: list[DeletedWorkspace] = listed(DELETED_WORKSPACES)
    """The workspaces that you deleted and can restore."""
    rate_limit: RateLimit | None = related(api_keys.RATE_OF_VIEWER)
    """Your requests of this hour; null for a person."""
    sessions: list[Session] = listed(sessions.GOING_ON)
    """From where you are signed in; empty for an API key."""
    identities: list[Identity] = listed(identities.OWN)
    """Who you are elsewhere, by whose word you can sign in; empty for an API key."""
