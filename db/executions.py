"""Executions: the runs of a workflow. Their ids are UUIDv7, so that the newest has the greatest."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One


class ExecutionStatus(StrEnum):
    RUNNING = "running"
    """It goes on."""
    SUCCESS = "success"
    """It ended well."""
    FAILED = "failed"
    """It ended in an error."""
    CANCELLED = "cancelled"
    """Somebody stopped it."""
    TIMEOUT = "timeout"
    """It was given up: nothing was heard of it for too long."""


class ExecutionRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    workflow_id: UUID
    workflow_version: int | None
    deployment_id: UUID | None
    status: ExecutionStatus
    trigger_type: str
    trigger_data: Json | None
    input_data: Json | None
    output_data: Json | None
    error_message: str | None
    error_stack: str | None
    duration_ms: int | None
    memory_usage_mb: int | None
    started_at: datetime
    completed_at: datetime | None
    cancel_requested_at: datetime | None


class ExecutionOrder(Order):
    NEWEST = "id DESC"
    """Started last first."""
    OLDEST = "id ASC"
    """Started first first."""
    SLOWEST = "duration_ms DESC"
    """The longest first."""
    FASTEST = "duration_ms ASC"
    """The shortest first."""
    STATUS = "status ASC, id DESC"
    """By status, and in each started last first."""


# A time is turned into an id, so that a time window reads only the partitions and the part of an
# index that it covers.
CONDITIONS: Conditions = {
    "status": "status = ANY({}::text[])",
    "trigger_type": "trigger_type = ANY({}::text[])",
    "started_since": "id >= app.uuid7_floor({}::timestamptz)",
    "started_before": "id < app.uuid7_floor({}::timestamptz)",
    "slower_than_ms": "duration_ms > {}::int",
    "search": "strpos(lower(error_message), lower({}::text)) > 0",
}

BY_ID = One(ExecutionRow, "SELECT {e.*} FROM executions e WHERE e.id = {id}")

# OFFSET 0 keeps PostgreSQL from walking everybody's executions, newest first, until a page is full:
# it reads those of the viewer's workspaces and no others.
VISIBLE = Many(
    ExecutionRow,
    """
    SELECT {e.*}
      FROM unnest((SELECT app.ws(10, 'executions:read'))) AS own(workspace_id)
     CROSS JOIN LATERAL
           (SELECT {x.*} FROM executions x WHERE x.workspace_id = own.workspace_id OFFSET 0) e
    """,
)

BY_WORKSPACE = Many(
    ExecutionRow, "SELECT {e.*} FROM executions e WHERE e.workspace_id = {workspace.id}"
)

BY_WORKFLOW = Many(
    ExecutionRow, "SELECT {e.*} FROM executions e WHERE e.workflow_id = {workflow.id}"
)

BY_VERSION = Many(
    ExecutionRow,
    """
    SELECT {e.*}
      FROM executions e
     WHERE e.workflow_id = {version.workflow_id} AND e.workflow_version = {version.version: int}
    """,
)

BY_DEPLOYMENT = Many(
    ExecutionRow, "SELECT {e.*} FROM executions e WHERE e.deployment_id = {deployment.id}"
)
