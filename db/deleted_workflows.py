"""Deleted workflows: out of sight, and still to be restored for a while."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.relation import Many


class DeletedWorkflowRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    name: str
    description: str | None
    version: int
    created_by: UUID
    created_at: datetime
    deleted_at: datetime


BY_WORKSPACE = Many(
    DeletedWorkflowRow, "SELECT {w.*} FROM app.deleted_workflows({workspace.id}) w"
)
