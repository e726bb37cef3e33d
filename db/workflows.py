"""Workflows: the graphs that people draw and deploy."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, LiteralString
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Computed, Many, One
from db.session import Writing


class WorkflowStatus(StrEnum):
    DRAFT = "draft"
    """Being drawn; not to be deployed yet."""
    ACTIVE = "active"
    """In use."""
    INACTIVE = "inactive"
    """Set aside for a while."""
    ARCHIVED = "archived"
    """Put away; kept for its history."""


class WorkflowRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    name: str
    description: str | None
    tags: list[str]
    definition: Json
    status: WorkflowStatus
    version: int
    timeout_seconds: int
    total_executions: Annotated[
        int,
        Computed("""(SELECT coalesce(sum(s.total), 0)::bigint FROM workflow_statistics_shards s
                      WHERE s.workflow_id = {row}.id)"""),
    ]
    successful_executions: Annotated[
        int,
        Computed("""(SELECT coalesce(sum(s.successful), 0)::bigint FROM workflow_statistics_shards s
                      WHERE s.workflow_id = {row}.id)"""),
    ]
    last_executed_at: Annotated[
        datetime | None,
        Computed("""(SELECT max(s.last_executed_at) FROM workflow_statistics_shards s
                      WHERE s.workflow_id = {row}.id)"""),
    ]
    created_by: UUID
    created_at: datetime
    updated_at: datetime


class WorkflowOrder(Order):
    NAME = "name ASC"
    """By name."""
    NEWEST = "created_at DESC"
    """Made last first."""
    OLDEST = "created_at ASC"
    """Made first first."""
    RECENTLY_UPDATED = "updated_at DESC"
    """Changed last first."""
    STATUS = "status ASC, updated_at DESC"
    """By status, and in each changed last first."""
    RECENTLY_EXECUTED = "last_executed_at DESC"
    """Executed last first."""
    MOST_EXECUTED = "total_executions DESC, name ASC"
    """Executed most often first."""


CONDITIONS: Conditions = {
    "status": "status = ANY({}::text[])",
    "tags": "tags && {}::text[]",
    "node_type": (
        "definition -> 'nodes' @> jsonb_build_array(jsonb_build_object('type', {}::text))"
    ),
    "search": (
        "strpos(lower(concat_ws(' ', name, description, array_to_string(tags, ' '))),"
        " lower({}::text)) > 0"
    ),
    "updated_since": "updated_at >= {}::timestamptz",
    "created_since": "created_at >= {}::timestamptz",
}

BY_ID = One(WorkflowRow, "SELECT {w.*} FROM workflows w WHERE w.id = {id}")

VISIBLE = Many(WorkflowRow, "SELECT {w.*} FROM workflows w")

BY_WORKSPACE = Many(
    WorkflowRow, "SELECT {w.*} FROM workflows w WHERE w.workspace_id = {workspace.id}"
)

BY_AUTHOR = Many(WorkflowRow, "SELECT {w.*} FROM workflows w WHERE w.created_by = {user.id}")

BY_USAGE = Many(
    WorkflowRow,
    """
    SELECT {w.*}
      FROM workflows w
     WHERE w.id = ANY ((SELECT app.workflows_using({usage.workspace_id},
                                                 {usage.nodes: jsonb}))::uuid[])
    """,
)

CREATE: LiteralString = "SELECT app.create_workflow($1, $2, $3, $4::text[], $5::jsonb, $6)"


async def create(
    transaction: Writing,
    workspace: UUID,
    *,
    name: str,
    description: str | None,
    tags: list[str],
    definition: Json,
    changelog: str | None,
) -> UUID:
    """The id of a new workflow, whose first version is the definition."""
    return await transaction.value(
        CREATE, workspace, name, description, tags, definition, changelog
    )
