"""Deliveries of webhooks: what was told, or is still to be, and what came of it.

They are sent by the login ``mcp_worker``, with the functions of ``migrations/0072_webhooks.sql``.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One
from db.sealing import Sealed
from db.session import Database, Writing


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    """It will be tried, or tried again."""
    DELIVERED = "delivered"
    """The endpoint answered with success."""
    FAILED = "failed"
    """It was given up."""


class DeliveryRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    webhook_id: UUID
    event: str
    payload: Json
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    response_status: int | None
    error: str | None
    duration_ms: int | None
    delivered_at: datetime | None
    created_at: datetime


class DeliveryOrder(Order):
    NEWEST = "created_at DESC"
    """Happened last first."""
    OLDEST = "created_at ASC"
    """Happened first first."""


CONDITIONS: Conditions = {
    "status": "status = ANY({}::text[])",
    "event": "event = ANY({}::text[])",
    "response_status": "response_status = ANY({}::int[])",
    "since": "created_at >= {}::timestamptz",
    "before": "created_at < {}::timestamptz",
}

BY_ID = One(DeliveryRow, "SELECT {d.*} FROM webhook_deliveries d WHERE d.id = {id}")

BY_WEBHOOK = Many(
    DeliveryRow, "SELECT {d.*} FROM webhook_deliveries d WHERE d.webhook_id = {webhook.id}"
)

REDELIVER: LiteralString = "SELECT app.redeliver_webhook($1)"
CLAIM: LiteralString = """
SELECT id, workspace_id, webhook_id, url, payload, attempt FROM app.claim_deliveries($1, $2, $3)
"""
SECRETS: LiteralString = "SELECT secret, secret_key_id FROM app.read_webhook_secrets($1)"
FINISH: LiteralString = "SELECT app.finish_delivery($1, $2, $3, $4, $5, $6, $7, $8, $9)"


class Claimed(NamedTuple):
    """A delivery to be sent now, for the ``attempt``-th time."""

    id: UUID
    workspace_id: UUID
    webhook_id: UUID
    url: str
    payload: str
    attempt: int


class Outcome(NamedTuple):
    """What came of an attempt. ``delay`` None: it is over. ``gone``: the endpoint wants no more."""

    ok: bool
    response_status: int | None = None
    error: str | None = None
    duration_ms: int | None = None
    delay: timedelta | None = None
    gone: bool = False


async def redeliver(transaction: Writing, id: UUID) -> None:
    await transaction.value(REDELIVER, id)


async def claim(database: Database, most: int, each: int, lease: timedelta) -> list[Claimed]:
    """What is due; nobody else gets it within ``lease``. Of each webhook ``each`` at once."""
    async with database.working() as transaction:
        return [Claimed(*row) for row in await transaction.fetch(CLAIM, most, each, lease)]


async def secrets(database: Database, webhook_id: UUID) -> list[Sealed]:
    """Those that sign now, the newest first."""
    async with database.working() as transaction:
        return [Sealed(*row) for row in await transaction.fetch(SECRETS, webhook_id)]


async def finish(
    database: Database, claimed: Claimed, outcome: Outcome, patience: timedelta
) -> bool:
    """Whether its webhook is given up now: nothing has arrived there for ``patience``."""
    async with database.working() as transaction:
        return await transaction.value(FINISH, claimed.id, claimed.attempt, *outcome, patience)
