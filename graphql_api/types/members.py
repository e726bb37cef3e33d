from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import members, users, workspaces
from graphql_api.declare import Node, enum, filtering, over, related

if TYPE_CHECKING:
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(members.Role, "What a member may do: each role may all of the next.")
enum(members.MemberOrder, "Orders of members.")


@filtering(members.CONDITIONS)
class MemberFilter:
    """Which members to list."""

    role: list[members.Role] | None
    """In one of these roles."""
    joined_since: datetime | None
    """Joined at this time or later."""


@over(members.MemberRow, by_id=members.BY_ID)
class WorkspaceMember(Node):
    """A person's membership of a workspace."""

    role: members.Role
    """What the member may do."""
    permissions: list[str]
    """Scopes that the member has beyond the role."""
    invited_at: datetime | None
    """When the member was invited."""
    joined_at: datetime
    """When the member joined."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace."""
    user: User | None = related(users.BY_ID, id="user_id")
    """The person."""
    invited_by: User | None = related(users.BY_ID, id="invited_by")
    """Who invited the member."""
