"""Workspaces: what a team owns together."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Computed, Many, One
from db.session import Writing


class WorkspaceRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    description: str | None
    slug: str
    owner_id: UUID
    plan_type: str
    plan_limits: Json
    created_at: datetime
    updated_at: datetime


class DefaultRole(StrEnum):
    EDITOR = "editor"
    """To be an editor."""
    VIEWER = "viewer"
    """To be a viewer."""


class SettingsRow(msgspec.Struct, frozen=True):
    """The settings with their defaults, as the functions of ``migrations/`` read them."""

    default_role: Annotated[
        DefaultRole, Computed("coalesce({row}.settings ->> 'default_role', 'viewer')")
    ]
    invitation_days: Annotated[
        int, Computed("coalesce(({row}.settings ->> 'invitation_days')::integer, 7)")
    ]
    invitation_domains: Annotated[
        list[str],
        Computed("ARRAY(SELECT jsonb_array_elements_text({row}.settings -> 'invitation_domains'))"),
    ]
    api_key_days: Annotated[int | None, Computed("({row}.settings ->> 'api_key_days')::integer")]


class DeletedWorkspaceRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    slug: str
    deleted_at: datetime
    restorable_until: datetime


class WorkspaceOrder(Order):
    NAME = "name ASC"
    """By name."""
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""
    RECENTLY_UPDATED = "updated_at DESC"
    """Changed last first."""


CONDITIONS: Conditions = {
    "search": "strpos(lower(name || ' ' || slug), lower({}::text)) > 0",
    "plan_type": "plan_type = ANY({}::text[])",
    "created_since": "created_at >= {}::timestamptz",
}

BY_ID = One(WorkspaceRow, "SELECT {w.*} FROM workspaces w WHERE w.id = {id}")

BY_SLUG = One(WorkspaceRow, "SELECT {w.*} FROM workspaces w WHERE w.slug = {argument.slug: text}")

VISIBLE = Many(WorkspaceRow, "SELECT {w.*} FROM workspaces w")

BY_OWNER = Many(WorkspaceRow, "SELECT {w.*} FROM workspaces w WHERE w.owner_id = {user.id}")

SETTINGS = One(SettingsRow, "SELECT {w.*} FROM workspaces w WHERE w.id = {workspace.id}")

DELETED = Many(DeletedWorkspaceRow, "SELECT {w.*} FROM app.deleted_workspaces() w")

DELETED_BY_ID = One(
    DeletedWorkspaceRow, "SELECT {w.*} FROM app.deleted_workspaces() w WHERE w.id = {id}"
)

CREATE = "SELECT app.create_workspace($1, $2, $3)"
UPDATE = "SELECT app.update_workspace($1, $2::jsonb)"
DELETE = "SELECT app.delete_workspace($1)"
RESTORE = "SELECT app.restore_workspace($1)"


async def create(transaction: Writing, name: str, slug: str, description: str | None) -> UUID:
    """The new workspace, which the viewer owns."""
    return await transaction.value(CREATE, name, slug, description)


async def update(transaction: Writing, id: UUID, change: dict[str, Any]) -> None:
    """``change`` holds what changes, by column; of ``settings`` those that change."""
    await transaction.value(UPDATE, id, msgspec.json.encode(change).decode())


async def delete(transaction: Writing, id: UUID) -> None:
    """Hide it from everybody; its owner may restore it for a while."""
    await transaction.value(DELETE, id)


async def restore(transaction: Writing, id: UUID) -> None:
    await transaction.value(RESTORE, id)
