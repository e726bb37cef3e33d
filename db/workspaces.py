"""Workspaces: what a team owns together."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One


class WorkspaceRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    description: str | None
    slug: str
    owner_id: UUID
    plan_type: str
    plan_limits: Json
    settings: Json
    created_at: datetime
    updated_at: datetime


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
