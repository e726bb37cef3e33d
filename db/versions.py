"""Workflow versions: every definition that a workflow has had; none ever changes."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One


class VersionRow(msgspec.Struct, frozen=True):
    id: UUID
    workflow_id: UUID
    version: int
    definition: Json
    changelog: str | None
    created_by: UUID
    created_at: datetime


class VersionOrder(Order):
    NEWEST = "version DESC"
    """The highest number first."""
    OLDEST = "version ASC"
    """The lowest number first."""


CONDITIONS: Conditions = {
    "version": "version = ANY({}::int[])",
    "search": "strpos(lower(changelog), lower({}::text)) > 0",
    "created_since": "created_at >= {}::timestamptz",
}

BY_ID = One(VersionRow, "SELECT {v.*} FROM workflow_versions v WHERE v.id = {id}")

BY_NUMBER = One(
    VersionRow,
    """
    SELECT {v.*}
      FROM workflow_versions v
     WHERE v.workflow_id = {workflow_id} AND v.version = {version: int}
    """,
)

BY_WORKFLOW = Many(
    VersionRow, "SELECT {v.*} FROM workflow_versions v WHERE v.workflow_id = {workflow.id}"
)

BY_AUTHOR = Many(VersionRow, "SELECT {v.*} FROM workflow_versions v WHERE v.created_by = {user.id}")
