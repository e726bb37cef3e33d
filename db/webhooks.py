"""Webhooks: where a workspace is told of what happens in it. Their secrets are in no row."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Many, One
from db.sealing import Sealed
from db.session import Writing


class WebhookStatus(StrEnum):
    ACTIVE = "active"
    """It is told."""
    INACTIVE = "inactive"
    """Somebody switched it off; what happens meanwhile it is not told."""
    FAILED = "failed"
    """It was switched off, because nothing arrived for days or its endpoint is gone."""


class WebhookRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    description: str
    url: str
    events: list[str]
    status: WebhookStatus
    failing_since: datetime | None
    last_delivered_at: datetime | None
    rotated_at: datetime
    created_by: UUID
    created_at: datetime
    updated_at: datetime


class WebhookOrder(Order):
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""


CONDITIONS: Conditions = {
    "status": "status = ANY({}::text[])",
    "events": "events && {}::text[]",
    "search": "strpos(lower(description || ' ' || url), lower({}::text)) > 0",
}

BY_ID = One(WebhookRow, "SELECT {w.*} FROM webhooks w WHERE w.id = {id}")

BY_WORKSPACE = Many(
    WebhookRow, "SELECT {w.*} FROM webhooks w WHERE w.workspace_id = {workspace.id}"
)

BY_AUTHOR = Many(WebhookRow, "SELECT {w.*} FROM webhooks w WHERE w.created_by = {user.id}")

KNOWN_EVENTS: LiteralString = "SELECT app.known_events()"
CREATE: LiteralString = "SELECT app.create_webhook($1, $2, $3, $4, $5, $6, $7)"
# One that is switched on has a new time of patience.
UPDATE: LiteralString = """
UPDATE webhooks
   SET description = coalesce($2, description), url = coalesce($3, url),
       events = coalesce($4, events), status = coalesce($5, status),
       failing_since = CASE WHEN status <> 'active' AND $5 = 'active' THEN NULL
                            ELSE failing_since END
 WHERE id = $1
RETURNING workspace_id
"""
WORKSPACE_OF: LiteralString = "SELECT workspace_id FROM webhooks WHERE id = $1"
ROTATE: LiteralString = "SELECT app.rotate_webhook_secret($1, $2, $3, $4)"
PING: LiteralString = "SELECT app.ping_webhook($1)"
DELETE: LiteralString = "DELETE FROM webhooks WHERE id = $1 RETURNING id"


async def known_events(transaction: Writing) -> list[str]:
    return await transaction.value(KNOWN_EVENTS)


async def create(
    transaction: Writing,
    id: UUID,
    workspace_id: UUID,
    *,
    description: str,
    url: str,
    events: Sequence[str],
    sealed: Sealed,
) -> None:
    await transaction.value(CREATE, id, workspace_id, description, url, events, *sealed)


async def update(
    transaction: Writing,
    id: UUID,
    *,
    description: str | None,
    url: str | None,
    events: Sequence[str] | None,
    status: WebhookStatus | None,
) -> bool:
    """Whether there is one that the viewer may change. None leaves what is there."""
    value = status.value if status else None
    return await transaction.value(UPDATE, id, description, url, events, value) is not None


async def workspace_of(transaction: Writing, id: UUID) -> UUID | None:
    """None if the viewer sees no such webhook."""
    return await transaction.value(WORKSPACE_OF, id)


async def rotate(transaction: Writing, id: UUID, sealed: Sealed, grace: timedelta) -> None:
    await transaction.value(ROTATE, id, *sealed, grace)


async def ping(transaction: Writing, id: UUID) -> UUID:
    """The id of the delivery."""
    return await transaction.value(PING, id)


async def delete(transaction: Writing, id: UUID) -> bool:
    return await transaction.value(DELETE, id) is not None
