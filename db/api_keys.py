"""API keys: how runtimes and scripts sign in. The key itself is in no row."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Many, One


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
