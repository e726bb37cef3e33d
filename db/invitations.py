"""Invitations: who was asked into a workspace, and has not yet answered or has."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Many, One


class InvitedRole(StrEnum):
    ADMIN = "admin"
    """To be an admin."""
    EDITOR = "editor"
    """To be an editor."""
    VIEWER = "viewer"
    """To be a viewer."""


class InvitationRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    email: str
    role: InvitedRole
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class InvitationOrder(Order):
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""
    EMAIL = "email ASC"
    """By address."""


CONDITIONS: Conditions = {
    "open": "(accepted_at IS NULL AND revoked_at IS NULL AND expires_at > now()) = {}::boolean",
    "role": "role = ANY({}::text[])",
    "search": "strpos(lower(email), lower({}::text)) > 0",
}

BY_ID = One(InvitationRow, "SELECT {i.*} FROM workspace_invitations i WHERE i.id = {id}")

BY_WORKSPACE = Many(
    InvitationRow,
    "SELECT {i.*} FROM workspace_invitations i WHERE i.workspace_id = {workspace.id}",
)
