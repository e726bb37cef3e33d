"""The audit log: who did what, written by the database with the change itself."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Computed, Many, One


class AuditLogRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID | None
    user_id: UUID | None
    api_key_id: UUID | None
    action: str
    resource_type: str
    resource_id: UUID | None
    details: Json | None
    ip_address: Annotated[str | None, Computed("host({row}.ip_address)")]
    user_agent: str | None
    timestamp: datetime


class AuditLogOrder(Order):
    NEWEST = "id DESC"
    """Done last first."""
    OLDEST = "id ASC"
    """Done first first."""


CONDITIONS: Conditions = {
    "action": "action = ANY({}::text[])",
    "resource_type": "resource_type = ANY({}::text[])",
    "resource_id": "resource_id = {}::uuid",
    "user_id": "user_id = {}::uuid",
    "api_key_id": "api_key_id = {}::uuid",
    "since": "id >= app.uuid7_floor({}::timestamptz)",
    "before": "id < app.uuid7_floor({}::timestamptz)",
    "search": "strpos(lower(action || ' ' || coalesce(details::text, '')), lower({}::text)) > 0",
}

BY_ID = One(AuditLogRow, "SELECT {a.*} FROM audit_logs a WHERE a.id = {id}")

BY_WORKSPACE = Many(
    AuditLogRow, "SELECT {a.*} FROM audit_logs a WHERE a.workspace_id = {workspace.id}"
)

BY_USER = Many(AuditLogRow, "SELECT {a.*} FROM audit_logs a WHERE a.user_id = {user.id}")

BY_API_KEY = Many(AuditLogRow, "SELECT {a.*} FROM audit_logs a WHERE a.api_key_id = {api_key.id}")
