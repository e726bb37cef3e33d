"""Ownership: the owner offers the workspace to a member, who takes it or not."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Many, One
from db.session import Writing


class OwnershipOfferRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    offered_by: UUID
    offered_to: UUID
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    declined_at: datetime | None
    withdrawn_at: datetime | None


class OwnershipOfferOrder(Order):
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""


CONDITIONS: Conditions = {
    "open": (
        "(accepted_at IS NULL AND declined_at IS NULL AND withdrawn_at IS NULL"
        " AND expires_at > now()) = {}::boolean"
    ),
}

BY_ID = One(OwnershipOfferRow, "SELECT {o.*} FROM ownership_offers o WHERE o.id = {id}")

BY_WORKSPACE = Many(
    OwnershipOfferRow, "SELECT {o.*} FROM ownership_offers o WHERE o.workspace_id = {workspace.id}"
)

RECEIVED = Many(
    OwnershipOfferRow,
    """
    SELECT {o.*}
      FROM ownership_offers o
     WHERE o.offered_to = {viewer.user_id} AND o.expires_at > now()
       AND o.accepted_at IS NULL AND o.declined_at IS NULL AND o.withdrawn_at IS NULL
    """,
)

OFFER = "SELECT app.offer_ownership($1)"
OFFERED = """
SELECT u.email, w.name AS workspace_name, owner.name AS owner_name, o.expires_at
  FROM ownership_offers o
  JOIN workspaces w ON w.id = o.workspace_id
  JOIN users u ON u.id = o.offered_to
  JOIN users owner ON owner.id = o.offered_by
 WHERE o.id = $1
"""
ACCEPT = "SELECT app.accept_ownership($1)"
DECLINE = "SELECT app.decline_ownership($1)"
WITHDRAW = "SELECT app.withdraw_ownership($1)"


class OfferedRow(msgspec.Struct, frozen=True):
    """What the message of an offer says, and to whom."""

    email: str
    workspace_name: str
    owner_name: str
    expires_at: datetime


async def offer(transaction: Writing, member_id: UUID) -> UUID:
    """The new offer; one that was open is withdrawn by it."""
    return await transaction.value(OFFER, member_id)


async def offered(transaction: Writing, id: UUID) -> OfferedRow:
    """What to write to whoever it is offered to."""
    row = await transaction.row(OFFERED, id)
    if row is None:
        raise LookupError(id)
    return OfferedRow(*row)


async def accept(transaction: Writing, id: UUID) -> UUID:
    """The workspace that the viewer owns from here on; the former owner is an admin."""
    return await transaction.value(ACCEPT, id)


async def decline(transaction: Writing, id: UUID) -> None:
    await transaction.value(DECLINE, id)


async def withdraw(transaction: Writing, id: UUID) -> None:
    await transaction.value(WITHDRAW, id)
