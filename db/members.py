"""Memberships: who belongs to a workspace, in which role."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Computed, Many, One
from db.session import Writing


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

CHANGE = "SELECT app.change_member($1, $2, $3)"
REMOVE = "SELECT app.remove_member($1)"
MINE = "SELECT id FROM workspace_users WHERE workspace_id = $1 AND user_id = (SELECT app.uid())"


async def change(
    transaction: Writing, id: UUID, role: str | None, permissions: Sequence[str] | None
) -> None:
    """None leaves the role, or the permissions, as they are."""
    await transaction.value(CHANGE, id, role, permissions)


async def remove(transaction: Writing, id: UUID) -> None:
    """Others, as an admin, or oneself."""
    await transaction.value(REMOVE, id)


async def mine(transaction: Writing, workspace_id: UUID) -> UUID | None:
    """The viewer's own membership."""
    return await transaction.value(MINE, workspace_id)
