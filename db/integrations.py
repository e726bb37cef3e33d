"""Integrations: connections to outside services. Their credentials are in no row."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One


class IntegrationStatus(StrEnum):
    ACTIVE = "active"
    """It works, as far as is known."""
    INACTIVE = "inactive"
    """It was switched off."""
    ERROR = "error"
    """Its last test failed."""


class IntegrationRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    service_name: str
    service_type: str
    account_name: str
    scopes: list[str]
    status: IntegrationStatus
    last_tested_at: datetime | None
    test_result: Json | None
    rotated_at: datetime
    created_by: UUID
    created_at: datetime
    updated_at: datetime


class IntegrationOrder(Order):
    SERVICE = "service_name ASC, account_name ASC"
    """By service, and in each by account."""
    NEWEST = "created_at DESC"
    """Made last first."""
    RECENTLY_TESTED = "last_tested_at DESC"
    """Tested last first."""


CONDITIONS: Conditions = {
    "service_name": "service_name = ANY({}::text[])",
    "service_type": "service_type = ANY({}::text[])",
    "status": "status = ANY({}::text[])",
    "search": "strpos(lower(service_name || ' ' || account_name), lower({}::text)) > 0",
}

BY_ID = One(IntegrationRow, "SELECT {i.*} FROM integrations i WHERE i.id = {id}")

BY_WORKSPACE = Many(
    IntegrationRow, "SELECT {i.*} FROM integrations i WHERE i.workspace_id = {workspace.id}"
)

BY_AUTHOR = Many(IntegrationRow, "SELECT {i.*} FROM integrations i WHERE i.created_by = {user.id}")
