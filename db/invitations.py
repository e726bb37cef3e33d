"""Invitations: who was asked into a workspace, and has not yet answered or has."""

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
    permissions: Annotated[
        list[str], Computed("ARRAY(SELECT jsonb_array_elements_text({row}.permissions))")
    ]
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    declined_at: datetime | None
    revoked_at: datetime | None


class ReceivedInvitationRow(msgspec.Struct, frozen=True):
    """An open invitation, as whoever is invited sees it."""

    id: UUID
    workspace_name: str
    workspace_slug: str
    invited_by_name: str | None
    role: InvitedRole
    permissions: list[str]
    created_at: datetime
    expires_at: datetime


class InvitationOrder(Order):
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""
    EMAIL = "email ASC"
    """By address."""


CONDITIONS: Conditions = {
    "open": (
        "(accepted_at IS NULL AND revoked_at IS NULL AND declined_at IS NULL"
        " AND expires_at > now()) = {}::boolean"
    ),
    "role": "role = ANY({}::text[])",
    "search": "strpos(lower(email), lower({}::text)) > 0",
}

BY_ID = One(InvitationRow, "SELECT {i.*} FROM workspace_invitations i WHERE i.id = {id}")

BY_WORKSPACE = Many(
    InvitationRow,
    "SELECT {i.*} FROM workspace_invitations i WHERE i.workspace_id = {workspace.id}",
)

RECEIVED = Many(ReceivedInvitationRow, "SELECT {i.*} FROM app.my_invitations() i")

INVITE = "SELECT app.invite($1, $2, $3, $4, $5)"
RESEND = "SELECT app.resend_invitation($1, $2)"
REVOKE = "SELECT app.revoke_invitation($1)"
ACCEPT = "SELECT app.accept_invitation($1, $2)"
DECLINE = "SELECT app.decline_invitation($1, $2)"
SENT = """
SELECT i.email, w.name AS workspace_name, u.name AS invited_by_name
  FROM workspace_invitations i
  JOIN workspaces w ON w.id = i.workspace_id
  LEFT JOIN users u ON u.id = (SELECT app.uid())
 WHERE i.id = $1
"""


class SentRow(msgspec.Struct, frozen=True):
    """What the message of an invitation says; ``invited_by_name`` is the viewer's."""

    email: str
    workspace_name: str
    invited_by_name: str | None


async def invite(
    transaction: Writing,
    workspace_id: UUID,
    *,
    email: str,
    role: str | None,
    permissions: Sequence[str],
    token_hash: bytes,
) -> UUID:
    """The new invitation; without a ``role`` it offers the workspace's default."""
    return await transaction.value(INVITE, workspace_id, email, role, permissions, token_hash)


async def resend(transaction: Writing, id: UUID, token_hash: bytes) -> None:
    """Give it another token and the whole time again."""
    await transaction.value(RESEND, id, token_hash)


async def revoke(transaction: Writing, id: UUID) -> None:
    await transaction.value(REVOKE, id)


async def accept(transaction: Writing, id: UUID | None, token_hash: bytes | None) -> UUID:
    """The workspace that the viewer is a member of from here on."""
    return await transaction.value(ACCEPT, id, token_hash)


async def decline(transaction: Writing, id: UUID | None, token_hash: bytes | None) -> None:
    await transaction.value(DECLINE, id, token_hash)


async def sent(transaction: Writing, id: UUID) -> SentRow:
    """What to write to whoever is invited."""
    row = await transaction.row(SENT, id)
    if row is None:
        raise LookupError(id)
    return SentRow(*row)
