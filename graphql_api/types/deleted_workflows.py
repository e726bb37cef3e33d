from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from db import deleted_workflows, users
from graphql_api.declare import column, over, related

if TYPE_CHECKING:
    from graphql_api.types.users import User


@over(deleted_workflows.DeletedWorkflowRow)
class DeletedWorkflow:
    """A workflow that was deleted, and can be restored for 30 days."""

    database_id: UUID = column("id")
    """The workflow's id, for `restoreWorkflow`."""
    name: str
    """What people saw."""
    description: str | None
    """What the workflow did."""
    version: int
    """The number of its current version."""
    created_at: datetime
    """When it was made."""
    deleted_at: datetime
    """When it was deleted."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
