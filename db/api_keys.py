"""API keys: how runtimes and scripts sign in. The key itself is in no row."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Many, One
from db.session import Writing


class ApiKeyStatus(StrEnum):
    ACTIVE = "active"
    """It is good."""
    INACTIVE = "inactive"
    """It was switched off for a while."""
    REVOKED = "revoked"
    """It was taken back for good."""


class ApiKeyRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    name: str
    key_prefix: str
    scopes: list[str]
    rate_limit: int
    status: ApiKeyStatus
    last_used_at: datetime | None
    expires_at: datetime | None
    created_by: UUID
    created_at: datetime
    replaces: UUID | None


class RateLimitRow(msgspec.Struct, frozen=True):
    """The requests of a key in this hour."""

    limit: int
    used: int
    remaining: int
    resets_at: datetime


class ApiKeyOrder(Order):
    NEWEST = "created_at DESC"
    """Made last first."""
    NAME = "name ASC"
    """By name."""
    RECENTLY_USED = "last_used_at DESC"
    """Used last first."""
    EXPIRING = "expires_at ASC"
    """Expiring first first."""


CONDITIONS: Conditions = {
    "status": "status = ANY({}::text[])",
    "scopes": "scopes && {}::text[]",
    "expires_before": "expires_at < {}::timestamptz",
    "search": "strpos(lower(name || ' ' || key_prefix), lower({}::text)) > 0",
}

BY_ID = One(ApiKeyRow, "SELECT {k.*} FROM api_keys k WHERE k.id = {id}")

BY_WORKSPACE = Many(ApiKeyRow, "SELECT {k.*} FROM api_keys k WHERE k.workspace_id = {workspace.id}")

BY_AUTHOR = Many(ApiKeyRow, "SELECT {k.*} FROM api_keys k WHERE k.created_by = {user.id}")

REPLACED_BY = One(ApiKeyRow, "SELECT {k.*} FROM api_keys k WHERE k.replaces = {api_key.id}")

RATE = One(RateLimitRow, "SELECT {u.*} FROM app.key_usage({api_key.id}) u")

RATE_OF_VIEWER = One(RateLimitRow, "SELECT {u.*} FROM app.key_usage({viewer.api_key_id}) u")

CREATE = "SELECT app.create_api_key($1, $2, $3, $4, $5, $6, $7)"
UPDATE = "SELECT app.update_api_key($1, $2::jsonb)"
ROTATE = "SELECT app.rotate_api_key($1, $2, $3, $4)"


class NewKey(msgspec.Struct, frozen=True):
    """A key to be made; of the key itself its SHA-256 and how it begins."""

    name: str
    key_hash: bytes
    key_prefix: str
    scopes: Sequence[str]
    rate_limit: int
    expires_at: datetime | None


async def create(transaction: Writing, workspace_id: UUID, key: NewKey) -> UUID:
    return await transaction.value(
        CREATE,
        workspace_id,
        key.name,
        key.key_hash,
        key.key_prefix,
        key.scopes,
        key.rate_limit,
        key.expires_at,
    )


async def update(transaction: Writing, id: UUID, change: dict[str, Any]) -> None:
    """``change`` holds what changes, by column."""
    await transaction.value(UPDATE, id, msgspec.json.encode(change).decode())


async def rotate(
    transaction: Writing, id: UUID, key_hash: bytes, key_prefix: str, grace: timedelta
) -> UUID:
    """The new key; the old one ends after ``grace``."""
    return await transaction.value(ROTATE, id, key_hash, key_prefix, grace)

BY_USAGE = Many(
    ApiKeyRow,
    """
    SELECT {k.*}
      FROM api_keys k
     WHERE k.id IN (SELECT d.runtime_key_id
                      FROM deployments d
                     WHERE d.id = ANY ((SELECT app.deployments_using(
                               {usage.workspace_id}, {usage.nodes: jsonb}))::uuid[]))
    """,
)
