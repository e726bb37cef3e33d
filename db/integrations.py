"""Integrations: connections to outside services. Their credentials are in no row."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One, columns_from_table
from db.sealing import Sealed
from db.session import Writing


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
    test_method: str
    test_url: str | None
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

RIGHT_IN_WORKSPACE: LiteralString = """
SELECT id, id = ANY ((SELECT app.ws(30, NULL))::uuid[]) FROM workspaces WHERE id = $1
"""
RIGHT: LiteralString = """
SELECT workspace_id, workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[])
  FROM integrations
 WHERE id = $1
"""
FIND = f"SELECT {columns_from_table(IntegrationRow, 'i')} FROM integrations i WHERE i.id = $1"  # noqa: S608
CREATE: LiteralString = """
INSERT INTO integrations (id, workspace_id, service_name, service_type, account_name, scopes,
                          test_method, test_url, credentials, credentials_key_id, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (SELECT app.author()))
"""
UPDATE: LiteralString = """
UPDATE integrations
   SET account_name = coalesce($2, account_name), scopes = coalesce($3, scopes),
       service_type = coalesce($4, service_type)
 WHERE id = $1
"""
ROTATE: LiteralString = "SELECT app.rotate_credentials($1, $2, $3, $4, $5, $6)"
SET_STATUS: LiteralString = "UPDATE integrations SET status = $2 WHERE id = $1"
DELETE: LiteralString = "DELETE FROM integrations WHERE id = $1"

# What was switched off stays so; what did not work, and does now, works again.
STORE_TEST: LiteralString = """
UPDATE integrations
   SET last_tested_at = clock_timestamp(), test_result = $2::jsonb,
       status = CASE WHEN status = 'inactive' THEN status WHEN $3 THEN 'active' ELSE 'error' END
 WHERE id = $1 AND rotated_at = $4
"""


class NewIntegration(NamedTuple):
    id: UUID
    workspace_id: UUID
    service_name: str
    service_type: str
    account_name: str
    scopes: Sequence[str]
    test_method: str
    test_url: str | None


async def right_in_workspace(transaction: Writing, workspace_id: UUID) -> bool | None:
    """Whether the viewer may connect services there; None if they do not see it."""
    row = await transaction.row(RIGHT_IN_WORKSPACE, workspace_id)
    return None if row is None else row[1]


async def right(transaction: Writing, id: UUID) -> bool | None:
    """Whether the viewer may change it; None if they do not see it."""
    row = await transaction.row(RIGHT, id)
    return None if row is None else row[1]


async def find(transaction: Writing, id: UUID) -> IntegrationRow | None:
    row = await transaction.row(FIND, id)
    return None if row is None else IntegrationRow(*row)


async def create(transaction: Writing, new: NewIntegration, sealed: Sealed) -> None:
    await transaction.value(CREATE, *new, *sealed)


async def update(
    transaction: Writing,
    id: UUID,
    account_name: str | None,
    scopes: Sequence[str] | None,
    service_type: str | None,
) -> None:
    """None leaves what is there."""
    await transaction.value(UPDATE, id, account_name, scopes, service_type)


async def rotate(
    transaction: Writing,
    id: UUID,
    sealed: Sealed,
    *,
    service_type: str,
    test_method: str,
    test_url: str | None,
) -> None:
    await transaction.value(ROTATE, id, *sealed, service_type, test_method, test_url)


async def set_status(transaction: Writing, id: UUID, status: IntegrationStatus) -> None:
    await transaction.value(SET_STATUS, id, status.value)


async def store_test(
    transaction: Writing, id: UUID, result: Json, rotated_at: datetime, *, ok: bool
) -> None:
    """Nothing is stored if the credentials were replaced since ``rotated_at``."""
    await transaction.value(STORE_TEST, id, result, ok, rotated_at)


async def delete(transaction: Writing, id: UUID) -> None:
    await transaction.value(DELETE, id)
