from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from db import invitations, users, workspaces
from graphql_api.declare import Node, column, enum, filtering, over, related

if TYPE_CHECKING:
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(invitations.InvitedRole, "What an invitation may offer.")
enum(invitations.InvitationOrder, "Orders of invitations.")


@filtering(invitations.CONDITIONS)
class InvitationFilter:
    """Which invitations to list."""

    open: bool | None
    """Whether it can still be accepted."""
    role: list[invitations.InvitedRole] | None
    """Into one of these roles."""
    search: str | None
    """The address contains this, in any case."""


@over(invitations.ReceivedInvitationRow)
class ReceivedInvitation:
    """An invitation to you that you can accept or decline."""

    database_id: UUID = column("id")
    """Its id in the database: for `acceptInvitation` and `declineInvitation`."""
    workspace_name: str
    """What the workspace is called."""
    workspace_slug: str
    """Its name in addresses."""
    invited_by_name: str | None
    """Who invites you; null if the account is gone."""
    role: invitations.InvitedRole
    """The role that it offers."""
    permissions: list[str]
    """Scopes that it offers beyond the role."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """Until when it can be accepted."""


@over(invitations.InvitationRow, by_id=invitations.BY_ID)
class WorkspaceInvitation(Node):
    """An invitation into a workspace. Admins see them."""

    email: str
    """The address that it was sent to."""
    role: invitations.InvitedRole
    """The role that it offers."""
    permissions: list[str]
    """Scopes that it offers beyond the role."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """Until when it can be accepted."""
    accepted_at: datetime | None
    """When it was accepted."""
    declined_at: datetime | None
    """When it was declined."""
    revoked_at: datetime | None
    """When it was taken back."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it is for."""
    invited_by: User | None = related(users.BY_ID, id="invited_by")
    """Who invites."""
