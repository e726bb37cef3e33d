"""Memberships: who belongs to a workspace, in which role."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Computed, Many, One


class Role(StrEnum):
    OWNER = "owner"
    """Everything, and the workspace itself."""
    ADMIN = "admin"
    """Members, integrations, API keys and the audit log."""
    EDITOR = "editor"
    """Workflows, deployments and executions."""
    VIEWER = "viewer"
    """Reading."""


class MemberRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    user_id: UUID
    role: Role
    permissions: Annotated[
        list[str], Computed("ARRAY(SELECT jsonb_array_elements_text({row}.permissions))")
    ]
    invited_by: UUID | None
    invited_at: datetime | None
    joined_at: datetime


class MemberOrder(Order):
    OLDEST = "joined_at ASC"
    """Joined first first."""
    NEWEST = "joined_at DESC"
    """Joined last first."""
    ROLE = "role ASC, joined_at ASC"
    """By the name of the role, and in each joined first first."""


CONDITIONS: Conditions = {
    "role": "role = ANY({}::text[])",
    "joined_since": "joined_at >= {}::timestamptz",
}

BY_ID = One(MemberRow, "SELECT {m.*} FROM workspace_users m WHERE m.id = {id}")

BY_WORKSPACE = Many(
    MemberRow, "SELECT {m.*} FROM workspace_users m WHERE m.workspace_id = {workspace.id}"
)

BY_USER = Many(MemberRow, "SELECT {m.*} FROM workspace_users m WHERE m.user_id = {user.id}")

INVITED_BY = Many(MemberRow, "SELECT {m.*} FROM workspace_users m WHERE m.invited_by = {user.id}")
